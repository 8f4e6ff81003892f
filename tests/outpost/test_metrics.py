"""What Prometheus reads, after real traffic at all three doors on in-memory transports."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace

import pytest
from cryptography import x509
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport, StringTransport

from outpost import __version__
from outpost.authentication import Authentication
from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from outpost.kept.credential_cache import CredentialCache
from outpost.listeners.certificates.shown import ShownCertificates
from outpost.listeners.door_metrics import REQUESTS, DoorMetrics
from outpost.listeners.forward_auth import PREFIX
from outpost.listeners.ldap import LdapConnection, LdapFactory
from outpost.listeners.metrics import PATH, Metrics
from outpost.listeners.radius import RadiusListener
from outpost.listeners.radius_eap import EapDoor
from outpost.listeners.radius_orders import OUTCOMES, RadiusOrders
from outpost.listeners.radius_replies import Replies
from outpost.metrics import (
    AUTHENTIK_REASONS,
    NO_CREDENTIALS,
    OTHER,
    PROTOCOLS,
    SKIPPED_PATH,
    OutpostMetrics,
    Updates,
    authentik_reason,
    bounded,
)
from outpost.telemetry import Telemetry
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    ChangeSession,
    OutpostRecord,
    ProviderRecord,
    ProxySettings,
    RadiusSettings,
    Reuse,
)
from rules.discards import DISCARDS
from rules.durations import BOUNDS
from rules.knocks import KINDS
from rules.reasons import REASONS, Outcome
from tests.certificates import issue
from tests.fakes import FakeClock, FakeLink, an_identity, counted_random
from tests.outpost.directory.people import ALICE, USERS, a_provider, a_user
from tests.outpost.listeners.forward_auth_door import forward_auth
from tests.outpost.listeners.http_connections import Listener, get
from tests.protocols.ldap import peer
from tests.protocols.radius import nas_side

CERTIFICATE = issue("shown").record
RECORDS = (
    OutpostRecord("o", "edge", "any", config={}),
    a_user(ALICE, "alice"),
    a_provider(),
    CERTIFICATE,
    ProviderRecord(
        6,
        "wifi",
        "radius",
        "wifi",
        "Wi-Fi",
        "b" * 32,
        "any",
        RadiusSettings(("192.0.2.0/24",), nas_side.SECRET.decode()),
    ),
    ProviderRecord(
        7, "wiki", "proxy", "wiki", "Wiki", "c" * 32, "any", ProxySettings("forward_single", "https://wiki.example.com")
    ),
)
PASSWORD = "secret-of-alice"


class ReusableLink(FakeLink):
    """What it accepts may be remembered."""

    instance = "i1"
    connected = True
    last_heard = 0.0
    losses = 0

    async def ask(self, question: Authenticate) -> Authenticated:
        answer = await super().ask(question)
        return replace(answer, reuse=Reuse(600.0), revision=41) if answer.identity is not None else answer


class Outbox:
    waiting = 0
    lost = 0

    def __len__(self) -> int:
        return self.waiting


@dataclass(frozen=True)
class Scrape:
    """Samples by name and labels."""

    families: dict[str, Metric]

    def value(self, name: str, **labels: str) -> float:
        (found,) = (
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        )
        return found

    def series(self, name: str) -> int:
        return sum(sample.name == name for family in self.families.values() for sample in family.samples)

    @property
    def names(self) -> set[str]:
        return {sample.name for family in self.families.values() for sample in family.samples}


class House:
    """An outpost's doors over one directory."""

    def __init__(self, link: ReusableLink | None = None) -> None:
        self.now = FakeClock()
        self.clock = Clock()
        self.clock.advance(1_700_000_000.0)
        self.telemetry = Telemetry()
        self.directory = Directory()
        self.link = link or ReusableLink({"alice": PASSWORD}, {"alice": an_identity("alice", ALICE)})
        self.cache = CredentialCache(b"k" * 32, self.directory, self.now)
        self.seconds = 0.0
        self.authentication = Authentication(
            self.link, lambda: "q1", self.telemetry.fault, self.cache, clock=lambda: self.seconds
        )
        self.ldap = LdapFactory(self.authentication, self.directory, self.telemetry, self.clock, now=self.now)
        eap = EapDoor(self.directory, lambda _: None, self.now, counted_random())
        replies = Replies(self.directory, self.telemetry, self.now, counted_random())
        self.radius = RadiusListener(
            self.authentication, self.directory, self.telemetry, self.clock, eap, replies, counted_random()
        )
        self.datagrams = FakeDatagramTransport()
        self.radius.makeConnection(self.datagrams)
        route = forward_auth(self.link, self.directory, self.authentication, self.telemetry, trusted="127.0.0.0/8")
        self.web = Listener([(PREFIX, route)], telemetry=self.telemetry)
        self.ready = False
        self.outbox = Outbox()
        collector = OutpostMetrics(
            self.telemetry,
            self.directory,
            self.link,
            self.authentication,
            self.cache,
            lambda: self.ready,
            self.now,
            {"http": self.web.factory.connections, "ldap": self.ldap.connections},
            Updates(self.directory, self.now),
            self.outbox,
        )
        certificates = ShownCertificates(self.directory)
        self.orders = RadiusOrders(self.directory, self.telemetry, self.clock, self.now, lambda protocol, version: None)
        doors = DoorMetrics(self.telemetry, certificates, eap.sessions, self.orders)
        self.measured = Listener([(PATH, Metrics([collector, doors]))], telemetry=self.telemetry)

    def load(self) -> None:
        self.directory.publish(whole(41, RECORDS), Touched(everything=True))
        self.ready = True

    def bind(self, username: str, password: str) -> LdapConnection:
        connection = self.ldap.buildProtocol(None)
        connection.makeConnection(StringTransport())  # type: ignore[no-untyped-call]
        connection.dataReceived(peer.bind(1, f"cn={username},{USERS}", password))
        return connection

    def ask_radius(self, username: str, password: str, secret: bytes = nas_side.SECRET, identifier: int = 1) -> None:
        self.radius.datagramReceived(
            nas_side.pap(username.encode(), password.encode(), secret=secret, identifier=identifier), nas_side.PEER
        )

    def ask_proxy(self, *credentials: str) -> None:
        basic = "Basic " + b64encode(":".join(credentials).encode()).decode()
        headers = [
            ("X-Original-URL", "https://wiki.example.com/"),
            *([("Authorization", basic)] if credentials else []),
        ]
        self.web.connect().ask(get("/outpost.goauthentik.io/auth/nginx", *headers))

    def scrape(self) -> Scrape:
        answer = self.measured.connect().ask(get("/metrics"))
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return Scrape({family.name: family for family in text_string_to_metric_families(answer.body.decode())})


