"""Sessions that may be resumed: by whom, for how long, and what is said of them. Whole logins are at the listener."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.kept import eap_resumption as module
from outpost.kept.eap_resumption import RESUMABLE_SECONDS, Resumption
from outpost.outcome import Decision
from protocols.link.messages import Change, Put, Reuse
from tests.fakes import an_identity
from tests.outpost.directory.people import a_user
from tests.outpost.listeners.test_radius import a_provider

ALICE = a_user(1, "alice")
PLACE = 1, 21
NAS = "192.0.2.7"
SESSION = b"a session"
YES = Decision(
    "accepted",
    an_identity("alice", 1),
    keys={"session": "device", "password_hash_hash": "00"},
    reuse=Reuse(600.0),
)


class Door:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.directory = Directory()
        self.directory.publish(whole(1, (a_provider(), ALICE)), Touched(everything=True))
        self.kept = Resumption(self.directory, lambda: self.now)

    def change(self, *changes: Change) -> None:
        base = self.directory.current
        self.directory.publish(*changed(base, base.revision + 1, changes))

    def resumed(self) -> Decision | None:
        return self.kept.resumed(SESSION, PLACE, NAS)


@pytest.fixture
def door() -> Door:
    door = Door()
    door.kept.remember(SESSION, PLACE, YES, NAS)
    return door


def test_what_a_session_stands_on_is_as_the_directory_has_it_each_time(door: Door) -> None:
    for email in ("alice@example.com", "alice@example.org", "alice@example.net"):
        door.change(Put(replace(ALICE, email=email)))
        for _ in range(2):
            found = door.resumed()
            assert found is not None
            assert found.identity is not None
            assert found.identity.email == email
            assert found.keys == {"session": "device"}, "the others were for one use"


def test_it_is_worked_out_once_while_the_directory_stays(door: Door) -> None:
    assert door.resumed() is door.resumed()


@pytest.mark.parametrize(
    "change",
    [
        lambda door: door.change(Put(replace(ALICE, is_active=False))),
        lambda door: door.change(Put(replace(ALICE, credential_version=2))),
        lambda door: door.change(Put(replace(ALICE, valid_until=door.now))),
        lambda door: door.directory.publish(whole(2, (a_provider(), ALICE)), Touched(everything=True)),
    ],
    ids=["disabled", "password", "expired", "everything"],
)
def test_a_session_that_was_resumed_is_refused_after(door: Door, change: Callable[[Door], None]) -> None:
    assert door.resumed() is not None
    change(door)
    assert door.resumed() is None


def test_an_account_that_ends_while_nothing_changes_ends_it(door: Door) -> None:
    door.change(Put(replace(ALICE, valid_until=door.now + 10)))
    assert door.resumed() is not None
    door.now += 10
    assert door.resumed() is None


def test_it_lasts_as_long_as_the_login_behind_it(door: Door) -> None:
    door.now += RESUMABLE_SECONDS - 1
    assert door.resumed() is not None
    door.now += 1
    assert door.resumed() is None
    assert len(door.kept) == 0


def test_it_is_nothing_to_another_method_or_provider(door: Door) -> None:
    assert door.kept.resumed(SESSION, (1, 25), NAS) is None
    assert door.kept.resumed(SESSION, (2, 21), NAS) is None


def test_what_was_accepted_at_one_nas_alone_is_resumed_there_alone(door: Door) -> None:
    door.kept.remember(SESSION, PLACE, replace(YES, reuse=Reuse(600.0, peer_only=True)), NAS)
    assert door.resumed() is not None
    assert door.kept.resumed(SESSION, PLACE, "192.0.2.8") is None


def test_the_one_unused_for_longest_makes_room(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 2)
    door.kept.remember(b"another", PLACE, YES, NAS)
    assert door.resumed() is not None
    door.kept.remember(b"a third", PLACE, YES, NAS)
    assert door.resumed() is not None
    assert door.kept.resumed(b"another", PLACE, NAS) is None
