"""Who asks: a bearer token, or a browser session with its CSRF token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from control import sessions
from control.oidc import grants
from control.outposts.callers import Unbelieved, speaks_for
from control.records import Outpost, Session, User
from control.store.interface import Actor, Query, Transaction
from control.verbs import tokens
from control.verbs.property_mappings import API_SCOPE
from control.verbs.rights import is_superuser
from control.verbs.roles import held_by
from control.verbs.users import INTERNAL_SERVICE_ACCOUNT
from control.web import browser
from control.web.admin_api.refusals import BAD_TOKEN, NOT_AUTHENTICATED, NOT_PERMITTED, NOT_RECENT, Refused
from control.web.outpost_requests import tell_unbelieved
from control.web.services import Services
from rules.permissions import AUDITOR, HELPDESK, holds

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    user: User
    is_superuser: bool
    client_ip: str = ""
    permissions: frozenset[str] = frozenset()
    """Lines of `rules.permissions`, from the roles of the user's groups."""
    session: str = ""
    """pk of the browser session through which the caller speaks, if it is one."""
    is_recent: bool = True
    """They have shown lately who they are; a token shows it each time."""

    def may(self, permission: str) -> bool:
        return self.is_superuser or holds(self.permissions, permission)

    @property
    def actor(self) -> Actor:
        user = self.user
        return Actor({"pk": user.pk, "username": user.username, "email": user.email}, self.client_ip)

    @property
    def is_outpost(self) -> bool:
        return self.user.type == INTERNAL_SERVICE_ACCOUNT


Permit = Callable[[Caller], bool]


def superusers_only(caller: Caller) -> bool:
    return caller.is_superuser


def auditors(caller: Caller) -> bool:
    return caller.may(AUDITOR)


def auditors_and_helpdesk(caller: Caller) -> bool:
    return caller.may(AUDITOR) or caller.may(HELPDESK)


def helpdesk(caller: Caller) -> bool:
    return caller.may(HELPDESK)


def superusers_and_outposts(caller: Caller) -> bool:
    return caller.is_superuser or caller.is_outpost


def people(caller: Caller) -> bool:
    """Everybody who is no outpost."""
    return not caller.is_outpost


def everybody(caller: Caller) -> bool:
    """Everybody who is authenticated."""
    return True


async def identify(request: Request, services: Services) -> Caller:
    """Raises Refused with 403."""
    user, session = await _user(request, services)
    recent = session is None or sessions.is_recent(session, services.now())
    ruling, held = await services.store.read(lambda tx: (is_superuser(tx, user.pk), held_by(tx, user.pk)))
    client = browser.address(request, services).client
    return Caller(user, ruling, client, held, session.pk if session is not None else "", recent)


async def _user(request: Request, services: Services) -> tuple[User, Session | None]:
    """And their session, if they came with one."""
    header = request.headers.get("authorization", "").strip()
    if " " in header:
        return await _token_owner(request, header, services), None
    session = await browser.browser_session(request, services)
    if session is None:
        raise Refused(403, NOT_AUTHENTICATED)
    if request.method not in SAFE_METHODS:
        try:
            browser.check_csrf(request, session.session)
        except browser.CrossSite as error:
            raise Refused(403, f"CSRF Failed: {error}") from None
    return session.user, session.session


async def _token_owner(request: Request, header: str, services: Services) -> User:
    shown = browser.shown_over_tls(request)
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(403, "Unsupported authentication type")

    try:
        user = await services.store.read(lambda tx: believed(tx, key.strip(), shown) or _granted_by(tx, key.strip()))
    except Unbelieved as error:
        await tell_unbelieved(request, services, error)
        raise Refused(403, str(error)) from None
    if user is None:
        raise Refused(403, BAD_TOKEN)
    return user


def believed(tx: Transaction, key: str, shown: Sequence[str]) -> User | None:
    """Whose token it is. ``shown``: certificates, which some outposts have to show. Raises Unbelieved."""
    user = tokens.owner(tx, key)
    if user is not None and user.type == INTERNAL_SERVICE_ACCOUNT:
        speaks_for(tx, user, shown)
    return user


def _granted_by(tx: Transaction, token: str) -> User | None:
    """Who gave an application an access token that is good here, too (authentik's scope for that)."""
    found = grants.bearer(tx, token)
    return found.user if found is not None and API_SCOPE in found.granted.scopes else None


def served_by(tx: Transaction, caller: Caller) -> list[int]:
    """pks of the providers that the caller, an outpost, serves."""
    return [pk for outpost in tx.select(Outpost, Query(equal={"user": caller.user.pk})) for pk in outpost.providers]


def require(permit: Permit, caller: Caller, recent: bool = False) -> None:
    """``recent``: and they have shown lately who they are. Raises Refused with 403."""
    if not permit(caller):
        raise Refused(403, NOT_PERMITTED)
    if recent and not caller.is_recent:
        raise Refused(403, NOT_RECENT)
