"""Whole logins with every method over TLS, in memory: keys match, and whoever is refused is told so in the method."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from protocols.radius.eap.channel import Channel
from protocols.radius.eap.hello import ClientHello
from protocols.radius.eap.sessions import Accept, EapSessions, Reject
from protocols.radius.eap.steps import Verdict
from protocols.radius.mppe import Keys
from protocols.radius.offers import (
    CertificateOffer,
    ChapOffer,
    MsChapV2Offer,
    Offer,
    PasswordOffer,
    ReplyOffer,
    ResumptionOffer,
)
from tests.certificates import AUTHORITY, CLIENT, DAY, SERVER_AUTH, Issued, issue
from tests.fakes import counted_random
from tests.protocols.radius.eap.servers import Server
from tests.protocols.radius.eap.supplicant import (
    GTC,
    IDENTITY,
    PEAP,
    TLS,
    TLS_1_2,
    TLS_1_3,
    TTLS,
    Inside,
    Judge,
    Nas,
    TlsDevice,
    accept,
    avp,
    client_context,
    gtc,
    old_context,
    pap,
    refuse,
    response,
    session_of,
)

VERSIONS = pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
ALICE = issue("alice", AUTHORITY, usage=[CLIENT])


def a_nas(judge: Judge = accept, server: Server | None = None) -> Nas:
    return Nas(EapSessions(counted_random()), (server or Server()).methods, judge)


def with_certificate(version: int, shown: Issued = ALICE) -> SSL.Context:
    context: Any = client_context(version)  # its stubs know the deprecated types alone
    context.use_certificate(shown.certificate)
    context.use_privatekey(shown.key)
    made: SSL.Context = context
    return made


@VERSIONS
@pytest.mark.parametrize("size", [100, 1024])
def test_ttls_with_pap(version: int, size: int) -> None:
    nas = a_nas(server=Server(size))
    device = TlsDevice(TTLS, pap(b"alice", b"correct horse"), client_context(version), fragment=size)
    answer = nas.login(device)
    assert isinstance(answer, Accept)
    assert answer.keys == Keys.of_msk(device.msk())
    assert nas.offers == [PasswordOffer("alice", "correct horse")]
    assert answer.grant == nas.offers[0]
    assert len(nas.sessions) == 0


@VERSIONS
def test_peap_with_gtc(version: int) -> None:
    nas = a_nas()
    device = TlsDevice(PEAP, gtc(b"alice", b"correct horse"), client_context(version))
    answer = nas.login(device)
    assert isinstance(answer, Accept)
    assert answer.keys == Keys.of_msk(device.msk())
    assert nas.offers == [PasswordOffer("alice", "correct horse")]


@VERSIONS
def test_tls(version: int) -> None:
    nas = a_nas(server=Server(authority=AUTHORITY))
    device = TlsDevice(TLS, context=with_certificate(version), identity=b"alice")
    answer = nas.login(device)
    assert isinstance(answer, Accept)
    assert answer.keys == Keys.of_msk(device.msk())
    [offer] = nas.offers
    assert isinstance(offer, CertificateOffer)
    assert offer.username == "alice"
    assert offer.chain[0] == ALICE.certificate.public_bytes(Encoding.DER)


def test_tls_1_3_says_in_the_channel_that_the_certificate_was_accepted() -> None:
    """RFC 9190 section 2.5: one octet of zero."""
    heard: list[bytes] = []

    def inside(octets: bytes) -> bytes:
        heard.append(octets)
        return b""

    device = TlsDevice(TLS, inside, with_certificate(TLS_1_3))
    assert isinstance(a_nas(server=Server(authority=AUTHORITY)).login(device), Accept)
    assert heard == [b"\0"]


@VERSIONS
def test_an_alert_in_answer_to_our_last_words_is_no_success(version: int) -> None:
    """The peer may refuse us even then (RFC 5216 section 2.1.3)."""

    class Refusing(TlsDevice):
        def say(self, message: bytes) -> bytes:
            was = self.established
            said = super().say(message)
            last = self.established and (not said if version == TLS_1_2 else was)
            return b"\x15\x03\x03\x00\x02\x02\x2e" if last else said

    answer = a_nas(server=Server(authority=AUTHORITY)).login(Refusing(TLS, context=with_certificate(version)))
    assert isinstance(answer, Reject)
    assert answer.reason == "eap_tls_failed"


@VERSIONS
def test_a_refused_certificate_never_sees_success(version: int) -> None:
    heard: list[bytes] = []
    device = TlsDevice(TLS, lambda octets: heard.append(octets) or b"", with_certificate(version))  # type: ignore[func-returns-value]
    answer = a_nas(refuse, Server(authority=AUTHORITY)).login(device)
    assert isinstance(answer, Reject)
    assert (answer.reason, answer.told) == ("wrong_password", True)
    assert heard == []
    if version == TLS_1_2:
        assert not device.established


@VERSIONS
@pytest.mark.parametrize(("kind", "inside"), [(TTLS, pap(b"alice", b"x")), (PEAP, gtc(b"alice", b"x"))])
def test_refused(version: int, kind: int, inside: Inside) -> None:
    inside = pap(b"alice", b"x") if kind == TTLS else inside
    answer = a_nas(refuse).login(TlsDevice(kind, inside, client_context(version)))
    assert isinstance(answer, Reject)
    assert (answer.reason, answer.told) == ("wrong_password", True)
    assert answer.eap[0] == 4


def test_peap_tells_a_refusal_inside_the_tunnel() -> None:
    heard: list[bytes] = []
    inner = gtc(b"alice", b"x")

    def inside(octets: bytes) -> bytes:
        heard.append(octets)
        return inner(octets)

    a_nas(refuse).login(TlsDevice(PEAP, inside))
    assert heard[-1][4:] == bytes((33,)) + bytes.fromhex("800300020002")


@pytest.mark.parametrize(
    "confirmation",
    [
        b"",
        bytes.fromhex("800300020002"),
        bytes.fromhex("800300010001"),
        bytes.fromhex("000c003800000000"),
        bytes.fromhex("8003ffff0001"),
        bytes.fromhex("800300020001800300020002"),
        bytes.fromhex("800300020002800300020001"),
        bytes.fromhex("800300020001000cffff"),
        bytes.fromhex("80030002000180"),
        bytes.fromhex("000c000680030002000100"),
    ],
    ids=[
        "missing",
        "failure",
        "size",
        "cryptobinding-alone",
        "overrun",
        "success-and-failure",
        "failure-and-success",
        "overrun-behind",
        "cut-behind",
        "inside-another",
    ],
)
def test_101_102_peap_is_over_only_when_success_is_confirmed(confirmation: bytes) -> None:
    answer = a_nas().login(TlsDevice(PEAP, gtc(b"alice", b"x", confirmation)))
    assert isinstance(answer, Reject)
    assert answer.reason == "eap_malformed"


def test_102_a_cryptobinding_tlv_beside_the_result_says_nothing() -> None:
    binding = bytes.fromhex("000c0038") + bytes(0x38)
    answer = a_nas().login(TlsDevice(PEAP, gtc(b"alice", b"x", binding + bytes.fromhex("800300020001"))))
    assert isinstance(answer, Accept)


def test_101_inner_packets_with_their_header_are_understood() -> None:
    plain = gtc(b"alice", b"correct horse")

    def inside(heard: bytes) -> bytes:
        said = plain(heard)
        # Our inner identifiers: identity 0, then one more each time.
        identifiers = {1: 0, 26: 1, 6: 2}
        if not said or (heard[0] == 1 and len(heard) > 4):
            return said
        return response(identifiers[heard[0]], said[0], said[1:])

    nas = a_nas()
    assert isinstance(nas.login(TlsDevice(PEAP, inside)), Accept)
    assert nas.offers == [PasswordOffer("alice", "correct horse")]


def test_101_no_common_method_inside() -> None:
    def inside(heard: bytes) -> bytes:
        if heard[:1] == b"\x01" and len(heard) > 4:
            return response(heard[1], 33, bytes.fromhex("800300020002"))
        return b"\x01alice" if heard[:1] == b"\x01" else bytes((3, 4)) if heard else b""

    answer = a_nas().login(TlsDevice(PEAP, inside))
    assert isinstance(answer, Reject)
    assert answer.reason == "eap_no_common_method"


def test_101_what_answers_nothing_inside_ends_it() -> None:
    """Nobody sends anything again through a tunnel, so that silence would leave the device waiting."""

    def inside(heard: bytes) -> bytes:
        match heard[0] if heard else 0:
            case 1 if len(heard) == 1:
                return b"\x01alice"
            case 26:
                return bytes((3, GTC))
            case 6:
                return bytes((26,)) + bytes(54)
            case _:
                return b""

    answer = a_nas().login(TlsDevice(PEAP, inside))
    assert isinstance(answer, Reject)
    assert answer.reason == "eap_malformed"


def test_a_challenge_goes_to_the_person_in_gtc() -> None:
    def judge(offer: Offer) -> Verdict:
        if isinstance(offer, PasswordOffer):
            return Verdict(False, "code_needed", state="s1", prompt="Your code?")
        return Verdict(True, "accepted")

    heard: list[bytes] = []
    inner = gtc(b"alice", b"123456")

    def inside(octets: bytes) -> bytes:
        heard.append(octets)
        return inner(octets)

    nas = a_nas(judge)
    assert isinstance(nas.login(TlsDevice(PEAP, inside)), Accept)
    assert nas.offers[1] == ReplyOffer("alice", "s1", "123456")
    assert bytes((GTC,)) + b"Your code?" in heard


# --- TTLS ----------------------------------------------------------------------------------------------------------


def implicit(device: TlsDevice) -> tuple[bytes, int]:
    exported = device.connection.export_keying_material(b"ttls challenge", 17)
    return exported[:16], exported[16]


@VERSIONS
def test_ttls_with_chap(version: int) -> None:
    device = TlsDevice(TTLS, context=client_context(version))

    def inside(heard: bytes) -> bytes:
        challenge, identifier = implicit(device)
        return avp(1, b"alice") + avp(60, challenge) + avp(3, bytes((identifier,)) + bytes(16))

    device.inside = inside
    nas = a_nas()
    assert isinstance(nas.login(device), Accept)
    [offer] = nas.offers
    assert isinstance(offer, ChapOffer)
    assert (offer.challenge, offer.identifier) == implicit(device)


@VERSIONS
def test_ttls_with_mschapv2(version: int) -> None:
    device = TlsDevice(TTLS, context=client_context(version))
    heard: list[bytes] = []

    def inside(octets: bytes) -> bytes:
        if octets:
            heard.append(octets)
            return b""
        challenge, identifier = implicit(device)
        value = bytes((identifier, 0)) + b"p" * 16 + bytes(8) + b"r" * 24
        return avp(1, b"DOM\\alice") + avp(11, challenge, 311) + avp(25, value, 311)

    device.inside = inside
    shown = "S=" + "A" * 40
    nas = a_nas(lambda _: Verdict(True, "accepted", authenticator_response=shown))
    assert isinstance(nas.login(device), Accept)
    challenge, identifier = implicit(device)
    assert nas.offers == [MsChapV2Offer("alice", challenge, b"p" * 16, b"r" * 24)]
    assert heard == [avp(26, bytes((identifier,)) + shown.encode(), 311)]


def test_ttls_challenges_are_the_tunnels_own() -> None:
    """Somebody else's challenge and response, recorded elsewhere, prove nothing here."""
    for said in (
        avp(1, b"alice") + avp(60, bytes(16)) + avp(3, bytes(17)),
        avp(1, b"alice") + avp(11, bytes(16), 311) + avp(25, bytes(50), 311),
    ):
        nas = a_nas()
        answer = nas.login(TlsDevice(TTLS, lambda _, said=said: said))  # type: ignore[misc]
        assert isinstance(answer, Reject)
        assert answer.reason == "eap_malformed"
        assert nas.offers == []