@pytest.fixture
def house() -> House:
    made = House()
    made.load()
    return made


WHO = {"outpost_name": "edge", "outpost_type": "any", "uuid": "i1"}

PROMISED = {
    "authentik_outpost_info",
    "authentik_outpost_connection",
    "authentik_outpost_last_update",
    "authentik_outpost_ldap_request_duration_seconds_count",
    "authentik_outpost_ldap_requests_rejected_total",
    "authentik_outpost_radius_request_duration_seconds_count",
    "authentik_outpost_radius_requests_rejected_total",
    "authentik_outpost_proxy_request_duration_seconds_count",
    "outpost_decisions_total",
    "outpost_discards_total",
    "outpost_faults_total",
    "outpost_credential_cache_entries",
    "outpost_credential_cache_hits_total",
    "outpost_questions_waiting",
    "outpost_snapshot_revision",
    "outpost_snapshot_age_seconds",
    "outpost_link_connected",
    "outpost_link_losses_total",
    "outpost_reports_waiting",
    "outpost_reports_lost_total",
    "outpost_requests_total",
    "outpost_certificate_ends",
    "outpost_eap_conversations",
    "outpost_radius_orders_open",
    "outpost_radius_orders_total",
    "outpost_directory_records",
    "outpost_open_connections",
    "outpost_ready",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "python_info",
    "python_gc_collections_total",
}


