"""`outpost rotate-secret-key` is killed (SIGKILL) at random points, again and again, beside a program that serves."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import TracebackType

import pytest

from control.config import ControlConfig
from control.key_file import KeyFile
from control.records import Token, User
from control.store.interface import Transaction
from control.store.secrets import KeyRing
from control.store.sql import SqlStore, rotation
from control.verbs import tokens
from settings import load
from tests.control.store.postgresql import Server
from tests.wire import processes
from tests.wire.apart import store
from tests.wire.program import SECRET_KEY, Program, until

pytestmark = [pytest.mark.peer, pytest.mark.full, pytest.mark.timeout(600)]

ROWS = 4000
"""Twenty transactions."""
UNTOUCHED, MORE = ROWS + 1_000, ROWS + 2_000
"""Left where there is another key and nothing has been sealed with it; and where there is none yet."""
ROTATIONS, DEATHS = 2, 5
SEED = 11
SECONDS = 60.0
NEXT_KEY = "vR2nX8cM5tY1kJ7wQ4hZ9bD6gF3sL0pA-{}-test-only"


class Rotated:
    """A program whose key is changed: the one in its folder by the command, the one in its settings by the operator."""

    def __init__(self, folder: Path, database: dict[str, str]) -> None:
        self.program = Program(folder, "up", OUTPOST_SECRET_KEY=SECRET_KEY if database else "", **database)
        self.number = 0

    @property
    def has_file(self) -> bool:
        return "OUTPOST_SECRET_KEY" not in self.program.environ

    @property
    def config(self) -> ControlConfig:
        return ControlConfig.from_settings(load(self.program.environ))

    @property
    def keys(self) -> list[str]:
        return KeyFile(self.program.folder / "data" / "secret.key").keys() if self.has_file else self.config.secret_keys

    def begin(self) -> None:
        """The operator's part."""
        if not self.has_file:
            self.number += 1
            former = self.program.environ["OUTPOST_SECRET_KEY"]
            new = NEXT_KEY.format(self.number)
            self._start_again(OUTPOST_SECRET_KEY=new, OUTPOST_FORMER_SECRET_KEYS=former)

    def end(self) -> None:
        if not self.has_file:
            self._start_again(OUTPOST_FORMER_SECRET_KEYS="")

    def _start_again(self, **environ: str) -> None:
        assert self.program.stop() == 0, self.program.output()
        given = {**self.program.environ, **environ}
        self.program.environ = {name: value for name, value in given.items() if value}
        self.program.start_again()

    def left(self, former: str) -> int:
        """How many rows are sealed with another key than the present one."""
        keys = self.keys
        return MORE if keys[0] == former else rotation.left(self.config.database, KeyRing(keys, os.urandom))

    def cut_off(self, former: str, at: int) -> bool:
        """The command is killed as soon as so few rows are left; had it not ended before?"""
        log = self.program.folder / "rotating.txt"
        with log.open("ab") as out:
            command = [sys.executable, "-m", "outpost", "rotate-secret-key"]
            process = processes.start(
                command, cwd=self.program.folder, env=self.program.environ, stdout=out, stderr=out
            )
        until(lambda: process.poll() is not None or self.left(former) <= at, SECONDS, "the rotation", pause=0.01)
        process.kill()
        ended = process.wait()
        assert ended in (0, -signal.SIGKILL), log.read_text()
        return ended != 0


class Users:
    """Read what is sealed and have more of it sealed, all the time."""

    def __init__(self, program: Program, owner: int, turn: int) -> None:
        self.program = program
        self.owner = owner
        self.turn = turn
        self.made: dict[str, str] = {}
        self.faults: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> Users:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        random = Random(SEED)
        while not self._over.wait(0.01):
            try:
                self._once(f"meanwhile-{self.turn}-{len(self.made)}", random.randrange(ROWS))
            except Exception as error:
                self.faults.append(repr(error))
                return

    def _once(self, identifier: str, number: int) -> None:
        body = {"identifier": identifier, "intent": "api", "user": self.owner, "expiring": False}
        self.program.api("POST", "core/tokens/", body)
        self.made[identifier] = self._key(identifier)
        assert self._key(f"k{number}") == key_of(number)

    def _key(self, identifier: str) -> str:
        key: str = self.program.api("GET", f"core/tokens/{identifier}/view_key/")["key"]
        return key


def key_of(number: int) -> str:
    return f"{number:064d}"


def fill(tx: Transaction) -> int:
    """Whose the tokens are."""
    owner = tx.find(User, username="akadmin")
    assert owner is not None
    for number in range(ROWS):
        tokens.put(tx, owner.pk, f"k{number}", key_of(number), "")
    return owner.pk


def held(opened: SqlStore) -> dict[str, str]:
    """By those who were made for this. Raises CannotOpen."""
    found = opened.read_now(lambda tx: tx.select(Token))
    return {token.identifier: token.key for token in found if token.identifier.startswith(("k", "meanwhile"))}


@pytest.fixture(params=["sqlite", "postgresql"])
def rotated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rotated]:
    database: dict[str, str] = {}
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql_server")
        server.new_database("rotated")
        database = server.settings("rotated")
    made = Rotated(tmp_path / "up", database)
    made.program.start()
    try:
        yield made
    finally:
        assert made.program.stop() == 0, made.program.output()
    assert "Traceback" not in made.program.output(), made.program.output()


def test_a_rotation_that_is_killed_goes_on_and_nothing_is_lost(
    rotated: Rotated, capsys: pytest.CaptureFixture[str]
) -> None:
    random, made, killed = Random(SEED), dict[str, str](), 0
    with store(rotated.program) as opened:
        owner = opened.write_now(fill)
    for turn in range(ROTATIONS):
        former = rotated.keys[0]
        rotated.begin()
        with Users(rotated.program, owner, turn) as users:
            points = sorted((random.randrange(ROWS) for _ in range(DEATHS - 2)), reverse=True)
            for at in (UNTOUCHED, *points, 0):
                killed += rotated.cut_off(former, at)
            done = rotated.program.command("rotate-secret-key")
            assert done.returncode == 0, done.stderr
        assert users.faults == []
        assert users.made
        made |= users.made
        rotated.end()
        assert len(rotated.keys) == 1
        assert rotated.keys != [former]
        assert rotated.left(former) == 0
    assert rotated.program.stop() == 0, rotated.program.output()
    with store(rotated.program) as opened:
        assert held(opened) == {f"k{number}": key_of(number) for number in range(ROWS)} | made
    assert killed > ROTATIONS
    rotated.program.start_again()
    with capsys.disabled():
        print(f"\n{killed} of {ROTATIONS * DEATHS} were killed; {len(made)} secrets were made meanwhile")
