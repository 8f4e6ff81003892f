"""The one way to a password that somebody chose: what it must be like is asked here, whoever sets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from control.passwords import Unfit, Wanted
from control.records import User
from control.store.interface import Transaction
from control.verbs import users
from control.verbs.fields import Invalid

T = TypeVar("T")


class Reading(Protocol):
    """The part of `control.store.interface.Store` that is needed."""

    def read(self, verb: Callable[[Transaction], T]) -> Awaitable[T]: ...


class Hashing(Protocol):
    async def new_hash(self, password: str, wanted: Wanted) -> str: ...


async def new_hash(store: Reading, passwords: Hashing, user: int, password: str) -> str:
    """What to store for ``password``, with `users.set_password`. The hash is made outside of any transaction: it takes
    as long as a hundred of them. Raises Invalid, with sentences for the person; Busy."""
    wanted = await store.read(lambda tx: users.wanted_of_password(tx, tx.find(User, pk=user)))
    try:
        return await passwords.new_hash(password, wanted)
    except Unfit as error:
        raise Invalid({"password": error.sentences}) from error
