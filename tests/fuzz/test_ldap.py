"""Mutated messages: only RemoteProtocolError leaves the core, it comes with a notice, and memory stays bounded."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from protocols.errors import RemoteProtocolError
from protocols.ldap.events import BindReceived, Event, SearchReceived, StartTLSRequested
from protocols.ldap.result import SUCCESS, Result, ResultCode
from protocols.ldap.session import LDAPSession, Signal
from tests.extent import rounds
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import answers
from tests.protocols.ldap.vectors import vectors

SEEDS = [
    *(message for vector in vectors() for message in vector.send),
    peer.search(3, "dc=x", filter="(&(|(a=b)(c=*d*e*)(f>=1)(g<=2)(h~=i)(j=*))(!(k:dn:1.2:=l)))", attributes=["*", "+"]),
    peer.search(4, "dc=x", controls=[("1.2.3", False, b"value"), ("1.2.4", True, None)]),
]
ROUNDS = rounds(20_000)


def mutated(octets: bytes, dice: random.Random) -> bytes:
    out = bytearray(octets)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(5):
            case 0 if out:
                out[at % len(out)] ^= 1 << dice.randrange(8)
            case 1 if out:
                out[at % len(out)] = dice.choice((0, 1, 0x7F, 0x80, 0x81, 0x84, 0x30, 0xA3, 0xFF))
            case 2:
                out[at:at] = dice.randbytes(dice.randrange(1, 5))
            case 3:
                del out[at : at + dice.randrange(1, 8)]
            case _:
                other = dice.choice(SEEDS)
                out[at:] = other[dice.randrange(len(other)) :]
    return bytes(out)


def answer(session: LDAPSession[str], event: Event) -> bytes:
    match event:
        case BindReceived(message_id, _, password):
            right = password == b"secret"
            result = SUCCESS if right else Result(ResultCode.INVALID_CREDENTIALS)
            return session.bind_answered(message_id, result, "alice" if right else None)
        case SearchReceived(message_id):
            return session.search_refused(message_id, SUCCESS)
        case StartTLSRequested(message_id):
            return session.start_tls_answered(message_id, SUCCESS)
    return getattr(event, "octets", b"")


def converse(octets: bytes, dice: random.Random) -> tuple[bool, bytes]:
    """Did the peer break the protocol, and what was said."""
    session: LDAPSession[str] = LDAPSession(offers_start_tls=True)
    out = b""
    cut = dice.randrange(len(octets) + 1)
    try:
        for piece in (octets[:cut], octets[cut:]):
            session.receive_data(piece)
            while not isinstance(event := session.next_event(), Signal):
                out += answer(session, event)
    except RemoteProtocolError as error:
        return True, out + error.answer
    return False, out


@pytest.mark.parametrize("seed", range(4))
def test_only_remote_protocol_errors_escape(seed: int) -> None:
    dice = random.Random(seed)
    broken = 0
    for turn in range(ROUNDS // 4):
        failed, out = converse(mutated(dice.choice(SEEDS), dice), dice)
        broken += failed
        if turn % 50 == 0:
            said = answers(out)  # whatever comes out, another decoder reads it
            assert failed == any(one.message_id == 0 for one in said)
    assert ROUNDS // 40 < broken < ROUNDS // 4


def test_a_lying_header_takes_no_memory() -> None:
    dice = random.Random(1)
    tracemalloc.start()
    try:
        for _ in range(2000):
            header = b"\x30\x84" + dice.randbytes(4)
            converse(header + dice.randbytes(20), dice)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
