"""The link's transport over HTTP: one long GET of frames, and POSTs on kept-alive connections (DESIGN D7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote_from_bytes

from hyperlink import URL
from service_identity import VerificationError
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed
from twisted.internet.interfaces import IConsumer, IDelayedCall
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web._newclient import RequestNotSent  # no public module has it
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IPolicyForHTTPS
from zope.interface import implementer

from outpost.authentication import LinkAway, LinkRevoked
from outpost.link.content import beginning, whole
from outpost.link.following import Receive
from protocols.errors import RemoteProtocolError
from protocols.link.codec import MAX_FRAME, Lines
from protocols.link.http import HELLO_HEADER, PATH, REVOKED_HEADER

T = TypeVar("T")

CONNECT_SECONDS = 3.0
"""On the way to an answer a NAS waits too; a machine that is there accepts in milliseconds."""
ANSWER_SECONDS = 15.0
"""A password takes 25 ms to check, and seconds when many wait; a NAS has given up by then."""
SILENCE_SECONDS = 45.0
"""Three heartbeats: a stream silent for longer is dead, even if no one has closed it."""
CONNECTIONS = 16
"""Questions under way at once on kept-alive connections; further ones open their own."""
IDLE_SECONDS = 60.0
"""Shorter than control's own patience with an idle connection, so that no question meets one that is being closed."""
MOST_SAID = 4096
"""Bytes of a refusal: a sentence, or the page of whoever stands in control's place."""

_STALE = (ResponseNeverReceived, RequestTransmissionFailed, RequestNotSent)
"""What a kept-alive connection brings that control has closed meanwhile, as by a restart."""
_AWAY = (*_STALE, ConnectError, ConnectionClosed, ConnectingCancelledError, ResponseFailed, OSError, TimeoutError)
OUR_FAULT = frozenset({400, 413, 414, 431})
"""Answers to what we asked, not to who asks: the next question may fare better, and nobody else would say otherwise."""


class Refused(LinkAway):
    """Somebody answers in control's place, or control cannot; the text says how."""


class HttpTransport:
    """``hosts``: addresses of control, tried in turn; ``policy`` says who is believed to be one. Raises LinkAway when
    none answers."""

    def __init__(
        self,
        hosts: tuple[str, ...],
        token: str,
        reactor: Any,
        policy: IPolicyForHTTPS,
    ) -> None:
        self._hosts = hosts
        self._at = 0
        self._reactor = reactor
        self._headers = Headers({"Authorization": [f"Bearer {token}"]})
        self._away = False
        self._sounding = False
        pool = HTTPConnectionPool(reactor, persistent=True)
        pool.maxPersistentPerHost = CONNECTIONS
        pool.cachedConnectionTimeout = IDLE_SECONDS  # type: ignore[assignment]  # any number of seconds
        self._pool = pool
        self._asking = Agent(reactor, policy, connectTimeout=CONNECT_SECONDS, pool=pool)
        """Without treq, which works out the address and looks for cookies each time: a quarter of a question."""
        self._following = HTTPClient(Agent(reactor, policy, connectTimeout=CONNECT_SECONDS))

    async def follow(self, hello: bytes, receive: Receive) -> None:
        headers = self._headers.copy()
        headers.addRawHeader(HELLO_HEADER, quote_from_bytes(hello))
        response = await self._from_any(lambda host: self._follow(host, headers))
        self._away = False
        stream = _Stream(self._reactor, receive)
        response.deliverBody(stream)
        await stream.ended

    async def ask(self, question: bytes) -> bytes:
        """While control is known to be away, one question at a time sounds for it, and all others fail at once.

        A control whose machine is gone does not refuse connections: everyone would wait for the same silence.
        """
        if self._away and self._sounding:
            raise LinkAway("control did not answer a moment ago")
        self._sounding = sounding = self._away
        try:
            answer = await self._from_any(lambda host: self._answer(host, question))
        except LinkAway:
            self._away = True
            raise
        finally:
            if sounding:
                self._sounding = False
        self._away = False
        return bytes(answer)

    def close(self) -> Deferred[None]:
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    async def _answer(self, host: str, question: bytes) -> bytes:
        asked = self._asking.request(b"POST", _uri(host), self._headers, _Body(question))
        response = await self._checked(asked)
        return await whole(response, MAX_FRAME).addTimeout(ANSWER_SECONDS, self._reactor)

    async def _follow(self, host: str, headers: Headers) -> Any:
        """A redirect is not followed, here or where something is asked: the token would go wherever it points."""
        url, own = host + PATH, self._reactor
        return await self._checked(
            self._following.get(url, headers=headers, unbuffered=True, allow_redirects=False, reactor=own)
        )

    async def _checked(self, asked: Deferred[Any]) -> Any:
        return await _checked(await asked.addTimeout(ANSWER_SECONDS, self._reactor), self._reactor)

    async def _from_any(self, attempt: Callable[[str], Coroutine[Any, Any, T]]) -> T:
        """What the first address gives that answers, beginning with the one that did last."""
        last: Exception = LinkAway("no address of control is set")
        first = self._at
        for step in range(len(self._hosts)):
            at = (first + step) % len(self._hosts)
            try:
                answer = await self._twice(attempt, self._hosts[at])
            except LinkAway as error:
                last = error
            except _AWAY as error:
                last = LinkAway(f"{self._hosts[at]}: {plainly(error)}")
            else:
                self._at = at
                return answer
        raise last

    async def _twice(self, attempt: Callable[[str], Coroutine[Any, Any, T]], host: str) -> T:
        """A connection that was idle may turn out to be dead; questions and hellos may be asked again."""
        try:
            return await attempt(host)
        except _STALE as error:
            if not _is_stale(error):
                raise
            return await attempt(host)


