"""What a request says about the browser behind it: its address and origin, its session, and whether a form is ours."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from control import sessions
from control.expression.http import HttpFacts
from control.records import Session, User
from control.sessions import Caller, Visit
from control.web.services import Services
from protocols.proxy.trust import Network, Origin, TrustedPeers, origin

COOKIE, DEVICE_COOKIE = "authentik_session", "authentik_device"
CSRF_HEADER = "X-Authentik-CSRF"
CREDENTIALS = frozenset({"cookie", "authorization", "proxy-authorization", CSRF_HEADER.lower()})
"""Headers that no expression sees."""
SAME_SITE_FETCHES = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site that a form of ours can have: `none` is a form sent again by reloading."""
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class CrossSite(Exception):
    """The request was not made by a page of ours. The text says why, for the person."""


class Expired(CrossSite):
    """Nothing says that another site made it, but its page is not one of the session that the browser has by now."""


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """Somebody who is signed in."""

    user: User
    session: Session


def address(request: Request, services: Services) -> Origin:
    """Where the browser believes it is, and where it is itself, through trusted peers (DESIGN D25).

    Raises ForwardingError when a trusted peer's headers cannot be read.
    """
    peer = request.client.host if request.client is not None else ""
    trusted = _trusted_peers(services.trusted_proxies)
    return origin(peer, request.url.scheme, request.headers.get("host", ""), request.headers.raw, trusted)


@lru_cache(maxsize=8)
def _trusted_peers(networks: tuple[Network, ...]) -> TrustedPeers:
    return TrustedPeers(networks)


def shown_over_tls(request: Request) -> tuple[str, ...]:
    """Certificates of the client, PEM, the leaf first, as whoever ended TLS says by ASGI's extension for that."""
    return tuple(request.scope.get("extensions", {}).get("tls", {}).get("client_cert_chain", ()))


def caller(request: Request, services: Services) -> Caller:
    here = address(request, services)
    program, device = request.headers.get("user-agent", ""), request.cookies.get(DEVICE_COOKIE, "")
    return Caller(here.client, program, _facts(request, here), device)


def _facts(request: Request, here: Origin) -> HttpFacts:
    """What expressions see of it: nothing that opens a door."""
    return HttpFacts(
        request.method,
        here.scheme,
        here.host,
        request.url.path,
        dict(request.query_params),
        request.url.query,
        {name.title(): value for name, value in request.headers.items() if name not in CREDENTIALS},
        here.client,
    )


async def visit(request: Request, services: Services) -> Visit | None:
    """The request's session, signed in or not; None if it has none that still counts."""
    cookie = request.cookies.get(COOKIE, "")
    found = (
        await services.store.read(lambda tx: sessions.find(tx, cookie, address(request, services).client))
        if cookie
        else None
    )
    if found is not None and found.user is not None and sessions.is_due(found.session, services.now()):
        session = found.session
        await services.store.write(lambda tx: sessions.touch(tx, session))
    return found


async def browser_session(request: Request, services: Services) -> BrowserSession | None:
    """Who is signed in with this browser, or None. Says nothing about CSRF: see `check_csrf`."""
    found = await visit(request, services)
    return BrowserSession(found.user, found.session) if found is not None and found.user is not None else None


def check_csrf(request: Request, session: Session | None, token: str | None = None) -> None:
    """Raises CrossSite unless the request carries the session's token and comes from a page of ours; Expired if only
    the token is wrong, or there is no session.

    ``token`` is the form's; None means that of the X-Authentik-CSRF header. Call it for every method but GET and HEAD.
    """
    check_origin(request)
    given = request.headers.get(CSRF_HEADER, "") if token is None else token
    right = session.csrf if session is not None else ""
    if not right or not hmac.compare_digest(given.encode("utf-8", "replace"), right.encode()):
        raise Expired("This form has expired. Open the page again and repeat what you did.")


def check_origin(request: Request) -> None:
    """Raises CrossSite if the browser says that another site made the request.

    Only host and port of the Origin are compared: behind a proxy that is not trusted yet, https looks like http here,
    and setup has to work there too.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in SAME_SITE_FETCHES:
            raise CrossSite("Another site sent this form, so it was not accepted.")
        return
    said = request.headers.get("origin")
    if said is not None and _authority(said) not in _own_authorities(request):
        raise CrossSite(
            "The browser is at another address than this server sees, so the form was not accepted. "
            "A proxy in front has to pass the Host header on unchanged."
        )


def set_cookie(
    response: Response, cookie: str, request: Request, services: Services, lasts: float = 0.0, name: str = COOKIE
) -> None:
    """``lasts``: seconds that the browser keeps it; 0: until it closes."""
    secure = address(request, services).scheme == "https"
    response.set_cookie(name, cookie, int(lasts) or None, path="/", secure=secure, httponly=True, samesite="lax")


def drop_cookie(response: Response, request: Request, services: Services) -> None:
    secure = address(request, services).scheme == "https"
    response.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite="lax")


def _authority(said: str) -> str | None:
    """Host and port of an Origin as a Host header would write them; None for `null` and nonsense."""
    try:
        parts = urlsplit(said)
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
        return None
    return parts.netloc.lower().removesuffix(DEFAULT_PORTS[parts.scheme])


def _own_authorities(request: Request) -> set[str]:
    """A page of another site cannot choose these headers for a form, so both are believed for this comparison."""
    forwarded = request.headers.get("x-forwarded-host", "").rsplit(",", 1)[-1].strip()
    own = {request.headers.get("host", "").lower(), forwarded.lower()} - {""}
    return own | {host.removesuffix(port) for host in own for port in DEFAULT_PORTS.values()}
