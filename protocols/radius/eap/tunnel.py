"""What PEAP and TTLS share: in the tunnel somebody proves who they are, unless an earlier session is resumed."""

from __future__ import annotations

from collections.abc import Callable

from protocols.errors import RemoteProtocolError
from protocols.radius.eap.channel import Channel, Connect, TlsFailed
from protocols.radius.eap.conversation import Methods
from protocols.radius.eap.steps import Ask, Failed, Step, Verdict
from protocols.radius.eap.tls import TlsMethod
from protocols.radius.offers import ResumptionOffer


class Tunnel(TlsMethod):
    """``inner``: the EAP methods inside."""

    def __init__(self, identity: str, connect: Connect, size: int, inner: Methods) -> None:
        super().__init__(identity, connect, size)
        self._inner = inner
        self._decided: Callable[[Verdict], Step] | None = None

    def _established(self, channel: Channel) -> Step:
        if not channel.resumed:
            return self._begin(channel)
        if channel.is_1_3 or not channel.session_id:
            return Failed("eap_resumption_refused", "a tunnel was resumed that cannot be")
        self._decided = self._resumed
        return Ask(ResumptionOffer(channel.session_id))

    def decided(self, verdict: Verdict) -> Step:
        decided, self._decided = self._decided, None
        if decided is None:
            raise RuntimeError("nothing was asked")
        return decided(verdict)

    def _ask(self, ask: Ask, decided: Callable[[Verdict], Step]) -> Step:
        self._decided = decided
        return ask

    def _begin(self, channel: Channel) -> Step:
        """Full handshake done; send the last flight, or begin inside."""
        raise NotImplementedError

    def _resumed(self, verdict: Verdict) -> Step:
        raise NotImplementedError

    def _in_tunnel(self, octets: bytes) -> Step:
        """``octets``: what the peer says inside."""
        raise NotImplementedError

    def _tunnelled(self, message: bytes) -> Step:
        assert self._channel is not None
        try:
            if message:
                self._channel.receive(message)
            octets = self._channel.read()
        except TlsFailed as failed:
            return self._alert(failed)
        if message and not octets:
            raise RemoteProtocolError("a TLS message that says nothing in the tunnel")
        return self._in_tunnel(octets)
