"""The link's transport over HTTP: one long GET of frames, and POSTs on kept-alive connections (DESIGN D7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import treq
from OpenSSL import SSL, crypto
from treq.client import HTTPClient
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IDelayedCall, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IPolicyForHTTPS, IResponse
from zope.interface import implementer

from outpost.authentication import LinkAway
from protocols.errors import RemoteProtocolError
from protocols.link.codec import Lines

PATH = "/api/v3/outposts/link/"
HELLO_HEADER = "X-Outpost-Hello"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""A password takes 25 ms to check, and seconds when many wait; a NAS has given up by then."""
SILENCE_SECONDS = 45.0
"""Three heartbeats: a stream silent for longer is dead, even if no one has closed it."""
CONNECTIONS = 16
"""Questions under way at once on kept-alive connections; further ones open their own."""

_AWAY = (ConnectError, ConnectionClosed, ResponseFailed, OSError)


class Refused(LinkAway):
    """Control is there and does not know us; the text is its sentence."""


class HttpTransport:
    """``hosts``: addresses of control, tried in turn. Raises LinkAway when none answers."""

    def __init__(
        self,
        hosts: tuple[str, ...],
        token: str,
        reactor: Any,
        *,
        ca_file: Path | None = None,
        insecure: bool = False,
    ) -> None:
        self._hosts = hosts
        self._at = 0
        self._reactor = reactor
        self._headers: dict[bytes | str, bytes | str] = {"Authorization": f"Bearer {token}"}
        self._pool = HTTPConnectionPool(reactor, persistent=True)
        self._pool.maxPersistentPerHost = CONNECTIONS
        policy = _policy(ca_file, insecure)
        self._asking = HTTPClient(Agent(reactor, policy, connectTimeout=CONNECT_SECONDS, pool=self._pool))
        self._following = HTTPClient(Agent(reactor, policy, connectTimeout=CONNECT_SECONDS))

    async def follow(self, hello: bytes, receive: Callable[[bytes], None]) -> None:
        headers: dict[bytes | str, bytes | str] = {**self._headers, HELLO_HEADER: quote_from_bytes(hello)}
        response = await self._from_any(
            lambda host: self._following.get(host + PATH, headers=headers, unbuffered=True, timeout=ANSWER_SECONDS)
        )
        stream = _Stream(self._reactor, receive)
        response.deliverBody(stream)
        await stream.ended

    async def ask(self, question: bytes) -> bytes:
        response = await self._from_any(
            lambda host: self._asking.post(host + PATH, headers=self._headers, data=question, timeout=ANSWER_SECONDS)
        )
        try:
            return bytes(await treq.content(response))
        except _AWAY as error:
            raise LinkAway(str(error)) from error

    def close(self) -> Deferred[None]:
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    async def _from_any(self, request: Callable[[str], Awaitable[IResponse]]) -> Any:
        """The first address that answers, beginning with the one that did last."""
        last: Exception = LinkAway("no address of control is set")
        for _ in self._hosts:
            try:
                return await _checked(await request(self._hosts[self._at]))
            except LinkAway as error:
                last = error
            except _AWAY as error:
                last = LinkAway(f"{self._hosts[self._at]}: {error}")
            self._at = (self._at + 1) % len(self._hosts)
        raise last


async def _checked(response: Any) -> Any:
    if response.code == 200:
        return response
    text = (await treq.text_content(response)).strip()[:200]
    raise Refused(f"control answered {response.code}: {text}")


class _Stream(Protocol):
    """The body of the long GET. ``ended`` fires when it ends, or with what ``receive`` raised."""

    def __init__(self, clock: Any, receive: Callable[[bytes], None]) -> None:
        self.ended: Deferred[None] = Deferred(lambda _: self._stop())
        self._clock = clock
        self._receive = receive
        self._lines = Lines()
        self._patience: IDelayedCall | None = None
        self._failure: Failure | None = None

    def connectionMade(self) -> None:
        self._patience = self._clock.callLater(SILENCE_SECONDS, self._stop)

    def dataReceived(self, data: bytes) -> None:
        if self._failure is not None:
            return
        if self._patience is not None and self._patience.active():
            self._patience.reset(SILENCE_SECONDS)
        try:
            for line in self._lines.receive_data(data):
                self._receive(line)
        except RemoteProtocolError:
            self._failure = Failure()
            self._stop()

    def connectionLost(self, reason: Failure = Failure(ConnectionClosed())) -> None:  # noqa: B008
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        if self.ended.called:
            return
        if self._failure is not None:
            self.ended.errback(self._failure)
        elif reason.check(ResponseDone, PotentialDataLoss):
            self.ended.callback(None)
        else:
            self.ended.errback(LinkAway(str(reason.value)))

    def _stop(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


def _policy(ca_file: Path | None, insecure: bool) -> IPolicyForHTTPS:
    if insecure:
        return _Unverified()
    if ca_file is None:
        return BrowserLikePolicyForHTTPS()
    end = b"-----END CERTIFICATE-----"
    parts = ca_file.read_bytes().split(end)[:-1]
    authorities = [ssl.Certificate(crypto.load_certificate(crypto.FILETYPE_PEM, part + end)) for part in parts]
    return BrowserLikePolicyForHTTPS(ssl.trustRootFromCertificates(authorities))


@implementer(IPolicyForHTTPS)
class _Unverified:
    """For ``insecure``: whoever answers is taken for control. The settings' text warns of it."""

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        return _AnyCertificate(hostname)


@implementer(IOpenSSLClientConnectionCreator)
class _AnyCertificate:
    def __init__(self, hostname: bytes) -> None:
        self._hostname = hostname

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        connection = SSL.Connection(ssl.CertificateOptions().getContext(), None)
        connection.set_tlsext_host_name(self._hostname)
        return connection
