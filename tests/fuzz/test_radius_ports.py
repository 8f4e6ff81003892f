"""Whatever comes at the other ports: accounting, answers to orders, streams and names raise nothing of their own."""

from __future__ import annotations

import random
from collections.abc import Iterator

from protocols.errors import RemoteProtocolError
from protocols.radius.accounting import Accounted, AccountingExchange
from protocols.radius.asking import ask, understand
from protocols.radius.declining import StreamExchange
from protocols.radius.devices import hardware_address
from protocols.radius.nas import ClientNetwork, Nas, NasTable, OneNas
from protocols.radius.orders import DISCONNECT, Named, answer, order
from protocols.radius.pins import Pins
from protocols.radius.realms import without_realm
from protocols.radius.request import Discard, OrderDeclined, Resend, StatusAnswered
from protocols.radius.stream import PacketStream
from rules.discards import DISCARDS
from tests.extent import rounds
from tests.protocols.radius.nas_side import PEER, SECRET, attribute, keyed, plain_reply, request

ROUNDS = rounds(10_000)
FACTS = [
    attribute(number, value)
    for number, value in (
        (1, b"alice"),
        (4, bytes((192, 0, 2, 9))),
        (5, b"\0\0\0\x0e"),
        (8, bytes(4)),
        (25, b"outpost:user:7"),
        (30, b"0A-00-00-00-00-01:office"),
        (31, b"02-00-00-00-00-01"),
        (32, b"ap-7"),
        (41, b"\xff\xff\xff\xff"),
        (42, b"\0\0\0\1"),
        (44, b"01"),
        (49, b"\0\0\0\6"),
        (52, b"\0\0\0\1"),
        (87, b"Gi1/0/14"),
    )
]


def changed(octets: bytes, chance: random.Random) -> bytes:
    drawn = bytearray(octets)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(drawn))
        match chance.randrange(3):
            case 0:
                drawn[at] = chance.choice((0, 1, 2, 18, 40, 44, 80, 255))
            case 1 if len(drawn) > 30:
                del drawn[at]
            case _:
                drawn[at:at] = chance.randbytes(chance.randint(1, 20))
    return bytes(drawn)


def accountings(chance: random.Random) -> Iterator[bytes]:
    """Half of them with authenticators that fit what they say."""
    for number in range(ROUNDS):
        facts = b"".join(chance.sample(FACTS, chance.randint(0, len(FACTS))))
        body = attribute(40, chance.choice((1, 2, 3, 7, 8, 9, 99)).to_bytes(4)) + facts
        if chance.random() < 0.5:
            yield keyed(4, changed(body, chance)[:4000], identifier=number % 256, sign=chance.random() < 0.5)
        else:
            yield changed(keyed(4, body, identifier=number % 256), chance)


def test_accounting_is_kept_or_passed_over() -> None:
    exchange = AccountingExchange()
    exchange.table = NasTable([ClientNetwork("192.0.2.0/24", Nas(SECRET, 3))])
    seen = set()
    for number, packet in enumerate(accountings(random.Random(2866))):
        event = exchange.receive_datagram(packet, PEER, float(number))
        seen.add(type(event))
        match event:
            case Accounted(asked, told):
                assert all(isinstance(value, str | int) for value in told.values())
                assert exchange.answer(asked, True, float(number)) == plain_reply(5, packet, asked.packet.encoded(33))
            case Discard(reason):
                assert reason in DISCARDS
            case _:
                assert isinstance(event, Resend | StatusAnswered)
    assert {Accounted, Discard} <= seen


def test_orders_over_tls_are_declined_or_passed_over() -> None:
    chance, exchange, seen = random.Random(6614), StreamExchange(Pins()), set()
    exchange.table = OneNas(Nas(SECRET, 3))
    for number in range(ROUNDS // 2):
        body = b"".join(chance.sample(FACTS, chance.randint(0, 6)))
        asked = keyed(chance.choice((40, 43)), changed(body, chance) if body else b"", sign=chance.random() < 0.5)
        packet = asked if chance.random() < 0.5 else changed(asked, chance)
        event = exchange.receive_datagram(packet, PEER, float(number))
        seen.add(type(event))
        if isinstance(event, OrderDeclined):
            assert event.octets[0] == packet[0] + 2
            assert len(event.octets) <= len(packet) + len(attribute(101, bytes(4)))
    assert {OrderDeclined, Discard} <= seen
    assert len(exchange._duplicates) == 0


def test_answers_are_understood_or_refused() -> None:
    chance = random.Random(5176)
    asked = order(DISCONNECT, 7, Named("ap-7", "01"), b"", SECRET, 1)
    tried = ask("pap", SECRET, "alice", "secret", bytes(48))
    understood = refused = 0
    for _ in range(ROUNDS):
        extra = attribute(chance.choice((18, 101, 26)), chance.randbytes(chance.randint(0, 9)))
        reply = plain_reply(chance.choice((41, 42, 2, 3, 11)), chance.choice((asked, tried.octets)), extra)
        reply = changed(reply, chance) if chance.random() < 0.5 else reply
        for read in (
            lambda octets: answer(octets, DISCONNECT, asked, SECRET),
            lambda octets: understand(octets, tried),
        ):
            try:
                read(reply)
                understood += 1
            except RemoteProtocolError:
                refused += 1
    assert understood > 0
    assert refused > 0


def test_a_stream_gives_packets_or_ends() -> None:
    chance = random.Random(6614)
    for _ in range(ROUNDS // 10):
        octets, stream = b"".join(changed(request(b""), chance) for _ in range(4)), PacketStream()
        try:
            while octets:
                cut = chance.randint(1, 40)
                for packet in stream.receive(octets[:cut]):
                    assert 20 <= len(packet) == int.from_bytes(packet[2:4]) <= 4096
                octets = octets[cut:]
                assert len(stream._left) < 4096
        except RemoteProtocolError:
            continue


def test_names_and_addresses_are_never_too_strange() -> None:
    chance = random.Random(7542)
    letters = "0123456789abcdefABCDEF:.-@\\\0ü\u202e"
    for _ in range(ROUNDS):
        text = "".join(chance.choices(letters, k=chance.randint(0, 20)))
        address = hardware_address(text)
        assert address is None or (len(address) == 17 and address == hardware_address(address))
        assert without_realm(text, frozenset({"*"})) in text
