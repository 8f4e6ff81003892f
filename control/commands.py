"""What administrative commands do: they open the store directly and work beside a running ``outpost up``."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from control import brands, recovery, tries
from control.app import open_store, rotate_secret_key
from control.certificates.issuing import Issued, issue_by_name
from control.checkup import Told, checkup
from control.config import KEY_FILE, CannotStart, ControlConfig, keep_secret_key
from control.explaining.explain import Asked, Lines, Unknown, explain, with_visitor
from control.explaining.explained import Explanation
from control.flows import links
from control.mail.letters import Letters
from control.mail.post import Post
from control.mail.trial import Tried, try_out
from control.outposts import instances
from control.policies.judge import Judge
from control.policies.places import places
from control.records import Authenticator, Instance, Tries, User
from control.rotating import CannotRotate
from control.store.backup import Backup, CannotRestore, Damaged, Stored, TooLarge, pieces_of, restore
from control.store.interface import AccessDenied, Actor, Query, Store, Transaction, Unavailable
from control.store.secrets import CannotOpen
from control.tail import Tail, Wanted
from control.verbs import authenticators, system
from control.verbs.fields import Invalid
from settings import Secret, Settings

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


def explain_access(settings: Settings, asked: Asked, scheme: str, lines: Lines) -> Explanation:
    """``scheme`` and ``lines`` are those of a browser's request. Raises CommandFailed."""

    async def ask(config: ControlConfig) -> Explanation:
        store = open_store(config)
        try:
            judge = Judge(places=places(config.geoip, config.asn, time.monotonic))
            question = with_visitor(asked, scheme, lines)
            return await store.read(lambda tx: explain(tx, question, judge))
        finally:
            store.close()

    try:
        return run(settings, ask)
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

    run(settings, follow)


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
        return run(settings, issue)
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

    return run(settings, show) or ["nobody has tried wrongly of late"]


def clear_throttles(settings: Settings, username: str = "") -> list[str]:
    """Forgets wrong tries, of one account or of all, here and at the outposts. Raises CommandFailed."""

    async def clear(config: ControlConfig) -> list[str]:
        store = open_store(config)
        try:
            count = await store.write(lambda tx: tries.clear(tx, username), Actor({"username": "outpost throttles"}))
            return [f"forgot {count} of them", *(await in_force(store, asyncio.sleep))]
        finally:
            store.close()

    return run(settings, clear)


def remove_factors(settings: Settings, username: str) -> list[str]:
    """Takes away all second factors of one account, for whoever has lost the last one. Raises CommandFailed."""

    def remove(tx: Transaction) -> int:
        user = tx.find(User, username=username)
        if user is None:
            raise CommandFailed([f"No user is called {username!r}."])
        found = tx.select(Authenticator, Query(equal={"user": user.pk}))
        for factor in found:
            authenticators.delete(tx, factor.pk)
        return len(found)

    async def take_away(config: ControlConfig) -> list[str]:
        store = open_store(config)
        try:
            count = await store.write(remove, Actor({"username": "outpost remove-factors"}))
            return [f"removed {count} of them", *(await in_force(store, asyncio.sleep))]
        finally:
            store.close()

    return run(settings, take_away)


def create_recovery_key(settings: Settings, username: str, lasts: float) -> list[str]:
    """A link by which one account gets another password, once, within ``lasts`` seconds. Raises CommandFailed."""
    key, actor = links.new_key(os.urandom), Actor({"username": "outpost create-recovery-key"})

    async def create(config: ControlConfig) -> list[str]:
        def give(tx: Transaction) -> list[str]:
            user = tx.find(User, username=username)
            if user is None:
                raise CommandFailed([f"No user is called {username!r}."])
            base, until = system.public_url(tx) or config.public_url, tx.now + lasts
            recovery.give(tx, user, urlsplit(base).netloc, key, until, actor)
            said = f"Until {_moment(until)}, and once, {username} gets another password by this link:"
            return [said, f"{base}{recovery.USE_TOKEN.format(key=key)}"]

        store = open_store(config)
        try:
            return await store.write(give, actor)
        finally:
            store.close()

    try:
        return run(settings, create)
    except Invalid as error:
        raise CommandFailed([text for texts in error.fields.values() for text in texts]) from None


