"""What a proxy's scope mappings say in place of the directory, by authentik's claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def instead(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an identity. Never who somebody is, nor their rights: user name, ``uid`` and superuser stay."""
    told: dict[str, Any] = {name: claims[name] for name in ("name", "email") if isinstance(claims.get(name), str)}
    for name in ("groups", "entitlements"):
        if isinstance(claims.get(name), list):
            told[name] = tuple(str(one) for one in claims[name])
    own = claims.get("ak_proxy")
    if isinstance(own, dict) and isinstance(own.get("user_attributes"), dict):
        told["attributes"] = own["user_attributes"]
    return told
