"""Stores for tests: SQLite files in the test's own folder, deterministic clock, cheap passwords."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from control.passwords.hashing import Cost, Passwords
from control.store.sql import SqlStore
from tests.fakes import FakeClock

T = TypeVar("T")

SECRET_KEY = "kW7hT2mQ9xB4nV6pL1sD8fG3jR5yC0zA-test-only"
CHEAP = Cost(memory_kib=64, passes=1)
"""Argon2id at the least cost: tests are about decisions, not about hashing."""


def a_store(folder: Path, clock: Callable[[], float] | None = None) -> SqlStore:
    return SqlStore(f"sqlite:///{folder / 'store.sqlite3'}", [SECRET_KEY], now=clock or FakeClock())


def cheap_passwords() -> Passwords:
    return Passwords(workers=1, cost=CHEAP)


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine of control's on an event loop of its own."""
    return asyncio.run(coroutine)
