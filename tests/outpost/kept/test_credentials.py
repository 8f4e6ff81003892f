"""Passwords that outlive a restart: only as Argon2id hashes, only in the grace, only as far as the snapshot admits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.kept import credentials as kept_credentials
from outpost.kept.credential_cache import GRACE_SECONDS, CredentialCache
from outpost.kept.credentials import MOST_WAITING, PURPOSE, KeptCredentials
from outpost.kept.saving import SECONDS_BETWEEN, Saving
from outpost.kept.sealed import Seal
from outpost.outcome import Decision, Password
from outpost.telemetry import Telemetry
from protocols.link.messages import Change, Configuration, LdapSettings, ProviderRecord, Put, Remove, Reuse, UserRecord
from rules.reasons import Outcome
from tests.fakes import FakeClock, an_identity, run

ALICE = Password("alice", "right")
USER = UserRecord(1, "u1", "uid1", "alice", "Alice", "alice@example.com", "internal", True, 1, 1)
PROVIDER = ProviderRecord(7, "dir", "ldap", "app", "App", "a1", "any", LdapSettings())
SEAL = Seal("token")
ANYWHERE = Reuse(600)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about decisions; one below looks at the cost."""
    monkeypatch.setattr(kept_credentials, "MEMORY_KIB", 64)
    monkeypatch.setattr(kept_credentials, "PASSES", 1)


