"""Realms of user names: ``bob@example.com`` (RFC 7542) and ``EXAMPLE\\bob``, which a provider may take off."""

from __future__ import annotations

from collections.abc import Collection

ANY = "*"


def without_realm(name: str, realms: Collection[str]) -> str:
    """``realms``: in lower case; `ANY` is every one. What would leave no name stays as it is."""
    before, at, behind = name.rpartition("@")
    if at and before and (behind.lower() in realms or ANY in realms):
        return before
    before, slash, behind = name.partition("\\")
    if slash and behind and (before.lower() in realms or ANY in realms):
        return behind
    return name
