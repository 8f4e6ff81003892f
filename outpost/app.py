"""Composition of the outpost: link, directory, authentication, and the listeners on their sockets.

The only file that names concrete listeners. Sockets open when the first snapshot is there, so that whoever is answered
is answered from a directory.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence, Sized
from functools import partial
from typing import Any, TypeVar

from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from outpost import __version__
from outpost.authentication import Authentication
from outpost.browsers.control_address import ControlAddress
from outpost.browsers.policies import SessionPolicies
from outpost.browsers.renewals import SessionRenewals
from outpost.browsers.sessions import BrowserSessions
from outpost.browsers.signing_in import SigningIn
from outpost.config import OutpostConfig
from outpost.directory.snapshot import Directory, Touched
from outpost.kept.certificates import KnownCertificates
from outpost.kept.credential_cache import CredentialCache
from outpost.kept.network_hashes import KnownHashes
from outpost.kept.on_disk import OnDisk
from outpost.kept.sealed import Seal
from outpost.lag import Lag
from outpost.link.following import Link, Transport
from outpost.listeners.answering import asking_port
from outpost.listeners.asgi import AsgiRoute
from outpost.listeners.certificates.files import CertificateFiles
from outpost.listeners.certificates.shown import ShownCertificates
from outpost.listeners.dialling import dialling
from outpost.listeners.door_metrics import DoorMetrics
from outpost.listeners.exchange import Route
from outpost.listeners.fastcgi import FastCgiFactory
from outpost.listeners.forward_auth import PREFIXES, ForwardAuth
from outpost.listeners.health import PREFIX as HEALTH_PREFIX
from outpost.listeners.health import Health
from outpost.listeners.http import HttpFactory
from outpost.listeners.inherited import Inherited
from outpost.listeners.ldap import TOO_MANY, LdapConnection, LdapFactory
from outpost.listeners.lean_tls import OverTls
from outpost.listeners.metrics import PATH as METRICS_PATH
from outpost.listeners.metrics import Metrics
from outpost.listeners.nas import reported_pins
from outpost.listeners.once import Once
from outpost.listeners.onlookers import Onlookers, open_for_onlookers
from outpost.listeners.ports import Ports
from outpost.listeners.preamble import ProxiedFactory
from outpost.listeners.probes import PATH as PROBES_PATH
from outpost.listeners.radius import RadiusListener
from outpost.listeners.radius_accounting import AccountingListener
from outpost.listeners.radius_eap import EapDoor
from outpost.listeners.radius_orders import RadiusOrders
from outpost.listeners.radius_replies import Replies
from outpost.listeners.radsec import RadSecAccounting, RadSecFactory, RadSecLogins
from outpost.listeners.radsec_trust import RadSecTls, trust_of
from outpost.listeners.repeated import Repeated
from outpost.listeners.reverse_proxy import NobodyHere, ReverseProxy
from outpost.listeners.tls import Asked, ServerTls
from outpost.listeners.upstream_health import UpstreamHealth
from outpost.listeners.upstream_metrics import UpstreamMetrics
from outpost.listeners.upstreams import Upstreams
from outpost.listeners.watch import Watch
from outpost.metrics import OutpostMetrics, Updates
from outpost.slices import GarbageCollector
from outpost.telemetry import Telemetry
from outpost.threads import Threads
from outpost.throttle import Throttle
from protocols.ldap.result import ResultCode
from protocols.proxy.trust import TrustedPeers
from protocols.radius.pins import Pins

L = TypeVar("L", bound=RadiusListener)
A = TypeVar("A", bound=AccountingListener)

PATIENCE_SECONDS = 3.0
"""How long control may take to send its first word, when a directory was kept that can serve without it."""

DRAIN_SECONDS, DRAIN_LOOKS = 8.0, 160
"""For what is in hand when we are told to stop: shorter than the ten seconds that containers are given by default."""


class Outpost:
    """One outpost process. ``application`` is control's ASGI application in the all-in-one program, else None, and
    ``collectors`` find what is to be measured of control. ``seal``: alone, what its directory is kept on disk with, for
    a start while control is away. ``inherited``: sockets that are open already.

    ``reactor`` is a Twisted reactor with TCP, UDP and socket adoption; there is no one type that says so.
    """

    def __init__(
        self,
        config: OutpostConfig,
        transport: Transport,
        reactor: Any,
        *,
        application: Any = None,
        collectors: Sequence[Collector] = (),
        seal: Seal | None = None,
        inherited: Inherited | None = None,
        asks: Callable[[], Asked] = lambda: None,
        now: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.ports = Ports(reactor, config.data_dir, inherited)
        self.ready = False
        self.telemetry = Telemetry()
        self._config = config
        self._trusted = TrustedPeers(config.trusted_proxies)
        self._reactor = reactor
        self._now = now
        self._random = random
        self._directory = Directory()
        self._collector = GarbageCollector()
        self._link = Link(
            transport,
            self._directory,
            self.telemetry,
            reactor,
            lambda: random(1)[0] / 255,
            instance=random(16).hex(),
            hostname=socket.gethostname(),
            version=__version__,
            now=now,
            collector=self._collector,
        )
        self._cache = CredentialCache(random(32), self._directory, now)
        self._on_disk = OnDisk(
            config.data_dir,
            seal,
            self._directory,
            self._cache,
            self._link,
            self.telemetry,
            reactor,
            Threads(reactor),
            now,
            random,
            config.offline_credentials,
        )
        throttle = Throttle(random(32))
        self._directory.follow(throttle.follow)
        self._authentication = Authentication(
            self._link,
            lambda: random(8).hex(),
            self.telemetry.fault,
            self._cache,
            kept=self._on_disk.kept,
            throttle=throttle,
            held_up=self.telemetry.held_up,
            certificates=KnownCertificates(self._directory, now, self._cache.used),
            hashes=KnownHashes(self._cache, self._directory, now),
        )
        self._onlookers = Onlookers(self._directory, now)
        sockets = partial(asking_port, reactor)
        self._orders = RadiusOrders(self._directory, self.telemetry, reactor, now, sockets, self._onlookers)
        self._link.on_order(self._orders.take)
        self._updates = Updates(self._directory, now)
        self._lag = Lag(reactor)
        self._collectors: tuple[Collector, ...] = (*collectors, self._lag)
        self._files = CertificateFiles(
            config.certificates_dir, reactor, self._certificate_files_changed, self.telemetry.noted
        )
        self._certificates = ShownCertificates(self._directory, lambda: self._files.pairs)
        self._eap = EapDoor(self._directory, self._certificates.of_radius, now, random)
        self._replies = Replies(self._directory, self.telemetry, now, random)
        self._tls = ServerTls(self._certificates.at, self.telemetry, asks)
        self._ldap_tls = ServerTls(self._certificates.at_ldap, self.telemetry, self._certificates.asked_of_clients)
        self._asgi = AsgiRoute(application, self.telemetry) if application is not None else None
        self._following: Deferred[None] | None = None
        self._pages: HttpFactory | None = None
        self._directory_door: LdapFactory | None = None
        self._upstream_health: UpstreamHealth | None = None

    async def start(self) -> None:
        """Follows control, and opens the listeners once the directory is there. Raises CannotListen.

        Health and metrics are served before: somebody may want to know why the others are not.
        """
        http, ldap = self._http(), self._ldap()
        self._pages, self._directory_door = http, ldap
        self.ports.stream("metrics", self._config.metrics, self._measured(http, ldap))
        self._lag.start()
        self._files.start()
        self._on_disk.restore()
        self._on_disk.start()
        self._following = Deferred.fromCoroutine(self._link.run())
        self._following.addErrback(self._following_ended)
        await self._directory_there()
        if self._asgi is not None:
            await self._asgi.start()
        self._listen(http, ldap)
        self.ports.beside(open_for_onlookers(self._reactor, self._config.data_dir, self._onlookers))
        self.ports.write()
        self.ready = True

    def refresh(self) -> None:
        self._files.look()

    async def stop(self) -> None:
        """Stops accepting, lets answers in hand finish, and leaves control."""
        self.ready = False
        await self.ports.close()
        await self._drained()
        self._say_farewell()
        if self._asgi is not None:
            await self._asgi.stop()
        self._lag.stop()
        self._files.stop()
        self._orders.stop()
        if self._upstream_health is not None:
            self._upstream_health.stop()
        self._link.stop()
        if self._following is not None:
            self._following.cancel()
        await self._on_disk.stop()

    def _say_farewell(self) -> None:
        """Whoever is connected over LDAP hears that nothing more is answered here."""
        for one in tuple(self._directory_door.connections) if self._directory_door is not None else ():
            if isinstance(one, LdapConnection):
                one.disconnect(ResultCode.UNAVAILABLE, "This server stops.")

    async def _drained(self) -> None:
        """Until nothing is asked any more, but not for long."""
        if self._pages is None:
            return
        self._pages.drain()
        for _ in range(DRAIN_LOOKS):
            if not (self._pages.busy or self._authentication.waiting):
                return
            await deferLater(self._reactor, DRAIN_SECONDS / DRAIN_LOOKS)

    async def _directory_there(self) -> None:
        """Control's word, or, if that does not come soon, what was kept of an earlier run."""
        if await self._link.heard_within(PATIENCE_SECONDS):
            return
        if self._directory.loaded:
            self.telemetry.noted(self._on_disk.told_of_age())
            return
        self.telemetry.noted("Control has not answered yet, and no directory was kept here; it is waited for.")
        await self._link.loaded

    def _following_ended(self, failure: Any) -> None:
        if self.ready:
            self.telemetry.failed("the link", failure)

    # --- listeners ---

    def _listen(self, http: HttpFactory, ldap: LdapFactory) -> None:
        config = self._config
        self.ports.stream("http", config.http, http)
        self.ports.stream("https", config.https, self._over_tls(http, self._tls))
        self.ports.stream("ldap", config.ldap, self._proxied(ldap, TOO_MANY))
        self.ports.stream("ldaps", config.ldaps, self._proxied(self._over_tls(ldap, self._ldap_tls)))
        self.ports.datagrams("radius", config.radius, self._radius())
        self.ports.datagrams("radius_acct", config.radius_acct, lambda: self._accounting(AccountingListener))
        self.ports.stream("radsec", config.radsec, self._radsec())
        self.ports.stream("fastcgi", config.fastcgi, FastCgiFactory(self._door, self._reactor, self.telemetry))
        if config.ext_authz:
            from outpost.listeners.ext_authz import ExtAuthzFactory  # HTTP/2 is loaded by those who want it

            self.ports.stream("ext_authz", config.ext_authz, ExtAuthzFactory(self._door, self._reactor, self.telemetry))

    def _http(self) -> HttpFactory:
        config = self._config
        control_address = ControlAddress(
            self._directory, config.host_browser, config.public_url, self._own_address, self.telemetry.noted
        )
        sessions, new_id = BrowserSessions(self._directory, self._now), self._authentication.new_id
        signing_in = SigningIn(self._link, sessions, control_address, self._now, self._random, new_id)
        trusted = self._trusted
        self._door = forward_auth = ForwardAuth(
            self._authentication,
            self._directory,
            self.telemetry,
            trusted,
            __version__,
            sessions,
            signing_in,
            control_address,
            self._now,
            SessionPolicies(self._link, self._now, new_id, Once()),
            SessionRenewals(self._link, sessions, control_address, self._now, new_id, Once()),
            Repeated(self._random(32), self._directory, self.telemetry),
        )
        watch = Watch(forward_auth.going_on.stands, self._reactor, self.telemetry.fault)
        upstreams = Upstreams(self._directory, dialling(self._reactor), self._reactor, self.telemetry)
        reverse_proxy = ReverseProxy(forward_auth, upstreams, watch, trusted, self.telemetry)
        self._upstream_health = UpstreamHealth(upstreams, self._reactor)
        self._upstream_health.start()
        self._collectors += (UpstreamMetrics(upstreams, watch),)
        return HttpFactory(
            [*((prefix, forward_auth) for prefix in PREFIXES), (HEALTH_PREFIX, Health(lambda: self.ready))],
            self._asgi or NobodyHere(forward_auth, trusted, self.telemetry),
            self._reactor,
            self._now,
            self.telemetry,
            hosted=reverse_proxy.hosted,
            repeated=forward_auth.repeated.answer,
            brings_others=trusted.is_trusted,
        )

    def _own_address(self) -> str:
        """The last resort: where we find control ourselves, or this machine."""
        place = next(iter(self.ports.places.get("http", ())), ":9000")
        return self._config.control_host or f"http://localhost:{place.rpartition(':')[2]}"

    def _measured(self, http: HttpFactory, ldap: LdapFactory) -> HttpFactory:
        """The metrics port: health, and what is measured at the other doors and at this one."""
        connections: dict[str, Sized] = {"http": http.connections, "ldap": ldap.connections}
        ours = OutpostMetrics(
            self.telemetry,
            self._directory,
            self._link,
            self._authentication,
            self._cache,
            lambda: self.ready,
            self._now,
            connections,
            self._updates,
            self._on_disk.outbox,
        )
        doors = DoorMetrics(self.telemetry, self._certificates, self._eap.sessions, self._orders)
        routes: list[tuple[bytes, Route]] = [
            (HEALTH_PREFIX, Health(lambda: self.ready)),
            (METRICS_PATH, Metrics([ours, doors, *self._collectors])),
            (PROBES_PATH, self._door.probes),
        ]
        measured = HttpFactory(routes, None, self._reactor, self._now, self.telemetry)
        connections["metrics"] = measured.connections
        return measured

    def _ldap(self) -> LdapFactory:
        return LdapFactory(
            self._authentication,
            self._directory,
            self.telemetry,
            self._reactor,
            self._ldap_tls,
            grown=self._collector.grown,
            random=self._random,
            brings_others=self._trusted.is_trusted,
        )

    def _radius(self) -> Callable[[], RadiusListener]:
        pins = reported_pins(self.telemetry)
        return lambda: self._logins(RadiusListener, pins)

    def _radsec(self) -> OverTls:
        tls = RadSecTls()
        factory = RadSecFactory(
            self._logins(RadSecLogins, Pins()),
            self._accounting(RadSecAccounting),
            self._directory,
            self.telemetry,
            self._reactor,
            tls,
            lambda snapshot: trust_of(snapshot, self._certificates.own, lambda: self._certificates.generated),
        )
        return OverTls(tls, isClient=False, wrappedFactory=factory, clock=self._reactor)

    def _logins(self, kind: type[L], pins: Pins) -> L:
        return kind(
            self._authentication,
            self._directory,
            self.telemetry,
            self._reactor,
            self._eap,
            self._replies,
            self._random,
            pins,
            self._onlookers,
        )

    def _accounting(self, kind: type[A]) -> A:
        return kind(
            self._directory, self.telemetry, self._on_disk.keep, self._now, self._reactor.seconds, self._onlookers
        )

    def _over_tls(self, factory: Factory[Any], tls: ServerTls) -> OverTls:
        return OverTls(tls, isClient=False, wrappedFactory=factory, clock=self._reactor)

    def _proxied(self, door: Factory[Any], farewell: bytes = b"") -> ProxiedFactory:
        return ProxiedFactory(door, self._trusted, self._reactor, self.telemetry, "ldap", farewell)

    def _certificate_files_changed(self) -> None:
        """As if control had sent them: every door looks at its certificates again."""
        if self._directory.loaded:
            self._directory.publish(self._directory.current, Touched(configuration=True))
