"""EAP at the listener: whole logins in RADIUS packets, keys, duplicates, silence, and sessions that are resumed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from OpenSSL import SSL

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Touched
from outpost.listeners import radius_eap
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    BindingRecord,
    Configuration,
    GroupRecord,
    ProviderRecord,
    Put,
    RadiusSettings,
    Reuse,
    UserRecord,
)
from protocols.radius.class_attribute import class_of
from rules.reasons import REASONS, Outcome
from tests.certificates import AUTHORITY, CLIENT, NOW, Issued, issue, revocations
from tests.fakes import FakeLink, an_identity
from tests.outpost.directory.people import a_user
from tests.outpost.listeners.test_radius import ACCEPT, CHALLENGE, REJECT, Door, a_provider
from tests.protocols.radius import nas_side
from tests.protocols.radius.eap.supplicant import (
    IDENTITY,
    PEAP,
    TLS,
    TLS_1_2,
    TLS_1_3,
    TTLS,
    Inside,
    TlsDevice,
    also_1_3,
    back_on_1_2,
    client_context,
    gtc,
    pap,
    response,
    session_of,
)

PASSWORD = b"correct horse"
ALICE = a_user(1, "alice")
STAFF = GroupRecord("g1", "staff", False, 1, members=(1,))


class ReusableLink(FakeLink):
    """As control, which lets accepted passwords be remembered."""

    reuse: Reuse | None = Reuse(600.0)

    async def ask(self, question: Authenticate) -> Authenticated:
        answer = await super().ask(question)
        accepted = REASONS[answer.reason].outcome is Outcome.ACCEPTED
        return replace(answer, reuse=self.reuse if accepted else None)


class Wireless:
    """A NAS that carries EAP to the door."""

    def __init__(self, *, mtu: int | None = None, station: bytes = b"") -> None:
        self.link = ReusableLink({"alice": PASSWORD.decode()}, {"alice": an_identity("alice", 1)})
        self.door = Door(self.link)
        self.put(a_provider(), ALICE)
        self.context = client_context(TLS_1_2)
        self.identifier = 0
        self.mtu = nas_side.attribute(12, mtu.to_bytes(4)) if mtu else b""
        self.station = station

    def put(self, *records: object) -> None:
        revision = self.door.directory.current.revision + 1
        self.door.directory.publish(whole(revision, records), Touched(everything=True))  # type: ignore[arg-type]

    def change(self, record: UserRecord) -> None:
        base = self.door.directory.current
        self.door.directory.publish(*changed(base, base.revision + 1, [Put(record)]))

    def packet(self, eap: bytes, state: bytes) -> bytes:
        self.identifier = (self.identifier + 1) % 256
        body = nas_side.attribute(1, b"anonymous") + self.mtu
        body += nas_side.attribute(31, self.station) if self.station else b""
        body += b"".join(nas_side.attribute(79, eap[at : at + 253]) for at in range(0, len(eap), 253))
        body += nas_side.attribute(24, state) if state else b""
        authenticator = hashlib.md5(bytes((self.identifier,)) + state).digest()
        return nas_side.request(body, identifier=self.identifier, authenticator=authenticator)

    def ask(self, packet: bytes) -> bytes | None:
        """The reply, a late one included."""
        self.door.send(packet)
        self.door.clock.advance(1)
        replies = self.door.replies()
        assert len(replies) <= 1
        assert all(nas_side.believes(reply, packet) for reply in replies)
        return replies[0] if replies else None

    def login(
        self, device: TlsDevice, after: Callable[[int], None] = lambda _: None
    ) -> tuple[int, dict[int, list[bytes]]]:
        """Code and attributes of the last reply; code 0 is silence. ``after`` is called with each round's number."""
        eap, state = response(1, IDENTITY, device.identity), b""
        self.rounds = 0
        while True:
            self.rounds += 1
            self.last = self.packet(eap, state)
            reply = self.ask(self.last)
            if reply is None:
                return 0, {}
            found = attributes(reply)
            if reply[0] != CHALLENGE:
                return reply[0], found
            assert len(reply) < 1300 + len(self.mtu)
            after(self.rounds)
            state = found[24][0]
            eap = device.respond(b"".join(found[79]))

    def device(self, session: SSL.Session | None = None, inside: Inside | None = None, kind: int = TTLS) -> TlsDevice:
        usual = {TTLS: pap, PEAP: gtc}[kind](b"alice", PASSWORD)
        return TlsDevice(kind, inside or usual, self.context, session=session)

    def signed_in(self, kind: int = TTLS) -> SSL.Session:
        """The TLS session of a whole login."""
        device = self.device(kind=kind)
        assert self.login(device)[0] == ACCEPT
        return session_of(device)