def test_every_promised_metric_is_there_after_traffic(house: House) -> None:
    house.link.last_heard = house.now()
    for password in (PASSWORD, PASSWORD, "wrong"):
        house.bind("alice", password)
        house.ask_radius("alice", password, identifier=len(password))
        house.ask_proxy("alice", password)
    house.ask_proxy()
    house.ask_radius("alice", PASSWORD, secret=b"another", identifier=99)
    assert house.scrape().names >= PROMISED


def test_decisions_and_discards_by_protocol_and_reason(house: House) -> None:
    for password in (PASSWORD, "wrong", "wrong too"):
        house.bind("alice", password)
    house.bind("nobody", "x")
    house.ask_radius("alice", "wrong")
    house.ask_radius("alice", PASSWORD, secret=b"another", identifier=2)
    house.ask_proxy()
    seen = house.scrape()
    decisions = "outpost_decisions_total"
    assert seen.value(decisions, protocol="ldap", outcome="accepted", reason="accepted") == 1
    assert seen.value(decisions, protocol="ldap", outcome="bad_credentials", reason="wrong_password") == 2
    assert seen.value(decisions, protocol="ldap", outcome="bad_credentials", reason="unknown_user") == 1
    assert seen.value(decisions, protocol="radius", outcome="bad_credentials", reason="wrong_password") == 1
    assert seen.value(decisions, protocol="proxy", outcome="no_credentials", reason="no_credentials") == 1
    assert seen.value("outpost_discards_total", protocol="radius", reason="bad_message_authenticator") == 1
    rejected = "authentik_outpost_ldap_requests_rejected_total"
    assert seen.value(rejected, outpost_name="edge", type="bind", reason="invalid_credentials") == 3
    assert seen.value(rejected.replace("ldap", "radius"), outpost_name="edge", reason="invalid_credentials") == 1


def test_known_credentials_are_hits_and_only_questions_have_durations(house: House) -> None:
    house.bind("alice", PASSWORD)
    house.bind("alice", PASSWORD)
    seen = house.scrape()
    assert seen.value("outpost_credential_cache_entries") == 1
    assert seen.value("outpost_credential_cache_hits_total", away="false") == 1
    count = "authentik_outpost_ldap_request_duration_seconds_count"
    assert seen.value(count, outpost_name="edge", type="bind") == len(house.link.questions) == 1
    house.now.advance(700)
    house.link.away = True
    house.bind("alice", PASSWORD)
    seen = house.scrape()
    assert seen.value("outpost_credential_cache_hits_total", away="true") == 1
    assert seen.value(count, outpost_name="edge", type="bind") == 2


def test_a_question_takes_as_long_as_control_does(house: House) -> None:
    class Slow(ReusableLink):
        async def ask(self, question: Authenticate) -> Authenticated:
            assert house.scrape().value("outpost_questions_waiting") == 1
            house.seconds += 0.3
            return await super().ask(question)

    house = House(Slow())
    house.load()
    house.bind("alice", PASSWORD)
    seen, labels = house.scrape(), {"outpost_name": "edge", "type": "bind"}
    name = "authentik_outpost_ldap_request_duration_seconds"
    assert seen.value(f"{name}_bucket", **labels, le="0.25") == 0
    assert seen.value(f"{name}_bucket", **labels, le="0.5") == 1
    assert seen.value(f"{name}_sum", **labels) == 0.3
    assert seen.value("outpost_questions_waiting") == 0


