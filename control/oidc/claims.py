"""What the usual scopes tell about a person (OpenID Connect Core, 5.1 and 5.4), and which name stands for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from control.flows.state import PASSKEY
from control.mappings.facts import uid_of
from control.records import Session, User
from control.store.interface import Transaction
from control.verbs.property_mappings import API, EMAIL, OFFLINE, OPENID, PROFILE
from control.verbs.rights import closure


@dataclass(frozen=True, slots=True)
class Person:
    user: User
    groups: tuple[str, ...]
    """Names of those that are told of."""
    uid: str


def person(tx: Transaction, user: User, nested: bool = False) -> Person:
    """``nested``: also groups that the user is in through another."""
    direct = tx.groups_of([user.pk]).get(user.pk, [])
    names = tuple(group.name for group in closure(tx, user.pk) if nested or group.pk in direct)
    return Person(user, names, uid_of(user.pk, tx.install_id))


def _nothing(person: Person) -> dict[str, Any]:
    return {}


def _email(person: Person) -> dict[str, Any]:
    user = person.user
    return {"email": user.email, "email_verified": user.email_verified} if user.email else {}


def _profile(person: Person) -> dict[str, Any]:
    name = person.user.name or person.user.username
    return {
        "name": name,
        "given_name": name,
        "preferred_username": person.user.username,
        "nickname": person.user.username,
        "groups": list(person.groups),
    }


BUILT_IN: dict[str, Callable[[Person], dict[str, Any]]] = {
    OPENID: _nothing,
    EMAIL: _email,
    PROFILE: _profile,
    OFFLINE: _nothing,
    API: _nothing,
}
"""``managed`` of a scope mapping to what its expression says while nobody has changed it, without interpreting it."""
NAMES = ("email", "email_verified", "name", "given_name", "preferred_username", "nickname", "groups")


_METHODS = {"password": ("pwd",), "app_password": ("pwd",), PASSKEY: ("user",)}
"""How somebody signed in to what applications are told of it (RFC 8176, and authentik's word for a passkey)."""


def methods(session: Session) -> tuple[str, ...]:
    """``amr``; empty where somebody signed in elsewhere, or by a link."""
    return (*_METHODS.get(session.method, ()), *(("mfa",) if session.second_factor else ()))


_SUBJECTS: dict[str, Callable[[Person], str]] = {
    "hashed_user_id": lambda person: person.uid,
    "user_id": lambda person: str(person.user.pk),
    "user_uuid": lambda person: person.user.uuid,
    "user_username": lambda person: person.user.username,
    "user_email": lambda person: person.user.confirmed_email,
    "user_upn": lambda person: str(person.user.attributes.get("upn", "")),
}


def subject(person: Person, mode: str) -> str:
    """``sub``; who has no confirmed address, or no UPN, is told of by the hashed id instead: it must not be empty."""
    return _SUBJECTS[mode](person) or person.uid