def attributes(packet: bytes) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    at = 20
    while at < len(packet):
        found.setdefault(packet[at], []).append(packet[at + 2 : at + packet[at + 1]])
        at += packet[at + 1]
    return found


def revealed(value: bytes, packet: bytes) -> bytes:
    """An MS-MPPE key of RFC 2548 section 2.4.2, without its vendor: number, length, salt, hidden."""
    salt, hidden = value[2:4], value[4:]
    assert salt[0] & 0x80
    plain, before = b"", packet[4:20] + salt
    for at in range(0, len(hidden), 16):
        stream = hashlib.md5(nas_side.SECRET + before).digest()
        plain += bytes(a ^ b for a, b in zip(hidden[at : at + 16], stream, strict=True))
        before = hidden[at : at + 16]
    return plain[1 : 1 + plain[0]]


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
@pytest.mark.parametrize("kind", [TTLS, PEAP])
def test_98_a_login_gives_the_nas_the_keys_of_the_device(kind: int, version: int) -> None:
    wireless = Wireless()
    inside = pap(b"alice", PASSWORD) if kind == TTLS else gtc(b"alice", PASSWORD)
    device = TlsDevice(kind, inside, client_context(version))
    code, found = wireless.login(device)
    assert code == ACCEPT
    [eap] = found[79]
    assert eap[0] == 3
    keys = {value[4]: value[4:] for value in found[26] if value[:4] == (311).to_bytes(4)}
    msk = device.msk()
    assert revealed(keys[17], wireless.last) == msk[:32]
    assert revealed(keys[16], wireless.last) == msk[32:]
    assert keys[16][2:4] != keys[17][2:4]
    assert wireless.door.telemetry.decisions == {("radius", "accepted"): 1}
    [question] = wireless.link.questions
    assert (question.username, question.proof["kind"]) == ("alice", "password")


@pytest.mark.parametrize("outer", [b"bob", b"bob@elsewhere.example", b"@example.com", b"EXAMPLE\\bob"])
@pytest.mark.parametrize("kind", [TTLS, PEAP])
def test_98_whoever_is_named_outside_the_tunnel_says_nothing_about_who_logs_in(kind: int, outer: bytes) -> None:
    wireless = Wireless()
    wireless.link.passwords["bob"] = "another"
    device = TlsDevice(kind, {TTLS: pap, PEAP: gtc}[kind](b"alice", PASSWORD), identity=outer)
    code, found = wireless.login(device)
    assert (code, found[1], found[25]) == (ACCEPT, [b"alice"], [class_of(1)])
    assert [question.username for question in wireless.link.questions] == ["alice"]


def test_a_refusal_is_an_eap_failure_told_once() -> None:
    wireless = Wireless()
    code, found = wireless.login(wireless.device(inside=pap(b"alice", b"wrong")))
    assert code == REJECT
    assert [eap[0] for eap in found[79]] == [4]
    assert 26 not in found
    assert wireless.door.telemetry.decisions == {("radius", "wrong_password"): 1}


