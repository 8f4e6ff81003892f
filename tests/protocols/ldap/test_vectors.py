"""Every conversation of tests/vectors/ldap that needs no directory, replayed against the session core."""

from __future__ import annotations

import importlib
import json

import pytest

from protocols.errors import RemoteProtocolError
from protocols.ldap.events import Answered, BindReceived, SearchReceived, StartTLSRequested, Unbound, WhoAmIReceived
from protocols.ldap.result import SUCCESS, Result, ResultCode
from protocols.ldap.session import LDAPSession, Signal
from tests.deliveries import deliveries
from tests.protocols.ldap.vectors import ALICE_NAMES, ALICE_PASSWORD, CASES, Vector, results_in, vectors


class Replay:
    """Alice binds with her password, searches find nothing."""

    def __init__(self) -> None:
        self.session: LDAPSession[str] = LDAPSession(offers_start_tls=True)
        self.out = b""
        self.closed = False

    def receive(self, octets: bytes) -> None:
        self.session.receive_data(octets)
        try:
            while not isinstance(event := self.session.next_event(), Signal):
                match event:
                    case BindReceived(message_id, name, password):
                        right = name in ALICE_NAMES and password == ALICE_PASSWORD
                        code = SUCCESS if right else Result(ResultCode.INVALID_CREDENTIALS)
                        self.out += self.session.bind_answered(message_id, code, "alice" if right else None)
                    case SearchReceived(message_id):
                        self.out += self.session.search_refused(message_id, SUCCESS)
                    case WhoAmIReceived(message_id):
                        self.out += self.session.extended_answered(message_id, SUCCESS)
                    case StartTLSRequested(message_id):
                        self.out += self.session.start_tls_answered(message_id, SUCCESS)
                    case Answered(octets):
                        self.out += octets
                    case Unbound():
                        self.closed = True
        except RemoteProtocolError as error:
            self.out += error.answer
            self.closed = True


CORE = [vector for vector in vectors() if vector.level == "core"]


NUMBERS = {
    "strangers": {
        1,
        2,
        4,
        5,
        7,
        8,
        10,
        11,
        13,
        14,
        16,
        17,
        19,
        20,
        22,
        23,
        25,
        26,
        28,
        29,
        31,
        32,
        34,
        35,
        37,
        38,
        40,
        41,
    },
    "clients": set(range(1, 14)),
}
"""What hostile peers send, and what real clients need: every number has something that fails without it."""


def test_there_are_vectors() -> None:
    assert len(CORE) > 40


@pytest.mark.parametrize("kind", NUMBERS)
def test_every_number_has_a_vector_or_a_test(kind: str) -> None:
    cases = json.loads(CASES.read_text())[kind]
    assert {int(number) for number in cases} == NUMBERS[kind]
    there = {vector.name for vector in vectors()}
    for number, case in cases.items():
        named, tests = case.get("vectors", []), case.get("tests", [])
        assert named or tests, number
        assert set(named) <= there, number
        for test in tests:
            path, _, function = test.partition("::")
            module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
            assert callable(getattr(module, function, None)), f"{number}: {test}"


@pytest.mark.parametrize("vector", vectors(), ids=str)
def test_a_search_that_is_answered_says_what_was_found(vector: Vector) -> None:
    """The result alone would be as good for somebody else's entry, or for none."""
    found = any(operation == "searchResDone" and code in (0, 4) for _, operation, code in vector.answers)
    assert vector.entries is not None or not found


@pytest.mark.parametrize("vector", CORE, ids=str)
def test_core(vector: Vector) -> None:
    replay = Replay()
    for message in vector.send:
        replay.receive(message)
    assert results_in(replay.out) == vector.answers
    assert replay.closed == vector.closed


# Whether octets stand behind StartTLS depends on how they are delivered; that is its point.
@pytest.mark.parametrize("vector", [vector for vector in CORE if vector.name != "start-tls-pipelined"], ids=str)
def test_core_however_delivered(vector: Vector) -> None:
    for delivery in deliveries(b"".join(vector.send), trailing=b"" if vector.closed else b"\x30\x84\x00"):
        replay = Replay()
        for piece in delivery.pieces:
            replay.receive(piece)
        assert results_in(replay.out) == vector.answers, delivery
        assert replay.closed == vector.closed, delivery
