"""What a proxy's scope mappings say in place of the directory, by authentik's claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIRECTIONS = ("host_header", "backend_override")
"""Fields of an identity, and of ``ak_proxy``."""


def instead(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an identity. Never who somebody is, nor their rights: user name, ``uid`` and superuser stay."""
    told: dict[str, Any] = {name: claims[name] for name in ("name", "email") if isinstance(claims.get(name), str)}
    for name in ("groups", "entitlements"):
        if isinstance(claims.get(name), list):
            told[name] = tuple(str(one) for one in claims[name])
    own = claims.get("ak_proxy")
    if isinstance(own, dict):
        if isinstance(own.get("user_attributes"), dict):
            told["attributes"] = own["user_attributes"]
        told |= directions(own)
    return told


def directions(own: Mapping[str, Any]) -> dict[str, str]:
    """Of ``ak_proxy``: where somebody's requests go. What is no text, but not empty, leads nowhere: it is no host or
    URL either, so that it is refused as such."""
    said = {name: own[name] for name in DIRECTIONS if own.get(name) not in (None, "")}
    return {name: value if isinstance(value, str) else f"({type(value).__name__})" for name, value in said.items()}
