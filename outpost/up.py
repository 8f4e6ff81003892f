"""`outpost up` and `outpost control`: control in this process, on Twisted's asyncio reactor, with or without doors.

The only place where the two programs meet: control's coroutines become Deferreds here, and the frames of the link cross
in memory, through the same codec as on the wire (DESIGN D3, D7).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred
from twisted.internet.main import installReactor
from twisted.python.log import callWithLogger

from control.app import Control
from control.config import CannotStart, ControlConfig
from control.metrics import ControlMetrics
from control.scheduled_backups import Schedule
from control.store.interface import Unavailable
from outpost.authentication import LinkAway
from outpost.commands.backup_process import BackupProcess
from outpost.config import OutpostConfig
from outpost.link.following import Receive
from outpost.listeners.inherited import Inherited, handed_over
from settings import Settings
from settings.table import Backup

T = TypeVar("T")
STOPPING = (signal.SIGINT, signal.SIGTERM)


class LeanLoop(asyncio.SelectorEventLoop):
    """Without the context that Twisted puts around each read and write, as `outpost.reactor` is."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        super().add_reader(fd, *_without_context(callback, args))

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        super().add_writer(fd, *_without_context(callback, args))


def _without_context(callback: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """``args`` of `callWithLogger` are a transport, what it calls, and with what."""
    return args[1:] if callback is callWithLogger else (callback, *args)


class LoopReactor(AsyncioSelectorReactor):
    """Waits by a clock that nobody sets, as that of `outpost.reactor`."""

    seconds = staticmethod(monotonic)


class InProcess:
    """The link's `Transport` when control runs in this very process."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def follow(self, hello: bytes, receive: Receive) -> None:
        await deferred(self._pump(hello, receive))

    def ask(self, question: bytes) -> Deferred[bytes]:
        return deferred(self._answer(question))

    async def _pump(self, hello: bytes, receive: Receive) -> None:
        try:
            async for line in self._control.link.follow(self._control.embedded_outpost, hello):
                await receive(line).asFuture(asyncio.get_running_loop())
        except Unavailable as error:
            raise LinkAway(str(error)) from error

    async def _answer(self, question: bytes) -> bytes:
        try:
            return await self._control.link.ask(self._control.embedded_outpost, question)
        except Unavailable as error:
            raise LinkAway(str(error)) from error


def deferred(coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
    """A coroutine of control's as a Deferred; cancelling one cancels the other."""
    return Deferred.fromFuture(asyncio.ensure_future(coroutine))


def main(settings: Settings, doors: bool = True, pages: bool = True) -> int:
    """Runs until stopped; the exit code. What cannot start says so in a sentence on standard error.

    Without ``pages``, and listeners for them, it is a worker.
    """
    loop = LeanLoop()
    asyncio.set_event_loop(loop)
    installReactor(LoopReactor(loop))
    from twisted.internet import reactor

    from outpost.process import EXIT_FAILED, Process, Program, begin, browsable, complain

    inherited = handed_over(os.environ, (os.getpid(), os.getppid()))
    settings = without_workers(settings)
    ours = begin(settings)
    if ours is None:
        return EXIT_FAILED
    try:
        backups = _backups(settings, sys.argv[1:-1])
        schedule = _schedule(settings.backup, backups)
        control = _opened(loop, replace(ControlConfig.from_settings(settings), has_pages=pages), schedule)
    except CannotStart as error:
        complain(str(error))
        ours.close()
        return EXIT_FAILED
    if control is None:
        ours.close()
        return 0
    program: Program = (_with_doors if doors else _alone)(settings, control, reactor, inherited)

    def next_steps(ports: Any) -> list[str]:
        return control.next_steps(browsable(ports, settings.public_url))

    try:
        return Process(settings, program, reactor, next_steps).run()
    finally:
        if backups is not None:
            backups.close()
        control.close()
        ours.close()


def without_workers(settings: Settings) -> Settings:
    """Whoever asks for more cores is told where they are to be had."""
    if settings.workers == 1:
        return settings
    sentence = "OUTPOST_WORKERS has no effect here: it is for `outpost run`. This is one process."
    return replace(settings, workers=1, warnings=(*settings.warnings, sentence))


def _backups(settings: Settings, before: Sequence[str]) -> BackupProcess | None:
    """None: nobody wants any. Raises CannotStart."""
    asked = settings.backup
    if asked.folder is None:
        return None
    if settings.backup_passphrase is None:
        raise CannotStart("OUTPOST_BACKUP__FOLDER needs OUTPOST_BACKUP_PASSPHRASE: backups are sealed with it.")
    return BackupProcess(asked.folder, asked.keep, asked.with_secret_key, before)


def _schedule(asked: Backup, process: BackupProcess | None) -> Schedule | None:
    if asked.folder is None or process is None:
        return None
    return Schedule(asked.folder.absolute(), asked.every * 3600.0, process)


def _opened(loop: asyncio.AbstractEventLoop, config: ControlConfig, schedule: Schedule | None) -> Control | None:
    """None: a signal ended the wait for the database. The reactor, which heeds signals later, does not run yet."""
    opening = loop.create_task(Control.open(config, schedule=schedule))
    for number in STOPPING:
        loop.add_signal_handler(number, opening.cancel)
    try:
        return loop.run_until_complete(opening)
    except asyncio.CancelledError:
        return None
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)


def _with_doors(settings: Settings, control: Control, reactor: Any, inherited: Inherited) -> Any:
    from outpost.app import Outpost

    return Outpost(
        OutpostConfig.from_settings(settings),
        InProcess(control),
        reactor,
        application=control.application,
        collectors=[ControlMetrics(control)],
        inherited=inherited,
        asks=lambda: control.asked_authorities.current or None,
    )


def _alone(settings: Settings, control: Control, reactor: Any, inherited: Inherited) -> Any:
    from outpost.control_alone import ControlAlone

    return ControlAlone(
        OutpostConfig.from_settings(settings),
        control.application,
        control.certificate,
        reactor,
        collectors=[ControlMetrics(control)],
        inherited=inherited,
        asks=lambda: control.asked_authorities.current or None,
    )
