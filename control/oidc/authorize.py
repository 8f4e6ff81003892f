"""The authorization request: read, judged, and answered (RFC 6749, 4.1; OpenID Connect Core, 3.1.2; RFC 7636).

Nothing here sends a browser to an address that is not registered: what is wrong with client or redirect URI is told on
a page of ours (`Refused`), everything else at the redirect URI (`Redirected`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from control.authentication import application_admits
from control.flows.planning import NotForYou, plan
from control.flows.targets import LONGEST_TARGET
from control.oidc import claims
from control.oidc.clients import Client, find, form_target
from control.oidc.discovery import AUTHORIZE, RESPONSE_MODES, issuer
from control.records import Flow
from control.sessions import Visit
from control.store.interface import Transaction
from control.verbs.consents import recalled

Pairs = Sequence[tuple[str, str]]

MOST_PARAMETERS = 50
"""Of a request; OpenID Connect Core and its extensions know about twenty."""
LOGIN_SINCE = "login_since"
"""Our parameter in the address that a browser returns to: a sign-in after this moment is new enough."""
DENIED = "consent"
"""Our parameter by which the consent page says ``denied``."""
AUTHORIZED = "authorized"
"""Where a session keeps which request its authorization flow has just let through."""
MOMENTS = 600.0
"""Seconds for which that is kept, and for which a new sign-in counts as the one that was asked for."""
UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
"""OpenID Connect Core, 3.1.2.6: what must not be ignored."""


class Refused(Exception):
    """Ends on a page. The text is for the person; ``reason``, if there is one, for the operator's event."""

    def __init__(self, text: str, status: int = 400, reason: str = "", client: Client | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason
        self.client = client


class Redirected(Exception):
    """Ends at the redirect URI with an error code (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6)."""

    def __init__(self, asked: Destination, error: str, description: str) -> None:
        super().__init__(description)
        self.asked = asked
        self.error = error

    def location(self, base: str) -> str:
        return self.asked.answer(base, {"error": self.error, "error_description": str(self)})


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the answer goes: a registered redirect URI."""

    client: Client
    redirect_uri: str
    mode: str = "query"
    state: str | None = None

    def answer(self, base: str, parameters: Mapping[str, str]) -> str:
        """The address with these parameters; ``iss`` says who speaks (RFC 9207)."""
        said = {**parameters, "iss": issuer(base, self.client)}
        if self.state is not None:
            said["state"] = self.state
        if self.mode == "fragment":
            return f"{self.redirect_uri}#{urlencode(said)}"
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{urlencode(said)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be answered at its redirect URI."""

    to: Destination
    scopes: tuple[str, ...]
    nonce: str | None
    challenge: str | None
    prompt: frozenset[str]
    max_age: int | None
    login_since: float | None
    is_denied: bool
    pairs: Pairs = field(repr=False)

    @property
    def client(self) -> Client:
        return self.to.client

    @property
    def address(self) -> str:
        return address(self.pairs)

    def address_after_login(self, now: float) -> str:
        kept = [(name, value) for name, value in self.pairs if name != LOGIN_SINCE]
        return address([*kept, (LOGIN_SINCE, f"{now:.6f}")])


# --- reading -------------------------------------------------------------------------------------------------------


def address(pairs: Pairs) -> str:
    """The path, here, that asks for the same again."""
    return f"{AUTHORIZE}?{urlencode(pairs)}"


def request_id(address: str) -> str:
    """What names one request in a session."""
    return hashlib.sha256(address.encode()).hexdigest()


def destination(tx: Transaction, pairs: Pairs) -> Destination:
    """Raises Refused."""
    given = dict(pairs)
    if any("\0" in part for pair in pairs for part in pair) or len(pairs) > MOST_PARAMETERS:
        raise Refused("This request cannot be read. Go back to the application and try again.")
    if len(address(pairs)) > LONGEST_TARGET - 100:
        raise Refused("This request is longer than anything that belongs into it.")
    if any(sum(name == other for other, _ in pairs) > 1 for name in ("client_id", "redirect_uri")):
        raise Refused("The application named itself twice. Tell its administrator.")
    client = find(tx, given.get("client_id", ""))
    if client is None:
        raise Refused("No application is known here by the client ID in this request. Tell its administrator.")
    uri = given.get("redirect_uri", "")
    if not client.knows_redirect(uri):
        raise Refused(
            "The redirect URI in this request is not one of those that are registered for the application. "
            "Tell its administrator.",
            reason="unknown_redirect_uri",
            client=client,
        )
    return Destination(client, uri, state=given.get("state"))


def read(tx: Transaction, pairs: Pairs) -> Asked:
    """Raises Refused, Redirected."""
    pairs = tuple((name, value) for name, value in pairs if value)  # RFC 6749, 3.1: no value is as if omitted
    to = destination(tx, pairs)
    given = dict(pairs)
    if len(given) != len(pairs):
        raise Redirected(to, "invalid_request", "A parameter is there more than once.")
    mode = given.get("response_mode", "query")
    if mode not in RESPONSE_MODES:
        raise Redirected(to, "invalid_request", "This response_mode is not supported.")
    to = Destination(to.client, to.redirect_uri, mode, to.state)
    for name, error in UNSUPPORTED.items():
        if name in given:
            raise Redirected(to, error, f"The parameter {name} is not supported.")
    if "response_type" not in given:
        raise Redirected(to, "invalid_request", "The parameter response_type is missing.")
    if given["response_type"] != "code":
        raise Redirected(to, "unsupported_response_type", "The only response_type is code.")
    prompt = frozenset(given.get("prompt", "").split())
    if "none" in prompt and len(prompt) > 1:
        raise Redirected(to, "invalid_request", "prompt=none stands alone.")
    return Asked(
        to=to,
        scopes=_scopes(given.get("scope")),
        nonce=given.get("nonce"),
        challenge=_challenge(to, given),
        prompt=prompt,
        max_age=_max_age(to, given.get("max_age")),
        login_since=_moment(given.get(LOGIN_SINCE)),
        is_denied=given.get(DENIED) == "denied",
        pairs=pairs,
    )


def _scopes(asked: str | None) -> tuple[str, ...]:
    """Without any, all; unknown ones are dropped (RFC 6749, 3.3)."""
    wanted = asked.split() if asked is not None else [scope for scope in claims.SCOPES if scope != "offline_access"]
    return tuple(dict.fromkeys(scope for scope in wanted if scope in claims.SCOPES))


def _challenge(to: Destination, given: Mapping[str, str]) -> str | None:
    """RFC 7636, 4.3; only S256, which a request has to say: without, the method would be plain."""
    challenge = given.get("code_challenge")
    if challenge is None:
        if to.client.requires_pkce or "code_challenge_method" in given:
            raise Redirected(to, "invalid_request", "A code_challenge is required (PKCE).")
        return None
    if given.get("code_challenge_method") != "S256":
        raise Redirected(to, "invalid_request", "The code_challenge_method must be S256.")
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge) is None:
        raise Redirected(to, "invalid_request", "The code_challenge is not the SHA-256 of anything.")
    return challenge


