"""The forward-auth door: a reverse proxy asks whether a request may pass.

Trusted peer, dialect, site, credentials, authentication, headers; whatever goes wrong at any step denies.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from outpost.authentication import Authentication
from outpost.browser_sessions import BrowserSessions, Known
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.exchange import Exchange
from outpost.listeners.sign_in import SignInDoor
from outpost.listeners.sites import sites
from outpost.outcome import HTTP_STATUS, Circumstances, Decision, Identity, Password
from outpost.signing_in import SigningIn
from outpost.telemetry import Telemetry
from protocols.link.messages import OutpostRecord
from protocols.proxy.conventions import AUTHELIA, OAUTH2_PROXY, Convention, convention_at, keeps_out
from protocols.proxy.cookies import values
from protocols.proxy.decision import Deny, HostTable, Prove, Realm, SignIn, Site, credentials_in, site_for
from protocols.proxy.forwarded import ForwardedRequest
from protocols.proxy.headers import Unwritable, meta_fields
from protocols.proxy.http1 import field_lines
from protocols.proxy.injected import injected_fields
from protocols.proxy.trust import ForwardingError, Headers, TrustedPeers
from rules.reasons import Outcome

PREFIX = b"/outpost.goauthentik.io/"
PREFIXES = (PREFIX, AUTHELIA.encode(), OAUTH2_PROXY.encode())
"""What belongs to this door."""
PING = PREFIX + b"ping"
BODY_LIMIT = 2**63
"""A proxy may announce the browser's upload. Nobody waits for it, reads it or keeps it, so it needs no bound."""
MAX_RENDERED = 10_000
"""Identities whose headers are kept ready; some 10 MB."""
MAX_NOTED = 256
"""Different sentences told to the operator between two configurations."""

NGINX_STATUS: dict[Outcome, int] = {**HTTP_STATUS, Outcome.THROTTLED: 403}
"""nginx turns all but 2xx, 401 and 403 into 500."""

SIGN_IN = b"Sign in to use this application."
NOT_HERE = b"Nothing is served at this address."

PLAIN = field_lines(
    [
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Cache-Control", b"no-store"),
    ]
)
CHALLENGE = field_lines([(b"WWW-Authenticate", b'Basic realm="Sign in", charset="UTF-8"')])
ALLOWED = field_lines([(b"Cache-Control", b"no-store")])


