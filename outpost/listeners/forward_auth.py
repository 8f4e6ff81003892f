"""The forward-auth door: a reverse proxy asks whether a request may pass.

Trusted peer, dialect, site, credentials, authentication, headers; whatever goes wrong at any step denies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred

from outpost.authentication import Authentication
from outpost.browsers.added_headers import MAX_NAMES, AddedHeaders
from outpost.browsers.policies import SessionPolicies
from outpost.browsers.renewals import SessionRenewals
from outpost.browsers.sessions import BrowserSessions, Known
from outpost.browsers.signing_in import SigningIn
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.admitting import Admitting
from outpost.listeners.asking import Asking
from outpost.listeners.exchange import Exchange
from outpost.listeners.going_on import GoingOn
from outpost.listeners.identity_lines import IdentityLines
from outpost.listeners.probes import Probes
from outpost.listeners.programs import Programs
from outpost.listeners.refusing import CHALLENGE, PLAIN, Refusing
from outpost.listeners.repeated import Repeated, without_session
from outpost.listeners.sign_in import FOR_PROGRAMS, JSON, SignInDoor, step_up
from outpost.listeners.site_rules import SiteRules, needs_nobody
from outpost.listeners.sites import Sites
from outpost.listeners.stepping_up import SteppingUp
from outpost.outcome import Bearer, Circumstances, Decision, Password
from outpost.telemetry import Telemetry
from protocols.proxy.conventions import AUTHELIA, OAUTH2_PROXY, Convention, convention_at, refuse_browsers
from protocols.proxy.cookies import values
from protocols.proxy.decision import Deny, HostTable, Prove, Realm, Show, SignIn, Site, credentials_in, site_for
from protocols.proxy.http1 import field_lines
from protocols.proxy.redirects import OURS
from protocols.proxy.trust import ForwardingError, Headers, TrustedPeers
from protocols.proxy.visitor import is_program
from rules.access import CLOSED
from rules.reasons import Outcome

PREFIX = OURS.encode()
PREFIXES = (PREFIX, AUTHELIA.encode(), OAUTH2_PROXY.encode())
"""What belongs to this door."""
PING = PREFIX + b"ping"
BODY_LIMIT = 2**63
"""A proxy may announce the browser's upload. Nobody waits for it, reads it or keeps it, so it needs no bound."""
MOST_ASKS = 3
"""Questions to control for one request, if the directory changes under each."""
MAX_NOTED = 256
"""Different sentences told to the operator between two configurations."""

SIGN_IN = b"Sign in to use this application."
NOT_HERE = b"Nothing is served at this address."


