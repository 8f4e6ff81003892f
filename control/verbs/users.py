"""Users: made, changed, deactivated, given a password, removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from control import audit, endings, sessions
from control.passwords.hashing import LONGEST_PASSWORD, Wanted
from control.passwords.rules import due, good_until
from control.records import PASSWORD_SET, FormerPassword, Group, Outpost, User
from control.store.interface import Query, Transaction
from control.verbs import bindings, password_terms, system
from control.verbs.fields import (
    NON_FIELD,
    Attributes,
    Email,
    Fields,
    Invalid,
    Moment,
    Text,
    Uuid,
    existing,
    overlaid,
    parse,
    unique,
)
from protocols.ldap.prepare import case_ignore
from rules.secret_attributes import unmasked

INTERNAL_SERVICE_ACCOUNT = "internal_service_account"
Type = Literal["internal", "external", "service_account", "internal_service_account"]
TYPES: tuple[str, ...] = get_args(Type)


def _path(path: str) -> str:
    if path.startswith("/") or path.endswith("/"):
        raise ValueError("No leading or trailing slashes allowed.")
    if "" in path.split("/"):
        raise ValueError("No empty segments in user path allowed.")
    return path


class UserFields(Fields):
    username: Annotated[str, Field(min_length=1, max_length=150)]
    name: Text
    is_active: bool = True
    email: Email = ""
    attributes: Attributes = Field(default_factory=dict)
    path: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_path)] = "users"
    type: Type = "internal"
    valid_from: Moment = None
    valid_until: Moment = None
    must_change_password: bool = False
    groups: list[Uuid] = Field(default_factory=list)


def create(tx: Transaction, given: Mapping[str, Any], uuid: str = "") -> User:
    """``uuid``: if it shall be this one. Raises Invalid."""
    fields = parse(UserFields, given)
    if fields.type == INTERNAL_SERVICE_ACCOUNT:
        raise Invalid({"type": ["Setting a user to internal service account is not allowed."]})
    return _insert(tx, fields, uuid)


def create_service_account(tx: Transaction, username: str, name: str, path: str) -> User:
    """The account that an outpost's token belongs to; nobody signs in with it. Raises Invalid."""
    return _insert(
        tx, parse(UserFields, {"username": username, "name": name, "path": path, "type": INTERNAL_SERVICE_ACCOUNT})
    )


def _insert(tx: Transaction, fields: UserFields, uuid: str = "") -> User:
    _check_dates(fields)
    groups = existing(tx, Group, "groups", fields.groups)
    with unique():
        user = tx.insert(User(**fields.model_dump(exclude={"groups"}), uuid=uuid))
    for group in groups:
        tx.add_members(group.pk, [user.pk])
    return user


def update(tx: Transaction, pk: int, given: Mapping[str, Any], partial: bool = True) -> User:
    """``groups``, if given, replaces the memberships. Raises Invalid, NotFound."""
    user = tx.get(User, pk)
    fields = overlaid(UserFields, current(user), given, partial)
    fields = fields.model_copy(update={"attributes": unmasked(fields.attributes, user.attributes)})
    _check_dates(fields)
    _check_type(user, fields)
    changed = replace(user, **fields.model_dump(exclude={"groups"}))
    disowned = changed.must_change_password and not user.must_change_password
    if disowned or (changed.username, changed.email) != (user.username, user.email):
        changed = replace(changed, credential_version=changed.credential_version + 1)
    if changed.email != user.email:
        changed = replace(changed, email_verified=True)
    if user.is_active and not changed.is_active:
        changed = _disbelieved(changed, tx.now)
    with unique():
        changed = tx.update(changed)
    if "groups" in given:
        _join_exactly(tx, pk, fields.groups)
    if user.is_active and not changed.is_active:
        sessions.end_unwelcome(tx, changed)
    return changed


def holder(tx: Transaction, address: str) -> User | None:
    """The only one whose confirmed address this is, ignoring case: what others say of themselves counts for nothing."""
    same = Query(alike={"email": address}, equal={"email_verified": True}, limit=2)
    found = tx.select(User, same) if address else []
    return found[0] if len(found) == 1 else None


def is_taken(tx: Transaction, name: str, pk: int | None = None) -> bool:
    """Is somebody else than ``pk`` found by this name: as their user name, or as their confirmed address? Names come
    before addresses, so that who takes such a one for a name takes its owner's way to sign in.

    A name that LDAP takes for another's, since neither its blanks nor what is not seen of it count there, is taken too.

    For those who choose a name themselves; administrators give which they like.
    """
    named = [
        user
        for one in dict.fromkeys((name, case_ignore(name)))
        for user in tx.select(User, Query(alike={"username": one}, limit=2))
    ]
    owner = holder(tx, name)
    return any(user.pk != pk for user in (*named, *([owner] if owner is not None else [])))


