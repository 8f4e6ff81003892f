"""A device that speaks EAP, written from the RFCs: OpenSSL's client end, and what is said in the tunnel."""

from __future__ import annotations

import struct
from collections.abc import Callable

from OpenSSL import SSL

from protocols.radius.eap.conversation import Methods
from protocols.radius.eap.sessions import Accept, Answer, Continue, Decide, EapSessions, Reject
from protocols.radius.eap.steps import Verdict
from protocols.radius.offers import Offer

IDENTITY, NAK, GTC, TLS, TTLS, PEAP, MSCHAPV2, TLV = 1, 3, 6, 13, 21, 25, 26, 33
NAS, PROVIDER = "192.0.2.7", 1
TLS_1_2, TLS_1_3 = SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION

Inside = Callable[[bytes], bytes]
"""What the server said in the tunnel (empty: nothing yet), to what is answered there (empty: nothing)."""


def response(identifier: int, kind: int, data: bytes) -> bytes:
    return struct.pack("!BBHB", 2, identifier, 5 + len(data), kind) + data


def client_context(version: int = TLS_1_2) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    return context


def also_1_3(context: SSL.Context) -> None:
    """Of a device that has a session of TLS 1.2, and speaks 1.3 too: it offers both in one hello."""
    SSL._lib.SSL_CTX_set_max_proto_version(context._context, TLS_1_3)  # type: ignore[attr-defined]


def back_on_1_2(context: SSL.Context) -> None:
    SSL._lib.SSL_CTX_set_max_proto_version(context._context, TLS_1_2)  # type: ignore[attr-defined]


def old_context(version: int) -> SSL.Context:
    """Of a device that speaks nothing newer."""
    context = client_context(version)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    return context


class TlsDevice:
    """One login with a method over TLS. ``fragment``: octets of TLS in one Response."""

    def __init__(
        self,
        kind: int,
        inside: Inside = lambda _: b"",
        context: SSL.Context | None = None,
        *,
        fragment: int = 1400,
        session: SSL.Session | None = None,
        identity: bytes = b"anonymous",
    ) -> None:
        self.kind = kind
        self.identity = identity
        self.inside = inside
        self.established = False
        self.heard_alert = ""
        self.connection = SSL.Connection(context or client_context(), None)
        self.connection.set_connect_state()
        if session is not None:
            self.connection.set_session(session)
        self._fragment = fragment
        self._incoming = b""
        self._outgoing = b""
        self._started = False

    def respond(self, request: bytes) -> bytes:
        """The Response to a Request; NAK to other methods than ours."""
        code, identifier, length, kind = struct.unpack("!BBHB", request[:5])
        assert (code, length) == (1, len(request))
        if kind == IDENTITY:
            return response(identifier, IDENTITY, self.identity)
        if kind != self.kind:
            return response(identifier, NAK, bytes((self.kind,)))
        return response(identifier, kind, self._answer(request[5:]))

    def _answer(self, data: bytes) -> bytes:
        flags, piece = data[0], data[1:]
        if flags & 0x80:
            piece = piece[4:]
        self._incoming += piece
        if flags & 0x40:
            return b"\0"
        if self._outgoing and not piece:
            return self._next()
        message, self._incoming = self._incoming, b""
        self._outgoing = self.say(message)
        if len(self._outgoing) <= self._fragment:
            return self._next()
        size = struct.pack("!I", len(self._outgoing))
        cut, self._outgoing = self._outgoing[: self._fragment], self._outgoing[self._fragment :]
        return b"\xc0" + size + cut

    def _next(self) -> bytes:
        cut, self._outgoing = self._outgoing[: self._fragment], self._outgoing[self._fragment :]
        return (b"\x40" if self._outgoing else b"\0") + cut

    def say(self, message: bytes) -> bytes:
        """TLS records in answer to TLS records."""
        if message:
            self.connection.bio_write(message)
        heard = b""
        try:
            if not self.established:
                self.connection.do_handshake()
                self.established = True
            heard = self.connection.recv(65_536)
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            self.heard_alert = str(error)
            return self._records()
        if self.established and (heard or self.kind == TTLS):
            said = self.inside(heard)
            if said:
                self.connection.send(said)
        return self._records()

    def _records(self) -> bytes:
        found = b""
        try:
            while True:
                found += self.connection.bio_read(65_536)
        except SSL.WantReadError:
            return found

    @property
    def resumed(self) -> bool:
        return bool(SSL._lib.SSL_session_reused(self.connection._ssl))  # type: ignore[attr-defined]

    def msk(self) -> bytes:
        if self.connection.get_protocol_version() == TLS_1_3:
            label, context = b"EXPORTER_EAP_TLS_Key_Material", bytes((self.kind,))
            return bytes(self.connection.export_keying_material(label, 128, context))[:64]
        label = b"ttls keying material" if self.kind == TTLS else b"client EAP encryption"
        return bytes(self.connection.export_keying_material(label, 64))


