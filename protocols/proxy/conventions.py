"""Where proxies ask, how they say what was asked for, and which answer they understand: a convention for each address.

Ours follow authentik. Authelia's and oauth2-proxy's are here so that people can switch without touching their proxy.
Each writes its own identity headers on every 2xx, and no other's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

from protocols.proxy import forwarded
from protocols.proxy.forwarded import Dialect, ForwardedRequest
from protocols.proxy.headers import Identity, auth_request_fields, identity_fields, remote_fields
from protocols.proxy.redirects import OURS
from protocols.proxy.trust import NONE, ForwardingError, Headers

Fields = list[tuple[bytes, bytes]]
NATIVE = f"{OURS}auth/"
AUTHELIA = "/api/authz/"
OAUTH2_PROXY = "/oauth2/"
MOST_PARAMETERS = 50
"""Of an address that restricts who may in."""


@dataclass(frozen=True, slots=True, eq=False)
class Convention:
    """Compared by identity, which is quick."""

    dialect: Dialect
    redirects: bool = False
    """The proxy hands every answer but 2xx to the browser as it is, redirects and cookies included."""
    keeps_host: bool = False
    """The question has the browser's own Host. Caddy's `trusted_proxies` believes others about X-Forwarded-Host."""
    behind_path: bool = False
    """The browser's target follows the address that the proxy asks at."""
    identity: Callable[[Identity | None], Fields] = identity_fields
    """Who came in, or nobody."""
    tells_more: bool = True
    """X-Authentik-Jwt and X-Authentik-Meta-*"""
    allowed: int = 200
    tells_location: bool = False
    """A refusal says in Location where to sign in; the proxy sends the browser there, without our cookies."""
    by_real_ip: bool = False
    """X-Real-IP says who the browser is: configurations set it, and leave X-Forwarded-For to browsers."""
    restricts: bool = False
    """The query of the address may ask for groups or e-mail addresses."""


CONVENTIONS: dict[str, Convention] = {
    f"{NATIVE}nginx": Convention(forwarded.nginx),
    f"{NATIVE}caddy": Convention(forwarded.forwarded_headers, redirects=True, keeps_host=True),
    f"{NATIVE}traefik": Convention(forwarded.forwarded_headers, redirects=True),
    f"{NATIVE}haproxy": Convention(forwarded.forwarded_headers, redirects=True),
    f"{NATIVE}envoy": Convention(forwarded.envoy, redirects=True, behind_path=True),
    f"{AUTHELIA}auth-request": Convention(
        forwarded.original_url, identity=remote_fields, tells_more=False, tells_location=True
    ),
    f"{AUTHELIA}forward-auth": Convention(
        forwarded.forwarded_origin, redirects=True, identity=remote_fields, tells_more=False
    ),
    f"{AUTHELIA}ext-authz": Convention(
        forwarded.sub_path, redirects=True, behind_path=True, identity=remote_fields, tells_more=False
    ),
    f"{OAUTH2_PROXY}auth": Convention(
        forwarded.host_and_uri,
        identity=auth_request_fields,
        tells_more=False,
        allowed=202,
        by_real_ip=True,
        restricts=True,
    ),
}
"""By the path that the proxy asks at."""
LET_IN = 0
"""A status that no answer to a browser has, so that no page is ever taken for a yes."""
OWN = Convention(forwarded.envoy, redirects=True, allowed=LET_IN)
"""Where we are the proxy: nothing has to be told of a request that is here, as Envoy's is at its address."""
TOLD = Convention(forwarded.told, redirects=True, behind_path=True)
"""Envoy over gRPC and Apache over FastCGI: their languages have a place for all that has to be told, and no address."""
_BEHIND = tuple(f"{path}/" for path, convention in CONVENTIONS.items() if convention.behind_path)


def convention_at(path: str) -> tuple[str, Convention] | None:
    """And the address that it stands at, which is ``path`` or its beginning."""
    found = CONVENTIONS.get(path)
    if found is not None:
        return path, found
    for beginning in _BEHIND:
        if path.startswith(beginning):
            return beginning[:-1], CONVENTIONS[beginning[:-1]]
    return None


def refuse_browsers(asked: ForwardedRequest, headers: Headers) -> None:
    """The answers are for proxies: they may hold an access token, and a password for the application. A proxy that
    hands on everything below our paths lets browsers ask themselves; most tell then what was asked for, too. Raises
    ForwardingError."""
    told = (asked.path.encode("ascii"), *headers.get(b"x-original-url", NONE))
    if any(_is_question(one) for one in told):
        raise ForwardingError(
            f"A browser asks what proxies ask, below {NATIVE}: of what is below our path, hand on start, callback, "
            "sign_out, ping and jwks.json alone."
        )


def _is_question(target: bytes) -> bool:
    """In whatever way it is written: proxies tidy paths up before they hand them on."""
    _, ours, behind = unquote_to_bytes(target.partition(b"?")[0]).partition(OURS.encode())
    return bool(ours) and b"auth/" in behind


def keeps_out(query: str, identity: Identity) -> bool:
    """Does oauth2-proxy's ``allowed_groups``, ``allowed_emails`` or ``allowed_email_domains`` in the address that the
    proxy asks at keep this person out? Lists with commas, each of which must be satisfied. What can't be read does."""
    if not query:
        return False
    try:
        said = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return True
    asked: dict[str, set[str]] = {}
    for name, value in said:
        asked.setdefault(name, set()).update(one.strip() for one in value.split(",") if one.strip())
    return any(not _satisfies(name, wanted, identity) for name, wanted in asked.items() if name in _RESTRICTIONS)


def _satisfies(name: str, wanted: set[str], identity: Identity) -> bool:
    return not wanted or _RESTRICTIONS[name](wanted, identity)


def _has_email(wanted: set[str], identity: Identity) -> bool:
    return bool(identity.email) and identity.email.lower() in {one.lower() for one in wanted}


def _has_domain(wanted: set[str], identity: Identity) -> bool:
    """``.example.com`` and ``*.example.com`` stand for every domain below."""
    name, at, domain = identity.email.lower().rpartition("@")
    if not (name and at and domain) or "@" in name:
        return False
    for one in (one.lower() for one in wanted):
        below = one.removeprefix("*")
        if one == "*" or domain == one or (below.startswith(".") and domain.endswith(below)):
            return True
    return False


_RESTRICTIONS: Mapping[str, Callable[[set[str], Identity], bool]] = {
    "allowed_groups": lambda wanted, identity: not wanted.isdisjoint(identity.groups),
    "allowed_emails": _has_email,
    "allowed_email_domains": _has_domain,
}