class ForwardAuth:
    """The route below `PREFIXES`. ``control_url``: where browsers reach control."""

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
    ) -> None:
        self._authentication = authentication
        self._telemetry = telemetry
        self._trusted = trusted
        self._version = version
        self._sessions = sessions
        self._control_url = control_url
        self._sign_in = SignInDoor(signing_in, telemetry, trusted)
        self._outpost: OutpostRecord | None = None
        self.table = HostTable(())
        """Who decides for which host, by the configuration in force."""
        self._meta: dict[int, bytes] = {}
        self._rendered: dict[tuple[int, int, Convention], tuple[Identity, bytes]] = {}
        self._noted: set[str] = set()
        directory.follow(self._followed)

    def _followed(self, snapshot: Snapshot, touched: Touched) -> None:
        if not (touched.everything or touched.configuration):
            return
        self.table = HostTable(sites(snapshot))
        self._outpost = snapshot.outpost
        self._meta = {}
        self._rendered = {}
        self._noted = set()
        for site in self.table.unreadable:
            self._note(f"The external host or cookie domain of provider {site.provider_name!r} is no host: correct it.")
        for site in self.table.sites:
            self._note_patterns(site)

    def _note_patterns(self, site: Site) -> None:
        """Mistakes in what needs no sign-in open something, or nothing."""
        for line in site.skipped.faulty:
            self._note(f"Provider {site.provider_name!r}: {line!r} is no pattern that can be used, and skips nothing.")
        for line in site.skipped.unanchored:
            self._note(
                f"Provider {site.provider_name!r}: {line!r} matches anywhere in a path, so that more may need no "
                "sign-in than was meant. Begin it with ^ if it is the beginning of the path."
            )

    def open(self, exchange: Exchange) -> None:
        try:
            self._open(exchange)
        except Exception:
            self._fault(exchange)

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
            self._refuse(exchange, "", Circumstances("proxy", peer), Decision("untrusted_proxy"))
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
            client = self._trusted.client(peer, headers)
            site = site_for(self.table, forwarded, convention.keeps_host)
        except ForwardingError as error:
            self._telemetry.discarded("proxy", peer, "bad_forwarding")
            self._note(f"The proxy at {peer} is set up wrongly. {error}")
            exchange.respond(400, PLAIN, str(error).encode("ascii") + b"\n")
            return
        if self._telemetry.knocks.open:
            self._telemetry.answered("proxy", peer)
            if not isinstance(site, Deny):
                self._telemetry.answered("host", forwarded.host)
        if isinstance(site, Deny):
            self._refuse(exchange, "", _circumstances(client, forwarded), Decision(site.reason))
            return
        self.ask(exchange, site, forwarded, headers, client, convention)

    def ask(
        self,
        exchange: Exchange,
        site: Site,
        forwarded: ForwardedRequest,
        headers: Headers,
        client: str,
        convention: Convention,
    ) -> None:
        """May this request pass? The answer that lets it has the convention's status, and says who in ``identity``."""
        realm = self.table.realm(site)
        if convention.redirects and realm is not None and self._sign_in.is_ours(forwarded):
            self._sign_in.forwarded(exchange, self.table, realm, site, forwarded, headers, client)
            return
        known = self._session(realm, site, headers)
        if (known is None or known.identity is None) and self._is_skipped(site, forwarded):
            self._telemetry.decisions["proxy", "skipped_path"] += 1
            exchange.respond(convention.allowed, self._anonymous_lines(site, convention))
        elif known is None:
            self._without_session(exchange, site, realm, forwarded, headers, client, convention)
        elif known.identity is not None:
            self._allow_known(exchange, site, known, known.identity, client, convention)
        elif convention.redirects:
            self._telemetry.decided("", Circumstances("proxy", client), Decision(known.reason))
            self._sign_in.not_open(exchange, site)
        else:
            self._refuse(exchange, "", Circumstances("proxy", client), Decision(known.reason))

    def _is_skipped(self, site: Site, forwarded: ForwardedRequest) -> bool:
        return bool(site.skipped) and site.skipped.skips(self.table.origin(site, forwarded.host), forwarded.path)

    def _anonymous_lines(self, site: Site, convention: Convention) -> bytes:
        """Every identity header, empty: nobody's own gets through where nobody has to sign in."""
        return (
            ALLOWED
            + field_lines([*convention.identity(None, ""), *injected_fields({}, "", site.basic)])
            + (self._meta_lines(site) if convention.tells_meta else b"")
        )

    def _session(self, realm: Realm | None, site: Site, headers: Headers) -> Known | None:
        if realm is None or b"cookie" not in headers:
            return None
        return self._sessions.find(realm, site.provider, values(headers, realm.jar.session))

    def _allow_known(
        self, exchange: Exchange, site: Site, known: Known, identity: Identity, client: str, convention: Convention
    ) -> None:
        """The hot path: everything is ready since the directory changed last."""
        lines = known.lines.get(convention)
        if lines is None:
            try:
                fields = self._rendered_for(site, identity, convention, self._sessions.token(known))
            except Unwritable:
                circumstances = Circumstances("proxy", client)
                self._refuse(exchange, identity.username, circumstances, Decision("identity_too_long"))
                return
            known.lines[convention] = lines = ALLOWED + fields
        if convention.restricts and keeps_out(_query(exchange), identity):
            self._refuse(exchange, identity.username, Circumstances("proxy", client), Decision("restricted_by_proxy"))
            return
        self._telemetry.decisions["proxy", "accepted"] += 1
        exchange.identity = identity
        exchange.respond(convention.allowed, lines)

    def _without_session(
        self,
        exchange: Exchange,
        site: Site,
        realm: Realm | None,
        forwarded: ForwardedRequest,
        headers: Headers,
        client: str,
        convention: Convention,
    ) -> None:
        match credentials_in(site, headers):
            case Prove(site, username, password):
                credentials = Password(username, password)
                known = self._authentication.known(credentials, site.provider, client)
                if known is not None:
                    self._answer(exchange, site, username, Circumstances("proxy", client), known, convention)
                else:
                    Deferred.fromCoroutine(self._prove(exchange, site, credentials, client, forwarded, convention))
            case SignIn():
                self._telemetry.decisions["proxy", "no_credentials"] += 1
                if realm is not None and convention.redirects:
                    self._sign_in.begin(exchange, realm, site, self.table, forwarded, headers)
                elif realm is not None and convention.tells_location:
                    where = [(b"Location", self._sign_in.address(realm, site, self.table, forwarded))]
                    exchange.respond(401, PLAIN + field_lines(where), SIGN_IN + b"\n")
                else:
                    exchange.respond(401, PLAIN, SIGN_IN + b"\n")
            case Deny(reason, challenge):
                self._refuse(exchange, "", _circumstances(client, forwarded), Decision(reason), challenge)

    async def _prove(
        self,
        exchange: Exchange,
        site: Site,
        credentials: Password,
        client: str,
        forwarded: ForwardedRequest,
        convention: Convention,
    ) -> None:
        try:
            circumstances = _circumstances(client, forwarded)
            decision = await self._authentication.authenticate(credentials, site.provider, circumstances)
            self._answer(exchange, site, credentials.username, circumstances, decision, convention)
        except Exception:
            self._fault(exchange)

    def _answer(
        self,
        exchange: Exchange,
        site: Site,
        username: str,
        circumstances: Circumstances,
        decision: Decision,
        convention: Convention,
    ) -> None:
        if decision.identity is None:
            self._refuse(exchange, username, circumstances, decision, challenge=True)
        else:
            self._allow(exchange, site, decision, decision.identity, circumstances, convention)

    def _allow(
        self,
        exchange: Exchange,
        site: Site,
        decision: Decision,
        identity: Identity,
        circumstances: Circumstances,
        convention: Convention,
    ) -> None:
        try:
            fields = self._identity_lines(site, identity, convention)
        except Unwritable:
            too_long = Decision("identity_too_long", id=decision.id)
            self._refuse(exchange, identity.username, circumstances, too_long)
            return
        if convention.restricts and keeps_out(_query(exchange), identity):
            restricted = Decision("restricted_by_proxy", id=decision.id)
            self._refuse(exchange, identity.username, circumstances, restricted)
            return
        self._telemetry.decided(identity.username, circumstances, decision)
        exchange.identity = identity
        exchange.respond(convention.allowed, ALLOWED + fields)

    def _identity_lines(self, site: Site, identity: Identity, convention: Convention) -> bytes:
        """Every identity header. A known credential gives the same identity again until the directory changes."""
        place = (site.provider, identity.user, convention)
        kept = self._rendered.get(place)
        if kept is not None and kept[0] is identity:
            return kept[1]
        lines = self._rendered_for(site, identity, convention)
        if len(self._rendered) >= MAX_RENDERED:
            self._rendered.clear()
        self._rendered[place] = (identity, lines)
        return lines

    def _rendered_for(self, site: Site, identity: Identity, convention: Convention, jwt: str = "") -> bytes:
        """Raises Unwritable."""
        injected = injected_fields(identity.attributes, identity.email, site.basic)
        lines = field_lines([*convention.identity(identity, jwt), *injected])
        return lines + self._meta_lines(site) if convention.tells_meta else lines

    def _meta_lines(self, site: Site) -> bytes:
        lines = self._meta.get(site.provider)
        if lines is None:
            outpost = self._outpost
            jwks = f"{self._control_url().rstrip('/')}/application/o/{site.application}/jwks/"
            name = outpost.name if outpost is not None else ""
            lines = field_lines(
                meta_fields(jwks, name, site.provider_name, site.application, f"outpost/{self._version}")
            )
            self._meta[site.provider] = lines
        return lines

    def _refuse(
        self,
        exchange: Exchange,
        username: str,
        circumstances: Circumstances,
        decision: Decision,
        challenge: bool = False,
    ) -> None:
        """Only who brought credentials is asked for others: a browser would open its own dialogue on every 401."""
        self._telemetry.decided(username, circumstances, decision)
        status = NGINX_STATUS[decision.outcome]
        body = decision.diagnostic.encode() + b"\n"
        exchange.respond(status, PLAIN + CHALLENGE if challenge and status == 401 else PLAIN, body)

    def _fault(self, exchange: Exchange) -> None:
        """Closes the door first: a fault must not become a 2xx, nor telling about it a hanging request."""
        try:
            exchange.fail()
        finally:
            self._telemetry.fault("forward_auth")

    def _note(self, sentence: str) -> None:
        if sentence not in self._noted and len(self._noted) < MAX_NOTED:
            self._noted.add(sentence)
            self._telemetry.noted(sentence)


def _circumstances(client: str, forwarded: ForwardedRequest) -> Circumstances:
    """With the attributes, which only control wants to know."""
    attributes = {"host": forwarded.host, "path": forwarded.path, "method": forwarded.method}
    return Circumstances("proxy", client, attributes)


def _query(exchange: Exchange) -> str:
    return exchange.request.target.partition(b"?")[2].decode("latin-1")
