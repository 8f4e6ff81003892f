"""The link's codec: what goes in comes out, what is wrong is refused, later versions are understood."""

import json
from dataclasses import is_dataclass

import pytest

from protocols.errors import RemoteProtocolError
from protocols.link import codec, messages
from protocols.link.messages import (
    AskAccess,
    Authenticate,
    Authenticated,
    BindingRecord,
    CertificateRecord,
    Challenge,
    ChangePassword,
    Configuration,
    Delta,
    Frame,
    GroupRecord,
    Heartbeat,
    Hello,
    IdentityRecord,
    LdapSettings,
    Members,
    NetworkHash,
    OutpostRecord,
    PasswordChanged,
    PasswordEnd,
    ProviderRecord,
    ProxySettings,
    Put,
    RadiusSettings,
    Remove,
    Report,
    Reports,
    ReportsTaken,
    Reuse,
    SnapshotChunk,
    UserRecord,
    VisitorRequest,
)

USER = UserRecord(
    pk=5,
    uuid="0b7e",
    uid="ab" * 32,
    username="zoë",
    name="Zoë",
    email="zoe@example.com",
    type="internal",
    is_active=True,
    ordinal=3,
    credential_version=2,
    valid_until=1.5,
    attributes={"_": "user", "kind": "user", "nested": [{"_": "remove"}]},
)
GROUP = GroupRecord("g1", "staff", False, 1, parents=("g0",), members=(5, 6))
PROVIDERS = tuple(
    ProviderRecord(pk, name, protocol, "app", "App", "a1", "any", settings, (BindingRecord("b", 1, group="g1"),))  # type: ignore[arg-type]
    for pk, name, protocol, settings in (
        (1, "directory", "ldap", LdapSettings(certificate="c1")),
        (2, "wifi", "radius", RadiusSettings(("10.0.0.0/8", "::1/128"), "secret")),
        (3, "site", "proxy", ProxySettings("forward_single", "https://app.example.com")),
    )
)
FRAMES: list[Frame] = [
    SnapshotChunk(7, "inc", "chain", 0, True, (USER, GROUP, *PROVIDERS)),
    SnapshotChunk(
        7, "inc", "chain", 0, True, (OutpostRecord("o", "out", "any"), CertificateRecord("c1", "c", "P", "K"))
    ),
    Delta(7, 9, "chain2", (Put(USER), Remove("user", 5), Remove("group", "g1"), Members("g1", (1,), (2, 3)))),
    Delta(7, 9, "chain2", (Configuration(PROVIDERS), Put(GroupRecord("g1", "staff", False, 1, members=None)))),
    Heartbeat(9),
    Hello("instance", "host", "0.1.0", incarnation="inc", revision=7, chain="chain"),
    Authenticate("q1", 1, "zoë", {"kind": "password", "password": "p\n\x00"}, "ldap", "127.0.0.1", {"host": "x"}),
    Authenticated("q1", "accepted", "accepted", 9, IdentityRecord(5, "0b7e", "ab", "zoë", "Zoë", "z@e.com", 2)),
    Authenticated("q1", "bad_credentials", "wrong_password", 9),
    Authenticated("q1", "accepted", "accepted", 9, reuse=Reuse(600, peer_only=True)),
    Authenticate("q1", 1, "zoë", {"kind": "reply", "state": "s", "response": "1"}, "radius", "::1", can_ask=True),
    Authenticated("q1", "accepted", "accepted", 9, reuse=Reuse(600, not_after=12.5), keys={"password_hash_hash": "00"}),
    Authenticated("q1", "challenged", "code_needed", 9, challenge=Challenge("abc", "Your code?")),
    Authenticate("q1", 1, "zoë", {}, "proxy", "::1", visitor=VisitorRequest("https", {"User-Agent": "x"})),
    AskAccess("q1", 1, 5, "::1", {"host": "x"}, VisitorRequest("http")),
    Authenticated("q1", "accepted", "accepted", 9, password_end=PasswordEnd(1_700_000_000.5, 1_699_000_000.5)),
    Authenticated("q1", "accepted", "accepted", 9, network_hash=NetworkHash(5, "AB" * 16, 1_700_000_000.5)),
    ChangePassword("q2", 1, 5, "old\n", None, "ldap", "::1"),
    ChangePassword("q2", 1, 5, "old", "new", "ldap", "::1"),
    PasswordChanged("q2", "accepted", 3, generated="made"),
    PasswordChanged("q2", "unfit_password", sentences=("Longer.",)),
    Reports("instance", (Report(1, "logins", 12.5, {"count": 3}), Report(2, "logins", 13.0, {}))),
    ReportsTaken(2),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_a_frame_comes_back_as_it_was(frame: Frame) -> None:
    line = codec.encode(frame)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert codec.decode(line) == frame


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_fields_of_a_later_version_are_ignored(frame: Frame) -> None:
    value = json.loads(codec.encode(frame))
    value["from_the_future"] = {"_": "unheard of"}
    assert codec.decode(json.dumps(value).encode()) == frame


def test_fields_that_an_earlier_version_lacks_take_their_defaults() -> None:
    value = json.loads(codec.encode(Hello("instance", "host", "0.1.0")))
    for name in ("incarnation", "revision", "chain", "protocol"):
        del value[name]
    assert codec.decode(json.dumps(value).encode()) == Hello("instance", "host", "0.1.0")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[]",
        b"5",
        b"null",
        b"{}",
        b'{"_":"unheard of"}',
        b'{"_":["heartbeat"]}',
        b'{"_":"heartbeat"}',
        b'{"_":"heartbeat","revision":"9"}',
        b'{"_":"heartbeat","revision":true}',
        b'{"_":"report","number":1,"kind":"x","time":NaN,"body":{}}',
        b'{"_":"remove","kind":"user","pk":5}',
        b'{"_":"delta","previous":1,"revision":2,"chain":"","changes":{}}',
        b'{"_":"delta","previous":1,"revision":2,"chain":"","changes":[{"_":"heartbeat","revision":1}]}',
        b'{"_":"delta","previous":1,"revision":2,"chain":"","changes":[{"_":"remove","kind":"x","pk":1}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_frame_is_the_neighbours_error(line: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        codec.decode(line)


def test_secrets_do_not_show_in_representations() -> None:
    shown = repr(FRAMES)
    assert "secret" not in shown.replace("shared_secret", "")
    assert "p\\n" not in shown


STREAM = b"".join(codec.encode(frame) for frame in FRAMES)


@pytest.mark.parametrize("size", [1, 2, 7, 1000, len(STREAM)])
def test_lines_come_whole_however_they_are_delivered(size: int) -> None:
    lines = codec.Lines()
    got = []
    for start in range(0, len(STREAM), size):
        got += lines.receive_data(STREAM[start : start + size])
    assert [codec.decode(line) for line in got] == FRAMES
    assert lines.receive_data(b"trailing") == []


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_FRAME", 100)
    lines = codec.Lines()
    assert lines.receive_data(b"x" * 100) == []
    with pytest.raises(RemoteProtocolError):
        lines.receive_data(b"x")
    with pytest.raises(RemoteProtocolError):
        codec.Lines().receive_data(b"\n" + b"x" * 101 + b"\n")


def test_every_kind_of_message_has_a_tag() -> None:
    """One without would stop all that its outpost is sent, at the first record that holds it."""
    made = {cls for cls in vars(messages).values() if isinstance(cls, type) and is_dataclass(cls)}
    assert made == set(codec.KINDS.values())
