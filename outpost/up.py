"""`outpost up` and `outpost control`: control in this process, on Twisted's asyncio reactor, with or without doors.

The only place where the two programs meet: control's coroutines become Deferreds here, and the frames of the link cross
in memory, through the same codec as on the wire (DESIGN D3, D7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred

from control.app import Control
from control.config import CannotStart, ControlConfig
from outpost.config import OutpostConfig
from outpost.log import start_log
from settings import Settings

T = TypeVar("T")


class InProcess:
    """The link's `Transport` when control runs in this very process."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def follow(self, hello: bytes, receive: Callable[[bytes], None]) -> None:
        await deferred(self._pump(hello, receive))

    def ask(self, question: bytes) -> Deferred[bytes]:
        return deferred(self._control.link.ask(self._control.embedded_outpost, question))

    async def _pump(self, hello: bytes, receive: Callable[[bytes], None]) -> None:
        async for line in self._control.link.follow(self._control.embedded_outpost, hello):
            receive(line)


def deferred(coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
    """A coroutine of control's as a Deferred; cancelling one cancels the other."""
    return Deferred.fromFuture(asyncio.ensure_future(coroutine))


def main(settings: Settings, doors: bool = True) -> int:
    """Runs until stopped; the exit code. What cannot start says so in a sentence on standard error."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    from twisted.internet import reactor

    from outpost.process import EXIT_FAILED, Process, Program, browsable, complain

    start_log(settings.log.level)
    try:
        control = loop.run_until_complete(Control.open(ControlConfig.from_settings(settings)))
    except CannotStart as error:
        complain(str(error))
        return EXIT_FAILED
    program: Program = _with_doors(settings, control, reactor) if doors else _alone(settings, control, reactor)

    def next_steps(ports: Any) -> list[str]:
        return control.next_steps(browsable(ports, settings.public_url))

    try:
        return Process(settings, program, reactor, next_steps).run()
    finally:
        control.close()


def _with_doors(settings: Settings, control: Control, reactor: Any) -> Any:
    from outpost.app import Outpost

    return Outpost(OutpostConfig.from_settings(settings), InProcess(control), reactor, application=control.application)


def _alone(settings: Settings, control: Control, reactor: Any) -> Any:
    from outpost.control_alone import ControlAlone

    return ControlAlone(OutpostConfig.from_settings(settings), control.application, control.certificate, reactor)
