"""Health of applications that nobody asks: known before the first visitor is refused."""

from __future__ import annotations

from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost, ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from outpost.listeners.upstream import CONNECT_TIMEOUT, Upstream
from outpost.listeners.upstream_health import LOOK_SECONDS, MOST_AT_ONCE, PROBE_SECONDS, UpstreamHealth
from outpost.listeners.upstream_metrics import UpstreamMetrics
from outpost.listeners.upstreams import Place
from protocols.link.messages import Put
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.http_connections import Wire
from tests.outpost.listeners.proxied import Proxied

UP = "outpost_application_up"


class Looking(Proxied):
    def __init__(self) -> None:
        super().__init__()
        self.tls = False
        self.knock: Any = None
        self.health = UpstreamHealth(self.upstreams, self.reactor)
        self.health.start()

    def _made(self, place: Place, factory: Factory) -> Any:
        if not self.tls:
            return super()._made(place, factory)
        knock = factory.buildProtocol(IPv4Address("TCP", "192.0.2.80", place.port))
        wire = Wire("192.0.2.80")
        alsoProvides(wire, ISSLTransport)
        assert knock is not None
        knock.makeConnection(wire)
        self.knock = knock
        return knock

    def look(self) -> None:
        self.reactor.advance(PROBE_SECONDS)

    @property
    def upstream(self) -> Upstream:
        ((_, found),) = self.upstreams
        return found

    def up(self) -> float | None:
        families = UpstreamMetrics(self.upstreams, self.watch).collect()
        return next((one.value for family in families for one in family.samples if one.name == UP), None)


def test_an_application_is_known_to_be_there_before_anybody_comes() -> None:
    looking = Looking()
    assert looking.up() is None
    looking.reactor.advance(LOOK_SECONDS)
    assert looking.up() == 1
    assert (looking.application.received, looking.application.left) == (b"", True)
    assert looking.telemetry.notes == []


@pytest.mark.parametrize(("error", "failure"), [(ConnectionRefusedError(), "refused"), (DNSLookupError(), "not_found")])
def test_one_that_is_gone_is_told_of_once_and_again_when_it_is_back(error: Exception, failure: str) -> None:
    looking = Looking()
    looking.unreachable = error
    looking.look()
    looking.look()
    assert (looking.up(), looking.upstream.failing, len(looking.telemetry.notes)) == (0, failure, 1)
    assert dict(looking.upstream.failures) == {}, "no request failed"
    looking.unreachable = None
    looking.look()
    assert (looking.up(), looking.upstream.failing) == (1, "")
    assert "answers again" in looking.telemetry.notes[-1]


def test_one_that_answered_badly_has_to_answer_well() -> None:
    looking = Looking()
    looking.upstreams.told(looking.upstream, "bad_answer")
    looking.look()
    looking.look()
    assert looking.up() == 0


def test_one_that_visitors_ask_is_left_alone() -> None:
    looking = Looking()
    looking.ask()
    looking.application.answer()
    looking.look()
    assert len(looking.applications) == 1
    looking.look()
    assert len(looking.applications) == 2, "but nobody came since"


def test_nobody_accepts_in_time() -> None:
    looking = Looking()
    looking.waiting = []
    looking.reactor.advance(LOOK_SECONDS)
    looking.reactor.advance(CONNECT_TIMEOUT)
    assert (looking.up(), looking.upstream.failing) == (0, "slow_connect")
    (_, made) = looking.waiting.pop()
    made()
    assert looking.application.left, "whoever accepts later finds nobody"


@pytest.mark.parametrize(
    ("ending", "failing"), [(SSL.Error(), "tls"), (ConnectionLost(), "unreachable"), (None, "")], ids=str
)
def test_over_tls_the_certificate_has_to_be_good(ending: Exception | None, failing: str) -> None:
    looking = Looking()
    looking.waiting = []
    looking.reactor.advance(LOOK_SECONDS)
    looking.tls = True
    (_, made) = looking.waiting.pop()
    made()
    knock = looking.knock
    assert looking.up() is None, "a connection alone says nothing yet"
    if ending is None:
        knock.handshakeCompleted()
    else:
        knock.connectionLost(Failure(ending))
    assert (looking.up(), looking.upstream.failing) == (float(not failing), failing)


def test_many_are_gone_through_without_a_rush() -> None:
    looking = Looking()
    more = [
        provider(pk, f"https://h{pk}.example.com", mode="proxy", internal_host=f"http://h{pk}:80")
        for pk in range(100, 160)
    ]
    looking.change(*(Put(one) for one in more))
    looking.reactor.advance(LOOK_SECONDS)
    assert len(looking.applications) == MOST_AT_ONCE
    looking.reactor.advance(LOOK_SECONDS)
    assert len(looking.applications) == 61


def test_it_ends_with_the_outpost() -> None:
    looking = Looking()
    looking.health.stop()
    looking.look()
    assert looking.applications == []
    assert not looking.reactor.getDelayedCalls()
