"""Attributes that hold somebody's password for an application behind a proxy (``basic_auth_password_attribute``).

They stand among other attributes of people and groups, and only the proxy that names them needs them. LDAP writes names
in its own way, so that one which differs from a secret one in nothing that LDAP keeps is secret too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MASK = "********************"
"""Stands where a value may not be read; written back, it means the value that is there."""


def key(name: str) -> str:
    """As LDAP has it: ``/`` is ``-`` there, full stops go, and letters have no case."""
    return name.replace("/", "-").replace(".", "").lower()


def keys(names: Iterable[str]) -> frozenset[str]:
    return frozenset(key(name) for name in names if name)


def secret(attributes: Mapping[str, Any], secret_keys: frozenset[str]) -> dict[str, Any]:
    """Those that are."""
    return {name: value for name, value in attributes.items() if key(name) in secret_keys} if secret_keys else {}


def without(attributes: dict[str, Any], secret_keys: frozenset[str]) -> dict[str, Any]:
    hidden = secret(attributes, secret_keys)
    return {name: value for name, value in attributes.items() if name not in hidden} if hidden else attributes


def masked(attributes: Mapping[str, Any], secret_keys: frozenset[str]) -> dict[str, Any]:
    return {**attributes, **dict.fromkeys(secret(attributes, secret_keys), MASK)}


def unmasked(given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What is meant by attributes of which some were read masked."""
    return {name: before[name] if value == MASK and name in before else value for name, value in given.items()}