def test_the_snapshots_revision_size_and_age(house: House) -> None:
    house.link.last_heard = house.now()
    house.now.advance(20)
    seen = house.scrape()
    assert seen.value("outpost_snapshot_revision") == 41
    assert seen.value("outpost_snapshot_age_seconds") == 20
    assert seen.value("outpost_directory_records", kind="user") == 1
    assert seen.value("outpost_directory_records", kind="provider") == 3
    assert seen.value("authentik_outpost_info", **WHO, version=__version__, build="") == 1
    assert seen.value("authentik_outpost_last_update", **WHO, version=__version__, build="") == house.now() - 20
    assert (seen.value("authentik_outpost_connection", **WHO), seen.value("outpost_ready")) == (1, 1)
    house.link.connected = False
    assert house.scrape().value("authentik_outpost_connection", **WHO) == 0
    assert house.scrape().value("outpost_link_connected") == 0


def test_before_control_was_ever_heard_there_is_no_age() -> None:
    house = House()
    house.link.connected = False
    seen = house.scrape()
    assert not {"outpost_snapshot_age_seconds", "authentik_outpost_last_update"} & seen.names
    assert (seen.value("outpost_snapshot_revision"), seen.value("outpost_ready")) == (0, 0)


def test_open_connections(house: House) -> None:
    visitors = [house.web.connect() for _ in range(3)]
    assert house.scrape().value("outpost_open_connections", listener="http") == 3
    for visitor in visitors[1:]:
        visitor.leave()
    assert house.scrape().value("outpost_open_connections", listener="http") == 1
    house.bind("alice", PASSWORD)
    assert house.scrape().value("outpost_open_connections", listener="ldap") == 1


def test_what_else_is_asked_is_counted(house: House) -> None:
    connection = house.bind("alice", PASSWORD)
    connection.dataReceived(peer.search(2, USERS, filter="(uid=alice)"))
    connection.dataReceived(peer.compare(3, f"cn=alice,{USERS}", "uid", "alice"))
    house.telemetry.knocked("host", "app.example.com")
    house.link.losses, house.outbox.waiting, house.outbox.lost = 2, 7, 3
    house.orders.take(ChangeSession("o1", "disconnect", "198.51.100.9", "sw1", "s1"))
    seen = house.scrape()
    for request, count in {"search": 1, "compare": 1, "password_change": 0}.items():
        assert seen.value("outpost_requests_total", protocol="ldap", request=request) == count
    assert seen.value("outpost_requests_total", protocol="radius", request="accounting") == 0
    assert seen.value("outpost_link_losses_total") == 2
    assert (seen.value("outpost_reports_waiting"), seen.value("outpost_reports_lost_total")) == (7, 3)
    assert seen.value("outpost_radius_orders_total", outcome="refused") == 1
    assert seen.value("outpost_radius_orders_open") == 0
    ends = x509.load_pem_x509_certificate(CERTIFICATE.certificate.encode()).not_valid_after_utc.timestamp()
    assert seen.value("outpost_certificate_ends", certificate=CERTIFICATE.name) == ends


def test_a_first_knock_is_a_rise(house: House) -> None:
    """What is not there before its first count is no increase to Prometheus."""
    assert {house.scrape().value("outpost_knocks_total", kind=kind) for kind in KINDS} == {0}
    house.telemetry.knocked("host", "app.example.com")
    assert house.scrape().value("outpost_knocks_total", kind="host") == 1


# --- bounds --------------------------------------------------------------------------------------------------------


def test_strangers_make_no_series(house: House) -> None:
    def attack(number: int) -> None:
        house.bind(f"nobody-{number}", f"guess-{number}")
        house.ask_radius(f"nobody-{number}", "x", identifier=number)
        house.ask_proxy(f"nobody-{number}", "x")
        house.web.connect(f"198.51.100.{number}").send(b"GARBAGE \x00 %d\r\n\r\n" % number)
        house.radius.datagramReceived(b"garbage", (f"203.0.113.{number}", 1))

    attack(0)
    before = house.scrape()
    for number in range(1, 30):
        attack(number)
    after = house.scrape()
    assert {name: after.series(name) for name in after.names} == {name: before.series(name) for name in before.names}
    assert after.value("outpost_discards_total", protocol="radius", reason="unknown_nas") == 30


