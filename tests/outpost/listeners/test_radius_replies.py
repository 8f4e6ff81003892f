"""What an accept says when credentials are known: kept ready, and never longer than what it stands on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Touched
from outpost.kept.credential_cache import CredentialCache
from outpost.listeners import radius_replies
from outpost.outcome import Decision
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    Configuration,
    GroupRecord,
    Put,
    ReplyAttribute,
    ReplyRule,
)
from protocols.radius.nas import Nas
from protocols.radius.packet import Packet
from protocols.radius.request import Request
from tests.fakes import an_identity
from tests.outpost.directory.people import a_user
from tests.outpost.listeners.test_radius import Door, accepted, with_settings
from tests.outpost.listeners.test_radius_eap import ReusableLink
from tests.protocols.radius import nas_side

ALICE = a_user(1, "alice")
FILTER = ReplyAttribute("Filter-Id", "guests")
PLAIN = nas_side.attribute(1, b"alice") + nas_side.attribute(25, b"outpost:user:1")


class CurrentLink(ReusableLink):
    """Control, whose answers stand on what the outpost knows."""

    door: Door

    async def ask(self, question: Authenticate) -> Authenticated:
        return replace(await super().ask(question), revision=self.door.directory.current.revision)


class KnownDoor(Door):
    """One that has let alice in, and does not ask about her again."""

    def __init__(self) -> None:
        link = CurrentLink({"alice": "correct horse", "bob": "x"}, {"alice": an_identity("alice", 1)})
        link.door = self
        super().__init__(link)
        self.directory.publish(whole(2, [with_settings(), ALICE]), Touched(everything=True))
        self.cache = CredentialCache(bytes(32), self.directory, self.clock.seconds)
        self.listener._authentication._cache = self.cache
        self.identifier = 0
        self.login()

    def login(self, extra: bytes = b"") -> bytes:
        """The attributes of her Access-Accept."""
        self.identifier = (self.identifier + 1) % 256
        return accepted(self, nas_side.pap(identifier=self.identifier, extra=extra))

    def change(self, *changes: object) -> None:
        base = self.directory.current
        self.directory.publish(*changed(base, base.revision + 1, list(changes)))  # type: ignore[arg-type]


def test_who_is_known_gets_the_same_and_control_is_not_asked() -> None:
    door = KnownDoor()
    assert [door.login() for _ in range(3)] == [PLAIN] * 3
    assert len(door.link.questions) == 1
    assert sum(door.cache.uses.values()) == 3


def test_108_a_copy_is_no_second_use() -> None:
    door = KnownDoor()
    packet = nas_side.pap(identifier=99)
    for _ in range(3):
        door.send(packet)
    first, *others = door.replies()
    assert others == [first, first]
    assert sum(door.cache.uses.values()) == 1
    assert door.telemetry.decisions == {("radius", "accepted"): 2}


def rule(door: KnownDoor) -> bytes:
    door.change(Configuration((with_settings(rules=(ReplyRule((FILTER,)),)),)))
    return nas_side.attribute(11, b"guests") + PLAIN


def ends_soon(door: KnownDoor) -> bytes:
    door.change(Put(replace(ALICE, valid_until=door.clock.seconds() + 60)))
    return nas_side.attribute(27, (60).to_bytes(4)) + PLAIN


def told_by_control(door: KnownDoor) -> bytes:
    """Another decision, of the same revision."""
    door.clock.advance(601)
    door.link.keys = {"session": "another"}
    return nas_side.attribute(1, b"alice") + nas_side.attribute(25, b"outpost:user:1:another")


@pytest.mark.parametrize("change", [rule, ends_soon, told_by_control])
def test_what_is_kept_ready_is_not_said_after(change: Callable[[KnownDoor], bytes]) -> None:
    door = KnownDoor()
    assert door.login() == PLAIN
    expected = change(door)
    assert door.login() == expected
    assert door.login() == expected


def test_a_rule_that_does_not_apply_yet_is_looked_at_each_time() -> None:
    door = KnownDoor()
    door.change(Configuration((with_settings(rules=(ReplyRule((FILTER,), nas="ap-7"),)),)))
    assert door.login() == door.login() == PLAIN
    assert door.login(nas_side.attribute(32, b"ap-7")) == nas_side.attribute(11, b"guests") + PLAIN


def test_a_group_that_somebody_joins_counts_at_once() -> None:
    door = KnownDoor()
    staff = GroupRecord("g1", "staff", False, 1)
    door.change(Configuration((with_settings(rules=(ReplyRule((FILTER,), group="g1"),)),)), Put(staff))
    assert door.login() == PLAIN
    door.change(Put(replace(staff, members=(1,))))
    assert door.login() == nas_side.attribute(11, b"guests") + PLAIN


def test_a_chargeable_identity_is_asked_for_once() -> None:
    door = KnownDoor()
    asks = nas_side.attribute(89, b"\0")
    uid = an_identity("alice", 1).uid.encode()
    assert [door.login(extra) for extra in (b"", asks, b"", asks)] == [PLAIN, PLAIN + nas_side.attribute(89, uid)] * 2


def test_nothing_kept_outlives_a_change_of_the_directory() -> None:
    door = KnownDoor()
    replies = door.listener._replies
    decision = Decision("accepted", an_identity("alice", 1))
    nas = Nas(nas_side.SECRET, 1)
    request = Request(Packet.parse(nas_side.pap()), nas_side.PEER, nas_side.PEER[0], nas, 0)
    assert replies.accept(request, decision) == PLAIN
    assert rule(door) == replies.accept(request, decision)


def test_only_so_many_are_kept_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radius_replies, "MOST_NAMED", 1)
    door = KnownDoor()
    door.link.identities["bob"] = an_identity("bob", 2)
    door.change(Put(a_user(2, "bob")))
    for at in range(4):
        door.login()
        accepted(door, nas_side.pap(b"bob", b"x", identifier=100 + at))
        assert len(door.listener._replies._plain) == 1
