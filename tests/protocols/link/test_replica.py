"""Following control: nothing half is published, and every gap is found."""

import pytest

from protocols.errors import RemoteProtocolError
from protocols.link.messages import Delta, Frame, Heartbeat, Hello, Members, OutpostRecord, Put, SnapshotChunk
from protocols.link.replica import Changes, Replica, SnapshotPart

ONE = OutpostRecord("o1", "one", "any")
TWO = OutpostRecord("o2", "two", "any")


def chunk(index: int, last: bool, record: OutpostRecord = ONE, revision: int = 5, chain: str = "c5") -> SnapshotChunk:
    return SnapshotChunk(revision, "store", chain, index, last, (record,))


def loaded() -> Replica:
    replica = Replica()
    replica.receive(chunk(0, True))
    return replica


def test_a_snapshot_counts_when_its_last_chunk_has_come() -> None:
    replica = Replica()
    assert replica.receive(chunk(0, False)) == SnapshotPart(5, (ONE,), first=True, last=False)
    assert replica.receive(chunk(1, False)) == SnapshotPart(5, (ONE,), first=False, last=False)
    assert (replica.revision, replica.chain) == (0, "")
    assert replica.receive(chunk(2, True, TWO)) == SnapshotPart(5, (TWO,), first=False, last=True)
    assert replica.hello("i", "h", "v") == Hello("i", "h", "v", 1, "store", 5, "c5", some_providers=True, pins=True)


def test_half_a_snapshot_is_forgotten_at_the_next_hello() -> None:
    replica = loaded()
    replica.receive(chunk(0, False, TWO, revision=6, chain="c6"))
    assert replica.hello("i", "h", "v").revision == 5
    assert replica.receive(Delta(5, 6, "c6", ())) == Changes(6, ())


def test_changes_follow_one_another() -> None:
    replica = loaded()
    changes = (Put(TWO), Members("g", (1,)))
    assert replica.receive(Delta(5, 8, "c8", changes)) == Changes(8, changes)
    assert replica.receive(Heartbeat(8)) is None
    assert (replica.revision, replica.chain) == (8, "c8")


@pytest.mark.parametrize(
    "frames",
    [
        [Delta(6, 7, "c7", ())],
        [Delta(4, 5, "c5", ())],
        [Heartbeat(6)],
        [Heartbeat(4)],
        [chunk(1, True)],
        [chunk(0, False), chunk(2, True)],
        [chunk(0, False), chunk(1, True, revision=6)],
        [chunk(0, False), chunk(1, True, chain="other")],
        [chunk(0, False), Delta(5, 6, "c6", ())],
        [Hello("i", "h", "v")],
    ],
)
def test_what_does_not_fit_is_a_gap_and_publishes_nothing(frames: list[Frame]) -> None:
    replica = loaded()
    *fine, bad = frames
    for frame in fine:
        replica.receive(frame)
    with pytest.raises(RemoteProtocolError):
        replica.receive(bad)
    assert (replica.revision, replica.chain) == (5, "c5")


def test_forgetting_asks_for_everything() -> None:
    replica = loaded()
    replica.forget()
    assert replica.hello("i", "h", "v") == Hello("i", "h", "v", some_providers=True, pins=True)