MAPPED = ("::ffff:192.0.2.7", 1645)
EAP = nas_side.request(nas_side.attribute(79, response(1, IDENTITY, b"anonymous")))


@pytest.mark.parametrize("signed", [EAP, nas_side.request(b"", code=12)], ids=["EAP", "Status-Server"])
@pytest.mark.parametrize("peer", [nas_side.PEER, MAPPED])
def test_a_nas_that_carries_nothing_but_eap_has_the_right_secret_again(signed: bytes, peer: tuple[str, int]) -> None:
    wireless = Wireless()
    told: list[tuple[str, Any]] = []
    wireless.door.telemetry.report = lambda kind, body: told.append((kind, body))
    wireless.door.send(nas_side.pap(secret=b"other"), peer)
    wireless.door.send(signed, peer)
    assert [(kind, body["kind"], body["what"]) for kind, body in told] == [
        ("knock", "nas_secret", "192.0.2.7"),
        ("knock_answered", "nas_secret", "192.0.2.7"),
    ]


def test_what_breaks_the_protocol_is_told_with_its_reason() -> None:
    wireless = Wireless()
    code, found = wireless.login(wireless.device(inside=lambda _: b"no AVP"))
    assert (code, found[79][0][0]) == (REJECT, 4)
    assert wireless.door.telemetry.decisions == {("radius", "eap_malformed"): 1}
    assert wireless.link.questions == []


def test_fragments_are_as_small_as_the_nas_says() -> None:
    wireless = Wireless(mtu=200)
    assert wireless.login(wireless.device())[0] == ACCEPT
    small = wireless.rounds
    assert wireless.login(wireless.device())[0] == ACCEPT
    wireless = Wireless()
    assert wireless.login(wireless.device())[0] == ACCEPT
    assert wireless.rounds < small


