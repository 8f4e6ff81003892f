"""Authelia's users file, and the ``access_control`` of its configuration; either may be the file."""

from __future__ import annotations

from typing import Any

from control.apply.sections import Given
from control.moving_in import authelia_rules
from control.moving_in.found import CannotRead, Found, document
from control.passwords.hashing import is_hash
from settings.yaml_lines import Lines, Place

ATTRIBUTES = {
    "given_name": "givenName",
    "family_name": "sn",
    "phone_number": "telephoneNumber",
    "locale": "preferredLanguage",
    "website": "labeledURI",
    "nickname": "nickname",
}
"""Authelia's word to LDAP's."""
_READ = frozenset({"displayname", "display_name", "email", "groups", "password", "disabled"})


def read(octets: bytes) -> Found:
    """Raises CannotRead."""
    lines = document(octets)
    said = lines.value
    if not isinstance(said, dict) or not {"users", "access_control"} & said.keys():
        raise CannotRead("holds neither users nor access_control")
    found = Found()
    if isinstance(said.get("users"), dict):
        _people(found, lines, said["users"])
    if isinstance(said.get("access_control"), dict):
        authelia_rules.read(found, lines)
    return found


def _people(found: Found, lines: Lines, people: dict[Any, Any]) -> None:
    members: dict[str, list[str]] = {}
    for username, said in people.items():
        place: Place = ("users", username)
        if not isinstance(said, dict):
            found.leave(lines.line(place), f"user {username}: holds no fields; left out")
        elif found.take("users", str(username), _person(found, lines, place, said), lines.line(place)):
            _password(found, lines, place, said)
            for name in said["groups"] if isinstance(said.get("groups"), list) else []:
                if not members.get(str(name)):
                    found.take("groups", str(name), {}, lines.line((*place, "groups")))
                members.setdefault(str(name), []).append(str(username))
    for name, entry in found.sections["groups"].items():
        entry["users"] = [
            user for spelled, users in members.items() if spelled.lower() == name.lower() for user in users
        ]


def _person(found: Found, lines: Lines, place: Place, said: dict[Any, Any]) -> Given:
    given: Given = {"name": str(said.get("displayname") or said.get("display_name") or place[-1])}
    if said.get("email"):
        given["email"] = said["email"]
    if said.get("disabled", False) is not False:  # whatever else it says was meant to close
        given["is_active"] = False
    attributes = {theirs: said[ours] for ours, theirs in ATTRIBUTES.items() if isinstance(said.get(ours), str)}
    if attributes:
        given["attributes"] = attributes
    for name in said:
        if name not in _READ and ATTRIBUTES.get(name) not in attributes:
            found.leave(lines.line((*place, name)), f"{name} of a user is not taken over")
    return given


def _password(found: Found, lines: Lines, place: Place, said: dict[Any, Any]) -> None:
    stored = said.get("password")
    if isinstance(stored, str) and is_hash(stored):
        found.sections["users"][str(place[-1])]["password_hash"] = stored
    elif stored:
        sentence = "a password hash that cannot be verified here; its user needs a new password"
        found.leave(lines.line((*place, "password")), sentence)