class ForwardAuth:
    """The route below `PREFIXES`. ``control_url``: where browsers reach control; ``now``: seconds since the epoch."""

    body_limit = BODY_LIMIT

    def __init__(
        self,
        authentication: Authentication,
        directory: Directory,
        telemetry: Telemetry,
        trusted: TrustedPeers,
        version: str,
        sessions: BrowserSessions,
        signing_in: SigningIn,
        control_url: Callable[[], str],
        now: Callable[[], float],
        policies: SessionPolicies,
        renewals: SessionRenewals,
        repeated: Repeated,
    ) -> None:
        self.repeated = repeated
        self._policies = policies
        self._renewals = renewals
        self._telemetry = telemetry
        self._trusted = trusted
        self._sessions = sessions
        self._rules = SiteRules(directory, now)
        self._stepping_up = SteppingUp(self._rules, now)
        self.going_on = GoingOn(
            sessions, renewals, directory, self._rules, self._stepping_up, lambda: self.table, now, telemetry.fault
        )
        self._added = AddedHeaders(directory)
        self._lines = IdentityLines(version, control_url, now, self._added)
        self._refusing = Refusing(telemetry)
        self._admitting = Admitting(sessions, self._rules, self._lines, self._refusing, telemetry, repeated)
        self._programs = Programs(authentication, self._rules, self._lines, self._refusing, telemetry, repeated)
        self._sign_in = SignInDoor(signing_in, telemetry, trusted, self._max_age_of_page)
        self._sites = Sites()
        self.table = HostTable(())
        """Who decides for which host, by the configuration in force."""
        self._noted: set[str] = set()
        self.probes = Probes()
        directory.follow(self._followed)

    def _followed(self, snapshot: Snapshot, touched: Touched) -> None:
        if not (touched.everything or touched.configuration):
            return
        self.table = HostTable(self._sites.of(snapshot), self.table)
        self._rules.configured(snapshot)
        self._lines.configured(snapshot)
        self._noted = set()
        if self._added.too_many:
            self.note(f"Attributes name more than {MAX_NAMES} additionalHeaders: those past it are said to nobody.")
        for site in self.table.unreadable:
            self.note(f"The external host or cookie domain of provider {site.provider_name!r} is no host: correct it.")
        for site in self._sites.new:
            for sentence in site.skipped.mistakes():
                self.note(f"Provider {site.provider_name!r}: {sentence}")

    def open(self, exchange: Exchange) -> None:
        try:
            self._open(exchange)
        except Exception:
            self._refusing.fault(exchange)

    def trusts(self, peer: str) -> bool:
        """May ask about others' requests?"""
        return self._trusted.is_trusted(peer)

    def answer(self, exchange: Exchange, address: str, convention: Convention) -> None:
        """A question that came by another way than the paths below `PREFIXES`; ``address`` as in `_decide`."""
        try:
            self._decide(exchange, address, convention)
        except Exception:
            self._refusing.fault(exchange)

    def _open(self, exchange: Exchange) -> None:
        path = exchange.path.decode("latin-1")
        found = convention_at(path)
        if found is not None:
            self._decide(exchange, *found)
        elif exchange.path == PING:
            exchange.respond(204)
        elif not self._sign_in.open(exchange, self.table):
            exchange.respond(404, PLAIN, NOT_HERE + b"\n")

    def _decide(self, exchange: Exchange, address: str, convention: Convention) -> None:
        """``address``: the path that the proxy is set up to ask at."""
        peer = exchange.peer
        if not self._trusted.is_trusted(peer):
            self.probes.note(exchange, address, trusted=False)
            self._refusing.refuse(exchange, "", Circumstances("proxy", peer), Decision("untrusted_proxy"))
            return
        headers = exchange.request.named
        try:
            request = exchange.request
            host = request.host.decode("latin-1")
            if convention.behind_path:
                rest = request.target[len(address) :].decode("latin-1")
                forwarded = convention.dialect(host, headers, request.method.decode("ascii"), rest)
            else:
                forwarded = convention.dialect(host, headers)
            refuse_browsers(forwarded, headers)
            whose = self._trusted.real_client if convention.by_real_ip else self._trusted.client
            client = whose(peer, headers)
            site = site_for(self.table, forwarded, convention.keeps_host)
        except ForwardingError as error:
            self.probes.note(exchange, address, problem=str(error))
            self._telemetry.discarded("proxy", peer, "bad_forwarding")
            self.note(f"The proxy at {peer} is set up wrongly. {error}")
            exchange.respond(400, PLAIN, str(error).encode("ascii") + b"\n")
            return
        self.probes.note(exchange, address, "", forwarded, client, not isinstance(site, Deny))
        if self._telemetry.knocks.open:
            self._telemetry.answered("proxy", peer)
            if not isinstance(site, Deny):
                self._telemetry.answered("host", forwarded.host)
        if isinstance(site, Deny):
            refused = {"host": forwarded.host, "path": forwarded.path, "method": forwarded.method}
            self._refusing.refuse(exchange, "", Circumstances("proxy", client, refused), Decision(site.reason))
            return
        self.ask(Asking(exchange, site, forwarded, headers, client, convention))

    def ask(self, asking: Asking, asks: int = MOST_ASKS) -> None:
        """May this request pass? The answer that lets it has the convention's status, and says who in ``identity``."""
        site, convention, exchange = asking.site, asking.convention, asking.exchange
        realm = self.table.realm(site)
        if convention.redirects and realm is not None and self._sign_in.is_ours(asking.forwarded):
            self._sign_in.forwarded(exchange, self.table, realm, site, asking.forwarded, asking.headers, asking.client)
            return
        known = self._session(realm, site, asking.headers)
        if known is not None and self._renewals.is_due(known) and asks:
            Deferred.fromCoroutine(self._renew(asking, known, asks - 1))
            return
        if known is not None and self._renewals.is_over(known):
            known = None  # control's last word has run out, and it has no other: signing in leads there
        identity = known.identity if known is not None else None
        who = identity or (known.candidate if known is not None else None)
        level = self._rules.level(asking, who)
        if level in CLOSED:
            username = identity.username if identity is not None else ""
            self._refusing.refuse(exchange, username, asking.circumstances, Decision(CLOSED[level]))
        elif known is not None and who is not None and self._stepping_up.is_due(level, asking, known, who):
            self._telemetry.decisions["proxy", "second_factor_needed"] += 1
            self._send_to_sign_in(asking, realm, self._stepping_up.max_age(asking, who))
        elif known is not None and identity is not None:
            self._admitting.admit(asking, known, identity)
        elif needs_nobody(level, self.table, site, asking.forwarded):
            self._telemetry.decisions["proxy", "skipped_path"] += 1
            exchange.respond(convention.allowed, self._lines.nobody(site, convention))
        elif known is None:
            self._without_session(asking, realm)
        elif known.candidate is None:
            self._not_open(asking, Decision(known.reason))
        elif (said := self._policies.said(known, asking.circumstances)) is not None:
            if said.identity is not None:
                exchange.grounds = said.grounds
                self._admitting.admit(asking, known, said.identity)
            else:
                self._not_open(asking, said)
        elif asks:
            Deferred.fromCoroutine(self._ask_policies(asking, known, asks - 1))
        else:  # the directory changes faster than control answers
            self._not_open(asking, Decision("control_away"))

    async def _renew(self, asking: Asking, known: Known, asks: int) -> None:
        try:
            await self._renewals.ask(known, asking.client)
            self._ask_again(asking, asks)
        except Exception:
            self._refusing.fault(asking.exchange)

    async def _ask_policies(self, asking: Asking, known: Known, asks: int) -> None:
        try:
            await self._policies.ask(known, asking.circumstances)
            self._ask_again(asking, asks)
        except Exception:
            self._refusing.fault(asking.exchange)

    def _ask_again(self, asking: Asking, asks: int) -> None:
        """Control has answered. Meanwhile the application may have been set up anew, or the host become another's."""
        forwarded, before, site = asking.forwarded, asking.site, self.table.find(asking.forwarded.host)
        if (
            site is None
            or (site.provider, site.mode) != (before.provider, before.mode)
            or self.table.contradicts(forwarded, asking.convention.keeps_host)
        ):
            self._not_open(asking, Decision("control_away"))
        else:
            self.ask(replace(asking, site=site), asks)

    def _not_open(self, asking: Asking, decision: Decision) -> None:
        """To somebody who has signed in."""
        if asking.convention.redirects and decision.outcome is Outcome.NOT_ALLOWED:
            self._telemetry.decided("", asking.seen_from, decision)
            self._sign_in.not_open(asking.exchange, asking.site)
        else:
            self._refusing.refuse(asking.exchange, "", asking.seen_from, decision)

    def _max_age_of_page(self, realm: Realm, url: str, headers: Headers, client: str) -> int:
        """`sign_in.MaxAge`."""
        return self._stepping_up.max_age_of_page(self.table, url, client, lambda at: self._session(realm, at, headers))

    def _session(self, realm: Realm | None, site: Site, headers: Headers) -> Known | None:
        if realm is None or b"cookie" not in headers:
            return None
        return self._sessions.find(realm, site.provider, values(headers, realm.jar.session))

    def _without_session(self, asking: Asking, realm: Realm | None) -> None:
        match credentials_in(asking.site, asking.headers):
            case Prove(_, username, password):
                self._programs.attempt(asking, realm, Password(username, password))
            case Show(_, token):
                self._programs.attempt(asking, realm, Bearer(token))
            case SignIn():
                self._telemetry.decisions["proxy", "no_credentials"] += 1
                self._send_to_sign_in(asking, realm, self._stepping_up.max_age(asking, None))
            case Deny(reason, challenge):
                self._refusing.refuse(
                    asking.exchange, "", asking.circumstances, Decision(reason), CHALLENGE if challenge else b""
                )

    def _send_to_sign_in(self, asking: Asking, realm: Realm | None, max_age: int) -> None:
        """``max_age``: seconds since a second factor must have been shown; 0: none is needed."""
        exchange, site, forwarded, convention = asking.exchange, asking.site, asking.forwarded, asking.convention
        program = is_program(asking.headers)
        if realm is not None and convention.redirects and not program:
            self._sign_in.begin(exchange, realm, site, self.table, forwarded, asking.headers, max_age)
            return
        fields, body = (JSON, FOR_PROGRAMS) if program else (PLAIN, SIGN_IN + b"\n")
        if max_age:
            fields += step_up(max_age)
        if realm is not None and convention.tells_location:
            where = [(b"Location", self._sign_in.address(realm, site, self.table, forwarded, asking.headers))]
            exchange.respond(401, fields + field_lines(where), body)
        elif self._rules.targets_matter(site):
            exchange.respond(401, fields, body)
        else:
            self.repeated.respond(exchange, 401, fields, body, "no_credentials", without_session(realm, fields))

    def note(self, sentence: str) -> None:
        if sentence not in self._noted and len(self._noted) < MAX_NOTED:
            self._noted.add(sentence)
            self._telemetry.noted(sentence)
