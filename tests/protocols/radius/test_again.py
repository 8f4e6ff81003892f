"""A login that is laid out as an earlier one is answered unread as it would be if it were read, or it is read."""

from __future__ import annotations

import hmac
import random

import pytest

from protocols.radius import exchange as module
from protocols.radius.duplicates import WINDOW, Peer
from protocols.radius.exchange import RadiusExchange
from protocols.radius.layouts import SELDOM
from protocols.radius.nas import ClientNetwork, Nas, NasTable, OneNas, Requirement
from protocols.radius.pins import Pins
from protocols.radius.request import AccessRequested, Refused, Resend
from tests.protocols.radius import nas_side
from tests.protocols.radius.nas_side import PEER, SECRET, attribute
from tests.protocols.radius.vectors import vectors

ACCEPT = 2
SAID = attribute(18, b"welcome")
STATION = attribute(31, b"02-00-00-00-00-01")
CISCO, MICROSOFT = (9).to_bytes(4), (311).to_bytes(4)
AP = attribute(32, b"ap-1")


class Exchange:
    """One whose logins are let in by what was learned of them; everything that `granted` was asked is in ``asked``."""

    def __init__(self, nas: Nas | None = None, table: NasTable | None = None) -> None:
        self.pins = Pins()
        self.exchange = RadiusExchange(self.pins)
        self.exchange.table = table or NasTable([ClientNetwork("192.0.2.0/24", nas or Nas(SECRET, 1))])
        self.good: set[tuple[int, str, bytes]] = set()
        self.asked: list[tuple[int, str, bytes]] = []
        self.identifier = 0

    def granted(self, provider: int, address: str, login: bytes) -> bytes | None:
        self.asked.append((provider, address, login))
        return SAID if (provider, address, login) in self.good else None

    def read(self, datagram: bytes, peer: Peer = PEER, now: float = 0.0) -> bytes | None:
        """What is answered to one who asks with name and password, and is let in."""
        event = self.exchange.receive_datagram(datagram, peer, now)
        assert isinstance(event, AccessRequested)
        reply = self.exchange.answer(event.request, ACCEPT, now, SAID)
        login = self.exchange.learn(event.request)
        if login is not None:
            self.good.add((event.request.nas.provider, peer[0], login))
        return reply

    def again(self, datagram: bytes, peer: Peer = PEER, now: float = 0.0) -> bytes | None:
        return self.exchange.again(datagram, peer, now, self.granted)

    def next(self, name: bytes = b"alice", password: bytes = b"correct horse", **fields: object) -> bytes:
        """No two are alike."""
        self.identifier += 1
        authenticator = self.identifier.to_bytes(16)
        return nas_side.pap(name, password, authenticator=authenticator, identifier=self.identifier % 256, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("sign", ["first", "last"])
@pytest.mark.parametrize("password", [b"correct horse", b"a password of more than one block", b"x" * 128])
def test_it_is_answered_as_it_would_be_if_it_were_read(sign: str, password: bytes) -> None:
    it = Exchange()
    it.read(it.next(password=password, extra=STATION, sign=sign))
    for _ in range(3):
        datagram = it.next(password=password, extra=STATION, sign=sign)
        assert it.again(datagram) == nas_side.expected_reply(ACCEPT, datagram, SAID)


def test_other_values_of_attributes_that_have_no_say_change_nothing() -> None:
    it = Exchange()
    vendors = attribute(26, CISCO + b"\x01\x06shell"[:6]) + attribute(26, CISCO + b"\x01\x06other"[:6])
    it.read(it.next(extra=AP + STATION + vendors))
    other = attribute(32, b"ap-2") + attribute(31, b"02-00-00-00-00-02") + vendors[12:] + vendors[:12]
    datagram = it.next(extra=other)
    assert it.again(datagram) == nas_side.expected_reply(ACCEPT, datagram, SAID)


def test_78_another_name_or_password_is_asked_about_under_its_own() -> None:
    it = Exchange()
    it.read(it.next())
    for name, password in ((b"clara", b"correct horse"), (b"alice", b"wrong horse!!"), (b"alice", b"correct horse ")):
        assert it.again(it.next(name, password)) is None
    assert it.again(it.next()) is not None
    assert len(set(it.asked)) == 4


def test_name_and_password_are_not_confused() -> None:
    it = Exchange()
    it.read(it.next(b"alice", b"secret"))
    it.read(it.next(b"al", b"icesecret"))
    first, second = it.good
    assert first != second


def test_every_octet_that_differs_has_it_read_or_refused() -> None:
    """Nothing is answered that would not be, and nothing otherwise: signed again, and as it is."""
    extra = STATION + attribute(26, CISCO + b"\x01\x04ab") + attribute(4, b"abcd")
    fresh = Exchange().next(extra=extra)
    for at in range(len(fresh)):
        for octet in (0, 1, 2, 3, 24, 26, 33, 79, 80, 89, 255, fresh[at] ^ 1):
            changed = fresh[:at] + bytes((octet,)) + fresh[at + 1 :]
            for datagram in (changed, signed_again(changed)):
                it, other = Exchange(), Exchange()
                for one in (it, other):
                    one.identifier = 1
                    one.read(one.next(extra=extra))
                answer = it.again(datagram)
                if answer is not None:
                    assert it.asked[-1] in it.good
                    assert other.read(datagram) == answer


def signed_again(datagram: bytes) -> bytes:
    """By the NAS itself, where the Message-Authenticator stood."""
    blank = datagram[:22] + bytes(16) + datagram[38:]
    return datagram[:22] + hmac.digest(SECRET, blank, "md5") + datagram[38:]


def test_a_signature_that_does_not_verify_or_is_missing_is_nobodys() -> None:
    it = Exchange(Nas(SECRET, 1, Requirement.OPTIONAL))
    it.read(it.next(extra=STATION))
    datagram = it.next(extra=STATION)
    for at in range(22, 38):
        assert it.again(datagram[:at] + bytes((datagram[at] ^ 1,)) + datagram[at + 1 :]) is None
    assert it.again(nas_side.pap(secret=b"other", extra=STATION)) is None
    assert it.asked == []
    unsigned = it.next(extra=STATION, sign="never")
    it.read(unsigned)
    assert it.again(it.next(extra=STATION, sign="never")) is None
    assert it.asked == []


def test_76_108_a_copy_is_read_and_gets_the_same_octets() -> None:
    it = Exchange()
    it.read(it.next())
    datagram = it.next()
    reply = it.again(datagram, now=1.0)
    assert it.again(datagram, now=2.0) is None
    assert len(it.asked) == 1, "a copy is no second use"
    assert it.exchange.receive_datagram(datagram, PEER, 2.0) == Resend(reply or b"")
    assert it.exchange.receive_datagram(datagram, PEER, 0.9 + WINDOW) == Resend(reply or b"")
    assert isinstance(it.exchange.receive_datagram(datagram, PEER, 1.0 + WINDOW), AccessRequested)


def test_107_a_copy_of_what_is_being_decided_is_read() -> None:
    it = Exchange()
    it.read(it.next())
    datagram = it.next()
    assert isinstance(it.exchange.receive_datagram(datagram, PEER, 0.0), AccessRequested)
    assert it.again(datagram) is None
    assert it.asked == []


@pytest.mark.parametrize(
    "extra",
    [
        attribute(33, b"state"),
        attribute(24, b"outpost:x"),
        attribute(89, b"\0"),
        attribute(26, MICROSOFT + b"\x0a\x04ab"),
        attribute(26, CISCO + b"\x01\x04ab") + attribute(26, MICROSOFT + b"\x0a\x04ab"),
    ],
)
def test_what_comes_back_or_may_be_a_proof_is_always_read(extra: bytes) -> None:
    it = Exchange()
    it.read(it.next(extra=extra))
    assert it.good == set()
    assert it.again(it.next(extra=extra)) is None


def test_another_vendor_in_the_same_place_is_read() -> None:
    it = Exchange()
    response = b"\x19\x34" + bytes(50)  # MS-CHAP2-Response
    it.read(it.next(extra=attribute(26, CISCO + response)))
    proofs = it.next(extra=attribute(26, MICROSOFT + response))
    assert it.again(proofs) is None
    assert isinstance(it.exchange.receive_datagram(proofs, PEER, 0.0), Refused)


def test_where_values_of_attributes_say_which_nas_it_is_or_what_is_meant_all_is_read() -> None:
    for nas in (Nas(SECRET, 1, devices=True), Nas(SECRET, 1, behind={b"ap-1": Nas(SECRET, 2)})):
        for extra in (AP, attribute(32, b"ap-2")):
            it = Exchange(nas)
            it.read(it.next(extra=extra))
            assert it.good == set()
            assert it.again(it.next(extra=AP)) is None


def test_realms_are_a_part_of_the_name() -> None:
    it = Exchange(Nas(SECRET, 1, realms=frozenset(("example.com",))))
    it.read(it.next(b"alice@example.com"))
    assert it.again(it.next(b"alice@example.com")) is not None
    assert it.again(it.next(b"alice@example.org")) is None


def test_nothing_of_one_nas_holds_for_another_or_for_the_next_table() -> None:
    it = Exchange()
    it.read(it.next())
    assert it.again(it.next(), ("192.0.2.8", 1645)) is None
    assert it.again(it.next(), (PEER[0], 1646)) is not None
    it.exchange.table = NasTable([ClientNetwork("192.0.2.0/24", Nas(SECRET, 2))])
    assert it.again(it.next()) is None
    it.exchange.table = None
    assert it.again(it.next()) is None


def test_two_nas_that_show_one_address_over_tls_are_two() -> None:
    tables = [OneNas(Nas(SECRET, provider)) for provider in (1, 2)]
    it = Exchange(table=tables[0])
    it.read(it.next())
    it.exchange.table = tables[1]
    it.read(it.next(b"clara"))
    assert it.again(it.next()) is None
    assert it.asked[-1] not in it.good


def test_an_address_whose_pin_was_taken_back_is_pinned_anew() -> None:
    it = Exchange()
    it.read(it.next())
    it.pins.addresses.discard(PEER[0])
    assert it.again(it.next()) is None
    assert isinstance(it.exchange.receive_datagram(it.next(), PEER, 0.0), AccessRequested)
    assert it.pins.addresses == {PEER[0]}
    assert it.again(it.next()) is not None


def test_of_two_layouts_of_one_length_the_usual_one_is_answered_unread_in_the_end() -> None:
    it, turns = Exchange(), 0
    it.read(it.next(extra=attribute(18, b"ab") + attribute(4, b"abcd")))
    while it.again(it.next(extra=attribute(4, b"abcd") + attribute(18, b"ab"))) is None:
        it.read(it.next(extra=attribute(4, b"abcd") + attribute(18, b"ab")))
        turns += 1
        assert turns < 100 * SELDOM
    assert it.again(it.next(extra=attribute(18, b"ab") + attribute(4, b"abcd"))) is None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LAYOUTS", 3)
    it = Exchange()
    for number in range(1, 20):
        it.read(it.next(b"a" * number))
        assert it.exchange.table is not None
        assert len(it.exchange.table.forms) <= 3
        assert it.again(it.next(b"a" * number)) is not None


def test_vectors_after_each_other() -> None:
    """What is answered unread is what is answered to those who have said the same before, and are read."""
    it = Exchange(Nas(SECRET, 1, Requirement.OPTIONAL))
    for vector in vectors():
        if isinstance(event := it.exchange.receive_datagram(vector.datagram, vector.peer, 0.0), AccessRequested):
            login = it.exchange.learn(event.request)
            it.good |= {(1, vector.peer[0], login)} if login is not None else set()
    answered = 0
    for vector in vectors():
        unread, read = Exchange(table=it.exchange.table), Exchange()
        unread.good, unread.pins.addresses = it.good, it.pins.addresses
        reply = unread.again(vector.datagram, vector.peer)
        if reply is not None:
            assert reply == read.read(vector.datagram, vector.peer)
            answered += 1
    assert answered >= 3


def test_noise_is_never_answered() -> None:
    chance, it = random.Random(2865), Exchange()
    it.read(it.next(extra=STATION))
    model = it.next(extra=STATION)
    for _ in range(2000):
        noise = bytearray(model)
        for _ in range(chance.randint(1, 20)):
            noise[chance.randrange(len(noise))] = chance.randrange(256)
        if bytes(noise) != model:
            assert it.again(bytes(noise)) is None
    assert it.again(model) is not None
