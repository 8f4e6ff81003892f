"""Envoy's questions over gRPC: an HTTP/2 client of the h2 library on an in-memory connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamReset, TrailersReceived
from twisted.internet.task import Clock

from outpost.listeners import asked
from outpost.listeners.ext_authz import IDLE_TIMEOUT, ExtAuthzFactory
from protocols.link.messages import AccessRule
from protocols.proxy import ext_authz, forwarded, grpc
from protocols.proxy.ext_authz import CHECK
from protocols.proxy.protobuf import content, fields, number, part, parts
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.http_connections import Wire
from tests.outpost.listeners.test_forward_auth import ALICE, IDENTITY_HEADERS, PROXY, RECORDS, STRANGER, Door

HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "outpost"),
    (":path", CHECK),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]
UNSAID = "X-Authentik-Entitlements"


def question(
    *headers: tuple[str, str], path: str = "/page", host: str = "app.example.com", method: str = "GET", **how: str
) -> bytes:
    """A CheckRequest."""
    said = {"scheme": "https", "client": "198.51.100.9", **how}
    entries = b"".join(
        content(3, content(1, name.lower().encode()) + content(2, value.encode("latin-1"))) for name, value in headers
    )
    http = content(2, method.encode("latin-1")) + entries + content(4, path.encode("latin-1"))
    http += content(5, host.encode()) + content(6, said["scheme"].encode())
    source = content(1, content(1, content(2, said["client"].encode()) + number(3, 4321)))
    return content(1, content(1, source) + content(4, content(2, http)))


@dataclass
class Answer:
    """A CheckResponse."""

    code: int
    status: int
    headers: list[tuple[str, str]]
    removed: set[str]
    body: bytes

    @property
    def named(self) -> dict[str, str]:
        found = dict(self.headers)
        assert len(found) == len(self.headers)
        return found


def answer(message: bytes) -> Answer:
    def whole(of: bytes) -> int:
        return next((one for at, one in fields(of) if at == 1 and isinstance(one, int)), 0)

    denied, ok = part(message, 2), part(message, 3)
    options = [part(one, 1) for one in parts(denied or ok, 2)]
    headers = [(part(one, 1).decode(), part(one, 2).decode("latin-1")) for one in options]
    removed = {one.decode() for one in parts(ok, 5)}
    return Answer(whole(part(message, 1)), whole(part(denied, 1)), headers, removed, part(denied, 3))


class Envoy:
    def __init__(self, door: Door | None = None, peer: str = PROXY) -> None:
        self.door = door or Door()
        self.clock = Clock()
        self.factory = ExtAuthzFactory(self.door.route, self.clock, self.door.telemetry)
        self.connection = self.factory.buildProtocol(None)
        self.wire = Wire(peer)
        self.connection.makeConnection(self.wire)  # type: ignore[no-untyped-call]
        self.h2 = H2Connection()
        self.h2.initiate_connection()
        self.events: list[Any] = []
        self.exchange()

    def exchange(self) -> None:
        """Until nobody has anything to say."""
        while data := self.h2.data_to_send():
            self.connection.dataReceived(data)
            written = b"".join(self.wire.writes)
            self.wire.writes.clear()
            for event in self.h2.receive_data(written):
                self.events.append(event)
                if isinstance(event, DataReceived):
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def call(self, *pieces: bytes, headers: list[tuple[str, str]] | None = None) -> int:
        stream: int = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, headers or HEADERS)
        for piece in pieces:
            self.h2.send_data(stream, piece)
        self.h2.end_stream(stream)
        self.exchange()
        return stream

    def answers(self, stream: int) -> list[Answer]:
        body = b"".join(e.data for e in self.events if isinstance(e, DataReceived) and e.stream_id == stream)
        return [answer(body[5:])] if body else []

    def grpc_status(self, stream: int) -> bytes | None:
        for event in self.events:
            if isinstance(event, ResponseReceived | TrailersReceived) and event.stream_id == stream:
                found = dict(event.headers or ()).get(b"grpc-status")
                if found is not None:
                    return bytes(found)
        return None

    def ask(self, message: bytes) -> Answer:
        stream = self.call(framed(message))
        (found,) = self.answers(stream)
        assert self.grpc_status(stream) == b"0"
        return found


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def test_who_may_in_gets_every_identity_header_and_what_is_empty_is_taken_away() -> None:
    envoy = Envoy()
    found = envoy.ask(question(ALICE))
    assert (found.code, found.status) == (0, 0)
    assert (found.named["x-authentik-username"], found.named["x-authentik-groups"]) == ("alice", "staff|wifi")
    assert {name.lower() for name in IDENTITY_HEADERS} == {
        name for name in found.named.keys() | found.removed if name.startswith("x-authentik-")
    }
    assert UNSAID.lower() in found.removed
    assert "authorization" in found.removed, "the password was for us"
    (asked,) = envoy.door.link.questions
    assert (asked.peer, asked.attributes) == (
        "198.51.100.9",
        {"host": "app.example.com", "path": "/page", "method": "GET"},
    )


def test_look_alikes_are_taken_away() -> None:
    forged = [("X_Authentik_Username", "admin"), ("x.authentik.groups", "admins"), ("X-Authentik-Uid", "1"), ("a", "b")]
    found = Envoy().ask(question(ALICE, *forged))
    assert {"x_authentik_username", "x.authentik.groups"} <= found.removed
    assert found.named["x-authentik-uid"] != "1"
    assert "a" not in found.removed


def test_nobody_who_may_pass_is_nobody() -> None:
    door = Door(*RECORDS[:1], provider(7, "https://app.example.com", skip_path_regex="^/public/"))
    found = Envoy(door).ask(question(("X-Authentik-Username", "admin"), ("Authorization", "Own x"), path="/public/x"))
    assert found.code == 0
    assert {"x-authentik-username", "x-authentik-jwt"} <= found.removed
    assert "authorization" not in found.removed, "the application's own"


def test_a_person_is_sent_to_sign_in_and_a_program_is_told() -> None:
    envoy = Envoy()
    found = envoy.ask(question(("Accept", "text/html")))
    assert (found.code, found.status) == (7, 302)
    assert found.named["location"].startswith("https://auth.example.com/")
    assert "set-cookie" in found.named
    found = envoy.ask(question(("Accept", "application/json")))
    assert (found.status, found.named["content-type"]) == (401, "application/json")
    assert "set-cookie" not in found.named


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (question(ALICE, host="nobody.invalid"), 403),
        (question(ALICE, host=""), 400),
        (question(ALICE, host="a@b"), 400),
        (question(ALICE, path="/a#b"), 400),
        (question(ALICE, path=""), 400),
        (question(ALICE, path="*", method="OPTIONS"), 400),
        (question(ALICE, path="http://app.example.com/page"), 400),
        (question(ALICE, path="?x=1"), 400),
        (question(ALICE, path="//x"), 200),
        (question(ALICE, path="/\xff"), 400),
        (question(ALICE, method="g\xe9t"), 400),
        (question(ALICE, method=""), 400),
        (question(ALICE, scheme="javascript"), 400),
        (question(ALICE, ("X-Forwarded-Proto", "ftp")), 400),
        (question(ALICE, client="nonsense"), 400),
        (question(("Authorization", "Basic ???")), 401),
        (question(*((f"h{n}", "") for n in range(101))), 400),
        (b"", 400),
        (b"\xff" * 20, 400),
        (content(1, b""), 400),
    ],
)
def test_what_is_refused(message: bytes, status: int) -> None:
    envoy = Envoy()
    found = envoy.ask(message)
    assert (found.status or 200) == status
    assert (found.code == 0) is (status == 200)
    assert not envoy.door.telemetry.faults


def test_forwarded_addresses_of_the_browser_are_not_looked_at() -> None:
    forged = [("X-Forwarded-Uri", "/public"), ("X-Forwarded-Host", "nobody.invalid"), ("X-Forwarded-For", "192.0.2.1")]
    envoy = Envoy()
    assert envoy.ask(question(ALICE, *forged)).code == 0
    assert envoy.door.link.questions[0].peer == "198.51.100.9"


def test_a_stranger_is_refused() -> None:
    envoy = Envoy(peer=STRANGER)
    assert envoy.ask(question(ALICE)).status == 403
    assert envoy.door.telemetry.decisions == {("proxy", "untrusted_proxy"): 1}


def breaking_once(true: Callable[[bytes], object]) -> Callable[[bytes], object]:
    calls = count()

    def breaking(lines: bytes) -> object:
        if next(calls) == 0:
            raise RuntimeError
        return true(lines)

    return breaking


def test_a_fault_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    assert Envoy().ask(question(ALICE)).code == 0, "the same without a fault"
    for owner, name in ((forwarded, "normalised"), (ext_authz, "allowed"), (asked, "_fields")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken if name != "_fields" else breaking_once(asked._fields))
            envoy = Envoy()
            found = envoy.ask(question(ALICE))
            assert (found.code, found.status) == (7, 500)
            assert envoy.door.telemetry.faults == ["forward_auth"]


@pytest.mark.parametrize(
    ("headers", "pieces", "status"),
    [
        ({":path": "/other"}, [framed(question())], b"12"),
        ({":method": "GET"}, [framed(question())], b"12"),
        ({"content-type": "text/plain"}, [framed(question())], b"3"),
    ],
)
def test_calls_that_are_none(headers: dict[str, str], pieces: list[bytes], status: bytes) -> None:
    envoy = Envoy()
    stream = envoy.call(*pieces, headers=[(name, headers.get(name, value)) for name, value in HEADERS])
    assert (envoy.grpc_status(stream), envoy.answers(stream)) == (status, [])
    assert envoy.ask(question(ALICE)).code == 0, "the connection goes on"


@pytest.mark.parametrize(
    "pieces",
    [
        [b""],
        [framed(question(ALICE))[:4]],
        [b"\1" + framed(question(ALICE))[1:]],
        [framed(question(ALICE))[:-1]],
        [framed(question(ALICE)), b"x"],
        [framed(question(ALICE)), framed(question(ALICE))],
    ],
    ids=["none", "no length", "compressed", "too short", "something behind", "two"],
)
def test_a_question_in_no_frame_of_its_own_is_refused(pieces: list[bytes]) -> None:
    envoy = Envoy()
    stream = envoy.call(*pieces)
    (found,) = envoy.answers(stream)
    assert (envoy.grpc_status(stream), found.code, found.status) == (b"0", 7, 400), "no error: Envoy may let those pass"
    assert envoy.ask(question(ALICE)).code == 0, "the connection goes on"


def test_a_message_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc, "MAX_MESSAGE", 1000)
    envoy = Envoy()
    stream = envoy.call(framed(b"x" * 2000))
    (found,) = envoy.answers(stream)
    assert (envoy.grpc_status(stream), found.code, found.status) == (b"0", 7, 413), "no error: Envoy may let those pass"
    assert envoy.ask(question(ALICE)).code == 0, "the connection goes on"


def half_sent(envoy: Envoy, calls: int, octets: int) -> list[int]:
    streams = []
    for _ in range(calls):
        stream: int = envoy.h2.get_next_available_stream_id()
        envoy.h2.send_headers(stream, HEADERS)
        envoy.h2.send_data(stream, framed(bytes(octets * 2))[:octets])
        envoy.exchange()
        streams.append(stream)
    return streams


def test_what_has_half_come_on_one_connection_is_bounded_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc, "MAX_HELD", 5000)
    envoy = Envoy()
    streams = half_sent(envoy, 8, 1000)
    held = envoy.connection._grpc._bodies  # type: ignore[attr-defined]
    assert sum(map(len, held.values())) == 5000
    assert [[one.status for one in envoy.answers(stream)] for stream in streams] == [[]] * 5 + [[413]] * 3
    for stream in streams[:5]:
        envoy.h2.reset_stream(stream)
    envoy.exchange()
    assert envoy.ask(question(ALICE)).code == 0, "there is room again"
    assert half_sent(envoy, 5, 1000)
    assert sum(map(len, held.values())) == 5000


def test_nothing_is_kept_of_what_a_stranger_says() -> None:
    envoy = Envoy(peer=STRANGER)
    for stream in half_sent(envoy, 20, 10_000):
        assert [one.status for one in envoy.answers(stream)] == [403], "before its message has come"
        envoy.h2.send_data(stream, bytes(10_000), end_stream=True)
        envoy.exchange()
    assert envoy.connection._grpc._bodies == {}  # type: ignore[attr-defined]
    assert not envoy.wire.disconnecting
    assert not envoy.door.telemetry.faults
    envoy.clock.pump([1.0] * 70)
    assert envoy.wire.disconnected, "nor is it waited for as for Envoy"


def test_a_peer_that_takes_its_calls_back_all_the_time_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc, "MAX_RESETS", 10)
    envoy = Envoy()
    for _ in range(12):
        if envoy.wire.disconnecting:
            break
        stream = envoy.h2.get_next_available_stream_id()
        envoy.h2.send_headers(stream, HEADERS)
        envoy.h2.reset_stream(stream)
        envoy.exchange()
    assert envoy.wire.disconnecting
    assert not any(isinstance(event, StreamReset) for event in envoy.events)


def test_who_says_farewell_with_a_question_open_hears_no_more() -> None:
    envoy = Envoy()
    (stream,) = half_sent(envoy, 1, 100)
    envoy.h2.send_headers(stream + 2, HEADERS)
    envoy.h2.send_data(stream + 2, framed(question(ALICE)), end_stream=True)
    envoy.h2.close_connection()
    envoy.connection.dataReceived(envoy.h2.data_to_send())
    assert envoy.wire.disconnecting
    assert not envoy.door.telemetry.faults
    assert not envoy.door.telemetry.discards


def test_a_peer_that_takes_a_few_back_among_many_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """As browsers make an Envoy do that keeps its connection for days."""
    monkeypatch.setattr(grpc, "MAX_RESETS", 10)
    envoy = Envoy()
    for _ in range(30):
        stream = envoy.h2.get_next_available_stream_id()
        envoy.h2.send_headers(stream, HEADERS)
        envoy.h2.reset_stream(stream)
        assert envoy.ask(question(ALICE)).code == 0


@pytest.mark.parametrize("headers", [HEADERS, [*HEADERS[:3], (":path", "/nothing"), *HEADERS[4:]]])
@pytest.mark.parametrize("asked", [framed(question(ALICE)), b"\0"], ids=["readable", "unreadable"])
def test_a_call_that_is_made_and_taken_back_in_one_breath(headers: list[tuple[str, str]], asked: bytes) -> None:
    envoy = Envoy()
    stream = envoy.h2.get_next_available_stream_id()
    envoy.h2.send_headers(stream, headers)
    envoy.h2.send_data(stream, asked, end_stream=True)
    envoy.h2.reset_stream(stream)
    envoy.exchange()
    assert (envoy.answers(stream), envoy.grpc_status(stream)) == ([], None)
    assert not envoy.door.telemetry.faults
    assert envoy.ask(question(ALICE)).code == 0


def test_what_is_no_http2_is_closed() -> None:
    envoy = Envoy()
    envoy.connection.dataReceived(b"\0" * 200)
    assert envoy.wire.disconnecting
    assert not envoy.door.telemetry.faults


def test_an_answer_waits_for_room() -> None:
    envoy = Envoy(Door(*RECORDS))
    envoy.h2.update_settings({4: 10})  # SETTINGS_INITIAL_WINDOW_SIZE
    envoy.exchange()
    assert envoy.ask(question(ALICE)).named["x-authentik-username"] == "alice"


def test_a_preflight_that_brings_a_body_is_none_whoever_tells_of_it() -> None:
    envoy = Envoy(Door(provider(7, "https://app.example.com", access_rules=(AccessRule("bypass", preflight=True),))))
    preflight = (("origin", "https://other.example.com"), ("access-control-request-method", "PUT"))
    for more, passes in (
        ((), True),
        ((("content-length", "0"),), True),
        ((("content-length", "5"),), False),
        ((("transfer-encoding", "chunked"),), False),
    ):
        assert (envoy.ask(question(*preflight, *more, method="OPTIONS")).code == 0) is passes


def test_silent_connections_end() -> None:
    envoy = Envoy()
    envoy.ask(question(ALICE))
    envoy.clock.pump([60.0] * int(IDLE_TIMEOUT // 60 - 1))
    assert not envoy.wire.disconnected
    envoy.clock.pump([60.0] * 3)
    assert envoy.wire.disconnected


def test_a_trusted_envoy_may_open_more_connections_than_a_stranger() -> None:
    for peer, room in ((PROXY, True), ("203.0.113.5", False)):
        envoy = Envoy(peer=peer)
        envoy.factory.connections._most_of_host = 1
        another, wire = envoy.factory.buildProtocol(None), Wire(peer)
        another.makeConnection(wire)  # type: ignore[no-untyped-call]
        assert (len(envoy.factory.connections) == 2) is room
