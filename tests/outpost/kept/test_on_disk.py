"""An outpost's folder from one life to the next: the directory, the known, the reports; alone and all-in-one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from outpost.authentication import LinkAway
from outpost.directory.snapshot import Directory
from outpost.kept import credentials as kept_credentials
from outpost.kept.credential_cache import CredentialCache
from outpost.kept.on_disk import OnDisk
from outpost.kept.saving import SECONDS_BETWEEN
from outpost.kept.sealed import Seal
from outpost.link.following import Link, Receive
from outpost.outcome import Decision, Password
from outpost.telemetry import Telemetry
from outpost.threads import Threads
from protocols.link import codec
from protocols.link.messages import (
    Delta,
    Frame,
    Heartbeat,
    Hello,
    LdapSettings,
    ProviderRecord,
    Put,
    Reports,
    ReportsTaken,
    Reuse,
    SnapshotChunk,
    UserRecord,
)
from tests.fakes import FakeClock, FakeGarbageCollector, an_identity, run, take_turns

ALICE = UserRecord(1, "u1", "uid", "alice", "", "", "internal", True, 1, 1)
BOB = UserRecord(2, "u2", "uid", "bob", "", "", "internal", True, 2, 1)
CHUNK = SnapshotChunk(
    5, "store", "c5", 0, True, (ALICE, ProviderRecord(7, "dir", "ldap", "app", "App", "a1", "any", LdapSettings()))
)
PASSWORD = Password("alice", "right")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_credentials, "MEMORY_KIB", 64)
    monkeypatch.setattr(kept_credentials, "PASSES", 1)


class AtOnce(Threads):
    """Here and now."""

    def __init__(self) -> None:
        super().__init__(None)

    def any(self, work: Callable[[], Any]) -> Deferred[Any]:
        return maybeDeferred(work)

    one = any


class Life:
    """One run of an outpost, and the control that it follows when a test lets it."""

    def __init__(self, folder: Path, clock: FakeClock, token: str | None = "token", credentials: bool = True) -> None:
        self.clock, self.timers = clock, Clock()
        self.notes: list[str] = []
        self.hellos: list[Hello] = []
        self.reports: list[Reports] = []
        self.receive: Receive = lambda _: Deferred()
        self.directory = Directory()
        telemetry = Telemetry()
        telemetry.noted = self.notes.append  # type: ignore[method-assign, assignment]
        self.cache = CredentialCache(b"k" * 32, self.directory, clock)
        self.link = Link(
            self,
            self.directory,
            telemetry,
            self.timers,
            lambda: 0.5,
            instance="?",
            hostname="h",
            version="v",
            now=clock,
            collector=FakeGarbageCollector(),
        )
        seal = Seal(token) if token is not None else None
        self.on_disk = OnDisk(
            folder,
            seal,
            self.directory,
            self.cache,
            self.link,
            telemetry,
            self.timers,
            AtOnce(),
            clock,
            lambda size: b"r" * size,
            credentials,
        )
        self.on_disk.restore()
        self.on_disk.start()
        Deferred.fromCoroutine(self.link.run()).addErrback(lambda _: None)

    def follow(self, hello: bytes, receive: Receive) -> Deferred[None]:
        frame = codec.decode(hello)
        assert isinstance(frame, Hello)
        self.hellos.append(frame)
        self.receive = receive
        return Deferred()

    async def ask(self, question: bytes) -> bytes:
        frame = codec.decode(question)
        if not isinstance(frame, Reports):
            raise LinkAway
        self.reports.append(frame)
        return codec.encode(ReportsTaken(frame.reports[-1].number if frame.reports else 0))

    def send(self, frame: Frame) -> None:
        take_turns(self.receive(codec.encode(frame)), self.timers)

    def accept(self) -> None:
        decision = Decision("accepted", an_identity("alice"), "q")
        self.cache.learn(PASSWORD, 7, "p", decision, Reuse(600), self.directory.current.revision)

    def check(self) -> Decision | None:
        return run(self.on_disk.kept.check(PASSWORD, 7, "p")) if self.on_disk.kept is not None else None

    def save(self) -> None:
        self.timers.advance(SECONDS_BETWEEN)

    def stop(self) -> None:
        Deferred.fromCoroutine(self.on_disk.stop())

    def kill(self) -> None:
        """What the kernel closes, and nothing more."""
        self.on_disk._reporting._outbox.close()


class World:
    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.running: Life | None = None

    def life(self, **fields: Any) -> Life:
        self.kill()
        self.running = Life(self.folder, self.clock, **fields)
        return self.running

    def kill(self) -> None:
        if self.running is not None:
            self.running.kill()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def killed(world: World) -> World:
    """An outpost that followed control, accepted alice, wrote, and was killed."""
    life = world.life()
    life.send(CHUNK)
    life.accept()
    life.save()
    world.clock.advance(60)
    return world


def test_started_without_control_it_has_the_directory_and_the_known(killed: World) -> None:
    heard = killed.clock() - 60
    life = killed.life()
    assert life.directory.loaded
    assert life.directory.current.users[1] == ALICE
    assert life.link.last_heard == heard
    assert life.check() is not None
    assert not life.link.loaded.called
    assert life.notes == []
    assert "(revision 5)" in life.on_disk.told_of_age()


def test_it_goes_on_from_there_with_deltas(killed: World) -> None:
    life = killed.life()
    assert (life.hellos[0].incarnation, life.hellos[0].revision, life.hellos[0].chain) == ("store", 5, "c5")
    life.send(Delta(5, 6, "c6", (Put(BOB),)))
    assert life.check() is not None
    life.save()
    assert killed.life().hellos[0].revision == 6


def test_a_restored_older_store_leaves_nothing_of_before(killed: World) -> None:
    life = killed.life()
    life.send(SnapshotChunk(4, "store", "another", 0, True, CHUNK.records))
    assert life.check() is None
    assert not (killed.folder / "credentials.sealed").exists()
    life.save()
    again = killed.life()
    assert (again.hellos[0].revision, again.hellos[0].chain) == (4, "another")
    assert again.check() is None


def test_the_stop_writes_what_was_not_written(world: World) -> None:
    life = world.life()
    life.send(CHUNK)
    life.accept()
    life.stop()
    again = world.life()
    assert again.directory.current.users[1] == ALICE
    assert again.check() is not None


def test_after_a_gap_the_older_file_stays_until_all_has_come_again(killed: World) -> None:
    life = killed.life()
    life.send(Delta(5, 6, "c6", (Put(BOB),)))
    life.link._replica.forget()
    life.save()
    assert killed.life().hellos[0].revision == 5


@pytest.mark.parametrize("file", ["snapshot.sealed", "credentials.sealed"])
def test_a_damaged_file_is_ignored_in_one_sentence(killed: World, file: str) -> None:
    content = (killed.folder / file).read_bytes()
    (killed.folder / file).write_bytes(content[:-1])
    life = killed.life()
    assert len([note for note in life.notes if note.startswith(file)]) == 1
    assert life.check() is None
    assert life.directory.loaded == (file != "snapshot.sealed")


def test_another_token_opens_nothing(killed: World) -> None:
    life = killed.life(token="another")
    assert not life.directory.loaded
    assert life.check() is None
    assert life.hellos[0] == replace(life.hellos[0], incarnation="", revision=0, chain="")


def test_passwords_are_not_kept_when_that_is_switched_off(killed: World) -> None:
    life = killed.life(credentials=False)
    assert life.directory.loaded
    assert life.on_disk.kept is None
    assert not (killed.folder / "credentials.sealed").exists()
    life.accept()
    life.stop()
    assert not (killed.folder / "credentials.sealed").exists()


def test_the_all_in_one_program_seals_nothing_but_keeps_its_reports(world: World) -> None:
    life = world.life(token=None)
    life.send(CHUNK)
    life.accept()
    assert life.cache.known(PASSWORD, 7, "p") is not None
    life.stop()
    assert sorted(path.name for path in world.folder.iterdir()) == ["outbox.jsonl", "outbox.lock"]
    again = world.life(token=None)
    again.send(CHUNK)
    assert [report.kind for reports in again.reports for report in reports.reports] == ["logins"]


def test_a_login_without_control_is_reported_when_it_is_there_again(killed: World) -> None:
    life = killed.life()
    life.check()
    life.timers.advance(60)
    assert life.reports == []
    life.send(Heartbeat(5))
    (report,) = (report for reports in life.reports for report in reports.reports)
    assert (report.number, report.body["user"], report.body["away"], report.body["count"]) == (1, 1, True, 1)
    assert {reports.instance for reports in life.reports} == {life.hellos[0].instance}


def test_the_restored_snapshot_is_not_held_on_to(killed: World) -> None:
    """It is as large as the directory, and would stay beside every later one."""
    life = killed.life()
    assert life.directory.loaded
    assert all(value is not life.directory.current for value in vars(life.on_disk).values())
