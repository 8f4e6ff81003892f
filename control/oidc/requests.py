"""The authorization request, and where its answer goes (RFC 6749, 4.1.1; OpenID Connect Core, 3.1.2.1; RFC 7636).

Nothing here sends a browser to an address that is not registered: what is wrong with client or redirect URI is told on
a page of ours (`Refused`), everything else at the redirect URI (`Redirected`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from control.oidc.clients import Client, find
from control.oidc.discovery import AUTHORIZE, RESPONSE_MODES, SECOND_FACTOR, issuer
from control.records import Event
from control.store.interface import Transaction
from control.targets import LONGEST_TARGET

Pairs = Sequence[tuple[str, str]]

MOST_PARAMETERS = 50
"""Of a request; OpenID Connect Core and its extensions know about twenty."""
LOGIN_SINCE = "login_since"
"""Our parameter in the address that a browser returns to: a sign-in after this moment is new enough."""
DENIED = "consent"
"""Our parameter by which the consent page says ``denied``."""
UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
"""OpenID Connect Core, 3.1.2.6: what must not be ignored."""


class Refused(Exception):
    """Ends on a page. The text is for the person; ``reason``, if there is one, for the operator's event."""

    def __init__(
        self,
        text: str,
        status: int = 400,
        reason: str = "",
        client: Client | None = None,
        redirect_uri: str = "",
        traces: Sequence[Event] = (),
    ) -> None:
        """``traces``: what policies leave."""
        super().__init__(text)
        self.traces = traces
        self.status = status
        self.reason = reason
        self.client = client
        self.redirect_uri = redirect_uri


FORM_POST = "form_post"
"""The browser posts the answer to the redirect URI (OAuth 2.0 Form Post Response Mode)."""


class Redirected(Exception):
    """Ends at the redirect URI with an error code (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6)."""

    def __init__(self, asked: Destination, error: str, description: str) -> None:
        super().__init__(description)
        self.asked = asked
        self.error = error

    @property
    def parameters(self) -> dict[str, str]:
        return {"error": self.error, "error_description": str(self)}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the answer goes: a registered redirect URI."""

    client: Client
    redirect_uri: str
    mode: str = "query"
    state: str | None = None

    def fields(self, base: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """All that is said there; ``iss`` says who speaks (RFC 9207)."""
        said = {**parameters, "iss": issuer(base, self.client)}
        return said if self.state is None else {**said, "state": self.state}

    def answer(self, base: str, parameters: Mapping[str, str]) -> str:
        """The address with these parameters."""
        said = self.fields(base, parameters)
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
    second_factor: bool
    """Must one have been shown, and within ``max_age``? (``acr_values``)"""
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
            redirect_uri=uri,
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
    if mode == FORM_POST and not to.redirect_uri.startswith(("https://", "http://")):
        raise Redirected(to, "invalid_request", "A form can be posted to an address of the web alone.")
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
        scopes=_scopes(to.client, given.get("scope")),
        nonce=given.get("nonce"),
        challenge=_challenge(to, given),
        prompt=prompt,
        max_age=_max_age(to, given.get("max_age")),
        second_factor=_wants_second_factor(given.get("acr_values", "")),
        login_since=_moment(given.get(LOGIN_SINCE)),
        is_denied=given.get(DENIED) == "denied",
        pairs=pairs,
    )


def _scopes(client: Client, asked: str | None) -> tuple[str, ...]:
    """Without any, all; unknown ones are dropped (RFC 6749, 3.3)."""
    wanted = asked.split() if asked is not None else client.scopes_unasked
    return tuple(dict.fromkeys(scope for scope in wanted if scope in client.scopes))


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


def _wants_second_factor(acr_values: str) -> bool:
    """OpenID Connect Core, 3.1.2.1 lets us do without; whoever names nothing else does not expect that."""
    return acr_values.split() == [SECOND_FACTOR]


def _moment(said: str | None) -> float | None:
    return float(said) if said is not None and re.fullmatch(r"[0-9]{1,12}\.[0-9]{6}", said) else None
