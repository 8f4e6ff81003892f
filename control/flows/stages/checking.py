"""Is this their password? Unknown, disabled and wrong cost the same and get the same sentence; the reason is for the
operator.

An app password is for programs: at their doors it stands for the password, in a browser it opens nothing, so that what
was handed to one device is never the whole account.

Of people who are in an LDAP source, the source's word counts; of everybody else, their own password does, and whoever
has none, or a wrong one, costs a question at a directory all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from control.flows.bound import peer_of
from control.flows.state import Context, Continue, FlowServices, Invalid
from control.passwords.hashing import Busy
from control.records import Token, User
from control.sources.ldap.connection import Away
from control.sources.ldap.described import BACKEND as DIRECTORIES
from control.sources.ldap.described import Directory, directory, enabled, whose
from control.store.interface import Transaction
from control.verbs import tokens, users
from rules import validity

NO_ANSWER = ("Enter your password.", "required")
WRONG = ("The name or the password is wrong.", "invalid")
WRONG_OR_AWAY = ("The name or the password is wrong, or cannot be checked at the moment.", "invalid")
"""To everybody alike, while a directory is away."""
BUILT_IN, APP_PASSWORDS = "authentik.core.auth.InbuiltBackend", "authentik.core.auth.TokenBackend"
BACKENDS = (BUILT_IN, APP_PASSWORDS, DIRECTORIES)
"""What may stand for a password, unless the stage says otherwise. Names of others are kept, and prove nothing here."""


NOBODY = User("", password_change_date=0.0)
"""For names that nobody has, the same is asked of the store as for those of people."""
WRITES = frozenset({"proved", "proved_version", "method", "ends", "token"})


async def checked(
    context: Context, settings: Mapping[str, Any], password: str, services: FlowServices
) -> Continue | Invalid:
    """Of the context's person; ``settings`` are those of a password stage. Raises Busy."""
    if not password:
        return Invalid({"password": [NO_ANSWER]})
    backends = settings.get("backends", BACKENDS)
    typed = password if APP_PASSWORDS in backends else ""
    known = await services.store.read(lambda tx: _known(tx, context, typed, DIRECTORIES in backends))
    user, device, now = known.user, known.device, services.now()
    if user is not None and device is not None and validity.refusal(user, now) is None:
        await services.store.write(lambda tx: tokens.used(tx, device.pk))
        return _proved(user, "app_password", device.expires if device.expiring else None, device.pk)
    stored = user.password if user is not None and (BUILT_IN in backends or known.entry) else None
    verified = await services.passwords.verify(stored, password)
    reason = None if known.entry else _refusal(known, stored is not None, verified.ok, now)
    asked = _NOT_ASKED
    if known.directory is not None and (known.entry or reason is not None):
        asked = await _asked(known.directory, known.entry, password, verified.ok, services)
    if user is not None and known.entry:
        reason = asked.reason or validity.refusal(user, now)
    if user is None or reason is not None:
        return Invalid({"password": [WRONG_OR_AWAY if asked.away else WRONG]}, reason or "unknown_user")
    if context.door and known.due is not None:
        return Invalid({"password": [WRONG]}, known.due)
    if asked.keep and not verified.ok:
        return _proved(await _kept(user, password, services), "password", None)
    if verified.needs_rehash:
        await _remember_at_todays_cost(user, password, services)
    return _proved(user, "password", known.ends)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came of asking a directory."""

    reason: str | None = None
    away: bool = False
    keep: bool = False
    """The password was right there, and its hash is to be kept for when nobody can be asked."""


_NOT_ASKED = _Asked()


async def _asked(
    directory: Directory, entry: str | None, password: str, is_kept: bool, services: FlowServices
) -> _Asked:
    """``entry``: None for whoever has none there. ``is_kept``: it is the password that was right there last."""
    try:
        right = await services.directories.accepts(directory, entry, password, peer_of(services.origin))
    except Away:
        return _Asked(None if directory.keeps_hashes and is_kept else "source_away", away=True)
    return _Asked(None, keep=directory.keeps_hashes) if right else _Asked("source_refused")


def _proved(user: User, method: str, ends: float | None, token: str = "") -> Continue:
    proved = {"proved": user.pk, "proved_version": user.credential_version}
    return Continue({**proved, "method": method, "ends": ends, "token": token})


@dataclass(frozen=True, slots=True)
class _Known:
    user: User | None
    """Whose password is asked for."""
    device: Token | None = None
    """The password of one of their devices, if that was typed."""
    has_ended: bool = False
    """It was one of those, and has expired."""
    in_browser: bool = False
    """It was one of those, in a browser."""
    due: str | None = None
    """Why their own password is good for choosing another one only: a browser can, other doors cannot."""
    ends: float | None = None
    """Until when their own password is good."""
    directory: Directory | None = None
    """That is asked; of somebody who is in none, one of them all the same, so that everybody costs the same."""
    entry: str | None = None
    """Who they are there, and the directory's word counts; None: they have a password of their own."""


