"""What administrative commands do: they open the store directly and work beside a running ``outpost up``."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from control import instances, tries
from control.app import Control, open_passwords, open_store
from control.apply import ApplyError, apply_description, read_file
from control.bootstrap import is_new
from control.config import CannotStart, ControlConfig
from control.explain import Asked, Unknown, explain
from control.explained import Explanation
from control.issuing import Issued, issue_by_name
from control.mail.letters import Letters
from control.mail.post import Post
from control.mail.trial import Tried, try_out
from control.policies.judge import Judge
from control.policies.places import places
from control.records import Instance, Tries
from control.store.interface import Actor, Store, Unavailable
from control.tail import Tail, Wanted
from control.verbs.fields import Invalid
from settings import Settings

T = TypeVar("T")

TAIL_SECONDS = 0.5
"""Between two looks at what has happened: soon enough for whoever watches, and nothing for the database."""
LOOKS, LOOK_SECONDS = 60, 0.05
"""How often, and how far apart, a command looks whether the outposts have followed: three seconds in all."""


class CommandFailed(Exception):
    """``lines`` are sentences for the operator."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def apply_file(settings: Settings, file: Path, environ: Mapping[str, str]) -> list[str]:
    """Makes the store what the file describes; what changed, a line each.

    Raises CommandFailed, and then nothing has changed.
    """
    try:
        return _run(settings, lambda config: _apply_file(config, file, environ))
    except ApplyError as error:
        raise CommandFailed(error.lines) from None


def explain_access(settings: Settings, asked: Asked) -> Explanation:
    """Raises CommandFailed."""

    async def ask(config: ControlConfig) -> Explanation:
        store = open_store(config)
        try:
            judge = Judge(places=places(config.geoip, config.asn, time.monotonic))
            return await store.read(lambda tx: explain(tx, asked, judge))
        finally:
            store.close()

    try:
        return _run(settings, ask)
    except Unknown as error:
        raise CommandFailed([str(error)]) from None


def follow_events(
    settings: Settings, wanted: Wanted, most: int, on: bool, show: Callable[[dict[str, Any]], None]
) -> None:
    """Shows the last ``most`` events, and, with ``on``, those that come, until interrupted. Raises CommandFailed."""

    async def follow(config: ControlConfig) -> None:
        store, tail = open_store(config), Tail(wanted)
        try:
            for line in (await store.read(tail.look))[-most:] if most else ():
                show(line)
            while on:
                await asyncio.sleep(TAIL_SECONDS)
                for line in await store.read(tail.look):
                    show(line)
        finally:
            store.close()

    _run(settings, follow)


def issue_certificate(settings: Settings, user: str, name: str, authority: str, days: int) -> Issued:
    """For a user; ``authority`` is the name of the one that issues it, and it is made if there is none. Raises
    CommandFailed."""

    async def issue(config: ControlConfig) -> Issued:
        store = open_store(config)
        try:
            body = {"name": name, "validity_days": days}
            return await issue_by_name(store, user, body, authority, time.time(), os.urandom)
        finally:
            store.close()

    try:
        return _run(settings, issue)
    except Invalid as error:
        raise CommandFailed([text for texts in error.fields.values() for text in texts]) from None


def show_throttles(settings: Settings, username: str = "") -> list[str]:
    """Who tried wrongly lately, and until when they wait; a line each. Raises CommandFailed."""

    async def show(config: ControlConfig) -> list[str]:
        store = open_store(config)
        try:
            return await store.read(lambda tx: [_told_of(line, tx.now) for line in tries.held(tx, username)])
        finally:
            store.close()

    return _run(settings, show) or ["nobody has tried wrongly of late"]


def clear_throttles(settings: Settings, username: str = "") -> list[str]:
    """Forgets wrong tries, of one account or of all, here and at the outposts. Raises CommandFailed."""

    async def clear(config: ControlConfig) -> list[str]:
        store = open_store(config)
        try:
            count = await store.write(lambda tx: tries.clear(tx, username), Actor({"username": "outpost throttles"}))
            return [f"forgot {count} of them", *(await in_force(store, asyncio.sleep))]
        finally:
            store.close()

    return _run(settings, clear)


def test_email(settings: Settings, to: str) -> str:
    """Sends a test mail at once; what came of it, a sentence. Raises CommandFailed if it was not sent."""

    async def try_it(config: ControlConfig) -> Tried:
        store = open_store(config)
        post = Post(config.mail_server, Letters(config.mail_templates))
        try:
            return await try_out(post, await store.read(post.server), to, os.urandom(16).hex(), time.time())
        finally:
            store.close()

    tried = _run(settings, try_it)
    if not tried.sent:
        raise CommandFailed([tried.message])
    return tried.message


def _told_of(line: Tries, now: float) -> str:
    last, place = _moment(line.last), line.place or "everywhere together"
    waits = f", the next after {_moment(line.until)}" if line.until > now else ""
    return f"{line.account} from {place}: {line.wrong} wrong, the last at {last}{waits}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="seconds")


def _run(settings: Settings, work: Callable[[ControlConfig], Coroutine[Any, Any, T]]) -> T:
    """Raises CommandFailed."""
    try:
        return asyncio.run(work(ControlConfig.from_settings(settings)))
    except CannotStart as error:
        raise CommandFailed([str(error)]) from None
    except Unavailable as error:
        raise CommandFailed([f"{error}."]) from None


async def in_force(store: Store, sleep: Callable[[float], Awaitable[None]]) -> list[str]:
    """Waits until every outpost that is there serves what the store holds now; a line for each that does not in time.

    Whoever tries what they have just applied is answered from it.
    """
    revision = await store.read(lambda tx: tx.revision().number)
    behind: list[Instance] = []
    for _ in range(LOOKS):
        behind = await store.read(lambda tx: instances.behind(tx, revision))
        if not behind:
            return []
        await sleep(LOOK_SECONDS)
    return [f"not yet in force at the outpost on {one.hostname or one.pk}, which will follow" for one in behind]


async def _apply_file(config: ControlConfig, file: Path, environ: Mapping[str, str]) -> list[str]:
    description = read_file(file, environ)
    store = open_store(config)
    passwords = open_passwords(config, os.urandom)
    try:
        # Only for a new store: the first start of a running program must not be repeated, it would end the setup code.
        if await store.read(is_new):
            (await Control.open(config)).close()
        lines = await apply_description(store, passwords, os.urandom, description)
        return lines + await in_force(store, asyncio.sleep)
    finally:
        passwords.close()
        store.close()
