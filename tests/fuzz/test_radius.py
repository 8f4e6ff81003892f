"""Whatever a stranger sends: the parsers raise RemoteProtocolError and nothing else, the exchange raises nothing."""

import random
from collections.abc import Iterator

import pytest

from protocols.errors import RemoteProtocolError
from protocols.radius.authenticators import PLAIN_REPLY, message_authenticator_verifies
from protocols.radius.eap.sessions import Accept, Continue, EapSessions, Reject
from protocols.radius.eap.ttls import parse_avps
from protocols.radius.exchange import RadiusExchange
from protocols.radius.nas import ClientNetwork, Nas, NasTable, Requirement
from protocols.radius.packet import Packet
from protocols.radius.password import reveal
from protocols.radius.pins import Pins
from protocols.radius.proof import name_and_password, refusal_attributes
from protocols.radius.request import AccessRequested, Refused, Request
from rules.discards import DISCARDS
from rules.reasons import REASONS
from tests.extent import rounds
from tests.fakes import counted_random
from tests.protocols.radius import nas_side
from tests.protocols.radius.eap.servers import Server
from tests.protocols.radius.eap.supplicant import PEAP, TTLS, TlsDevice, avp, client_context, pap, response
from tests.protocols.radius.eap.supplicant import Nas as EapNas
from tests.protocols.radius.vectors import NETWORKS, vectors

ROUNDS = rounds(40_000)
CORPUS = [vector.datagram for vector in vectors()]


def mutations(seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        octets = bytearray(chance.choice(CORPUS))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(octets) + 1)
            match chance.randrange(6):
                case 0 if octets:
                    octets[at % len(octets)] ^= 1 << chance.randrange(8)
                case 1 if octets:
                    octets[at % len(octets)] = chance.choice((0, 1, 2, 3, 18, 79, 80, 127, 128, 255))
                case 2:
                    del octets[at : at + chance.randint(1, 8)]
                case 3:
                    octets[at:at] = chance.randbytes(chance.randint(1, 8))
                case 4:
                    octets[at:at] = octets[: chance.randint(0, len(octets))]
                case _:
                    octets = octets[:at] + chance.choice(CORPUS)[at:]
        if chance.random() < 0.7:  # most parsers stop at a Length that is wrong
            octets[2:4] = (len(octets) & 0xFFFF).to_bytes(2)
        yield bytes(octets)


def test_only_remote_errors_escape_the_parsers() -> None:
    parsed = proven = 0
    for datagram in mutations(2865):
        try:
            packet = Packet.parse(datagram)
            parsed += 1
            refusal_attributes(packet)
            packet.encoded(33)
            Request(packet, nas_side.PEER, nas_side.PEER[0], Nas(b"s", 1), 0).attributes  # noqa: B018
            if 80 in packet.first:
                message_authenticator_verifies(packet, nas_side.SECRET)
            name_and_password(packet, nas_side.SECRET)
            proven += 1
        except RemoteProtocolError:
            pass
    assert parsed > ROUNDS / 10
    assert proven > 20


@pytest.mark.parametrize("requirement", list(Requirement))
def test_nothing_escapes_the_exchange(requirement: Requirement) -> None:
    nas = Nas(nas_side.SECRET, 1, requirement)
    exchange = RadiusExchange(Pins())
    exchange.table = NasTable([ClientNetwork(network, nas) for network in NETWORKS])
    seen = set()
    for number, datagram in enumerate(mutations(3579)):
        now = number / 100
        event = exchange.receive_datagram(datagram, nas_side.PEER, now)
        seen.add(type(event).__name__)
        match event:
            case AccessRequested(request):
                reply = exchange.answer(request, 2, now)
                assert reply is not None
                unsigned = requirement is Requirement.UNSIGNED and 80 not in request.packet.first
                expected = nas_side.plain_reply(2, datagram, request.packet.encoded(33), nas_side.SECRET)
                assert reply == expected if unsigned else nas_side.believes(reply, datagram)
            case Refused(reason=reason):
                assert reason in REASONS
                assert exchange.wake_at is not None
            case _ if hasattr(event, "reason"):
                assert event.reason in DISCARDS
        for reply, _ in exchange.due(now):
            assert (20 if requirement is Requirement.UNSIGNED else PLAIN_REPLY) <= len(reply) <= 4096
            assert reply[0] == 3
    assert {"AccessRequested", "Discard"} <= seen
    assert len(exchange._duplicates) <= 700


def test_random_octets() -> None:
    chance = random.Random(1)
    reasons = set()
    for _ in range(ROUNDS):
        octets = chance.randbytes(chance.choice((0, 1, 19, 20, 21, 40, 100, 4096, 5000)))
        for parse in (Packet.parse, lambda hidden: reveal(hidden[:160], nas_side.SECRET, bytes(16))):
            try:
                parse(octets)
            except RemoteProtocolError as error:
                reasons.add(error.reason)
    assert reasons == {"malformed"}


def test_eap_conversations_end_or_go_on_whatever_is_sent() -> None:
    """Mutated Responses, at any point of a login: an answer, or an error of the peer's; and the table stays small."""
    chance = random.Random(3748)
    server = Server()
    nas = EapNas(EapSessions(counted_random(), most_per_nas=8), server.methods)
    answered = errors = 0
    for _ in range(ROUNDS // 200):
        device = TlsDevice(chance.choice((TTLS, PEAP)), pap(b"alice", b"secret"), client_context())
        nas.state, eap = None, response(7, 1, b"alice")
        for _ in range(12):
            if chance.random() < 0.15:
                eap = mutated(eap, chance)
            try:
                answer = nas.send(eap)
            except RemoteProtocolError as error:
                errors += error.reason in DISCARDS
                break
            answered += 1
            if not isinstance(answer, Continue):
                assert isinstance(answer, Accept) or (isinstance(answer, Reject) and answer.reason in REASONS)
                break
            eap = device.respond(answer.eap)
        assert len(nas.sessions) <= 8
    assert answered > ROUNDS // 200
    assert errors > 0


def mutated(octets: bytes, chance: random.Random) -> bytes:
    changed = bytearray(octets)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at] = chance.choice((0, 1, 13, 21, 25, 64, 128, 192, 255))
            case 2 if len(changed) > 6:
                del changed[at]
            case _:
                changed[at:at] = chance.randbytes(chance.randint(1, 300))
    if chance.random() < 0.8:
        changed[2:4] = (len(changed) & 0xFFFF).to_bytes(2)
    return bytes(changed)


def test_avps_end_in_values_or_in_an_error() -> None:
    chance = random.Random(5281)
    good = avp(1, b"alice") + avp(2, b"secret") + avp(25, bytes(50), 311)
    parsed = 0
    for _ in range(ROUNDS // 10):
        try:
            parsed += len(list(parse_avps(mutated(good, chance)))) > 0
        except RemoteProtocolError:
            continue
    assert parsed > 0
