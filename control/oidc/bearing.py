"""A token as proof of who asks, at a proxy's door: ours, and given to this very provider or one it trusts; or one of a
foreign issuer that the provider names, for the audience that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.authentication import Prove, Proved
from control.oidc import grants
from control.oidc.foreign import Away, ForeignTokens, unverified
from control.oidc.grants import Bearer
from control.records import Provider, User
from control.store.interface import Query, Store, Transaction
from control.verbs import users
from protocols.link.messages import Authenticate, Reuse
from rules.names import is_possible_name

REUSE_SECONDS = 1.0
"""Programs ask in bursts; a token that was revoked opens nothing a second later."""


def bearer(store: Store, foreign: ForeignTokens) -> Prove:
    async def prove(provider: Provider, question: Authenticate) -> Proved:
        token = question.proof.get("token")
        if not isinstance(token, str):
            return Proved("malformed_proof")
        issuer = _named(provider, token)
        if issuer is not None:
            return await _of_issuer(store, foreign, issuer, token)
        found = await store.read(lambda tx: grants.bearer(tx, token))
        if found is None:
            return Proved("bad_token")
        if not _takes(provider, found):
            return Proved("foreign_token", found.user.pk)
        if found.client.provider.pk != provider.pk and not found.granted.shown:
            await store.write(lambda tx: grants.shown(tx, found.token.pk))
        return _proved(found)

    return prove


def _named(provider: Provider, token: str) -> Mapping[str, str] | None:
    """The foreign issuer that the provider names, and whose the token says it is."""
    issuers = provider.settings.get("jwt_federation_issuers", ())
    said = unverified(token) if issuers else None
    return next((one for one in issuers if one["issuer"] == said[1].get("iss")), None) if said is not None else None


async def _of_issuer(store: Store, foreign: ForeignTokens, issuer: Mapping[str, str], token: str) -> Proved:
    try:
        claims = await foreign.claims(token, issuer["issuer"], issuer["audience"])
    except Away:
        return Proved("issuer_away")
    if claims is None:
        return Proved("bad_token")
    user = await store.read(lambda tx: _meant(tx, issuer["user_claim"], claims))
    if user is None:
        return Proved("unknown_user")
    ends = float(claims["exp"])
    return Proved("accepted", user.pk, user.credential_version, Reuse(REUSE_SECONDS, not_after=ends), ends=ends)


def _meant(tx: Transaction, claim: str, claims: Mapping[str, Any]) -> User | None:
    """Whom the issuer means, by the claim that the administrator has chosen; an address only if it is confirmed,
    there and here."""
    name = claims.get(claim)
    if not isinstance(name, str) or not is_possible_name(name):
        return None
    if claim == "email" and claims.get("email_verified") is not True:
        return None
    if claim == "email":
        return users.holder(tx, name)
    found = tx.select(User, Query(alike={"username": name}, limit=2))
    return found[0] if len(found) == 1 else None


def _takes(provider: Provider, found: Bearer) -> bool:
    whose = found.client.provider.pk
    return whose == provider.pk or whose in provider.settings.get("jwt_federation_providers", ())


def _proved(found: Bearer) -> Proved:
    user, token = found.user, found.token
    reuse = Reuse(REUSE_SECONDS, not_after=token.expires)
    ends_with = (token.pk,) if token.session is None else (token.pk, found.granted.sid)
    return Proved("accepted", user.pk, user.credential_version, reuse, ends=token.expires, ends_with=ends_with)
