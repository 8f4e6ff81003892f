"""What the methods over TLS share (RFC 5216 section 2.1), and EAP-TLS itself (RFC 5216, RFC 9190)."""

from __future__ import annotations

from collections.abc import Callable

from protocols.radius.eap.channel import Channel, Connect, TlsFailed
from protocols.radius.eap.fragments import Incoming, Outgoing, is_acknowledgement
from protocols.radius.eap.hello import client_hello
from protocols.radius.eap.packet import Type
from protocols.radius.eap.steps import Ask, Failed, Say, Step, Succeeded, Verdict
from protocols.radius.mppe import Keys
from protocols.radius.offers import CertificateOffer

PROTECTED_SUCCESS = b"\0"
"""One octet of application data: TLS 1.3 alone does not tell the peer that its certificate was accepted (RFC 9190)."""

LABEL = b"client EAP encryption"


class TlsMethod:
    """A method whose Requests carry our records, and whose Responses carry the peer's.

    ``size``: octets of TLS that fit into one Request.
    """

    type: Type
    label = LABEL
    """Of the keying material in TLS 1.2."""

    def __init__(self, identity: str, connect: Connect, size: int) -> None:
        self.identity = identity
        self._connect = connect
        self._incoming = Incoming()
        self._outgoing = Outgoing(size)
        self._channel: Channel | None = None
        self._after: Callable[[bytes], Step] | None = None
        """Takes the next message of the peer, in place of the handshake."""

    @property
    def can_ask(self) -> bool:
        return False

    def start(self) -> Step:
        return Say(self._outgoing.start)

    def receive(self, data: bytes) -> Step:
        if self._outgoing:
            if not is_acknowledgement(data):
                return Failed("eap_malformed", "a fragment was answered with something else than an acknowledgement")
            return Say(self._outgoing.next())
        message = self._incoming.receive(data)
        if message is None:
            return Say(self._outgoing.acknowledgement)
        if self._after is not None:
            return self._after(message)
        return self._handshake(message)

    def decided(self, verdict: Verdict) -> Step:
        raise NotImplementedError

    def _established(self, channel: Channel) -> Step:
        """The handshake has ended well; our last flight is not sent yet."""
        raise NotImplementedError

    def _handshake(self, message: bytes) -> Step:
        if not message:
            return Failed("eap_malformed", "an acknowledgement where nothing was to be acknowledged")
        try:
            if self._channel is None:
                self._channel = self._connect(client_hello(message))
            self._channel.receive(message)
        except TlsFailed as failed:
            return self._alert(failed)
        return self._established(self._channel) if self._channel.established else self._flush()

    def _flush(self) -> Step:
        """Sends what TLS has to say; nothing is an acknowledgement."""
        assert self._channel is not None
        return Say(self._outgoing.first(self._channel.output()))

    def _tell(self, octets: bytes) -> Step:
        """Sends application data."""
        assert self._channel is not None
        self._channel.write(octets)
        return self._flush()

    def _alert(self, failed: TlsFailed) -> Step:
        """The peer is told why, and may acknowledge it, before all ends (RFC 5216 section 2.1.3)."""
        output = self._channel.output() if self._channel is not None else b""
        return self._refuse(Failed(failed.reason, str(failed)), output)

    def _refuse(self, refusal: Failed, alert: bytes) -> Step:
        if not alert:
            return refusal
        self._after = lambda _: refusal
        return Say(self._outgoing.first(alert))

    def _succeeded(self) -> Succeeded:
        assert self._channel is not None
        keys = Keys.of_msk(self._channel.msk(self.type, self.label))
        self._channel.keep_session()
        # A resumed one stands on what it stood on before, and for no longer.
        return Succeeded(keys, b"" if self._channel.resumed else self._channel.session_id)


class EapTls(TlsMethod):
    """The peer proves that it has the key of a certificate. Whose that is, is asked at every login, a resumed one too.

    Our last flight waits for the decision, so that a peer who is refused never sees the handshake end well.
    """

    type = Type.TLS

    def _established(self, channel: Channel) -> Step:
        return Ask(CertificateOffer(self.identity, channel.peer_chain()))

    def decided(self, verdict: Verdict) -> Step:
        assert self._channel is not None
        if not verdict.accepted:
            return self._refuse(Failed(verdict.reason), self._channel.refusal())
        if self._channel.is_1_3:
            self._channel.write(PROTECTED_SUCCESS)
        output = self._channel.output()
        if not output:  # TLS 1.2 resumed: the peer's Finished was the last word
            return self._succeeded()
        self._after = self._acknowledged
        return Say(self._outgoing.first(output))

    def _acknowledged(self, message: bytes) -> Step:
        """Anything else is an alert: the peer does not want what it has heard."""
        if message:
            return Failed("eap_tls_failed", "TLS records where our last words were to be acknowledged")
        return self._succeeded()