@VERSIONS
def test_ttls_with_eap_inside(version: int) -> None:
    def inside(heard: bytes) -> bytes:
        if not heard:
            return avp(79, response(0, IDENTITY, b"alice"))
        eap = heard[8:]
        if eap[4] == GTC:
            return avp(79, response(eap[1], GTC, b"correct horse"))
        return avp(79, response(eap[1], 3, bytes((GTC,))))

    nas = a_nas()
    assert isinstance(nas.login(TlsDevice(TTLS, inside, client_context(version))), Accept)
    assert nas.offers == [PasswordOffer("alice", "correct horse")]


PAP = avp(1, b"alice") + avp(2, b"secret\0\0")


@pytest.mark.parametrize(
    "said",
    [
        b"\0\0\0\x01\x40\0\0\x07",
        b"\0\0\0\x01\x40\0\0\xff",
        b"\0\0\0\x01",
        avp(1, b"alice") + avp(999, b"x") + avp(2, b"secret"),
        avp(1, b"alice") + avp(2, b"secretx")[:-1],
        avp(1, b"alice") + PAP,
        avp(2, b"secret"),
        avp(1, b"alice"),
        PAP + avp(3, bytes(17)) + avp(60, bytes(16)),
        b"".join(avp(1000 + n, b"", mandatory=False) for n in range(40)) + PAP,
        avp(1, b"al\0ice") + avp(2, b"secret"),
        avp(1, b"al\nice") + avp(2, b"secret"),
        avp(1, b"alice") + avp(2, b"\xff\xfe"),
        b"\0\0\0\x01\xc0\0\0\x08" + PAP,
    ],
    ids=[
        "length-7",
        "overrun",
        "cut",
        "unknown-mandatory",
        "unpadded",
        "name-twice",
        "no-name",
        "no-proof",
        "two-proofs",
        "many",
        "nul",
        "control",
        "not-utf8",
        "vendor-cut",
    ],
)
def test_99_ttls_avps_that_are_refused(said: bytes) -> None:
    nas = a_nas()
    answer = nas.login(TlsDevice(TTLS, lambda _: said))
    assert isinstance(answer, Reject)
    assert answer.reason == "eap_malformed"
    assert nas.offers == []