@pytest.mark.parametrize("octets", [3300, 3500, 3600])
def test_56_fragments_leave_room_for_the_proxies(octets: int) -> None:
    wireless = Wireless()
    wireless.mtu = b"".join(nas_side.attribute(33, b"p" * 98) for _ in range(octets // 100))
    device = TlsDevice(TTLS, pap(b"alice", PASSWORD), client_context(TLS_1_2), fragment=200)
    code, found = wireless.login(device)
    assert (code, len(found[33])) == (ACCEPT, octets // 100)
    assert wireless.door.telemetry.discards == {}


def first_method(wireless: Wireless, station: bytes) -> int:
    """What a device is asked for that says who it is."""
    wireless.station = station
    reply = wireless.ask(wireless.packet(response(1, IDENTITY, b"anonymous"), b""))
    assert reply is not None
    return attributes(reply)[79][0][4]


def test_a_device_is_proposed_at_once_what_it_came_in_by() -> None:
    here, there = b"02-00-00-00-00-01", b"02-00-00-00-00-02"
    wireless = Wireless(station=here)
    assert wireless.login(wireless.device())[0] == ACCEPT
    before = wireless.rounds
    assert wireless.login(wireless.device())[0] == ACCEPT
    assert wireless.rounds == before - 1, "no NAK"
    assert (first_method(wireless, here), first_method(wireless, there)) == (TTLS, PEAP)


def test_a_device_that_was_refused_is_proposed_what_everybody_is() -> None:
    """Whoever speaks in a device's name without its credentials changes nothing for it."""
    here = b"02-00-00-00-00-01"
    wireless = Wireless(station=here)
    assert wireless.login(wireless.device(inside=pap(b"alice", b"wrong")))[0] == REJECT
    assert first_method(wireless, here) == PEAP


def test_other_methods_are_proposed_as_soon_as_they_are_configured() -> None:
    wireless, provider = Wireless(), a_provider()
    assert isinstance(provider.settings, RadiusSettings)
    assert first_method(wireless, b"") == PEAP
    settings = replace(provider.settings, eap_methods=("ttls",))
    base = wireless.door.directory.current
    change = Configuration((replace(provider, settings=settings),))
    wireless.door.directory.publish(*changed(base, base.revision + 1, [change]))
    assert first_method(wireless, b"") == TTLS


def test_what_many_are_offered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A NAS may announce a size of its own for each of its packets."""
    monkeypatch.setattr(radius_eap, "MOST_OFFERS", 2)
    wireless = Wireless()
    for mtu in (400, 500, 600, 700):
        wireless.mtu = nas_side.attribute(12, mtu.to_bytes(4))
        assert first_method(wireless, b"") == PEAP
        assert 0 < len(wireless.door.listener._eap._offers) <= 2


def test_77_a_copy_of_an_eap_packet_gets_the_same_octets() -> None:
    wireless = Wireless()
    packet = wireless.packet(response(1, IDENTITY, b"anonymous"), b"")
    first = wireless.ask(packet)
    assert first is not None
    assert wireless.ask(packet) == first


def test_108_a_copy_of_the_last_packet_asks_nobody_again() -> None:
    wireless = Wireless()
    assert wireless.login(wireless.device())[0] == ACCEPT
    wireless.door.send(wireless.last)
    assert [reply[0] for reply in wireless.door.replies()] == [ACCEPT]
    assert len(wireless.link.questions) == 1
    assert wireless.door.telemetry.decisions == {("radius", "accepted"): 1}


def test_while_control_is_away_all_is_silence_and_the_next_copy_asks_again() -> None:
    wireless = Wireless()
    wireless.link.away = True
    assert wireless.login(wireless.device())[0] == 0
    assert wireless.door.telemetry.decisions == {("radius", "control_away"): 1}
    wireless.link.away = False
    reply = wireless.ask(wireless.last)
    assert reply is not None
    assert reply[0] == ACCEPT


def test_an_unexpected_packet_is_passed_over_and_may_come_again() -> None:
    wireless = Wireless()
    first = wireless.ask(wireless.packet(response(1, IDENTITY, b"anonymous"), b""))
    assert first is not None
    state = attributes(first)[24][0]
    assert wireless.ask(wireless.packet(response(250, TTLS, b"\0"), state)) is None
    assert wireless.door.telemetry.discards == {("radius", "eap_unexpected"): 1}


@pytest.mark.parametrize("broken", ["receive", "decided", "accepted"])
def test_an_exception_anywhere_lets_nobody_in(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("injected")

    wireless = Wireless()
    monkeypatch.setattr(wireless.door.listener._eap, broken, explode)
    assert wireless.login(wireless.device())[0] == 0
    assert len(wireless.door.telemetry.faults) == 1


# --- resumption (CVE-2017-9148) -------------------------------------------------------------------------------------


def test_a_session_is_resumed_without_the_password() -> None:
    wireless = Wireless()
    wireless.link.keys = {"session": "the device's password", "password_hash_hash": "00"}
    session = wireless.signed_in()
    device = wireless.device(session, inside=lambda _: b"")
    code, found = wireless.login(device)
    assert (code, device.resumed) == (ACCEPT, True)
    assert found[25] == [class_of(1, "the device's password")], "its session still ends with that password"
    keys = {value[4]: value[4:] for value in found[26]}
    assert revealed(keys[17], wireless.last) == device.msk()[:32]
    assert len(wireless.link.questions) == 1


@pytest.mark.parametrize(("kind", "rounds"), [(TTLS, 3), (PEAP, 4)])
def test_a_resumed_login_takes_no_more_rounds_than_the_protocol_does(kind: int, rounds: int) -> None:
    """Identity, both hellos, both Finished (RFC 5246 section 7.3); in PEAP the result, and that it was heard."""
    wireless = Wireless(station=b"02-00-00-00-00-01")
    device = wireless.device(wireless.signed_in(kind), kind=kind)
    assert (wireless.login(device)[0], device.resumed) == (ACCEPT, True)
    assert wireless.rounds == rounds


def disable(wireless: Wireless) -> None:
    wireless.change(replace(ALICE, is_active=False))


def change_password(wireless: Wireless) -> None:
    wireless.change(replace(ALICE, credential_version=2))


def expire(wireless: Wireless) -> None:
    wireless.change(replace(ALICE, valid_until=wireless.door.clock.seconds() - 1))


def remove(wireless: Wireless) -> None:
    wireless.put(a_provider())


def leave_the_group(wireless: Wireless) -> None:
    base = wireless.door.directory.current
    wireless.door.directory.publish(*changed(base, base.revision + 1, [Put(replace(STAFF, members=()))]))


def configure(wireless: Wireless) -> None:
    base = wireless.door.directory.current
    wireless.door.directory.publish(*changed(base, base.revision + 1, [Configuration((a_provider(),))]))


def wait(wireless: Wireless) -> None:
    wireless.door.clock.advance(3601)


CHANGES = [disable, change_password, expire, remove, leave_the_group, configure, wait]


@pytest.mark.parametrize("again", [0, 2], ids=["at once", "resumed before"])
@pytest.mark.parametrize("kind", [TTLS, PEAP])
@pytest.mark.parametrize("change", CHANGES)
def test_92_a_session_is_worth_nothing_after(change: Callable[[Wireless], None], kind: int, again: int) -> None:
    wireless = Wireless()
    wireless.put(replace(a_provider(), bindings=(BindingRecord("b1", 0, group=STAFF.pk),)), ALICE, STAFF)
    session = wireless.signed_in(kind)
    for _ in range(again):
        device = wireless.device(session, kind=kind)
        assert (wireless.login(device)[0], device.resumed) == (ACCEPT, True)
        session = session_of(device)
    change(wireless)
    heard: list[bytes] = []
    device = wireless.device(session, lambda said: heard.append(said) or b"", kind)  # type: ignore[func-returns-value]
    wireless.link.verdicts["alice"] = "inactive"
    code, _ = wireless.login(device)
    assert not device.resumed
    assert code == REJECT
    assert heard, "a full handshake, in which the password is asked for"


def test_92_resuming_a_session_does_not_make_it_last_longer() -> None:
    wireless = Wireless()
    session = wireless.signed_in()
    for seconds, resumes in ((3000, True), (700, False)):
        wireless.door.clock.advance(seconds)
        device = wireless.device(session)
        assert (wireless.login(device)[0], device.resumed) == (ACCEPT, resumes)
        session = session_of(device)


def test_92_after_a_change_the_full_login_is_what_counts() -> None:
    wireless = Wireless()
    session = wireless.signed_in()
    change_password(wireless)
    wireless.link.identities["alice"] = an_identity("alice", 1, credential_version=2)
    device = wireless.device(session)
    assert wireless.login(device)[0] == ACCEPT
    assert not device.resumed
    assert len(wireless.link.questions) == 2


def test_92_what_control_does_not_let_be_reused_is_not_resumed() -> None:
    wireless = Wireless()
    wireless.link.reuse = None
    device = wireless.device(wireless.signed_in())
    assert wireless.login(device)[0] == ACCEPT
    assert not device.resumed
    assert len(wireless.link.questions) == 2


def test_92_a_change_between_handshake_and_decision_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL has resumed already when the account is looked at."""
    wireless = Wireless()
    session = wireless.signed_in()
    device = wireless.device(session, inside=lambda _: b"")
    respond = device.respond

    def slow(request: bytes) -> bytes:
        if device.established:
            disable(wireless)
        said = respond(request)
        if device.established:
            disable(wireless)
        return said

    monkeypatch.setattr(device, "respond", slow)
    assert wireless.login(device)[0] == REJECT
    assert wireless.door.telemetry.decisions["radius", "eap_resumption_refused"] == 1


@pytest.mark.parametrize("reason", ["inactive", "certificate_revoked", "certificate_not_current", "no_binding"])
@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
def test_92_a_resumed_certificate_is_judged_like_any_other(version: int, reason: str) -> None:
    """OpenSSL looks at the chain only in a full handshake."""
    wireless, provider = Wireless(), a_provider()
    assert isinstance(provider.settings, RadiusSettings)
    settings = replace(provider.settings, client_authorities=AUTHORITY.pem)
    wireless.put(replace(provider, settings=settings), ALICE)
    wireless.link.verdicts["alice"] = "accepted"
    shown, context = issue("alice", AUTHORITY, usage=[CLIENT]), client_context(version)
    cast(Any, context).use_certificate(shown.certificate)
    context.use_privatekey(cast(Any, shown.key))
    first = TlsDevice(TLS, context=context, identity=b"alice")
    assert wireless.login(first)[0] == ACCEPT
    again = TlsDevice(TLS, context=context, identity=b"alice", session=session_of(first))
    assert (wireless.login(again)[0], again.resumed) == (ACCEPT, True)
    wireless.link.verdicts["alice"] = reason
    last = TlsDevice(TLS, context=context, identity=b"alice", session=session_of(again))
    code, found = wireless.login(last)
    assert (code, found[79][0][0], last.resumed) == (REJECT, 4, True)
    assert 26 not in found
    one, *others = (question.proof for question in wireless.link.questions)
    assert others == [one, one], "the whole chain is told each time"


def unconfirmed() -> Inside:
    return gtc(b"alice", PASSWORD, b"")


@pytest.mark.parametrize(
    ("kind", "inside"),
    [
        (TTLS, lambda: pap(b"alice", b"wrong")),
        (TTLS, lambda: lambda _: b"no AVP"),
        (PEAP, lambda: gtc(b"alice", b"wrong")),
        (PEAP, unconfirmed),
    ],
    ids=["ttls wrong password", "ttls broken", "peap wrong password", "peap unconfirmed"],
)
def test_93_the_session_of_a_login_that_failed_is_none(kind: int, inside: Callable[[], Inside]) -> None:
    wireless = Wireless()
    device = wireless.device(inside=inside(), kind=kind)
    assert wireless.login(device)[0] == REJECT
    asked = len(wireless.link.questions)
    second = wireless.device(session_of(device), lambda _: b"", kind)
    assert wireless.login(second)[0] == REJECT
    assert not second.resumed
    assert len(wireless.link.questions) == asked


@pytest.mark.parametrize("open_still", [True, False])
def test_93_an_unfinished_login_cannot_be_resumed(open_still: bool) -> None:
    """The handshake was whole, but nobody said who they are; the first conversation may even be open still."""
    wireless = Wireless()
    device = wireless.device(inside=lambda _: b"")
    state, eap = b"", response(1, IDENTITY, b"anonymous")
    for _ in range(20):
        reply = wireless.ask(wireless.packet(eap, state))
        assert reply is not None
        found = attributes(reply)
        state, request = found[24][0], b"".join(found[79])
        eap = device.respond(request)
        if device.established:
            break
    session = session_of(device)
    if not open_still:
        wireless.door.clock.advance(61)
    second = wireless.device(session, inside=lambda _: b"")
    assert wireless.login(second)[0] == REJECT
    assert not second.resumed
    assert wireless.link.questions == []


def test_a_session_of_one_method_is_nothing_to_another() -> None:
    wireless = Wireless()
    session = wireless.signed_in()
    device = TlsDevice(PEAP, gtc(b"alice", b"wrong"), wireless.context, session=session)
    assert wireless.login(device)[0] == REJECT
    assert not device.resumed


def test_a_tunnel_of_tls_1_3_is_never_resumed() -> None:
    wireless = Wireless()
    wireless.context = client_context(TLS_1_3)
    device = wireless.device(wireless.signed_in())
    assert wireless.login(device)[0] == ACCEPT
    assert not device.resumed
    assert len(wireless.link.questions) == 2


@pytest.mark.parametrize("kind", [TTLS, PEAP])
def test_92_the_id_that_a_device_shows_on_tls_1_3_names_no_session(kind: int) -> None:
    """Ids can be heard by everybody around: whoever logs in under another's would have that one come back as them."""
    wireless = Wireless()
    wireless.link.passwords["bob"] = "another"
    wireless.link.identities["bob"] = an_identity("bob", 2)
    wireless.put(a_provider(), ALICE, a_user(2, "bob"))
    session = wireless.signed_in(kind)
    also_1_3(wireless.context)
    bobs = {TTLS: pap, PEAP: gtc}[kind](b"bob", b"another")
    device = wireless.device(session, bobs, kind)
    assert wireless.login(device)[1][1] == [b"bob"]
    assert (device.connection.get_protocol_version(), device.resumed) == (TLS_1_3, False)
    back_on_1_2(wireless.context)
    alices = wireless.device(session, kind=kind)
    assert wireless.login(alices)[1][1] == [b"alice"]
    assert alices.resumed


def test_98_the_realm_of_the_inner_name_is_taken_off_too() -> None:
    wireless = Wireless()
    provider = a_provider()
    assert isinstance(provider.settings, RadiusSettings)
    realms = replace(provider.settings, stripped_realms=("example.com",))
    wireless.put(replace(provider, settings=realms), ALICE)
    code, _ = wireless.login(TlsDevice(TTLS, pap(b"alice@example.com", PASSWORD)))
    assert code == ACCEPT
    assert [question.username for question in wireless.link.questions] == ["alice"]


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_96_a_certificate_on_the_list_is_refused_in_the_handshake(version: int) -> None:
    wireless, provider = Wireless(), a_provider()
    assert isinstance(provider.settings, RadiusSettings)
    lost, kept = (issue("alice", AUTHORITY, usage=[CLIENT]) for _ in range(2))
    listed = revocations(AUTHORITY.certificate.subject, AUTHORITY.key, NOW, lost.certificate)
    settings = replace(provider.settings, client_authorities=AUTHORITY.pem, client_revocations=listed)
    wireless.put(replace(provider, settings=settings), ALICE)
    for shown in (lost, kept):
        context: Any = client_context(version)
        context.use_certificate(shown.certificate)
        context.use_privatekey(shown.key)
        wireless.login(TlsDevice(TLS, context=context, identity=b"alice"))
    assert wireless.door.telemetry.decisions["radius", "certificate_revoked"] == 1
    [question] = wireless.link.questions
    assert question.proof["kind"] == "certificate"


def test_an_authority_that_is_trusted_no_more_is_not_brought_back_by_a_login_under_way() -> None:
    """A conversation that began before a change must not leave a TLS context of before it behind."""
    wireless, provider = Wireless(), a_provider()

    def trusting(authority: Issued) -> ProviderRecord:
        assert isinstance(provider.settings, RadiusSettings)
        return replace(provider, settings=replace(provider.settings, client_authorities=authority.pem))

    def device() -> TlsDevice:
        context: Any = client_context(TLS_1_3)
        shown = issue("alice", AUTHORITY, usage=[CLIENT])
        context.use_certificate(shown.certificate)
        context.use_privatekey(shown.key)
        return TlsDevice(TLS, context=context)

    wireless.put(trusting(AUTHORITY), ALICE)
    another = trusting(issue("Another authority"))

    def change(number: int) -> None:
        if number == 2:  # the method is agreed upon, and the device's ClientHello comes next
            wireless.put(another, ALICE)

    for after in (change, lambda _: None):
        code, _ = wireless.login(device(), after)
        assert code == REJECT
    assert wireless.link.questions == []
    assert wireless.door.telemetry.decisions["radius", "untrusted_certificate"] == 2
