"""An access token as proof of who asks, at a proxy's door: ours, and given to this very provider or one it trusts."""

from __future__ import annotations

from control.authentication import Prove, Proved
from control.oidc import grants
from control.records import Provider
from control.store.interface import Store, Transaction
from protocols.link.messages import Authenticate, Reuse

REUSE_SECONDS = 1.0
"""Programs ask in bursts; a token that was revoked opens nothing a second later."""


def bearer(store: Store) -> Prove:
    async def prove(provider: Provider, question: Authenticate) -> Proved:
        token = question.proof.get("token")
        if not isinstance(token, str):
            return Proved("malformed_proof")
        return await store.read(lambda tx: _proved(tx, provider, token))

    return prove


def _proved(tx: Transaction, provider: Provider, token: str) -> Proved:
    found = grants.bearer(tx, token)
    if found is None:
        return Proved("bad_token")
    trusted = provider.settings.get("jwt_federation_providers", ())
    if found.client.provider.pk != provider.pk and found.client.provider.pk not in trusted:
        return Proved("foreign_token", found.user.pk)
    reuse = Reuse(REUSE_SECONDS, not_after=found.token.expires)
    return Proved("accepted", found.user.pk, found.user.credential_version, reuse)
