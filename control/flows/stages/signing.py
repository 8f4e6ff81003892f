"""What stages have in common that ask a security key or passkey to sign (WebAuthn)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from control import webauthn
from control.flows import links
from control.flows.state import PASSKEY, Context, FlowServices
from control.records import Authenticator, Flow, User
from control.store.interface import NotFound, Transaction
from control.verbs import authenticators, passkeys
from control.verbs.passkeys import Looked, Used
from control.webauthn import RelyingParty
from rules import validity

VERIFICATIONS = ("required", "preferred", "discouraged")
NOT_POSSIBLE = (
    "Security keys and passkeys work only under a public URL with https and a name. Use another second factor, "
    "or ask the administrator."
)
WRONG = ("This key did not work here. Try again, or use another way.", "invalid")
CLONED = ("This key cannot be used any more: there may be a copy of it. Tell the administrator.", "invalid")


@dataclass(frozen=True, slots=True)
class Signed:
    """``reason``: why it does not count, a code of `rules.reasons`; None: it does."""

    user: User | None
    key: Authenticator | None
    reason: str | None


def party(tx: Transaction, services: FlowServices) -> RelyingParty | None:
    """Never what a request says: a page of somebody else's could ask in our name."""
    here = webauthn.relying_party(links.public_url(tx, services))
    return replace(here, name=links.brand(tx, services)) if here is not None else None


def verification_of(wanted: object) -> str:
    return wanted if isinstance(wanted, str) and wanted in VERIFICATIONS else "preferred"


def passkey_options(tx: Transaction, context: Context, services: FlowServices) -> dict[str, Any] | None:
    """For somebody whose name is not known yet: whoever has a key that knows it, and shows that they are its owner."""
    here = party(tx, services)
    return webauthn.request_options(here, context.nonce, (), "required") if here is not None else None


def opens_by_passkey(tx: Transaction, context: Context) -> bool:
    """Only signing in: other flows ask for the password because they are to ask for it."""
    flow = tx.find(Flow, slug=context.flow)
    return flow is not None and flow.designation == "authentication"


async def signed(
    answer: str, context: Context, services: FlowServices, verification: str, whose: int | None = None
) -> Signed:
    """Has a key of this user's signed what was asked, or of whomever it says it belongs to? It then counts, once.

    Unknown, disabled and wrong cost the same.
    """

    def look(tx: Transaction) -> Looked:
        here = party(tx, services)
        if here is None or not context.nonce:
            return Looked(None, why="there is no public URL that keys could know us by")
        user = passkeys.owner(tx, answer) if whose is None else tx.find(User, pk=whose)
        return passkeys.look(tx, user, answer, context.nonce, here, verification)

    looked = await services.store.read(look)
    user, key = looked.user, looked.key
    if user is None:
        return Signed(None, None, "unknown_user")
    if key is None:
        return Signed(user, None, "wrong_key")
    if (refusal := validity.refusal(user, services.now())) is not None:
        return Signed(user, key, refusal)
    try:
        used = await services.store.write(
            lambda tx: passkeys.use(tx, key, looked.count, context.nonce, services.origin)
        )
    except NotFound:
        return Signed(user, None, "wrong_key")
    return Signed(user, key, {Used.RIGHT: None, Used.CLONED: "key_cloned", Used.REPLAYED: "wrong_key"}[used])


def proves(found: Signed) -> dict[str, Any]:
    """What the flow knows then of somebody whose name nobody had typed."""
    assert found.user is not None
    assert found.key is not None
    return {
        "uid": found.user.username,
        "pending_user": found.user.pk,
        "proved": found.user.pk,
        "proved_version": found.user.credential_version,
        "method": PASSKEY,
        "factors": (found.key.pk,),
        "factor_shown": True,
        "spent": True,
    }


PROVED = frozenset({"uid", "pending_user", "proved", "proved_version", "method", "factors", "factor_shown", "spent"})


def usable(factors: list[Authenticator], here: RelyingParty | None, door: str) -> list[Authenticator]:
    """Those that can be shown at all where somebody is: doors ask for codes, and keys know us by our public URL."""
    possible = authenticators.CODES if door else authenticators.KINDS if here else authenticators.TYPED
    return [factor for factor in factors if factor.kind in possible]