def _known(tx: Transaction, context: Context, typed: str, directories: bool) -> _Known:
    """A network password counts as an app password over RADIUS: a device that sends it openly sends it in the same
    place."""
    found = tx.find(User, pk=context.pending_user or 0)
    user = found or NOBODY
    intents = tokens.PASSWORD_INTENTS if context.door == "radius" else (tokens.APP_PASSWORD,)
    device = tokens.app_password(tx, user.pk, typed, tuple(intents))
    in_browser = device is not None and not context.door and not context.by_outpost
    device = None if in_browser else device
    has_ended = tokens.has_ended(tx, user.pk, typed, tuple(intents))
    due, ends = users.password_due(tx, user), users.password_good_until(tx, user)
    sources = enabled(tx) if directories else []
    there = whose(tx, user.pk, sources)
    asked = directory(tx, there[0] if there is not None else sources[0]) if sources else None
    if found is None:
        return _Known(None, directory=asked)
    if there is not None:
        return _Known(found, device, has_ended, in_browser, directory=asked, entry=there[1])
    return _Known(found, device, has_ended, in_browser, due, ends, asked)


def _refusal(known: _Known, has_password: bool, right: bool, now: float) -> str | None:
    """Why this is not enough. Whether the account is good is told only of those who knew the password."""
    if known.user is None:
        return "unknown_user"
    if not right and known.device is None:
        if known.has_ended:
            return "device_password_expired"
        if known.in_browser:
            return "device_password_in_browser"
        return "wrong_password" if has_password else "no_password"
    return validity.refusal(known.user, now)


async def _remember_at_todays_cost(user: User, password: str, services: FlowServices) -> None:
    """The sign-in does not depend on it: when there is too much to do, the next one does it."""
    with suppress(Busy):
        stronger = await services.passwords.hash(password)
        await services.store.write(lambda tx: _rehash(tx, user, stronger))


async def _kept(user: User, password: str, services: FlowServices) -> User:
    """The person, whose password was right elsewhere. What outposts know of an earlier one is good no more."""
    try:
        kept = await services.passwords.hash(password)
    except (Busy, ValueError):
        return user
    return await services.store.write(lambda tx: _keep(tx, user, kept))


def _keep(tx: Transaction, seen: User, kept: str) -> User:
    user = tx.find(User, pk=seen.pk)
    if user is None or user.password != seen.password:
        return seen
    version = user.credential_version + (user.password is not None)
    return tx.update(replace(user, password=kept, credential_version=version))


def _rehash(tx: Transaction, seen: User, stronger: str) -> None:
    """Nothing, if the password has been changed meanwhile."""
    user = tx.find(User, pk=seen.pk)
    if user is not None and user.password == seen.password:
        tx.update(replace(user, password=stronger))