@lru_cache
def _uri(host: str) -> bytes:
    """As treq has it; a name may be of any script."""
    return URL.from_text(host + PATH).to_uri().to_text().encode("ascii")


async def _checked(response: Any, clock: Any) -> Any:
    if response.code == 200:
        return response
    said = await beginning(response, MOST_SAID).addTimeout(ANSWER_SECONDS, clock)
    text = " ".join(said.decode(errors="replace").split())[:200]
    if response.code == 403 and response.headers.hasHeader(REVOKED_HEADER):
        raise LinkRevoked(text)
    if response.code in OUR_FAULT:
        raise RemoteProtocolError(f"control answered {response.code}: {text}")
    raise Refused(f"control answered {response.code}: {text}")


def plainly(error: BaseException) -> str:
    """What a person can act on: the innermost of the reasons that Twisted wraps."""
    while reasons := getattr(error, "reasons", None):
        error = reasons[0].value
    if isinstance(error, (CancelledError, TimeoutError)):
        return "no answer in time"
    if isinstance(error, VerificationError):
        return "its certificate is for another name"
    return str(error) or type(error).__name__


def _is_stale(error: Exception) -> bool:
    """Neither a timeout of ours nor a certificate that asking again would show again."""
    reasons = getattr(error, "reasons", ())
    return isinstance(error, RequestNotSent) or all(reason.check(ConnectionClosed) for reason in reasons)


@implementer(IBodyProducer)
class _Body:
    """The body of a question, written at once: treq's own takes two turns of the reactor."""

    def __init__(self, octets: bytes) -> None:
        self.length = len(octets)
        self._octets = octets

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._octets)
        return succeed(None)

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


class _Stream(Protocol):
    """The body of the long GET. ``ended`` fires when it ends, or with what ``receive`` failed with.

    Nothing is read while a line is taken in; control's writes then wait.
    """

    def __init__(self, clock: Any, receive: Receive) -> None:
        self.ended: Deferred[None] = Deferred(lambda _: self._stop())
        self._clock = clock
        self._receive = receive
        self._lines = Lines()
        self._waiting: deque[bytes] = deque()
        """Lines of what was read at once."""
        self._taking: Deferred[None] | None = None
        self._lost: Failure | None = None
        self._patience: IDelayedCall | None = None

    transport: Any

    def connectionMade(self) -> None:
        self._patience = self._clock.callLater(SILENCE_SECONDS, self._silent)

    def dataReceived(self, data: bytes) -> None:
        if self.ended.called:
            return
        self._be_patient()
        try:
            self._waiting.extend(self._lines.receive_data(data))
        except RemoteProtocolError:
            self._failed(Failure())
            return
        if self._taking is None:
            taking = Deferred.fromCoroutine(self._take_in())
            if not taking.called:
                self._taking = taking
                self.transport.pauseProducing()
            taking.addCallbacks(self._taken, self._failed)

    async def _take_in(self) -> None:
        while self._waiting:
            await self._receive(self._waiting.popleft())

    def _taken(self, _: None) -> None:
        if self._taking is None:
            return
        self._taking = None
        self._be_patient()
        if self._lost is not None:
            self.connectionLost(self._lost)
        else:
            self.transport.resumeProducing()

    def _failed(self, failure: Failure) -> None:
        self._taking = None
        if not self.ended.called:
            self.ended.errback(failure)
        self._stop()

    def connectionLost(self, reason: Failure = Failure(ConnectionClosed())) -> None:  # noqa: B008
        """What came before the end is taken in first."""
        if self._taking is not None:
            self._lost = reason
            return
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        if self.ended.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.ended.callback(None)
        else:
            self.ended.errback(LinkAway(plainly(reason.value or ConnectionClosed())))

    def _be_patient(self) -> None:
        if self._patience is not None and self._patience.active():
            self._patience.reset(SILENCE_SECONDS)

    def _silent(self) -> None:
        """TLS would wait for the other side's farewell, which never comes."""
        if not self.ended.called:
            self.ended.errback(LinkAway(f"no heartbeat for {SILENCE_SECONDS:.0f} seconds"))
        self._stop()

    def _stop(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        if self.transport is not None:
            self.transport.loseConnection()
