"""One run of the reactor with a program inside: start-up lines, failures as sentences, an orderly stop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from outpost.listeners.ports import CannotListen, Ports
from outpost.telemetry import Telemetry
from settings import Settings

EXIT_FAILED = 1
Places = Mapping[str, list[str]]
"""Listener to its ``host:port``s."""


class Program(Protocol):
    ports: Ports
    telemetry: Telemetry

    async def start(self) -> None:
        """Raises CannotListen."""

    async def stop(self) -> None: ...


def complain(sentence: str) -> None:
    print(f"outpost: {sentence}", file=sys.stderr)  # noqa: T201  # a command speaks to its terminal


class Process:
    """``next_steps`` gives the last of the start-up lines, for the ports that were opened."""

    def __init__(
        self, settings: Settings, program: Program, reactor: Any, next_steps: Callable[[Places], list[str]]
    ) -> None:
        self._settings = settings
        self._program = program
        self._reactor = reactor
        self._next_steps = next_steps
        self._exit_code = 0

    def run(self) -> int:
        """Until stopped by a signal, or a failure to start; the exit code."""
        self._reactor.callWhenRunning(lambda: Deferred.fromCoroutine(self._start()))
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stop)
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
            print(*self._start_up_lines(), sep="\n", file=sys.stderr)  # noqa: T201

    def _fail(self, sentence: str) -> None:
        complain(sentence)
        self._exit_code = EXIT_FAILED
        self._reactor.stop()

    def _stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._program.stop())

    def _start_up_lines(self) -> list[str]:
        ports = self._program.ports.places
        return [
            "",
            "Outpost is running.",
            f"  data folder  {self._settings.data_dir.absolute()}",
            *(f"  {name:<11}  {', '.join(places)}" for name, places in ports.items()),
            "",
            *self._next_steps(ports),
            "",
        ]


def browsable(ports: Places, public_url: str) -> str:
    """An address that a browser on this machine can open."""
    if public_url:
        return public_url
    host, _, port = next(iter(ports.get("http", ())), "localhost:9000").rpartition(":")
    return f"http://{'localhost' if host in ('0.0.0.0', '[::]') else host}:{port}"  # noqa: S104
