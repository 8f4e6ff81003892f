"""What the LDAP door decides about one operation, apart from any connection: who binds, what a search may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from outpost import __version__
from outpost.authentication import Authentication
from outpost.directory.contexts import NamingContexts
from outpost.outcome import LDAP_RESULT_CODE, Circumstances, Decision, Identity, Password
from outpost.telemetry import Telemetry
from protocols.ldap import dn
from protocols.ldap.messages import Scope
from protocols.ldap.result import SUCCESS, Refused, Result, ResultCode
from protocols.ldap.root_dse import root_dse
from protocols.ldap.schema import KNOWN
from protocols.ldap.search import PlainEntry, results
from protocols.ldap.session import BindReceived, SearchReceived


class Bound(NamedTuple):
    """Who a connection belongs to since its last bind."""

    identity: Identity
    provider: int


Answer = tuple[Result, Bound | None]


class Claim(NamedTuple):
    """Who somebody says they are, and through which provider."""

    credentials: Password
    provider: int


class Unclaimable(Exception):
    """The bind names nobody who could be asked about; ``decision`` None: its name is no DN."""

    def __init__(self, decision: Decision | None) -> None:
        super().__init__()
        self.decision = decision


class Operations:
    """``now`` gives seconds since the epoch."""

    def __init__(
        self,
        authentication: Authentication,
        contexts: NamingContexts,
        telemetry: Telemetry,
        now: Callable[[], float],
        offers_start_tls: bool,
    ) -> None:
        self._authentication = authentication
        self._contexts = contexts
        self._telemetry = telemetry
        self._now = now
        self._offers_start_tls = offers_start_tls

    def known_bind(self, event: BindReceived, circumstances: Circumstances) -> Answer | None:
        """The answer to a bind for which nobody need be asked; None for `bind` to find one."""
        try:
            claim = self._claim(event, circumstances.peer)
        except Unclaimable as error:
            return self._refused(event, circumstances, error)
        known = self._authentication.known(claim.credentials, claim.provider, circumstances.peer)
        return None if known is None else self._answer(claim, circumstances, known)

    async def bind(self, event: BindReceived, circumstances: Circumstances) -> Answer:
        """Somebody exactly when the result is success. The longest base DN that the name lies under is the provider."""
        try:
            claim = self._claim(event, circumstances.peer)
        except Unclaimable as error:
            return self._refused(event, circumstances, error)
        decision = await self._authentication.authenticate(claim.credentials, claim.provider, circumstances)
        return self._answer(claim, circumstances, decision)

    def _claim(self, event: BindReceived, peer: str) -> Claim:
        """Raises Unclaimable."""
        try:
            login = self._contexts.login(event.name)
        except ValueError:
            raise Unclaimable(None) from None
        if login is None:
            self._knock(event.name, peer)
            raise Unclaimable(Decision("unknown_user"))
        if self._telemetry.knocks.open:
            self._telemetry.answered("base_dn", dn.top(self._contexts.place(event.name)[0]))
        tree, username = login
        try:
            return Claim(Password(username, event.password.decode()), tree.provider.pk)
        except UnicodeDecodeError:
            raise Unclaimable(Decision("wrong_password")) from None

    def _knock(self, name: str, peer: str) -> None:
        """If no naming context holds this name; the people below it are nobody's business."""
        place, tree = self._contexts.place(name)
        if tree is None and place.key:
            self._telemetry.knocked("base_dn", dn.top(place), peer=peer)

    def _refused(self, event: BindReceived, circumstances: Circumstances, error: Unclaimable) -> Answer:
        if error.decision is None:
            return Result(ResultCode.INVALID_DN_SYNTAX, "", "The name is no DN."), None
        return self._decided(event.name, circumstances, error.decision), None

    def _answer(self, claim: Claim, circumstances: Circumstances, decision: Decision) -> Answer:
        if decision.identity is not None:
            self._telemetry.accepted(circumstances.protocol)
            return SUCCESS, Bound(decision.identity, claim.provider)
        return self._decided(claim.credentials.username, circumstances, decision), None

    def _decided(self, username: str, circumstances: Circumstances, decision: Decision) -> Result:
        self._telemetry.decided(username, circumstances, decision)
        return Result(LDAP_RESULT_CODE[decision.outcome], "", decision.diagnostic)

    def who_am_i(self, bound: Bound | None) -> bytes:
        """authzId (RFC 4513 s5.2.1.8); empty when anonymous."""
        tree = None if bound is None else self._contexts.tree(bound.provider)
        return b"" if bound is None or tree is None else f"dn:{tree.user_dn(bound.identity.username)}".encode()

    def search(self, event: SearchReceived, bound: Bound | None, secure: bool) -> Iterator[bytes]:
        """Slices of the answer, as `protocols.ldap.search.results`. Raises Refused.

        Without a bind there is the root DSE alone: clients find base DNs and StartTLS there before they bind, and
        people are nobody else's business. 50 says so, where 32 would send operators looking for a wrong base DN.
        """
        request = event.request
        try:
            base, tree = self._contexts.place(request.base)
        except ValueError:
            raise Refused(ResultCode.INVALID_DN_SYNTAX, "The base is no DN.") from None
        if not base.key and request.scope is Scope.BASE:
            return results(event.message_id, request, (self._root_dse(secure),), KNOWN.get)
        if bound is None:
            raise Refused(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "Bind first: this directory is not read anonymously.")
        if not base.key:
            tree = self._contexts.tree(bound.provider)
        if tree is None:
            self._knock(request.base, "")
            raise Refused(ResultCode.NO_SUCH_OBJECT, "No naming context here holds this base.")
        reader = self._contexts.readable_by(bound.identity, bound.provider, self._now())
        if reader is None or reader.tree is not tree:
            raise Refused(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "This account may not read here.")
        expired = self._time_limit(request.time_limit) if request.time_limit else None
        return reader.answer(event.message_id, request, base, expired)

    def _time_limit(self, seconds: int) -> Callable[[], bool]:
        end = self._now() + seconds
        return lambda: self._now() >= end

    def _root_dse(self, secure: bool) -> PlainEntry:
        start_tls = self._offers_start_tls and not secure
        return PlainEntry("", root_dse(self._contexts.base_dns(), start_tls, __version__))
