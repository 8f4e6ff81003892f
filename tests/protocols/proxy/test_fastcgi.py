from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.proxy.fastcgi import (
    ABORT_REQUEST,
    BEGIN_REQUEST,
    END_REQUEST,
    GET_VALUES,
    GET_VALUES_RESULT,
    MAX_PARAMS,
    MAX_VARIABLES,
    PARAMS,
    STDIN,
    STDOUT,
    UNKNOWN_TYPE,
    FastCgiConnection,
    record,
    variable,
    variables,
)
from tests.deliveries import deliveries

ASKED = {b"REQUEST_METHOD": b"GET", b"REQUEST_URI": b"/page", b"HTTP_COOKIE": b"c" * 300}


def pairs(said: dict[bytes, bytes]) -> bytes:
    def length(octets: bytes) -> bytes:
        return bytes([len(octets)]) if len(octets) < 128 else (len(octets) | 1 << 31).to_bytes(4, "big")

    return b"".join(length(name) + length(value) + name + value for name, value in said.items())


def begin(number: int = 1, role: int = 2, keep: bool = False) -> bytes:
    return record(BEGIN_REQUEST, number, bytes([0, role, keep]) + bytes(5))


def question(said: dict[bytes, bytes] = ASKED, number: int = 1, keep: bool = False) -> bytes:
    return begin(number, keep=keep) + record(PARAMS, number, pairs(said)) + record(PARAMS, number, b"")


def records(octets: bytes) -> list[tuple[int, int, bytes]]:
    found = []
    while octets:
        end = 8 + int.from_bytes(octets[4:6], "big")
        found.append((octets[1], int.from_bytes(octets[2:4], "big"), octets[8:end]))
        octets = octets[end + octets[6] :]
    return found


@pytest.mark.parametrize("delivery", deliveries(question() + record(STDIN, 1, b"")), ids=lambda one: one.name)
def test_a_question_and_its_answer(delivery: object) -> None:
    connection = FastCgiConnection()
    asked = [one for piece in delivery.pieces for one in connection.receive_data(piece)]  # type: ignore[attr-defined]
    assert [(one.number, one.variables, one.keep) for one in asked] == [(1, ASKED, False)]
    said = connection.answer(asked[0], 200, [variable(b"X-Authentik-Uid", b"7")], b"")
    assert records(said) == [
        (STDOUT, 1, b"Status: 200\r\nVariable-X_AUTHENTIK_UID: 7\r\n\r\n"),
        (STDOUT, 1, b""),
        (END_REQUEST, 1, bytes(8)),
    ]
    assert connection.must_close
    assert connection.answer(asked[0], 200, [], b"") == b"", "there is one answer"


def test_a_long_answer_is_many_records() -> None:
    connection = FastCgiConnection()
    (asked,) = connection.receive_data(question())
    pieces = [
        content for kind, _, content in records(connection.answer(asked, 403, [], b"x" * 200_000)) if kind == STDOUT
    ]
    assert len(pieces) > 3
    assert b"".join(pieces).endswith(b"x" * 200_000)


def test_a_value_writes_no_line_of_its_own() -> None:
    connection = FastCgiConnection()
    (asked,) = connection.receive_data(question())
    with pytest.raises(LocalProtocolError, match="line break"):
        connection.answer(asked, 200, [variable(b"X", b"a\r\nVariable-REMOTE_USER: admin")], b"")


def test_a_kept_connection_serves_one_after_another() -> None:
    connection = FastCgiConnection()
    for number in (1, 2, 1):
        (asked,) = connection.receive_data(question(number=number, keep=True))
        assert connection.answer(asked, 200, [], b"")
        assert not connection.must_close
    assert connection.idle


def test_a_second_request_at_once_is_told_that_there_is_one() -> None:
    connection = FastCgiConnection()
    list(connection.receive_data(begin(1, keep=True) + begin(2)))
    assert records(connection.unsent) == [(END_REQUEST, 2, bytes([0, 0, 0, 0, 1, 0, 0, 0]))]


def test_other_roles_are_not_played() -> None:
    connection = FastCgiConnection()
    assert list(connection.receive_data(begin(role=1) + record(PARAMS, 1, b""))) == []
    assert records(connection.unsent) == [(END_REQUEST, 1, bytes([0, 0, 0, 0, 3, 0, 0, 0]))]


def test_who_gives_up_gets_no_answer() -> None:
    connection = FastCgiConnection()
    (asked,) = connection.receive_data(question(keep=True))
    list(connection.receive_data(record(2, 1, b"")))
    assert connection.answer(asked, 200, [], b"") == b""


def test_an_answer_that_comes_late_is_not_the_next_questions_under_the_same_number() -> None:
    connection = FastCgiConnection()
    (given_up,) = connection.receive_data(question(keep=True))
    list(connection.receive_data(record(ABORT_REQUEST, 1, b"")))
    connection.unsent = b""
    (asked,) = connection.receive_data(question({**ASKED, b"REQUEST_URI": b"/other"}, keep=True))
    assert connection.answer(given_up, 200, [], b"") == b""
    assert records(connection.answer(asked, 403, [], b""))[0] == (STDOUT, 1, b"Status: 403\r\n\r\n")


def test_management() -> None:
    connection = FastCgiConnection()
    list(connection.receive_data(record(GET_VALUES, 0, pairs({b"FCGI_MPXS_CONNS": b"", b"OTHER": b""}))))
    list(connection.receive_data(record(99, 0, b"")))
    (known, unknown) = records(connection.unsent)
    assert (known[0], variables(known[2])) == (GET_VALUES_RESULT, {b"FCGI_MPXS_CONNS": b"0"})
    assert unknown == (UNKNOWN_TYPE, 0, bytes([99]) + bytes(7))


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        record(BEGIN_REQUEST, 1, b"short"),
        question({f"N{n}".encode(): b"" for n in range(MAX_VARIABLES + 1)}),
        begin() + record(PARAMS, 1, pairs({b"A": b"1"}) * 2) + record(PARAMS, 1, b""),
        begin() + record(PARAMS, 1, b"\x05\x05ab") + record(PARAMS, 1, b""),
        begin() + record(PARAMS, 1, b"\x05\x80") + record(PARAMS, 1, b""),
        begin() + record(PARAMS, 1, b"x" * 0xFFFF) * (MAX_PARAMS // 0xFFFF + 1),
    ],
    ids=range(7),
)
def test_what_cannot_be_read_ends_the_connection(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        list(FastCgiConnection().receive_data(octets))


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(question()), st.just(begin())), max_size=6))
def test_no_octets_do_harm(pieces: list[bytes]) -> None:
    connection = FastCgiConnection()
    with suppress(RemoteProtocolError):
        for piece in pieces:
            for asked in connection.receive_data(b"\1" + piece):
                connection.answer(asked, 200, [], b"")
