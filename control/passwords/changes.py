"""Passwords that people change at a door where they are signed in: the old one is proved, the new one must be fit."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable

from control import audit, tries
from control.authentication import Proved, admit, served_provider
from control.flows.headless import SEPARATOR
from control.outposts.serving import knows
from control.passwords.hashing import Busy, OnBehalf, Passwords
from control.passwords.new import new_hash
from control.policies.asking import Asking
from control.policies.judge import Judge
from control.records import User
from control.store.interface import Actor, Overloaded, Store, Transaction, Unavailable
from control.verbs import users
from control.verbs.fields import Invalid
from protocols.link.messages import ChangePassword, PasswordChanged
from rules.names import shown
from rules.places import place

log = logging.getLogger(__name__)

GENERATED_BYTES = 15
"""Random ones: 120 bits, 24 characters of base32."""


class Refused(Exception):
    """``answer`` says why."""

    def __init__(self, answer: PasswordChanged) -> None:
        super().__init__(answer.reason)
        self.answer = answer


class PasswordChanges:
    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        random: Callable[[int], bytes],
        now: Callable[[], float],
        judge: Judge | None = None,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._random = random
        self._now = now
        self._judge = judge or Judge()

    async def answer(self, outpost: str, asked: ChangePassword) -> PasswordChanged:
        """Any exception refuses. Raises Unavailable alone: then nobody at control can answer."""
        try:
            return await self._change(outpost, asked)
        except Unavailable:
            raise
        except Refused as refused:
            return refused.answer
        except (Busy, Overloaded):
            return PasswordChanged(asked.id, "busy")
        except Exception:
            log.exception("change %s failed", asked.id, extra={"fields": {"event": "fault", "id": asked.id}})
            return PasswordChanged(asked.id, "internal_error")

    async def _change(self, outpost: str, asked: ChangePassword) -> PasswordChanged:
        hashing = self._passwords.on_behalf(f"{asked.protocol} {asked.peer}")
        user = await self._proved(outpost, asked, hashing)
        new = asked.new if asked.new is not None else self._generated()
        try:
            chosen = users.new_password({"password": new})
            stored = await new_hash(self._store, hashing, user.pk, chosen, asked.peer)
            changed = await self._store.write(lambda tx: _set(tx, asked, user, stored), _actor(user, asked))
        except Invalid as error:
            sentences = tuple(sentence for found in error.fields.values() for sentence in found)
            return PasswordChanged(asked.id, "unfit_password", sentences=sentences)
        return PasswordChanged(
            asked.id, "accepted", changed.credential_version, generated=new if asked.new is None else None
        )

    async def _proved(self, outpost: str, asked: ChangePassword, hashing: OnBehalf) -> User:
        """Whose old password it is, if they are let in at this door. Raises Refused."""
        where = place(asked.peer, "")
        user, refusal = await self._store.read(lambda tx: _begin(tx, outpost, asked, where))
        if user is None or refusal is not None:
            raise Refused(PasswordChanged(asked.id, refusal or "unknown_user"))
        right = False
        for typed in _spellings(asked.old):
            right = right or (await hashing.verify(user.password, typed)).ok
        reason = await self._store.write(lambda tx: self._conclude(tx, asked, user, right, where))
        if reason != "accepted":
            raise Refused(PasswordChanged(asked.id, reason))
        return user

    def _conclude(self, tx: Transaction, asked: ChangePassword, user: User, right: bool, where: str) -> str:
        reason = "wrong_password"
        if right:
            asking = Asking(user, self._now(), asked.peer, user.username, {"protocol": asked.protocol})
            proved = Proved("accepted", user.pk, user.credential_version)
            reason = admit(tx, asked.provider, proved, asking, self._judge).reason
        tries.count(tx, user.username, where, reason)
        if reason != "accepted":
            context = {"username": user.username, "reason": reason, "provider": asked.provider, "request_id": asked.id}
            audit.leave(tx, "login_failed", "outpost", context, _actor(user, asked))
        return reason

    def _generated(self) -> str:
        return base64.b32encode(self._random(GENERATED_BYTES)).decode().lower()


def _begin(tx: Transaction, outpost: str, asked: ChangePassword, where: str) -> tuple[User | None, str | None]:
    """Who it is, and why nothing may be tried now. Whom the outpost does not know, it has let nobody in as."""
    if served_provider(tx, outpost, asked.provider) is None:
        return None, "unknown_provider"
    user = tx.find(User, pk=asked.user) if knows(tx, asked.provider, asked.user) else None
    return user, None if user is None else tries.refusal(tx, user.username, where)


def _spellings(old: str) -> tuple[str, ...]:
    """As it was typed; and without what may have been a one-time code at the login."""
    before, separator, _ = old.rpartition(SEPARATOR)
    return (old, before) if separator else (old,)


def _set(tx: Transaction, asked: ChangePassword, user: User, stored: str) -> User:
    """Raises Invalid; Refused if the account's credentials have changed since the old password was looked at."""
    if tx.get(User, user.pk).credential_version != user.credential_version:
        raise Refused(PasswordChanged(asked.id, "credential_changed"))
    return users.set_password(tx, user.pk, stored)


def _actor(user: User, asked: ChangePassword) -> Actor:
    return Actor({"pk": user.pk, "username": user.username, "email": user.email}, shown(asked.peer))
