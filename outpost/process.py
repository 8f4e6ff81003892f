"""One run of the reactor with a program inside: start-up lines, failures as sentences, an orderly stop."""

from __future__ import annotations

import logging
import os
import resource
import signal
from collections.abc import Callable, Mapping
from typing import IO, Any, Protocol

from twisted.internet.defer import Deferred

from outpost.folder_lock import Unusable, claim
from outpost.listeners.ports import CannotListen, Ports
from outpost.log import start_log
from outpost.supervisor import READY, STOPPING, Supervisor
from outpost.telemetry import Telemetry
from settings import Settings

EXIT_FAILED = 1
TITLE = "Outpost is running."
MOST_DESCRIPTORS = 1 << 20
"""Enough for every door at once; some systems allow a thousand times that, and programs that we start may walk through
all that there could be."""
Places = Mapping[str, list[str]]
"""Listener to its ``host:port``s."""


class Program(Protocol):
    ports: Ports
    telemetry: Telemetry

    async def start(self) -> None:
        """Raises CannotListen."""

    def refresh(self) -> None:
        """What is watched is looked at now."""

    async def stop(self) -> None: ...


log = logging.getLogger(__name__)


def begin(settings: Settings) -> IO[str] | None:
    """The first step of every program: from here on all that is said is log lines, and the data folder is ours.

    None: it cannot be had, and that has been said. Keep what is returned while the program runs.
    """
    take_descriptors()
    start_log(settings.log.level, settings.log.format)
    log.setLevel(logging.INFO)  # whatever the level is: start-up lines say where the ports are
    for sentence in settings.warnings:
        log.warning(sentence, extra={"fields": {"event": "settings_warning"}, "block": f"outpost: {sentence}"})
    try:
        return claim(settings.data_dir)
    except Unusable as error:
        complain(str(error))
        return None


def take_descriptors() -> None:
    """As many as we are allowed: the usual 1,024 are there for programs that know select(2) alone, and are fewer than
    one door's connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def complain(sentence: str) -> None:
    """Why the program ends."""
    log.error(sentence, extra={"fields": {"event": "cannot_start"}, "block": f"outpost: {sentence}"})


class Process:
    """``next_steps`` gives the last of the start-up lines, for the ports that were opened. None: a parent says them."""

    def __init__(
        self, settings: Settings, program: Program, reactor: Any, next_steps: Callable[[Places], list[str]] | None
    ) -> None:
        self._settings = settings
        self._program = program
        self._reactor = reactor
        self._next_steps = next_steps
        self._exit_code = 0
        self._supervisor = Supervisor(os.environ, os.getpid())

    def run(self) -> int:
        """Until stopped by a signal, or a failure to start; the exit code."""
        self._reactor.callWhenRunning(lambda: Deferred.fromCoroutine(self._start()))
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        if not os.isatty(0):  # whoever closes a terminal wants the program to end
            signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._program.refresh))
        self._reactor.run()
        return self._exit_code

    async def _start(self) -> None:
        try:
            await self._program.start()
        except CannotListen as error:
            self._fail(str(error))
        except Exception:
            self._program.telemetry.fault("starting")
            self._fail("a fault of ours kept it from starting; the traceback is above.")
        else:
            if self._next_steps is not None:
                self._announce(self._next_steps)
            self._supervisor.tell(READY)
            self._supervisor.keep_alive(self._reactor)

    def _fail(self, sentence: str) -> None:
        complain(sentence)
        self._exit_code = EXIT_FAILED
        self._reactor.stop()

    def _stop(self) -> Deferred[None]:
        self._supervisor.tell(STOPPING)
        return Deferred.fromCoroutine(self._program.stop())

    def _announce(self, next_steps: Callable[[Places], list[str]]) -> None:
        ports = self._program.ports.places
        folder = str(self._settings.data_dir.absolute())
        steps = next_steps(ports)
        block = [
            "",
            TITLE,
            f"  data folder  {folder}",
            *(f"  {name:<11}  {', '.join(places)}" for name, places in ports.items()),
            "",
            *steps,
            "",
        ]
        fields = {
            "event": "started",
            "data_dir": folder,
            "ports": ports,
            "next_steps": [line for line in steps if line],
        }
        log.info(TITLE, extra={"fields": fields, "block": "\n".join(block)})


def browsable(ports: Places, public_url: str) -> str:
    """An address that a browser on this machine can open."""
    if public_url:
        return public_url
    host, _, port = next(iter(ports.get("http", ())), "localhost:9000").rpartition(":")
    return f"http://{'localhost' if host in ('0.0.0.0', '[::]') else host}:{port}"  # noqa: S104
