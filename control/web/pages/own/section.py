"""One page on which people look after what is theirs: what it shows, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.records import Session, User
from control.store.interface import NotFound, Transaction

ROOT = "/if/user/settings/"
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Me:
    user: User
    session: Session
    random: Random


Look = Callable[[Transaction, Me], Mapping[str, Any]]
Act = Callable[[Transaction, Me, Mapping[str, str]], Mapping[str, Any] | None]
"""What was sent, done. What comes back is shown once, on the page; None: nothing is. Raises Invalid, NotFound."""


@dataclass(frozen=True, slots=True)
class Section:
    path: str
    title: str
    look: Look
    acts: Mapping[str, Act] = field(default_factory=dict)
    recent: bool = False
    """Only for whoever has signed in lately: what is made here opens doors later on."""

    @property
    def url(self) -> str:
        return f"{ROOT}{self.path}/"

    @property
    def template(self) -> str:
        return f"own/{self.path.replace('-', '_')}.html"


def mine(record: Any, me: Me) -> Any:
    """Raises NotFound if it is somebody else's."""
    if record.user != me.user.pk:
        raise NotFound("not yours")
    return record


def number(text: str) -> int:
    """Raises NotFound."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise NotFound("no such number")
    return int(text)
