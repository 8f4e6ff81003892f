"""What the LDAP door decides about changes of one's own password, apart from any connection."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from outpost.authentication import Authentication
from outpost.directory.contexts import NamingContexts
from outpost.directory.tree import Tree
from outpost.listeners.ldap_binds import Bound
from outpost.outcome import LDAP_RESULT_CODE, Circumstances, Decision
from outpost.telemetry import Telemetry
from protocols.ldap import password_policy
from protocols.ldap.password_modify import PasswordChange, PasswordChangeReceived
from protocols.ldap.password_policy import PolicyError
from protocols.ldap.result import SUCCESS, Refused, Result, ResultCode
from rules.reasons import REASONS


class Answer(NamedTuple):
    result: Result
    bound: Bound
    """Who has bound, as they are now."""
    generated: str | None = None

    def __repr__(self) -> str:
        return f"Answer(result={self.result!r})"


POLICY_ERRORS: dict[str, PolicyError] = {
    "unfit_password": PolicyError.INSUFFICIENT_PASSWORD_QUALITY,
    "empty_credentials": PolicyError.MUST_SUPPLY_OLD_PASSWORD,
    "password_of_another": PolicyError.PASSWORD_MOD_NOT_ALLOWED,
}
"""Reasons that a client hears of when it sent the control."""


HASHED = re.compile(rb"(?is)\{(?:s?(?:md5|sha(?:256|384|512)?)|b?crypt|argon2|pbkdf2[a-z0-9-]*)\}.")
"""What directories that keep userPassword as it comes are given by clients (RFC 2307 section 5.3)."""


class PasswordChanges:
    def __init__(self, authentication: Authentication, contexts: NamingContexts, telemetry: Telemetry) -> None:
        self._authentication = authentication
        self._contexts = contexts
        self._telemetry = telemetry

    async def change(self, received: PasswordChangeReceived, bound: Bound, circumstances: Circumstances) -> Answer:
        """Without an old password, a modify means the one that was shown at the bind (control looks at it again)."""
        self._telemetry.taken["ldap", "password_change"] += 1
        answer = await self._change(received.change, received.by_modify, bound, circumstances)
        if not received.policy:
            return answer
        said = password_policy.response(POLICY_ERRORS.get(answer.result.reason))
        return answer._replace(result=replace(answer.result, controls=said))

    async def _change(
        self, change: PasswordChange, by_modify: bool, bound: Bound, circumstances: Circumstances
    ) -> Answer:
        try:
            self._only_ones_own(change.name, bound)
            old = change.old
            if old is None and by_modify:
                old = bound.password.encode("utf-8", "surrogatepass")
            if old is None:
                said = "The old password is needed, too."
                raise Refused(ResultCode.UNWILLING_TO_PERFORM, said, reason="empty_credentials")
            texts = old.decode(), None if change.new is None else change.new.decode()
        except UnicodeDecodeError:
            return self._unfit("A password is text in UTF-8.", bound, circumstances)
        except Refused as refused:
            self._telemetry.refused(bound.identity.username, circumstances, Decision(refused.result.reason))
            return Answer(refused.result, bound)
        if by_modify and HASHED.match(change.new or b""):
            said = "Send the password itself. A hash of it would become the password."
            return self._unfit(said, bound, circumstances)
        told = await self._authentication.change_password(bound.identity, *texts, bound.provider, circumstances)
        if told.reason == "accepted":
            identity = replace(bound.identity, credential_version=told.credential_version)
            new = texts[1] if texts[1] is not None else told.generated or ""
            now = Bound(identity, bound.provider, new, by_policies=bound.by_policies)
            return Answer(SUCCESS, now, told.generated)
        decision = Decision(told.reason, id=told.id)
        self._telemetry.decided(bound.identity.username, circumstances, decision)
        if told.reason == "unfit_password":
            said = " ".join(told.sentences)
            return Answer(Result(ResultCode.CONSTRAINT_VIOLATION, "", said, reason=told.reason), bound)
        return Answer(Result(LDAP_RESULT_CODE[REASONS[told.reason].outcome], "", decision.diagnostic), bound)

    def _unfit(self, said: str, bound: Bound, circumstances: Circumstances) -> Answer:
        self._telemetry.decided(bound.identity.username, circumstances, Decision("unfit_password"))
        return Answer(Result(ResultCode.CONSTRAINT_VIOLATION, "", said, reason="unfit_password"), bound)

    def _only_ones_own(self, name: str, bound: Bound) -> None:
        """Raises Refused."""
        if name and not self._is_ones_own(name, bound):
            said = "One's own password alone may be changed here."
            raise Refused(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, said, reason="password_of_another")

    def _is_ones_own(self, name: str, bound: Bound) -> bool:
        """``name``: a DN or, of the operation, a login name in any form that SASL takes (RFC 3062 s2.1)."""
        try:
            whose = self._whose(name)
        except ValueError:
            return False
        if whose is None or whose[0].provider.pk != bound.provider:
            return False
        user = whose[0].user_named(whose[1])
        return user is not None and (user.pk, user.uuid) == (bound.identity.user, bound.identity.uuid)

    def _whose(self, name: str) -> tuple[Tree, str] | None:
        """Raises ValueError."""
        try:
            self._contexts.place(name)
        except ValueError:
            return self._contexts.plain_login(name)
        return self._contexts.login(name)
