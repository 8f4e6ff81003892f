"""Whether applications that nobody asks would answer: a connection every half minute, over TLS with its handshake.

No request is sent: what an application does with one is its own affair, and its log's.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import TimeoutError
from twisted.internet.interfaces import IAddress, IHandshakeListener, IReactorTime, ISSLTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from outpost.listeners.upstream import CONNECT_TIMEOUT, Upstream
from outpost.listeners.upstreams import Upstreams, failure_of

PROBE_SECONDS = 30.0
"""Between two looks at an application that has had no visitor meanwhile."""
LOOK_SECONDS = 1.0
MOST_AT_ONCE = 50
"""Connections begun at one look: ten thousand applications are gone through in a few minutes, without a rush."""
PROBED = frozenset({"refused", "not_found", "unreachable", "tls", "slow_connect"})
"""Failures of which a connection shows that they are over. One that answered badly has to answer well."""


class UpstreamHealth:
    """``clock`` only counts seconds. Of an application that is new nothing is known: it is looked at first."""

    def __init__(self, upstreams: Upstreams, clock: IReactorTime) -> None:
        self._upstreams = upstreams
        self._clock = cast(Any, clock)
        self._seen: dict[Upstream, tuple[float, int]] = {}
        """When each was looked at last, and its answers and failures then."""
        self._looking = LoopingCall(self.look)
        self._looking.clock = clock

    def start(self) -> None:
        self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        if self._looking.running:
            self._looking.stop()

    def look(self) -> None:
        now, knocks = self._clock.seconds(), 0
        seen, self._seen = self._seen, {}
        for _, upstream in self._upstreams:
            at, before = self._seen[upstream] = seen.get(upstream, (-PROBE_SECONDS, 0))
            if now - at < PROBE_SECONDS or knocks >= MOST_AT_ONCE:
                continue
            told = upstream.answers + upstream.failures.total()
            self._seen[upstream] = (now, told)
            if told == before:
                knocks += 1
                self._knock(upstream)

    def _knock(self, upstream: Upstream) -> None:
        heard: Deferred[None] = Deferred()
        heard.addTimeout(CONNECT_TIMEOUT, self._clock, lambda *_: Failure(TimeoutError()))
        heard.addCallbacks(lambda _: self._answers(upstream), lambda failure: self._failed(upstream, failure))
        upstream.dial(_Knocking(heard)).addErrback(lambda failure: None if heard.called else heard.errback(failure))

    def _answers(self, upstream: Upstream) -> None:
        upstream.probed = True
        if upstream.failing in PROBED:
            self._upstreams.noticed(upstream, "")

    def _failed(self, upstream: Upstream, failure: Failure) -> None:
        upstream.probed = True
        self._upstreams.noticed(upstream, failure_of(failure))


@implementer(IHandshakeListener)
class _Knock(Protocol):
    """``heard`` once somebody is there; over TLS, once they have shown a certificate that is good."""

    def __init__(self, heard: Deferred[None]) -> None:
        self._heard = heard

    def connectionMade(self) -> None:
        if not ISSLTransport.providedBy(self.transport):
            self._over(None)

    def handshakeCompleted(self) -> None:
        self._over(None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._over(reason)

    def _over(self, failure: Failure | None) -> None:
        heard = self._heard
        cast(Any, self.transport).abortConnection()
        if heard.called:
            return
        if failure is None:
            heard.callback(None)
        else:
            heard.errback(failure)


class _Knocking(Factory):
    noisy = False

    def __init__(self, heard: Deferred[None]) -> None:
        self._heard = heard

    def buildProtocol(self, addr: IAddress | None) -> _Knock:
        return _Knock(self._heard)