def test_an_unknown_avp_that_is_not_mandatory_is_passed_over() -> None:
    said = [avp(999, b"x", mandatory=False) + PAP]
    nas = a_nas()
    assert isinstance(nas.login(TlsDevice(TTLS, lambda _: said.pop() if said else b"")), Accept)
    assert nas.offers == [PasswordOffer("alice", "secret")]


# --- sessions that are resumed ---


def resuming(nas: Nas, kind: int, version: int = TLS_1_2) -> TlsDevice:
    """A device that has logged in, and comes back with its TLS session."""
    context = with_certificate(version)
    first = TlsDevice(kind, inside_of(kind), context)
    assert isinstance(nas.login(first), Accept)
    nas.offers.clear()
    return TlsDevice(kind, inside_of(kind), context, session=session_of(first))


def inside_of(kind: int) -> Inside:
    return gtc(b"alice", b"correct horse") if kind == PEAP else pap(b"alice", b"correct horse")


@pytest.mark.parametrize("kind", [TTLS, PEAP])
@pytest.mark.parametrize("judge", [accept, refuse])
def test_92_a_resumed_tunnel_is_what_the_decision_says(kind: int, judge: Judge) -> None:
    nas = a_nas()
    device = resuming(nas, kind)
    nas.judge = judge
    answer = nas.login(device)
    assert device.resumed
    [offer] = nas.offers
    assert isinstance(offer, ResumptionOffer)
    assert isinstance(answer, Accept) == (judge is accept)
    if isinstance(answer, Accept):
        assert answer.keys == Keys.of_msk(device.msk())


