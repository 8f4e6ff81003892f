"""The generator for LDAP and HTTP believes no wrong answer, and measures what it says."""

import os
import ssl
import time
from pathlib import Path

import pytest

from benchmarks.harness import wire
from benchmarks.harness.ldap_peers import certificate
from benchmarks.harness.load import Load, LoadFailed, Outcome, Running
from protocols.ldap import ber, controls, paging
from protocols.ldap.messages import UnbindRequest, envelope
from tests.benchmarks.servers import Answer, stream_server

pytestmark = pytest.mark.peer

SEARCH = wire.search("dc=example,dc=com", "uid", "alice", ("cn",))


def ldap_length(held: bytes) -> int:
    return ber.frame(held, 1 << 20) or 0


def http_length(held: bytes) -> int:
    return held.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in held else 0


def found(
    request: bytes,
    entries: int = 1,
    code: int = 0,
    off: int = 0,
    name: bytes = b"cn=alice",
    cookie: bytes | None = None,
) -> bytes:
    message_id = ber.encode_integer(envelope(request).message_id + off)
    entry = ber.tlv(0x64, ber.tlv(0x04, name) + ber.tlv(0x30, b""))
    done = ber.tlv(0x65, bytes((0x0A, 1, code, 4, 0, 4, 0)))
    if cookie is not None:
        value = ber.tlv(0x04, paging.encode(cookie))
        done += ber.tlv(0xA0, ber.tlv(0x30, ber.tlv(0x04, controls.PAGED_RESULTS.encode()) + value))
    return b"".join(ber.tlv(0x30, message_id + operation) for operation in [entry] * entries + [done])


def run(folder: Path, port: int, questions: list[wire.Question], **arguments: object) -> Outcome:
    file = wire.write_questions(folder / f"questions-{port}", questions)
    defaults = {"protocol": "ldap", "port": port, "file": file, "connections": 2, "count": 50, "seconds": 5}
    return Running(folder, Load("stream", {**defaults, **arguments})).finish()


def ask(folder: Path, answer: Answer, **arguments: object) -> Outcome:
    with stream_server(answer, ldap_length) as port:
        return run(folder, port, [(SEARCH, b"alice")], **arguments)


def test_right_answers_are_counted_and_timed(generators: Path) -> None:
    outcome = ask(generators, found, depth=4, pid=os.getpid())
    assert (outcome.asked, outcome.right, outcome.failed) == (50, 50, 0)
    assert outcome.octets_each == len(found(SEARCH))
    assert 0 < outcome.p50_ms <= outcome.p99_ms <= outcome.longest_ms * 1.04
    assert 0 < outcome.server_cpu_seconds < outcome.seconds * (os.cpu_count() or 1)
    assert outcome.cpu_us == pytest.approx(outcome.server_cpu_seconds * 1e6 / 50)


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: found(request, code=50),
        lambda request: found(request, entries=0),
        lambda request: found(request, entries=2),
        lambda request: found(request, name=b"cn=bob"),
    ],
    ids=["result code", "no entry", "an entry too many", "another entry"],
)
def test_a_wrong_answer_is_seen(generators: Path, answer: Answer) -> None:
    assert ask(generators, answer, depth=1, count=1, connections=1).wrong == 1


@pytest.mark.parametrize("off", [0, 1])
def test_the_message_id_is_checked(generators: Path, off: int) -> None:
    with stream_server(lambda request: found(request, entries=0, off=off), ldap_length) as port:
        assert run(generators, port, [(SEARCH, b"")], entries=0).wrong == 50 * off


def test_what_was_not_asked_ends_the_run(generators: Path) -> None:
    with pytest.raises(LoadFailed, match="more than it was asked"):
        ask(generators, lambda request: found(request) * 2, connections=1)


