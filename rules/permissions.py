"""Permissions that roles carry (DESIGN D12). Members of a superuser group hold all of them without any role."""

from __future__ import annotations

from collections.abc import Iterable

SEARCH_FULL_DIRECTORY = "authentik_providers_ldap.search_full_directory"
"""Find everybody through an LDAP provider, not only oneself. For all of them, or for one."""
AUDITOR = "outpost.auditor"
"""Read users, groups, roles, policies, flows and events; no secrets, and change nothing."""
HELPDESK = "outpost.helpdesk"
"""Read users and groups, and set passwords of people who hold no rights themselves."""

PERMISSIONS: dict[str, str] = {
    SEARCH_FULL_DIRECTORY: "Search full LDAP directory",
    AUDITOR: "Read everything but secrets",
    HELPDESK: "Help people who cannot sign in",
}
"""Name to what a person reads."""
OF_OBJECTS = frozenset({SEARCH_FULL_DIRECTORY})
"""Those that can be given for one object alone."""


def written(permission: str, pk: int | str | None = None) -> str:
    """As a role stores it: for one object, or for all."""
    return permission if pk is None or pk == "" else f"{permission}@{pk}"


def holds(held: Iterable[str], permission: str, pk: int | str | None = None) -> bool:
    """Is ``permission`` among what is held, for all objects or for this one?"""
    wanted = {permission, written(permission, pk)}
    return any(line in wanted for line in held)


def read(line: str) -> tuple[str, str]:
    """Permission and pk of the object ("" for all)."""
    permission, _, pk = line.partition("@")
    return permission, pk
