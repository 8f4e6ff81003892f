"""Composition of the outpost: link, directory, authentication, and the listeners on their sockets.

The only file that names concrete listeners. Sockets open when the first snapshot is there, so that whoever is answered
is answered from a directory.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from outpost import __version__
from outpost.authentication import Authentication
from outpost.config import OutpostConfig
from outpost.credential_cache import CredentialCache
from outpost.directory.snapshot import Directory
from outpost.link import Link, Transport
from outpost.listeners.asgi import AsgiRoute
from outpost.listeners.forward_auth import PREFIX, ForwardAuth
from outpost.listeners.health import Health
from outpost.listeners.http import HttpFactory
from outpost.listeners.ldap import LdapFactory
from outpost.listeners.ports import Ports
from outpost.listeners.radius import RadiusListener
from outpost.listeners.tls import ServerTls
from outpost.telemetry import Telemetry
from protocols.link.messages import CertificateRecord
from protocols.proxy.trust import TrustedPeers
from protocols.radius.pins import Pins

HEALTH_PREFIX = b"/-/health/"


class Outpost:
    """One outpost process. ``application`` is control's ASGI application in the all-in-one program, else None.

    ``reactor`` is a Twisted reactor with TCP, UDP and socket adoption; there is no one type that says so.
    """

    def __init__(
        self,
        config: OutpostConfig,
        transport: Transport,
        reactor: Any,
        *,
        application: Any = None,
        now: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.ports = Ports(reactor, config.data_dir)
        self.ready = False
        self.telemetry = Telemetry()
        self._config = config
        self._reactor = reactor
        self._now = now
        self._directory = Directory()
        self._link = Link(
            transport,
            self._directory,
            self.telemetry,
            reactor,
            lambda: random(1)[0] / 255,
            instance=random(16).hex(),
            hostname=socket.gethostname(),
            version=__version__,
        )
        self._authentication = Authentication(
            self._link,
            lambda: random(8).hex(),
            self.telemetry.fault,
            CredentialCache(random(32), self._directory, now),
        )
        self._tls = ServerTls(self._certificate)
        self._asgi = AsgiRoute(application, self.telemetry) if application is not None else None
        self._following: Deferred[None] | None = None

    async def start(self) -> None:
        """Follows control, and opens the listeners once the directory is there. Raises CannotListen."""
        self._following = Deferred.fromCoroutine(self._link.run())
        self._following.addErrback(self._following_ended)
        await self._link.loaded
        if self._asgi is not None:
            await self._asgi.start()
        self._listen()
        self.ports.write()
        self.ready = True

    async def stop(self) -> None:
        """Stops accepting, lets answers in hand finish, and leaves control."""
        self.ready = False
        await self.ports.close()
        if self._asgi is not None:
            await self._asgi.stop()
        if self._following is not None:
            self._following.cancel()

    def _following_ended(self, failure: Any) -> None:
        if self.ready:
            self.telemetry.failed("the link", failure)

    # --- listeners ---

    def _listen(self) -> None:
        config = self._config
        http, ldap, metrics = self._http(), self._ldap(), self._health_alone()
        self.ports.stream("http", config.http, http)
        self.ports.stream("https", config.https, self._over_tls(http))
        self.ports.stream("ldap", config.ldap, ldap)
        self.ports.stream("ldaps", config.ldaps, self._over_tls(ldap))
        self.ports.datagrams("radius", config.radius, self._radius())
        self.ports.stream("metrics", config.metrics, metrics)

    def _http(self) -> HttpFactory:
        forward_auth = ForwardAuth(
            self._authentication,
            self._directory,
            self.telemetry,
            TrustedPeers(self._config.trusted_proxies),
            __version__,
        )
        return HttpFactory(
            [(PREFIX, forward_auth), (HEALTH_PREFIX, Health(lambda: self.ready))],
            self._asgi,
            self._reactor,
            self._now,
            self.telemetry,
        )

    def _health_alone(self) -> HttpFactory:
        routes = [(HEALTH_PREFIX, Health(lambda: self.ready))]
        return HttpFactory(routes, None, self._reactor, self._now, self.telemetry)

    def _ldap(self) -> LdapFactory:
        return LdapFactory(self._authentication, self._directory, self.telemetry, self._reactor, self._tls)

    def _radius(self) -> Callable[[], DatagramProtocol]:
        pins = Pins()
        return lambda: RadiusListener(self._authentication, self._directory, self.telemetry, self._reactor, pins)

    def _over_tls(self, factory: Factory[Any]) -> TLSMemoryBIOFactory:
        return TLSMemoryBIOFactory(self._tls, isClient=False, wrappedFactory=factory, clock=self._reactor)

    def _certificate(self) -> CertificateRecord | None:
        """The generated self-signed one, until providers choose theirs by name."""
        return next(iter(self._directory.current.certificates.values()), None)