def test_http_status_and_content_are_checked(generators: Path) -> None:
    def answer(request: bytes) -> bytes:
        status = b"401 Unauthorized" if b"/closed" in request else b"200 OK"
        return b"HTTP/1.1 %s\r\ncontent-length: 5\r\n\r\nhello" % status

    with stream_server(answer, http_length) as port:

        def get(path: str, needle: bytes, **arguments: object) -> int:
            question = (f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode(), needle)
            return run(generators, port, [question], protocol="http", **arguments).wrong

        assert get("/open", b"hello") == 0
        assert get("/open", b"good-bye") == 50
        assert get("/closed", b"") == 50
        assert get("/closed", b"", status=401) == 0


def test_setup_requests_are_asked_once_on_each_connection_and_not_measured(generators: Path) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return found(request)

    with stream_server(answer, ldap_length) as port:
        first = wire.search("dc=example,dc=com", "uid", "setup")
        outcome = run(generators, port, [(first, b""), (SEARCH, b"")], setup=1, count=10)
    assert outcome.right == 10
    assert sum(b"setup" in request for request in asked) == 2
    assert len(asked) == 12


def test_a_run_begins_where_it_is_told_and_goes_round(generators: Path) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request.split()[1])
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    questions = [(f"GET /{at} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), b"") for at in range(3)]
    with stream_server(answer, http_length) as port:
        run(generators, port, questions, protocol="http", connections=1, count=4, begin=5)
    assert asked == [b"/2", b"/0", b"/1", b"/2"]


def test_answers_may_come_in_any_order(generators: Path) -> None:
    held: list[bytes] = []

    def answer(request: bytes) -> bytes:
        held.append(request)
        if len(held) < 2:
            return b""
        both, held[:] = [found(one) for one in reversed(held)], []
        return b"".join(both)

    outcome = ask(generators, answer, connections=1, depth=2)
    assert (outcome.right, outcome.failed) == (50, 0)


def test_everything_on_a_fresh_connection_belongs_to_the_request(generators: Path) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return b"" if isinstance(envelope(request).request(), UnbindRequest) else found(request)

    first = wire.search("dc=example,dc=com", "uid", "setup")
    with stream_server(answer, ldap_length) as port:
        outcome = run(generators, port, [(first, b""), (SEARCH, b"alice")], setup=1, count=10, fresh=1)
    assert (outcome.right, outcome.failed) == (10, 0)
    assert sum(b"setup" in request for request in asked) == 10
    assert len(asked) == 30, "an unbind each"
    with stream_server(lambda request: found(request, code=53), ldap_length) as port:
        assert run(generators, port, [(first, b""), (SEARCH, b"")], setup=1, count=1, fresh=1).wrong == 1


@pytest.mark.parametrize(("entries", "right"), [(5, 3), (4, 0)])
def test_a_walk_over_all_pages_is_one_request(generators: Path, entries: int, right: int) -> None:
    asked: list[paging.PageRequest] = []

    def answer(request: bytes) -> bytes:
        (control,) = envelope(request).controls
        asked.append(paging.decode(control.value))
        page = int(asked[-1].cookie or b"0")
        return found(request, entries=1 if page == 2 else 2, cookie=b"" if page == 2 else b"%d" % (page + 1))

    with stream_server(answer, ldap_length) as port:
        outcome = run(generators, port, [(SEARCH, b"alice")], count=3, connections=1, page=2, entries=entries)
    assert (outcome.answered, outcome.right) == (3, right)
    assert asked[:4] == [(2, b""), (2, b"1"), (2, b"2"), (2, b"")]


def test_over_tls(generators: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    with stream_server(found, ldap_length, context) as port:
        outcome = run(generators, port, [(SEARCH, b"alice")], tls=1)
    assert (outcome.right, outcome.failed) == (50, 0)


def test_a_pause_of_the_server_is_felt_by_every_request_that_was_due(generators: Path) -> None:
    answered = 0

    def answer(request: bytes) -> bytes:
        nonlocal answered
        answered += 1
        if answered == 20:
            time.sleep(0.3)
        return found(request)

    outcome = ask(generators, answer, connections=1, rate=100, count=100)
    assert outcome.right == 100
    assert outcome.longest_ms >= 290
    assert outcome.p99_ms >= 200, "some thirty requests fell into the pause, and waited for its end"
    assert outcome.seconds >= 0.95