def new_password(given: Mapping[str, Any]) -> str:
    """``password`` as it was given: it is not trimmed. Raises Invalid."""
    if "password" not in given:
        raise Invalid({"password": ["This field is required."]})
    password = given["password"]
    if not isinstance(password, str):
        raise Invalid({"password": ["Not a valid string."]})
    if not password:
        raise Invalid({"password": ["This field may not be blank."]})
    if len(password.encode("utf-8", "replace")) > LONGEST_PASSWORD:
        raise Invalid({"password": [f"Ensure this field has no more than {LONGEST_PASSWORD} bytes."]})
    if any("\ud800" <= character <= "\udfff" for character in password):
        raise Invalid({"password": ["Not a valid string."]})
    return password


def set_password(tx: Transaction, pk: int, password_hash: str, must_change: bool = False) -> User:
    """What was remembered of the old password is no longer believed, and its sessions end. ``must_change``: the person
    is to choose another one before anything else.

    Raises NotFound; Invalid for the account of an outpost, with which nobody signs in.
    """
    user = tx.get(User, pk)
    if user.type == INTERNAL_SERVICE_ACCOUNT:
        raise Invalid({"password": ["This is the account of an outpost: it has a token, and no password."]})
    _remember(tx, user)
    changed = replace(user, password=password_hash, password_change_date=tx.now, must_change_password=must_change)
    changed = tx.update(_disbelieved(changed, tx.now))
    sessions.end_unwelcome(tx, changed)
    audit.done_to(tx, PASSWORD_SET, "authentik_core", changed)
    return changed


def wanted_of_password(tx: Transaction, user: User | None, name: str = "") -> Wanted:
    """What this person's next password is measured by; None: of somebody who is only being made, by this name."""
    rules = system.password_rules(tx)
    if user is None:
        return Wanted(rules, (name,))
    former = [user.password] if user.password is not None else []
    former += [one.password for one in _former(tx, user.pk)]
    differing = max(system.read(tx).password_history, 1 if password_due(tx, user) is not None else 0)
    looked_at = max(differing, password_terms.remembered(tx))
    return Wanted(rules, (user.username, user.name, user.email), tuple(former[:looked_at]), differing)


def password_due(tx: Transaction, user: User) -> str | None:
    """The reason code why the person must choose another password, although theirs is right; None: they need not."""
    return due(user, password_terms.longest_age(tx), tx.now)


def password_good_until(tx: Transaction, user: User) -> float | None:
    """Seconds since the epoch; None: for ever."""
    return good_until(user, password_terms.longest_age(tx))


def _remember(tx: Transaction, user: User) -> None:
    """The password that is given up, among as many as a new one must differ from."""
    kept = max(0, password_terms.remembered(tx) - 1)
    for forgotten in _former(tx, user.pk)[max(0, kept - 1) :]:
        tx.delete(forgotten)
    if kept and user.password is not None:
        tx.insert(FormerPassword(user.pk, user.password, until=tx.now))


def _former(tx: Transaction, user: int) -> list[FormerPassword]:
    """The latest first."""
    return tx.select(FormerPassword, Query(equal={"user": user}, ordering=("-until",)))


def _disbelieved(user: User, now: float) -> User:
    return replace(user, credential_version=user.credential_version + 1, sessions_not_before=now)


def delete(tx: Transaction, pk: int) -> None:
    """The user with their tokens, sessions and memberships.

    Raises NotFound; Invalid when an outpost stands on the account, or an application would be open to everyone.
    """
    user = tx.get(User, pk)
    outpost = tx.find(Outpost, user=pk)
    if outpost is not None:
        raise Invalid(
            {NON_FIELD: [f"This is the account of the outpost “{outpost.name}”. Delete the outpost instead."]}
        )
    bindings.refuse_opening(tx, "user", pk)
    endings.end_all(tx, pk)
    tx.delete(user)


def current(user: User) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {name: getattr(user, name) for name in UserFields.model_fields if name != "groups"}


def _check_dates(fields: UserFields) -> None:
    if fields.valid_from is not None and fields.valid_until is not None and fields.valid_until <= fields.valid_from:
        raise Invalid({"valid_until": ["The last valid moment must be later than the first."]})


def _check_type(user: User, fields: UserFields) -> None:
    if user.type == fields.type:
        return
    if user.type == INTERNAL_SERVICE_ACCOUNT:
        raise Invalid({"type": ["Can't change internal service account to other user type."]})
    if fields.type == INTERNAL_SERVICE_ACCOUNT:
        raise Invalid({"type": ["Setting a user to internal service account is not allowed."]})


def _join_exactly(tx: Transaction, user: int, groups: list[str]) -> None:
    wanted = {group.pk for group in existing(tx, Group, "groups", groups)}
    have = set(tx.groups_of([user]).get(user, []))
    for group in sorted(wanted - have):
        tx.add_members(group, [user])
    for group in sorted(have - wanted):
        tx.remove_members(group, [user])
