"""The first administrator: whoever has the code from the start-up lines gives akadmin an address and a password.

It works once: as soon as akadmin has a password, no code is right any more.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.bootstrap import ADMINISTRATOR, SETUP_CODE, setup_pending
from control.flows.bound import doer
from control.flows.stages.asking import Asking
from control.flows.stages.choosing import DIFFERENT, chosen_hash, prompt
from control.flows.state import Context, Continue, Deny, FlowServices, Invalid, State, Verdict
from control.passwords.hashing import LONGEST_PASSWORD
from control.records import Setting, User
from control.store.interface import Transaction
from control.verbs import users

SHORTEST_PASSWORD = 10
"""Characters. This account can do everything; whoever guesses it has it all."""
LONGEST_EMAIL = 254
"""Characters (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""
EMAIL = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")
OVER = Deny("flow_denied", "The setup has been done already. Sign in instead.")


class InitialSetupStage(Asking):
    writes = frozenset({"uid", "pending_user", "proved", "proved_version", "method"})

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        code = state.context.hints.get("code", "")
        return {
            "component": "ak-stage-prompt",
            "fields": [
                prompt(100, "code", "One-time code", "text", "It is in the lines that the program printed.", code),
                prompt(150, "username", "User name", "text_read_only", "The administrator's name.", ADMINISTRATOR),
                prompt(200, "email", "E-mail address", "email", ""),
                prompt(300, "password", "Password", "password", f"At least {SHORTEST_PASSWORD} characters."),
                prompt(400, "password_repeat", "Password again", "password", ""),
            ],
        }

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        code = _normal(fields.get("code", ""))
        digest = await services.store.read(expected_digest)
        if digest is None:
            return OVER
        if not code:
            return Invalid({"code": [("Enter the code from the lines that the program printed.", "required")]})
        if not is_code(code, digest):
            wrong = ("This is not the code. Look at the lines that the last start printed.", "invalid")
            return Invalid({"code": [wrong]}, "wrong_code")
        if errors := form_errors(fields):
            return Invalid(errors)
        administrator = await services.store.read(lambda tx: tx.find(User, username=ADMINISTRATOR))
        pk = administrator.pk if administrator is not None else 0
        hashed = await chosen_hash(services, pk, fields["password"], context.flow)
        if isinstance(hashed, Invalid):
            return hashed
        email = fields["email"].strip()
        user = await services.store.write(lambda tx: finish(tx, digest, email, hashed), doer(context, services.origin))
        if user is None:
            return OVER
        proved = {"proved": user.pk, "proved_version": user.credential_version, "method": "setup_code"}
        return Continue({"uid": user.username, "pending_user": user.pk, **proved})


def expected_digest(tx: Transaction) -> str | None:
    """SHA-256 hex of the code that is right now; None when there is nothing to set up."""
    setting = tx.find(Setting, pk=SETUP_CODE) if setup_pending(tx) else None
    return str(setting.value) if setting is not None and setting.value else None


def is_code(given: str, digest: str) -> bool:
    return hmac.compare_digest(hashlib.sha256(given.encode()).hexdigest(), digest)


def finish(tx: Transaction, digest: str, email: str, hashed: str) -> User | None:
    """akadmin with address and password, and the code gone; None when somebody else was faster."""
    if expected_digest(tx) != digest:
        return None
    user = tx.find(User, username=ADMINISTRATOR)
    if user is None:
        return None
    tx.delete(tx.get(Setting, SETUP_CODE))
    user = users.set_password(tx, user.pk, hashed)
    return tx.update(replace(user, email=email))


def form_errors(fields: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    errors: dict[str, list[tuple[str, str]]] = {}
    email, password = fields.get("email", "").strip(), fields.get("password", "")
    if not EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL or not email.isprintable():
        errors["email"] = [("Enter an e-mail address, like name@example.com.", "invalid")]
    if len(password) < SHORTEST_PASSWORD:
        errors["password"] = [(f"Use at least {SHORTEST_PASSWORD} characters; a few words do well.", "min_length")]
    elif len(password.encode()) > LONGEST_PASSWORD:
        errors["password"] = [(f"Use at most {LONGEST_PASSWORD} bytes.", "max_length")]
    elif fields.get("password_repeat", "") != password:
        errors["password_repeat"] = DIFFERENT
    return errors


def _normal(code: str) -> str:
    """Codes are lower-case letters and digits; people add blanks and capitals."""
    return "".join(code.split()).lower()