@pytest.mark.parametrize("judge", [accept, refuse])
def test_92_a_certificate_is_judged_with_every_resumption(judge: Judge) -> None:
    nas = a_nas(server=Server(authority=AUTHORITY))
    device = resuming(nas, TLS)
    nas.judge = judge
    answer = nas.login(device)
    assert device.resumed
    [offer] = nas.offers
    assert isinstance(offer, CertificateOffer)
    assert offer.chain[0] == ALICE.certificate.public_bytes(Encoding.DER)
    assert isinstance(answer, Accept) == (judge is accept)


class Forgetful(Server):
    """Does not say which session is resumed: as with a ticket, which has no id."""

    nameless = False

    def connect(self, hello: ClientHello) -> Channel:
        channel = super().connect(hello)
        return Nameless(channel._connection) if self.nameless else channel


class Nameless(Channel):
    def output(self) -> bytes:
        found = super().output()
        self.session_id = b""
        return found


@pytest.mark.parametrize("kind", [TTLS, PEAP])
def test_93_a_resumed_session_that_nobody_can_name_is_no_login(kind: int) -> None:
    server = Forgetful()
    nas = a_nas(server=server)
    device = resuming(nas, kind)
    server.nameless = True
    answer = nas.login(device)
    assert device.resumed
    assert isinstance(answer, Reject)
    assert answer.reason == "eap_resumption_refused"
    assert nas.offers == []