def session_of(device: TlsDevice) -> SSL.Session:
    """To be resumed: OpenSSL spoils the session of a connection that is dropped without goodbye, at this end, too."""
    device.connection.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)
    session = device.connection.get_session()
    assert session is not None
    return session


def avp(code: int, value: bytes, vendor: int = 0, mandatory: bool = True) -> bytes:
    """RFC 5281 section 10.1."""
    head = struct.pack("!I", vendor) if vendor else b""
    length = 8 + len(head) + len(value)
    flags = (0x80 if vendor else 0) | (0x40 if mandatory else 0)
    return struct.pack("!IB", code, flags) + length.to_bytes(3) + head + value + bytes(-length % 4)


def pap(name: bytes, password: bytes) -> Inside:
    """In TTLS."""
    said = [avp(1, name) + avp(2, password + bytes(-len(password) % 16))]
    return lambda heard: said.pop() if said and not heard else b""


def gtc(name: bytes, password: bytes, confirm: bytes = b"\x80\x03\x00\x02\x00\x01") -> Inside:
    """In PEAPv0: identity, NAK to everything but GTC, the password, and the confirmed result."""

    def inside(heard: bytes) -> bytes:
        match heard[0] if heard else 0:
            case 1 if len(heard) > 4 and heard[4] == TLV:
                return response(heard[1], TLV, confirm)
            case 1:
                return bytes((IDENTITY,)) + name
            case 6:
                return bytes((GTC,)) + password
            case 0:
                return b""
            case _:
                return bytes((NAK, GTC))

    return inside


Judge = Callable[[Offer], Verdict | None]


def accept(offer: Offer) -> Verdict:
    return Verdict(True, "accepted", grant=offer)


def refuse(offer: Offer) -> Verdict:
    return Verdict(False, "wrong_password", grant=offer)


class Nas:
    """Carries EAP between a device and `EapSessions`, as RADIUS would."""

    def __init__(self, sessions: EapSessions, methods: Callable[[], Methods], judge: Judge = accept) -> None:
        self.sessions = sessions
        self.methods = methods
        self.judge = judge
        self.offers: list[Offer] = []
        self.rounds = 0
        self.now = 0.0
        self.state: bytes | None = None

    def login(self, device: TlsDevice) -> Accept | Reject:
        """Until it ends."""
        self.state = None
        answer = self.send(response(7, IDENTITY, device.identity))
        for self.rounds in range(1, 400):
            if not isinstance(answer, Continue):
                assert isinstance(answer, Accept | Reject)
                return answer
            answer = self.send(device.respond(answer.eap))
        raise AssertionError("no end")

    def send(self, eap: bytes) -> Answer:
        answer: Answer | None = self.sessions.receive(
            eap,
            self.state,
            NAS,
            PROVIDER,
            self.methods,
            self.now,
        )
        while isinstance(answer, Decide):
            self.offers.append(answer.offer)
            answer = self.sessions.decided(answer.session, self.judge(answer.offer))
        assert answer is not None
        if isinstance(answer, Continue):
            self.state = answer.state
        return answer
