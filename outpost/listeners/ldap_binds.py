"""What the LDAP door decides about binds, apart from any connection."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from outpost.authentication import Authentication
from outpost.directory.contexts import NamingContexts
from outpost.directory.tree import Tree
from outpost.listeners.certificates.clients import called
from outpost.outcome import (
    LDAP_RESULT_CODE,
    CertificateProof,
    Circumstances,
    Decision,
    Identity,
    Password,
)
from outpost.telemetry import Telemetry
from protocols.ldap import dn, password_policy
from protocols.ldap.events import BindReceived
from protocols.ldap.password_policy import PolicyError
from protocols.ldap.result import SUCCESS, Result, ResultCode
from protocols.ldap.sasl import ExternalBindReceived
from rules.reasons import REASONS


class Bound(NamedTuple):
    """Who a connection belongs to since its last bind."""

    identity: Identity
    provider: int
    password: str
    """That was shown. A modify of userPassword brings no old one, and control changes nothing without."""
    must_change: bool = False
    """Until they have chosen another, they may do nothing else."""
    not_after: float = math.inf
    """When what was shown is good no more (`outcome.Grounds`)."""
    by_policies: bool = False
    """They were asked, and let them in."""

    def __repr__(self) -> str:
        return f"Bound(identity={self.identity!r}, provider={self.provider})"


Answer = tuple[Result, Bound | None]


Claim = tuple[Password, int]
"""Who somebody says they are, and the pk of the provider through which."""


NO_DN = Result(ResultCode.INVALID_DN_SYNTAX, "", "The name is no DN.")
TLS_REQUIRED = Result(ResultCode.CONFIDENTIALITY_REQUIRED, "", REASONS["tls_required"].stranger)
NO_CERTIFICATE = Result(ResultCode.INAPPROPRIATE_AUTHENTICATION, "", REASONS["certificate_missing"].stranger)
NO_CERTIFICATES = Result(ResultCode.AUTH_METHOD_NOT_SUPPORTED, "", "Nobody binds by a certificate here.")
POLICY_MET = Result(ResultCode.SUCCESS, controls=password_policy.response(None))
MUST_CHANGE = Result(ResultCode.SUCCESS, controls=password_policy.response(PolicyError.CHANGE_AFTER_RESET))
MAY_CHANGE = frozenset({"must_change_password", "password_expired"})
"""The password is right, and good for choosing another one; as for a browser."""
POLICY_ERRORS: dict[str, PolicyError] = {
    "password_expired": PolicyError.PASSWORD_EXPIRED,
    "device_password_expired": PolicyError.PASSWORD_EXPIRED,
    "must_change_password": PolicyError.CHANGE_AFTER_RESET,
    "inactive": PolicyError.ACCOUNT_LOCKED,
    "expired": PolicyError.ACCOUNT_LOCKED,
    "not_yet_valid": PolicyError.ACCOUNT_LOCKED,
    "device_throttled": PolicyError.ACCOUNT_LOCKED,
}
"""Reasons that a client hears of when it sent the control. All but the last are known only after the right password."""


class Unclaimable(Exception):
    """The bind names nobody who could be asked about; ``result`` beats the code of the reason's outcome."""

    def __init__(self, reason: str, result: Result | None = None) -> None:
        super().__init__()
        self.reason = reason
        self.result = result


