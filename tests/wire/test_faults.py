"""What does not kill: a full disk, a frozen control, clocks that jump, a bad link, files that are damaged.

Through all of it who is known comes in, nobody else does, and afterwards all is as before, by itself.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.wire.apart import Edge
from tests.wire.clock import library
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.doors import DOORS, Said, by_ldap, open_to_people
from tests.wire.faulty import Relay, relay
from tests.wire.program import TOKEN, Program, until
from tests.wire.test_survival import at_all_doors, news_comes

pytestmark = [pytest.mark.peer, pytest.mark.timeout(600)]

SECONDS = 90.0
"""What comes back by itself does within this: a stream is silent for 45 seconds before it is given up."""
DAY = 24 * 3600
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
GUESS = "a guess"


class Shape:
    def __init__(self, edge: Edge, through: Relay, clocks: dict[str, Path]) -> None:
        self.edge, self.through, self.clocks = edge, through, clocks
        self.people: Directory = open_to_people(edge)

    @property
    def control(self) -> Program:
        return self.edge.control

    def jumps(self, whose: str, seconds: int) -> None:
        set_clock(self.clocks[whose], seconds)

    def holds(self) -> None:
        """bob, who is known, comes in at every door, and a wrong password does not."""
        assert at_all_doors(self.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
        assert Said.YES not in at_all_doors(self.edge, "bob", GUESS)

    def is_well(self) -> None:
        """As before: control is heard, and answers."""
        until(lambda: by_ldap(self.edge, "dan", GUESS) is Said.NO, SECONDS, "an answer of control's")
        until(lambda: heard(self), SECONDS, "hearing of a change")
        until(lambda: at_all_doors(self.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3, SECONDS, "bob coming in")


def set_clock(file: Path, seconds: int) -> None:
    """Whoever reads it meanwhile finds a whole one."""
    beside = file.with_suffix(".new")
    beside.write_text(f"{seconds:+d}")
    os.replace(beside, file)


def heard(shape: Shape) -> bool:
    try:
        return news_comes(shape.edge, shape.people) >= 0
    except AssertionError:
        return False


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    folder = tmp_path_factory.mktemp("faults")
    clocks = {name: folder / f"{name}-clock" for name in ("control", "outpost")}

    def clock(name: str) -> dict[str, str]:
        set_clock(clocks[name], 0)
        told = {"FAKETIME_TIMESTAMP_FILE": str(clocks[name]), "FAKETIME_NO_CACHE": "1"}
        return {"LD_PRELOAD": str(library()), "FAKETIME_DONT_FAKE_MONOTONIC": "1", **told}

    control = Program(folder / "control", "control", **clock("control"))
    control.start_seconds = SECONDS
    control.start()
    try:
        with relay(control.place("http")) as through:
            edge = Edge(folder / "run", control)
            edge.start_seconds = SECONDS
            edge.environ |= {"OUTPOST_HOST": through.url, **clock("outpost")}
            edge.start()
            try:
                yield Shape(edge, through, clocks)
            finally:
                code = edge.stop()
    finally:
        codes = [code, control.stop()]
    said = control.output() + edge.output()
    assert codes == [0, 0], said
    assert "Traceback" not in said, said


@contextmanager
def frozen(program: Program) -> Iterator[None]:
    os.kill(program.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(program.pid, signal.SIGCONT)


@pytest.mark.full
def test_a_frozen_control(shape: Shape) -> None:
    shape.holds()
    with frozen(shape.control):
        assert at_all_doors(shape.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
        assert by_ldap(shape.edge, "bob", GUESS) is Said.UNAVAILABLE
        assert by_ldap(shape.edge, "carol", PASSWORDS["carol"]) is Said.UNAVAILABLE
    shape.is_well()


def test_a_slow_link(shape: Shape) -> None:
    shape.through.slow = 0.5
    try:
        shape.holds()
    finally:
        shape.through.slow = 0.0
    shape.is_well()


@pytest.mark.full
def test_a_link_that_swallows_and_closes_nothing(shape: Shape) -> None:
    shape.holds()
    shape.through.swallows = True
    try:
        assert at_all_doors(shape.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
        assert by_ldap(shape.edge, "bob", GUESS) is Said.UNAVAILABLE
        until(lambda: "no answer in time" in shape.edge.output(), SECONDS, "noticing it")
    finally:
        shape.through.swallows = False
    shape.is_well()


@pytest.mark.parametrize("whose", ["outpost", "control"])
@pytest.mark.parametrize("seconds", [DAY, -DAY], ids=["forward", "back"])
def test_a_clock_that_jumps(shape: Shape, whose: str, seconds: int) -> None:
    shape.holds()
    shape.jumps(whose, seconds)
    try:
        for door in DOORS:
            assert door(shape.edge, "bob", GUESS) is not Said.YES
        until(lambda: by_ldap(shape.edge, "bob", PASSWORDS["bob"]) is Said.YES, SECONDS, "bob coming in")
    finally:
        shape.jumps(whose, 0)
    shape.is_well()


def test_a_full_disk_at_control(shape: Shape) -> None:
    """As far as files may grow: nothing that is written fits."""
    shape.holds()
    resource.prlimit(shape.control.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    try:
        lost = created(shape, "lost")
        assert lost.status_code in (500, 503), lost.text
        assert at_all_doors(shape.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
        assert Said.YES not in at_all_doors(shape.edge, "bob", GUESS)
    finally:
        resource.prlimit(shape.control.pid, resource.RLIMIT_FSIZE, UNLIMITED)
    until(lambda: created(shape, "kept").status_code == 201, SECONDS, "a write")
    assert shape.control.api("GET", "core/users/", query={"username": "lost"})["results"] == []
    shape.is_well()


def created(shape: Shape, name: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    body = {"username": name, "name": name}
    return httpx.post(f"{shape.control.http}/api/v3/core/users/", json=body, headers=headers, timeout=30)


def test_a_full_disk_at_the_outpost(shape: Shape) -> None:
    resource.prlimit(shape.edge.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    try:
        shape.holds()
        assert heard(shape)
    finally:
        resource.prlimit(shape.edge.pid, resource.RLIMIT_FSIZE, UNLIMITED)
    shape.is_well()


def halved(octets: bytes) -> bytes:
    return octets[: len(octets) // 2]


def turned(octets: bytes) -> bytes:
    at = len(octets) // 2
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


@pytest.mark.parametrize("damage", [halved, turned], ids=lambda damage: damage.__name__)
def test_damaged_files_of_an_outpost(shape: Shape, damage: Callable[[bytes], bytes]) -> None:
    shape.holds()
    assert shape.edge.stop() == 0
    kept = list((shape.edge.folder / "data").glob("*.sealed"))
    assert kept
    for path in kept:
        path.write_bytes(damage(path.read_bytes()))
    shape.edge.start_again()
    until(lambda: at_all_doors(shape.edge, "bob", GUESS) == [Said.NO] * 3, SECONDS, "control's answer")
    shape.is_well()


@pytest.mark.full
def test_a_truncated_database(shape: Shape) -> None:
    """Control says so and does not start; outposts go on with whom they know, and what is put back is good."""
    shape.holds()
    assert shape.control.stop() == 0
    whole = shape.control.database.read_bytes()
    shape.control.database.write_bytes(whole[: len(whole) // 2])
    try:
        refused = shape.control.command("control")
        assert refused.returncode == 1, refused.stderr
        assert "Traceback" not in refused.stderr
        assert len(refused.stderr.strip().splitlines()) <= 2, refused.stderr
        assert at_all_doors(shape.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
        assert Said.YES not in at_all_doors(shape.edge, "bob", GUESS)
    finally:
        shape.control.database.write_bytes(whole)
        for more in shape.control.database.parent.glob(f"{shape.control.database.name}-*"):
            more.unlink()
        shape.control.start_again()
    shape.is_well()
