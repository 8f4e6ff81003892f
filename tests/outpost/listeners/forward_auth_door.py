"""The forward-auth door on an in-memory listener, whose control is a `FakeLink`."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import count
from typing import Any

from outpost.authentication import Authentication
from outpost.browsers.control_address import ControlAddress
from outpost.browsers.policies import SessionPolicies
from outpost.browsers.renewals import SessionRenewals
from outpost.browsers.sessions import BrowserSessions
from outpost.browsers.signing_in import SigningIn
from outpost.directory.snapshot import Directory
from outpost.listeners.forward_auth import ForwardAuth
from outpost.listeners.once import Once
from outpost.listeners.repeated import Repeated
from outpost.telemetry import Telemetry
from protocols.link.messages import ProviderRecord, ProxySettings
from protocols.proxy.trust import TrustedPeers
from tests.fakes import FakeClock, FakeLink
from tests.outpost.listeners.http_connections import NOW

TRUSTED = "192.0.2.0/24"


def random_octets() -> Any:
    """Never the same ones twice."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def forward_auth(
    link: FakeLink,
    directory: Directory,
    authentication: Authentication,
    telemetry: Telemetry,
    clock: FakeClock | None = None,
    trusted: str = TRUSTED,
    random: Any = None,
) -> ForwardAuth:
    now = clock or FakeClock(NOW)
    sessions = BrowserSessions(directory, now)
    address = ControlAddress(directory, "", "", lambda: "http://localhost:9000", telemetry.noted)
    signing_in = SigningIn(link, sessions, address, now, random or random_octets(), lambda: "q1")
    networks = TrustedPeers([ip_network(trusted)])
    policies = SessionPolicies(link, now, lambda: "q1", Once())
    repeated = Repeated(bytes(32), directory, telemetry)
    renewals = SessionRenewals(link, sessions, address, now, lambda: "q1", Once())
    return ForwardAuth(
        authentication,
        directory,
        telemetry,
        networks,
        "1.2.3",
        sessions,
        signing_in,
        address,
        now,
        policies,
        renewals,
        repeated,
    )


def provider(pk: int, external_host: str, **settings: Any) -> ProviderRecord:
    given = {"mode": "forward_single", "external_host": external_host, "client_id": f"client-{pk}", **settings}
    return ProviderRecord(
        pk=pk,
        name=f"Provider {pk}",
        protocol="proxy",
        application=f"app-{pk}",
        application_name=f"App {pk}",
        application_pk=f"{pk}",
        policy_engine_mode="any",
        settings=ProxySettings(**{"cookie_secret": f"secret of {pk}, and of nobody else", **given}),
    )