OUTCOMES_SAID = {*map(str, Outcome), NO_CREDENTIALS, SKIPPED_PATH, OTHER}
VALUES: dict[str, set[str]] = {
    "protocol": {*PROTOCOLS, OTHER},
    "outcome": {*OUTCOMES_SAID, *OUTCOMES},
    "reason": {
        *REASONS,
        *DISCARDS,
        *AUTHENTIK_REASONS.values(),
        "no_provider",
        NO_CREDENTIALS,
        SKIPPED_PATH,
        OTHER,
    },
    "request": {request for _, request in REQUESTS},
    "kind": {*KINDS, "user", "group", "provider", "certificate"},
    "away": {"true", "false"},
    "listener": {"http", "ldap", "metrics"},
    "type": {"bind", "app"},
    "le": {"+Inf", *map(str, BOUNDS)},
    "certificate": {CERTIFICATE.name},
    "provider": {"wiki"},
    "outpost_name": {"edge"},
    "outpost_type": {"any"},
    "uuid": {"i1"},
    "version": {__version__},
    "build": {""},
    "generation": {"0", "1", "2"},
}
"""Every label, with all that it can say: catalogues, and what the configuration of this house has."""


def test_every_label_says_what_is_in_a_catalogue_or_in_the_configuration(house: House) -> None:
    for number in range(5):
        house.bind(f"nobody-{number}", f"guess-{number}").dataReceived(peer.search(2, f"ou=x{number},dc=y"))
        house.bind("alice", PASSWORD).dataReceived(peer.search(2, f"dc=elsewhere{number}"))
        house.ask_radius(f"nobody-{number}", "x", identifier=number)
        house.ask_proxy(f"nobody-{number}", "x")
        house.telemetry.discarded(f"protocol-{number}", "192.0.2.1", f"reason-{number}")
        house.telemetry.knocked("host", f"{number}.example.com")
    for family in house.scrape().families.values():
        for sample in family.samples:
            if sample.name != "python_info":
                for label, value in sample.labels.items():
                    assert value in VALUES[label], (sample.name, label, value)


def test_counts_under_unknown_words_share_one_series() -> None:
    counts = {("ldap", "wrong_password"): 1, **{(f"p{n}", f"r{n}"): 1 for n in range(100)}, ("radius", "new"): 2}
    assert dict(bounded(counts, REASONS)) == {
        ("ldap", "wrong_password"): 1,
        (OTHER, OTHER): 100,
        ("radius", OTHER): 2,
    }
    most = (len(PROTOCOLS) + 1) * (len(DISCARDS) + 1)
    every = {(p, r): 1 for p in (*PROTOCOLS, "x", "y") for r in (*DISCARDS, "x", "y")}
    assert len(list(bounded(every, DISCARDS))) == most


def test_every_refusal_has_a_word_of_authentiks() -> None:
    assert AUTHENTIK_REASONS.keys() == set(Outcome) - {Outcome.ACCEPTED}
    assert authentik_reason("unknown_provider") == "no_provider"
    for code, reason in REASONS.items():
        if reason.outcome is not Outcome.ACCEPTED:
            assert authentik_reason(code) in {"no_provider", "invalid_credentials", "access_denied", "flow_error"}


def test_metrics_are_at_one_path_alone(house: House) -> None:
    for path in ("/metrics/", "/metrics/x", "/", "/metricsx"):
        assert house.measured.connect().ask(get(path)).status == 404
    assert house.measured.connect().ask(get("/metrics?x=1")).status == 200
    assert house.web.connect().ask(get("/metrics")).status == 404