def test_email(settings: Settings, to: str) -> str:
    """Sends a test mail at once; what came of it, a sentence. Raises CommandFailed if it was not sent."""

    async def try_it(config: ControlConfig) -> Tried:
        store = open_store(config)
        post = Post(config.mail_server, Letters(config.mail_templates))
        try:
            used, brand = await store.read(lambda tx: (post.server(tx), brands.title(tx)))
            return await try_out(post, used, to, os.urandom(16).hex(), time.time(), brand)
        finally:
            store.close()

    tried = run(settings, try_it)
    if not tried.sent:
        raise CommandFailed([tried.message])
    return tried.message


def check_store(settings: Settings) -> dict[str, list[str]]:
    """What is wrong in the store, by the name of the check. Raises CommandFailed."""

    async def check(config: ControlConfig) -> dict[str, list[str]]:
        store = open_store(config)
        try:
            told = Told(config.public_url, config.mail_server is not None)
            return await store.read(lambda tx: checkup(tx, told))
        finally:
            store.close()

    return run(settings, check)


def rotate_secret_key_of(settings: Settings) -> Iterator[str]:
    """Seals everything with another key; what is done, a line each. Raises CommandFailed, at any line."""
    try:
        yield from rotate_secret_key(ControlConfig.from_settings(settings))
    except (CannotStart, CannotRotate, CannotOpen) as error:
        raise CommandFailed([str(error)]) from None
    except (Unavailable, AccessDenied) as error:
        raise CommandFailed([f"{error}."]) from None
    except OSError as error:
        raise CommandFailed([f"{error.filename} cannot be used: {error.strerror}."]) from None


def backup_pieces(settings: Settings, program: str, with_secret_key: bool) -> Iterator[bytes]:
    """Everything that is stored, to be sealed. ``program``: our version. Raises CommandFailed, at any piece."""
    try:
        config = ControlConfig.from_settings(settings)
        if config.former_secret_keys:
            raise CommandFailed(["The secret key is being changed. Let outpost rotate-secret-key finish first."])
        open_store(config).close()
        yield from pieces_of(_stored(config), program, time.time(), with_secret_key)
    except (CannotStart, TooLarge) as error:
        raise CommandFailed([str(error)]) from None
    except (Unavailable, AccessDenied) as error:
        raise CommandFailed([f"{error}."]) from None
    except OSError as error:
        raise CommandFailed([f"{error.filename} cannot be read: {error.strerror}."]) from None


def restore_pieces(settings: Settings, name: str, pieces: Iterable[bytes], replaces: bool) -> list[str]:
    """Makes the store what a backup says; what was done, a line each. ``name`` is that of the backup's file.

    Raises CommandFailed, and whatever ``pieces`` raises; then the store is as it was.
    """
    try:
        backup = Backup(pieces)
        key = backup.said.secret_key
        if settings.secret_key is not None and key not in (None, settings.secret_key.reveal()):
            raise CommandFailed(["OUTPOST_SECRET_KEY is not the key in the backup. Unset it, or set it to that one."])
        if key is None and settings.secret_key is None and not (settings.data_dir / KEY_FILE).exists():
            raise CommandFailed(
                [
                    "The backup has no secret key in it. Set OUTPOST_SECRET_KEY to the one of then, or put it into "
                    f"{settings.data_dir / KEY_FILE}; without it the secrets inside cannot be read by anyone."
                ]
            )
        keeps_key = key is not None and settings.secret_key is None
        config = ControlConfig.from_settings(
            replace(settings, secret_key=Secret(key)) if key and keeps_key else settings
        )
        restore(_stored(config), backup, replaces)
        told = [
            f"Restored what was stored at {_moment(backup.said.made)}, by version {backup.said.program}: "
            f"{backup.counts['user']:,} users, {sum(backup.counts.values()):,} records in all."
        ]
        return told + (keep_secret_key(settings, key, time.time()) if key and keeps_key else [])
    except (CannotStart, CannotRestore) as error:
        raise CommandFailed([str(error)]) from None
    except Damaged as error:
        raise CommandFailed([f"{name} {error}."]) from None
    except (Unavailable, AccessDenied) as error:
        raise CommandFailed([f"{error}."]) from None
    except OSError as error:
        raise CommandFailed([f"{error.filename} cannot be used: {error.strerror}."]) from None


def _stored(config: ControlConfig) -> Stored:
    return Stored(config.database, config.secret_key.reveal(), config.mail_templates, config.media)


def _told_of(line: Tries, now: float) -> str:
    last, place = _moment(line.last), line.place or "everywhere together"
    waits = f", the next after {_moment(line.until)}" if line.until > now else ""
    return f"{line.account} from {place}: {line.wrong} wrong, the last at {last}{waits}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="seconds")


def run(settings: Settings, work: Callable[[ControlConfig], Coroutine[Any, Any, T]]) -> T:
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