def _max_age(to: Destination, said: str | None) -> int | None:
    if said is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", said) is None:
        raise Redirected(to, "invalid_request", "max_age is a number of seconds.")
    return int(said)


def _moment(said: str | None) -> float | None:
    return float(said) if said is not None and re.fullmatch(r"[0-9]{1,12}\.[0-9]{6}", said) else None


# --- judging -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody has to sign in, perhaps again, and then comes back to ``next``."""

    slug: str
    """Of the provider's authentication flow; empty for the default one."""
    next: str


@dataclass(frozen=True, slots=True)
class RunFlow:
    """The authorization flow has something to ask, and then leads back to ``next``."""

    slug: str
    next: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A code may be given."""

    asked: Asked
    visit: Visit


def decide(tx: Transaction, pairs: Pairs, visit: Visit | None) -> SignIn | RunFlow | Grant:
    """Raises Refused, Redirected."""
    asked = read(tx, pairs)
    quiet = "none" in asked.prompt
    if visit is None or visit.user is None or not is_fresh(asked, visit.session.created, tx.now):
        if quiet:
            raise Redirected(asked.to, "login_required", "Somebody has to sign in.")
        demands = asked.prompt or asked.max_age is not None
        next = asked.address_after_login(tx.now) if demands else asked.address
        return SignIn(_authentication_flow(tx, asked.client), next)
    if asked.is_denied:
        raise Redirected(asked.to, "access_denied", "The person did not agree.")
    if not application_admits(tx, asked.client.application, visit.user.pk):
        if quiet:
            raise Redirected(asked.to, "access_denied", "This person may not use the application.")
        name = asked.client.application.name
        raise Refused(f"Your account may not use {name}. Ask your administrator.", 403, "no_binding", asked.client)
    flow = _authorization_flow(tx, asked, visit)
    if flow is None or _has_passed(asked, visit, tx.now):
        return Grant(asked, visit)
    if quiet:
        raise Redirected(asked.to, "consent_required", "The person has to agree first.")
    return RunFlow(flow, asked.address)


def is_fresh(asked: Asked, signed_in: float, now: float) -> bool:
    """Is the sign-in new enough for `prompt` and `max_age`? (OpenID Connect Core, 3.1.2.1)

    Whoever holds the browser can leave these parameters out as well as change ours: the application must look at
    ``auth_time``, and that is never wrong.
    """
    if asked.login_since is not None and asked.login_since <= signed_in and now - asked.login_since <= MOMENTS:
        return True
    if not asked.prompt.isdisjoint({"login", "select_account"}):
        return False
    return asked.max_age is None or now - signed_in <= asked.max_age


def _authentication_flow(tx: Transaction, client: Client) -> str:
    chosen = client.provider.authentication_flow
    flow = tx.find(Flow, pk=chosen) if chosen is not None else None
    return flow.slug if flow is not None else ""


def _authorization_flow(tx: Transaction, asked: Asked, visit: Visit) -> str | None:
    """The slug of the flow that has to be walked through; None if it would ask nothing."""
    client = asked.client
    chosen = client.provider.authorization_flow
    flow = tx.find(Flow, pk=chosen) if chosen is not None else None
    if flow is None or flow.designation != "authorization" or visit.user is None:
        raise Refused("The provider of this application has no authorization flow. Tell the administrator.", 403)
    try:
        stages = plan(tx, flow, visit.user.pk, asked.address).plan
    except NotForYou as refusal:
        raise Refused(str(refusal), 403, refusal.reason, client) from None
    agreed = recalled(tx, visit.user.pk, client.application.pk)
    is_known = "consent" not in asked.prompt and bool(agreed) and agreed.issuperset(asked.scopes)
    asking = [stage for stage in stages if not (stage.kind == "consent" and is_known and _remembers(stage.settings))]
    return flow.slug if asking else None


def _remembers(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("mode", "always_require") != "always_require")


def _has_passed(asked: Asked, visit: Visit, now: float) -> bool:
    mark = visit.session.data.get(AUTHORIZED)
    if not isinstance(mark, dict):
        return False
    at = mark.get("at")
    if not isinstance(at, float) or now - at > MOMENTS:
        return False
    return bool(mark.get("request") == request_id(asked.address))


# --- for the flow that leads here ----------------------------------------------------------------------------------


def behind(tx: Transaction, next: str) -> Asked | None:
    """The authorization request that a flow leads back to; None if ``next`` is none that could be answered."""
    try:
        parts = urlsplit(next)
        if parts.path.rstrip("/") != AUTHORIZE.rstrip("/"):
            return None
        return read(tx, parse_qsl(parts.query, errors="strict", max_num_fields=MOST_PARAMETERS))
    except (ValueError, Refused, Redirected):
        return None


def form_targets(tx: Transaction, next: str) -> list[str]:
    """Origins that a form leads to whose flow ends at ``next``: browsers check redirects after it too."""
    asked = behind(tx, next)
    target = form_target(asked.to.redirect_uri) if asked is not None else None
    return [target] if target is not None else []


def consent_asked(tx: Transaction, next: str) -> dict[str, Any]:
    """What the authorization flow that leads to ``next`` is about, as `Context.authorization` keeps it; or nothing."""
    asked = behind(tx, next)
    if asked is None:
        return {}
    return {
        "request": request_id(next),
        "application": asked.client.application.pk,
        "name": asked.client.application.name,
        "scopes": list(asked.scopes),
        "permissions": [{"id": scope, "name": claims.TOLD[scope]} for scope in asked.scopes],
    }
