"""The two programs apart: `outpost run`, which follows an `outpost control` of its own over HTTP."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from control.app import open_store
from control.config import ControlConfig
from control.records import Event, Token
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.verbs import outposts
from settings import load
from tests.wire.program import Program

EDGE = "edge"


class Edge(Program):
    """`outpost run` for one outpost of ``control``, which may be any; made there if it has none of that name."""

    def __init__(self, folder: Path, control: Program, name: str = EDGE, **environ: str) -> None:
        self._control = control
        self.outpost_name = name
        self.outpost = _outpost(control, name)
        super().__init__(
            folder, "run", OUTPOST_HOST=control.http, OUTPOST_TOKEN=token(control, self.outpost), **environ
        )
        for unneeded in ("SECRET_KEY", "BOOTSTRAP_TOKEN", "BOOTSTRAP_PASSWORD"):
            del self.environ[f"OUTPOST_{unneeded}"]

    @property
    def control(self) -> Program:
        return self._control


class Apart(Edge):
    """Both programs, started and stopped together; doors, ports and folder are the outpost's."""

    def __init__(self, folder: Path, name: str = EDGE, clock: Mapping[str, str] | None = None, **environ: str) -> None:
        """``environ`` is control's; both have the time of day of ``clock`` (`tests.wire.clock`)."""
        control = Program(folder / "control", "control", **(clock or {}), **environ).start()
        try:
            super().__init__(folder / "run", control, name, **(clock or {}))
        except BaseException:
            control.stop()
            raise

    def start(self) -> Program:
        if not self.control.running:
            self.control.start_again()
        try:
            return super().start()
        except BaseException:
            self.control.stop()
            raise

    def stop(self, number: int = signal.SIGTERM) -> int:
        """0 if both ended with 0."""
        try:
            own = super().stop(number)
        finally:
            other = self.control.stop(number)
        return own or other

    def output(self) -> str:
        return f"--- control\n{self.control.output()}\n--- outpost\n{super().output()}"

    @property
    def programs(self) -> list[Program]:
        return [self.control, self]


@contextmanager
def store(program: Program) -> Iterator[SqlStore]:
    """The store of a program, opened beside it as administrative commands do."""
    opened = open_store(ControlConfig.from_settings(load(program.control.environ)))
    try:
        yield opened
    finally:
        opened.close()


def questions(program: Program, name: str) -> int:
    """How often control was asked who this is: it keeps an event of each."""
    with store(program) as opened:
        events = opened.read_now(lambda tx: tx.select(Event))
    return sum(event.action.startswith("login") and event.context.get("username") == name for event in events)


def token(program: Program, outpost: str) -> str:
    """The key that this outpost shows to control."""

    def key(tx: Transaction) -> str:
        return _token(tx, outpost).key

    with store(program) as opened:
        return opened.read_now(key)


def revoke_token(program: Program, outpost: str) -> None:
    with store(program) as opened:
        opened.write_now(lambda tx: tx.delete(_token(tx, outpost)))


def _token(tx: Transaction, outpost: str) -> Token:
    found = tx.find(Token, identifier=outposts.token_identifier(outpost))
    assert found is not None
    return found


def _outpost(program: Program, name: str) -> str:
    found = program.api("GET", "outposts/instances/", query={"name__iexact": name})["results"]
    made = found[0] if found else program.api("POST", "outposts/instances/", _new(name))
    pk: str = made["pk"]
    return pk


def _new(name: str) -> dict[str, object]:
    return {"name": name, "type": "any", "providers": [], "config": {}}