class Binds:
    def __init__(
        self,
        authentication: Authentication,
        contexts: NamingContexts,
        telemetry: Telemetry,
        now: Callable[[], float],
    ) -> None:
        self._authentication = authentication
        self._contexts = contexts
        self._telemetry = telemetry
        self._now = now

    def known_bind(self, event: BindReceived, circumstances: Circumstances, secure: bool) -> Answer | None:
        """The answer to a bind for which nobody need be asked; None for `bind` to find one."""
        try:
            claim = self._claim(event, secure, circumstances.peer)
        except Unclaimable as error:
            return self._refused(event, circumstances, error)
        known = self._authentication.known(*claim, circumstances.peer)
        return None if known is None else self._answer(claim, circumstances, self._as_whom(event, known), event.policy)

    def standing(self, event: BindReceived, secure: bool, peer: str) -> Callable[[], bool] | None:
        """Of a bind that `known_bind` has let in: asks whether it still would, as long as the directory stays as it
        is; each yes is a use."""
        return self._authentication.standing(*self._claim(event, secure, peer), peer)

    async def bind(self, event: BindReceived, circumstances: Circumstances, secure: bool) -> Answer:
        """Somebody exactly when the result is success. The longest base DN that the name lies under is the provider."""
        try:
            claim = self._claim(event, secure, circumstances.peer)
        except Unclaimable as error:
            return self._refused(event, circumstances, error)
        decision = self._as_whom(event, await self._authentication.authenticate(*claim, circumstances))
        answer = self._answer(claim, circumstances, decision, event.policy)
        if decision.reason in MAY_CHANGE and event.policy and secure:
            limited = self._who_must_change(claim)
            return answer if limited is None else (MUST_CHANGE, limited)
        return answer

    def _who_must_change(self, claim: Claim) -> Bound | None:
        """Whoever asks for the control knows that this success is none yet; and without TLS nothing can be changed."""
        credentials, provider = claim
        tree = self._contexts.tree(provider)
        user = None if tree is None else tree.user_named(credentials.username)
        if user is None or not user.is_active:
            return None
        identity = Identity(user.pk, user.uuid, user.uid, user.username, user.name, user.email, user.credential_version)
        return Bound(identity, provider, credentials.password, must_change=True)

    async def external(
        self, event: ExternalBindReceived, chain: tuple[bytes, ...], circumstances: Circumstances
    ) -> Answer:
        """By a client's certificate, as itself or as the user who is named; nobody acts for somebody else."""
        try:
            login = self._contexts.plain_login(event.name) if event.name else None
        except ValueError:
            return self._turned_away(event.name, circumstances, "no_dn", NO_DN), None
        tree = login[0] if login is not None else self._contexts.of_certificates()
        if tree is None or not tree.settings.client_certificates or (event.name and login is None):
            return self._turned_away(event.name, circumstances, "unsupported_proof", NO_CERTIFICATES), None
        if not chain:
            return self._turned_away(event.name, circumstances, "certificate_missing", NO_CERTIFICATE), None
        username = login[1] if login is not None else called(chain[0])
        credentials = CertificateProof(username, chain)
        decision = await self._authentication.authenticate(credentials, tree.provider.pk, circumstances)
        identity = decision.identity
        if identity is not None and login is not None and identity.username != login[1]:
            decision = Decision("certificate_of_another", id=decision.id)
        elif identity is not None:
            self._telemetry.accepted(circumstances.protocol)
            return POLICY_MET if event.policy else SUCCESS, self._bound(decision, identity, tree.provider.pk, "")
        return self._decided(username, circumstances, decision, event.policy), None

    def allows_unauthenticated(self, name: str) -> bool:
        """May a bind with this name and without a password be anonymous?"""
        try:
            login = self._contexts.login(name)
        except ValueError:
            return False
        return login is not None and login[0].settings.unauthenticated_bind

    def _claim(self, event: BindReceived, secure: bool, peer: str) -> Claim:
        """Raises Unclaimable."""
        try:
            login = self._contexts.plain_login(event.name) if event.plain else self._contexts.login(event.name)
            if event.acts_as:
                self._contexts.plain_login(event.acts_as)
        except ValueError:
            raise Unclaimable("no_dn", NO_DN) from None
        if login is None:
            self.knock(event.name, peer)
            raise Unclaimable("unknown_user")
        tree, username = login
        if self._telemetry.knocks.open:
            self.answered(tree.provider.pk)
        if tree.settings.require_tls and not secure:
            raise Unclaimable("tls_required", TLS_REQUIRED)
        try:
            return Password(username, event.password.decode()), tree.provider.pk
        except UnicodeDecodeError:
            raise Unclaimable("wrong_password") from None

    def answered(self, provider: int) -> None:
        """Whoever knocked at its base DN before it was there."""
        tree = self._contexts.tree(provider)
        if tree is not None:
            self._telemetry.answered("base_dn", dn.top(tree.base))

    def _as_whom(self, event: BindReceived, decision: Decision) -> Decision:
        """Nobody acts for somebody else. Whose the two names are is told only after the right password: who has none
        would learn from it who there is."""
        if not event.acts_as or (decision.identity is None and decision.reason not in MAY_CHANGE):
            return decision
        contexts = self._contexts
        if _same_person(contexts.plain_login(event.name), contexts.plain_login(event.acts_as)):
            return decision
        return Decision("acts_for_another", id=decision.id)

    def knock(self, name: str, peer: str) -> None:
        """If no naming context holds this name; the people below it are nobody's business."""
        try:
            place, tree = self._contexts.place(name)
        except ValueError:
            return
        if tree is None and place.key:
            self._telemetry.knocked("base_dn", dn.top(place), peer=peer)

    def _refused(self, event: BindReceived, circumstances: Circumstances, error: Unclaimable) -> Answer:
        decision = Decision(error.reason, id=self._authentication.new_id())
        decided = self._decided(event.name, circumstances, decision, event.policy)
        return error.result or decided, None

    def _turned_away(self, name: str, circumstances: Circumstances, reason: str, result: Result) -> Result:
        self._telemetry.decided(name, circumstances, Decision(reason, id=self._authentication.new_id()))
        return result

    def _answer(self, claim: Claim, circumstances: Circumstances, decision: Decision, policy: bool) -> Answer:
        credentials, provider = claim
        if decision.identity is not None:
            self._telemetry.accepted(circumstances.protocol)
            met = self._policy_met(decision) if policy else SUCCESS
            return met, self._bound(decision, decision.identity, provider, credentials.password)
        return self._decided(credentials.username, circumstances, decision, policy), None

    def _bound(self, decision: Decision, identity: Identity, provider: int, password: str) -> Bound:
        by_policies = self._contexts.policies_decide(identity.user, provider)
        return Bound(identity, provider, password, False, decision.grounds.not_after, by_policies)

    def _policy_met(self, decision: Decision) -> Result:
        left = decision.password_left(self._now())
        if left is None:
            return POLICY_MET
        return Result(ResultCode.SUCCESS, controls=password_policy.response(None, left))

    def _decided(self, username: str, circumstances: Circumstances, decision: Decision, policy: bool) -> Result:
        self._telemetry.decided(username, circumstances, decision)
        controls = password_policy.response(POLICY_ERRORS.get(decision.reason)) if policy else b""
        return Result(LDAP_RESULT_CODE[decision.outcome], "", decision.diagnostic, controls)

    def is_over(self, bound: Bound) -> bool:
        """Has what was shown ended by itself?"""
        return self._now() >= bound.not_after

    def is_good(self, bound: Bound) -> bool:
        """Is the account, of which a connection says that it is theirs, still there, not disabled, and has it the
        password that was shown?"""
        if self.is_over(bound):
            return False
        tree = self._contexts.tree(bound.provider)
        user = None if tree is None else tree.snapshot.users.get(bound.identity.user)
        if user is None or user.uuid != bound.identity.uuid or not user.is_active:
            return False
        return user.credential_version == bound.identity.credential_version

    def who_am_i(self, bound: Bound | None) -> bytes:
        """authzId (RFC 4513 s5.2.1.8); empty when anonymous."""
        tree = None if bound is None else self._contexts.tree(bound.provider)
        name = None if bound is None else self._contexts.name_of(bound.identity, bound.provider)
        return b"" if tree is None or name is None else f"dn:{tree.user_dn(name)}".encode()


def _same_person(one: tuple[Tree, str] | None, other: tuple[Tree, str] | None) -> bool:
    if one is None or other is None or one[0] is not other[0]:
        return False
    known = one[0].user_named(one[1])
    return one[1] == other[1] or (known is not None and known is other[0].user_named(other[1]))
