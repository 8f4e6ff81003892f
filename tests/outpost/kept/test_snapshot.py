"""The snapshot on disk is what control would send: read back, it is the same directory on the same revision."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Snapshot
from outpost.kept.sealed import Unreadable
from outpost.kept.snapshot import PIECE_RECORDS, pieces, stored
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.messages import (
    CertificateRecord,
    GroupRecord,
    Heartbeat,
    LdapSettings,
    Members,
    OutpostRecord,
    ProviderRecord,
    Record,
    UserRecord,
)
from protocols.link.replica import Replica, SnapshotPart, Standing

STANDING = Standing("store", 6, "c6")
USERS = tuple(UserRecord(n, f"u{n}", f"uid{n}", f"user{n}", "", "", "internal", True, n, 1) for n in range(1, 1001))
RECORDS: tuple[Record, ...] = (
    OutpostRecord("o", "far", "any"),
    ProviderRecord(7, "dir", "ldap", "app", "App", "a1", "any", LdapSettings()),
    CertificateRecord("c", "cert", "PEM", "KEY"),
    *USERS,
    GroupRecord("all", "All", False, 1),
    GroupRecord("staff", "Staff", True, 2, parents=("all",), members=(1, 2, 3)),
)
SNAPSHOT, _ = changed(whole(5, RECORDS), 6, [Members("staff", added=(4,), removed=(1,))])


def read_back(snapshot: Snapshot) -> Snapshot:
    kept = stored(iter(list(pieces(snapshot, STANDING, heard=12.5))))
    replica = Replica()
    parts = [part for chunk in kept.chunks if isinstance(part := replica.receive(chunk), SnapshotPart)]
    assert kept.heard == 12.5
    assert replica.standing == STANDING
    assert [part.last for part in parts] == [False] * (len(kept.chunks) - 1) + [True]
    return whole(parts[-1].revision, (record for part in parts for record in part.records))


def test_the_whole_directory_comes_back() -> None:
    assert read_back(SNAPSHOT) == SNAPSHOT


def test_an_empty_directory_comes_back() -> None:
    assert read_back(Snapshot(revision=6)) == Snapshot(revision=6)


@pytest.mark.parametrize("users", [PIECE_RECORDS - 1, PIECE_RECORDS, PIECE_RECORDS + 1])
def test_any_number_of_records_comes_back(users: int) -> None:
    snapshot = whole(6, USERS[:users])
    assert read_back(snapshot) == snapshot


def test_pieces_are_small() -> None:
    lines = list(pieces(SNAPSHOT, STANDING, 0.0))
    assert len(lines) == 1 + 6


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([b"{}"], Unreadable),
        ([b"not json"], ValueError),
        ([b'{"heard": 1}', b"not json"], RemoteProtocolError),
        ([b'{"heard": 1}', codec.encode(Heartbeat(1))], RemoteProtocolError),
        ([b'{"heard": 1}', b'{"_": "snapshot_chunk"}'], RemoteProtocolError),
    ],
    ids=["no chunks", "no head", "no frame", "another frame", "a field is missing"],
)
def test_what_is_no_snapshot_is_refused(lines: list[bytes], error: type[Exception]) -> None:
    with pytest.raises(error):
        stored(iter(lines))


def test_a_field_of_a_later_version_is_ignored() -> None:
    head, line = pieces(whole(6, USERS[:1]), STANDING, 1.0)
    later = {**json.loads(line), "colour": "blue"}
    assert stored(iter([head, json.dumps(later).encode()])).chunks[0].records == USERS[:1]


def test_writing_leaves_the_snapshot_as_it_is() -> None:
    before = replace(SNAPSHOT)
    list(pieces(SNAPSHOT, STANDING, 0.0))
    assert before == SNAPSHOT