# --- handshakes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TTLS, PEAP, TLS])
@pytest.mark.parametrize("version", [SSL.TLS1_VERSION, SSL.TLS1_1_VERSION], ids=["1.0", "1.1"])
def test_95_old_tls_is_refused_with_an_alert(version: int, kind: int) -> None:
    device = TlsDevice(kind, pap(b"a", b"b"), old_context(version))
    nas = a_nas(server=Server(authority=AUTHORITY))
    answer = nas.login(device)
    assert isinstance(answer, Reject)
    assert answer.reason == "eap_tls_failed"
    assert "protocol" in answer.text
    assert "alert protocol version" in device.heard_alert
    assert nas.offers == []


@VERSIONS
def test_a_client_without_certificate_is_refused_with_an_alert(version: int) -> None:
    nas = a_nas(server=Server(authority=AUTHORITY))
    answer = nas.login(TlsDevice(TLS, context=client_context(version)))
    assert isinstance(answer, Reject)
    assert answer.reason == "eap_tls_failed"
    assert nas.offers == []


@VERSIONS
@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (issue("alice", issue("Another authority"), usage=[CLIENT]), "untrusted_certificate"),
        (issue("alice", AUTHORITY, usage=[CLIENT], valid=(-2 * DAY, -DAY)), "certificate_not_current"),
        (issue("alice", AUTHORITY, usage=[CLIENT], valid=(DAY, 2 * DAY)), "certificate_not_current"),
        (issue("alice", AUTHORITY, usage=[SERVER_AUTH]), "certificate_not_for_clients"),
    ],
    ids=["foreign", "expired", "early", "of a server"],
)
def test_96_a_certificate_that_is_no_good_is_refused_with_its_reason(version: int, shown: Issued, reason: str) -> None:
    nas = a_nas(server=Server(authority=AUTHORITY))
    answer = nas.login(TlsDevice(TLS, context=with_certificate(version, shown)))
    assert isinstance(answer, Reject)
    assert answer.reason == reason
    assert nas.offers == []


@pytest.mark.parametrize(
    ("version", "suite"),
    [
        (TLS_1_2, b""),
        (TLS_1_3, b"TLS_AES_128_GCM_SHA256"),
        (TLS_1_3, b"TLS_AES_256_GCM_SHA384"),
        (TLS_1_3, b"TLS_CHACHA20_POLY1305_SHA256"),
    ],
)
def test_96_whom_the_decision_refuses_hears_it_by_an_alert(version: int, suite: bytes) -> None:
    """RFC 5216 section 2.1.3: the alert first, and when the peer has answered it, the Failure."""
    context: Any = with_certificate(version)
    if suite:
        context.set_tls13_ciphersuites(suite)
    nas = a_nas(refuse, Server(authority=AUTHORITY))
    device = TlsDevice(TLS, context=context)
    answer = nas.login(device)
    assert isinstance(answer, Reject)
    assert (answer.reason, answer.told) == ("wrong_password", True)
    assert "access denied" in device.heard_alert
    assert len(nas.sessions) == 0


def test_92_whoever_resumes_on_tls_1_2_and_is_refused_hears_a_failure_at_once() -> None:
    """A device that has finished last waits for the end, and takes no further Request."""
    nas = a_nas(server=Server(authority=AUTHORITY))
    device = resuming(nas, TLS)
    nas.judge = refuse
    answer = nas.login(device)
    assert device.resumed
    assert isinstance(answer, Reject)
    assert (answer.reason, answer.told) == ("wrong_password", True)
    assert device.heard_alert == ""


def test_96_whoever_answers_the_alert_with_more_is_refused_all_the_same() -> None:
    class Deaf(TlsDevice):
        def say(self, message: bytes) -> bytes:
            return super().say(message) or b"\x14\x03\x03\x00\x01\x01"

    answer = a_nas(refuse, Server(authority=AUTHORITY)).login(Deaf(TLS, context=with_certificate(TLS_1_2)))
    assert isinstance(answer, Reject)
    assert answer.reason == "wrong_password"


def test_what_is_no_client_hello_is_refused() -> None:
    for first in (b"\x16\x03\x01\x00\x02\x01\x00", b"hello", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x01\x00\x00"):

        class Strange(TlsDevice):
            def say(self, message: bytes, first: bytes = first) -> bytes:
                return first

        answer = a_nas().login(Strange(TTLS))
        assert isinstance(answer, Reject), first