class Life:
    """One run of an outpost in a folder. ``held``: threads do not run until a test lets them."""

    def __init__(self, folder: Path, clock: FakeClock, revision: int = 5) -> None:
        self.clock, self.timers = clock, Clock()
        self.directory = Directory()
        self.cache = CredentialCache(b"k" * 32, self.directory, clock)
        self.directory.publish(whole(revision, [USER, PROVIDER]), Touched(everything=True))
        self.work = 0
        self.held: list[tuple[Callable[[], object], Deferred[object]]] | None = None
        self.kept = KeptCredentials(
            self.cache, self.directory, b"d" * 32, self.in_turn, self.start, clock, lambda size: b"s" * size
        )
        self.path = folder / "credentials.sealed"
        self.kept.saving = Saving(
            SEAL, self.path, PURPOSE, self.kept.capture, self.timers, self.in_thread, Telemetry(), lambda _: None
        )
        self.kept.saving.load(self.kept.restore)
        self.cache.keeper = self.kept

    def in_turn(self, work: Callable[[], object]) -> Deferred[object]:
        self.work += 1
        done: Deferred[object] = Deferred()
        if self.held is None:
            done.callback(work())
        else:
            self.held.append((work, done))
        return done

    def in_thread(self, work: Callable[[], None]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        work()
        done.callback(None)
        return done

    def start(self, work: Awaitable[None]) -> None:
        Deferred.fromCoroutine(work)  # type: ignore[arg-type]

    def let_go(self) -> None:
        held, self.held = self.held or [], None
        for work, done in held:
            done.callback(work())

    def accept(self, credentials: Password = ALICE, reuse: Reuse | None = ANYWHERE, peer: str = "p") -> None:
        decision = Decision("accepted", an_identity("alice", entitlements=("door",)), "q")
        self.cache.learn(credentials, 7, peer, decision, reuse, self.directory.current.revision)

    def change(self, *changes: Change) -> None:
        now = self.directory.current
        self.directory.publish(*changed(now, now.revision + 1, changes))

    def check(self, credentials: Password = ALICE, provider: int = 7, peer: str = "p") -> Decision | None:
        return run(self.kept.check(credentials, provider, peer))

    def save(self) -> None:
        self.timers.advance(SECONDS_BETWEEN)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()

    def life(self, **fields: Any) -> Life:
        return Life(self.folder, self.clock, **fields)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An outpost accepted alice, wrote that down, and was killed."""
    made = World(tmp_path)
    first = made.life()
    first.accept()
    first.save()
    return made


def accepted(decision: Decision | None) -> bool:
    return decision is not None and decision.outcome is Outcome.ACCEPTED


def test_after_a_restart_they_are_still_known(world: World) -> None:
    life = world.life()
    decision = life.check()
    assert accepted(decision)
    assert decision is not None
    assert decision.identity is not None
    assert (decision.identity.username, decision.identity.entitlements) == ("alice", ("door",))


def test_once_proved_the_memory_has_them(world: World) -> None:
    life = world.life()
    life.check()
    assert accepted(life.cache.in_grace(ALICE, 7, "p"))
    assert life.cache.known(ALICE, 7, "p") is None


@pytest.mark.parametrize(
    ("credentials", "provider"),
    [(Password("alice", "wrong"), 7), (Password("bob", "right"), 7), (ALICE, 8), (Password("alice", "x" * 5000), 7)],
    ids=["another password", "another name", "another provider", "too long"],
)
def test_nothing_else_is(world: World, credentials: Password, provider: int) -> None:
    assert world.life().check(credentials, provider) is None


def test_the_grace_goes_on_from_the_acceptance_and_ends(world: World) -> None:
    world.clock.advance(GRACE_SECONDS - 1)
    assert accepted(world.life().check())
    world.clock.advance(1)
    assert world.life().check() is None


@pytest.mark.parametrize(
    "change",
    [
        Put(replace(USER, credential_version=2)),
        Put(replace(USER, is_active=False)),
        Put(replace(USER, valid_until=1.0)),
        Remove("user", 1),
    ],
    ids=["another credential", "inactive", "expired", "removed"],
)
def test_the_snapshot_must_still_admit_them(world: World, change: Change) -> None:
    life = world.life()
    life.change(change)
    assert life.check() is None


@pytest.mark.parametrize("reuse", [None, Reuse(0)])
def test_what_may_not_be_reused_is_not_kept(tmp_path: Path, reuse: Reuse | None) -> None:
    life = World(tmp_path).life()
    life.accept(reuse=reuse)
    assert len(life.kept) == 0


def test_a_scope_is_kept_with_them(tmp_path: Path) -> None:
    world = World(tmp_path)
    life = world.life()
    life.accept(reuse=Reuse(600, peer_only=True))
    life.save()
    assert world.life().check(peer="q") is None
    assert accepted(world.life().check(peer="p"))


@pytest.mark.parametrize("whole_one", [True, False])
def test_what_empties_the_cache_empties_the_file_at_once(world: World, whole_one: bool) -> None:
    """A crash right after it must not bring them back."""
    life = world.life()
    if whole_one:
        life.directory.publish(whole(3, [USER, PROVIDER]), Touched(everything=True))
    else:
        life.change(Configuration((PROVIDER,)))
    assert not life.path.exists()
    assert life.check() is None
    assert world.life().check() is None


def test_a_hash_that_is_made_while_all_is_emptied_is_not_kept(tmp_path: Path) -> None:
    life = World(tmp_path).life()
    life.held = []
    life.accept()
    life.change(Configuration((PROVIDER,)))
    life.let_go()
    assert len(life.kept) == 0


def test_a_refusal_forgets_them(world: World) -> None:
    life = world.life()
    life.accept()
    life.cache.learn(ALICE, 7, "p", Decision("wrong_password", None, "q"), None, 5)
    assert life.check() is None
    life.save()
    assert world.life().check() is None


def test_what_is_forgotten_while_it_is_checked_is_not_believed(world: World) -> None:
    life = world.life()
    life.held = []
    answers: list[Decision | None] = []
    Deferred.fromCoroutine(life.kept.check(ALICE, 7, "p")).addCallback(answers.append)
    life.kept.forgotten((7, "alice", ""))
    life.let_go()
    assert answers == [None]


def test_the_same_password_is_not_hashed_again(tmp_path: Path) -> None:
    life = World(tmp_path).life()
    life.accept()
    life.clock.advance(600)
    life.accept()
    assert life.work == 1
    life.accept(Password("alice", "changed"))
    assert life.work == 2


def test_signing_in_again_prolongs_the_grace(tmp_path: Path) -> None:
    world = World(tmp_path)
    life = world.life()
    life.accept()
    world.clock.advance(GRACE_SECONDS - 1)
    life.accept()
    life.save()
    world.clock.advance(GRACE_SECONDS - 1)
    assert accepted(world.life().check())


def test_another_password_replaces_the_one_before_at_once(world: World) -> None:
    life = world.life()
    life.held = []
    life.accept(Password("alice", "changed"))
    assert len(life.kept) == 0
    life.let_go()
    assert life.check() is None
    assert accepted(life.check(Password("alice", "changed")))


def test_hashes_under_way_are_bounded(tmp_path: Path) -> None:
    life = World(tmp_path).life()
    life.held = []
    for n in range(MOST_WAITING + 5):
        life.accept(Password(f"user{n}", "right"))
    assert life.work == MOST_WAITING


def test_checks_under_way_are_bounded(world: World) -> None:
    life = world.life()
    life.held = []
    for _ in range(MOST_WAITING + 5):
        Deferred.fromCoroutine(life.kept.check(ALICE, 7, "p"))
    assert life.work == MOST_WAITING
    life.let_go()
    assert accepted(life.check())


def test_the_one_accepted_longest_ago_makes_room(tmp_path: Path) -> None:
    life = World(tmp_path).life()
    life.kept._most_kept = 2
    for name in ("a", "b", "a", "c"):
        life.accept(Password(name, "right"))
    assert list(life.kept._kept) == [(7, "a", ""), (7, "c", "")]


def test_on_disk_is_a_dear_hash_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN D14, D16: never a fast digest, and what is beside it is not the password."""
    monkeypatch.undo()
    life = World(tmp_path).life()
    life.accept()
    life.save()
    (content,) = SEAL.read(life.path, PURPOSE)
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in content
    assert b"right" not in content
    assert (b"d" * 32).hex().encode() not in content
    assert life.kept._kept[7, "alice", ""].digest.hex().encode() not in content


def test_what_is_past_its_grace_is_not_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    life = world.life()
    life.accept()
    world.clock.advance(GRACE_SECONDS)
    life.save()
    assert list(SEAL.read(life.path, PURPOSE)) == [b""]
    assert len(world.life().kept) == 0
