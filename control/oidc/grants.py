"""Codes and tokens: given, exchanged once, renewed, looked up, taken back. Each is one store verb (D19).

A verb that takes something back answers with `Failed` instead of raising: an exception would undo it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from control import endings
from control.endings import sid_of
from control.mappings.answers import leave_events
from control.oidc import back_channel, claims, scopes, tokens
from control.oidc.authorize import AUTHORIZED, Grant
from control.oidc.clients import Client, client
from control.oidc.discovery import ACR, SECOND_FACTOR, issuer
from control.oidc.keys import signing_key
from control.oidc.scopes import Told
from control.oidc.tokens import Granted, Random, Tokens, digest
from control.policies.judge import events, recalled
from control.records import AccessToken, Application, AuthorizationCode, Event, Provider, RefreshToken, Session, User
from control.sessions import Caller
from control.store.interface import Query, Transaction
from control.verbs.tokens import is_app_password
from rules import validity

CODE_BYTES = 32
"""256 bits: cannot be guessed."""
REFRESH_BYTES = 64
"""Written as 128 hexadecimal digits, authentik's length."""
KEPT_SECONDS = 3600.0
"""For which a used code is kept, so that using it twice takes back what it gave."""
SWEPT_AT_ONCE = 20
"""Old rows deleted with each new one, so that the tables shrink by themselves and no request waits long."""
LONGEST_TOKEN = 64 * 1024
"""Characters that are hashed to look a token up; ours grow with a user's groups."""

INVALID_GRANT = "The code or token is unknown, used, expired, revoked, or was given to another client or address."
BROKEN = "A property mapping of this provider failed, and is set to refuse. Its administrator finds an event about it."


@dataclass(frozen=True, slots=True)
class Failed:
    """RFC 6749, 5.2."""

    error: str
    description: str
    reason: str = "stale_code"
    """A code of `rules.reasons`, for an outpost."""


# --- the code ------------------------------------------------------------------------------------------------------


def give_code(tx: Transaction, grant: Grant, code: str, who: Caller) -> None:
    """``code`` is CODE_BYTES of randomness as text. The mark of the authorization flow is used up."""
    asked, session, user = grant.asked, grant.visit.session, grant.visit.user
    if user is None:
        raise PermissionError("nobody has signed in")
    _sweep(tx)
    granted = Granted(
        scopes=asked.scopes,
        redirect_uri=asked.to.redirect_uri,
        nonce=asked.nonce,
        challenge=asked.challenge,
        auth_time=int(session.second_factor if asked.second_factor else session.authenticated),
        credential_version=user.credential_version,
        sid=sid_of(session.pk),
        words=grant.access.words,
        acr=SECOND_FACTOR if asked.second_factor else ACR,
        amr=claims.methods(session),
    )
    for trace in events(grant.access, grant.asking):
        tx.insert(trace)
    tx.insert(
        AuthorizationCode(
            pk=digest(code),
            provider=asked.client.provider.pk,
            user=user.pk,
            session=session.pk,
            granted=asdict(granted),
            expires=tx.now + asked.client.seconds("access_code_validity", "minutes=1"),
        )
    )
    if AUTHORIZED in session.data:
        kept = {name: value for name, value in session.data.items() if name != AUTHORIZED}
        tx.update(replace(tx.get(Session, session.pk), data=kept))
    leave_event(tx, "authorize_application", asked.client, user, who, {"scopes": " ".join(asked.scopes)})


def redeem(
    tx: Transaction, asking: Client, asked: Mapping[str, str], base: str, random: Random, who: Caller
) -> Tokens | Failed:
    """The tokens for a code, once. A code that comes again takes back what it gave (RFC 6749, 4.1.2). Raises NoKey."""
    code = tx.find(AuthorizationCode, pk=digest(asked.get("code", "")))
    if code is None or code.provider != asking.provider.pk:
        return Failed("invalid_grant", INVALID_GRANT)
    granted = Granted.from_json(code.granted)
    if asked.get("redirect_uri") != granted.redirect_uri:
        return Failed("invalid_grant", "The redirect_uri is not the one that the code was asked for with.")
    if (wrong := pkce_refusal(granted.challenge, asked.get("code_verifier"))) is not None:
        return Failed("invalid_grant", wrong)
    if code.used:
        revoke_family(tx, code.pk)
        user = tx.find(User, pk=code.user)
        leave_event(tx, "suspicious_request", asking, user, who, {"message": "A code was used a second time."})
        return Failed("invalid_grant", INVALID_GRANT)
    user = _in_good_standing(tx, asking, code.user, granted, code.created)
    if code.expires <= tx.now or user is None or user.credential_version != granted.credential_version:
        return Failed("invalid_grant", INVALID_GRANT)
    tx.update(replace(code, used=True))
    return give(tx, asking, user, code.pk, code.session, granted, base, random, who)


def pkce_refusal(challenge: str | None, verifier: str | None) -> str | None:
    """Why the verifier does not fit (RFC 7636, 4.6), or None. A verifier without a challenge is a downgrade."""
    if challenge is None:
        return None if verifier is None else "There is a code_verifier, but the code was asked for without PKCE."
    if verifier is None:
        return "The code_verifier is missing."
    if re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier) is None:
        return "The code_verifier is not one."
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return None if hmac.compare_digest(hashed, challenge) else "The code_verifier is wrong."


# --- tokens --------------------------------------------------------------------------------------------------------


def refresh(
    tx: Transaction, asking: Client, asked: Mapping[str, str], base: str, random: Random, who: Caller
) -> Tokens | Failed:
    """New tokens for a refresh token, which ends. One that has ended already ends the whole family. Raises NoKey."""
    token = tx.find(RefreshToken, pk=digest(asked.get("refresh_token", "")))
    if token is None or token.provider != asking.provider.pk:
        return Failed("invalid_grant", INVALID_GRANT)
    if token.revoked:
        revoke_family(tx, token.code)
        user = tx.find(User, pk=token.user)
        leave_event(tx, "suspicious_request", asking, user, who, {"message": "A refresh token was used again."})
        return Failed("invalid_grant", INVALID_GRANT)
    granted = Granted.from_json(token.granted)
    user = _in_good_standing(tx, asking, token.user, granted, token.created)
    if token.expires <= tx.now or user is None:
        return Failed("invalid_grant", INVALID_GRANT)
    wanted = tuple(dict.fromkeys(asked["scope"].split())) if "scope" in asked else granted.scopes
    if not set(wanted) <= set(granted.scopes):
        return Failed("invalid_scope", "These scopes are more than what was granted.")
    _sweep(tx)
    asked_for = replace(granted, scopes=wanted)
    if _goes_on(asking, token, tx.now):
        told = give(tx, asking, user, token.code, None, asked_for, base, random, who, renews=False)
        return told if isinstance(told, Failed) else replace(told, refresh_token=asked["refresh_token"])
    tx.update(replace(token, revoked=True))
    return give(tx, asking, user, token.code, None, asked_for, base, random, who, keep=granted)


def _goes_on(asking: Client, token: RefreshToken, now: float) -> bool:
    """A public client's is another one each time: nobody else notices that it was stolen (RFC 9700, 4.14.2)."""
    threshold = asking.seconds("refresh_token_threshold", "seconds=0")
    return not asking.is_public and threshold > 0 and token.expires - now > threshold


def renew(
    tx: Transaction, asking: Client, user: User, session: Session, base: str, random: Random, who: Caller
) -> Tokens | Failed:
    """A new access token for a browser session in use at an outpost, as the last one there was. Raises NoKey."""
    given = Query(equal={"session": session.pk, "provider": asking.provider.pk}, ordering=("-created",), limit=1)
    last = tx.select(AccessToken, given)
    if last:
        granted, code, since = Granted.from_json(last[0].granted), last[0].code, last[0].created
    else:  # signed in at another application of the domain
        granted = Granted(
            scopes=asking.scopes_unasked,
            redirect_uri="",
            nonce=None,
            challenge=None,
            auth_time=int(session.authenticated),
            credential_version=user.credential_version,
            sid=sid_of(session.pk),
            amr=claims.methods(session),
        )
        code, since = digest(f"{session.pk} {asking.provider.pk}"), session.created
    if _in_good_standing(tx, asking, user.pk, granted, since) is None:
        return Failed("invalid_grant", INVALID_GRANT)
    _sweep(tx)
    return give(tx, asking, user, code, session.pk, replace(granted, nonce=None), base, random, who)


def give(
    tx: Transaction,
    asking: Client,
    user: User,
    code: str,
    session: str | None,
    granted: Granted,
    base: str,
    random: Random,
    who: Caller,
    keep: Granted | None = None,
    renews: bool = True,
) -> Tokens | Failed:
    """``keep``: what the refresh token stands for, when this answer is asked for less; without ``renews``
    no other one is given."""
    key = signing_key(tx, asking)
    person = claims.person(tx, user, asking.nested_groups)
    told = scopes.told(tx, asking, person, granted.scopes, who.client_ip)
    leave_events(tx, told.broken, "oidc", asking.provider.pk, user, who.client_ip)
    if told.refused:
        return Failed("invalid_grant", BROKEN, "mapping_failed")
    access, identity, ends = tokens.signed(asking, person, granted, told.claims, key, base, tx.now, random)
    common: dict[str, Any] = {"provider": asking.provider.pk, "user": user.pk, "code": code}
    tx.insert(AccessToken(pk=digest(access), session=session, granted=asdict(granted), expires=ends, **common))
    if session is not None:
        back_channel.remember(tx, asking, session, issuer(base, asking), person)
    whole = keep or granted
    renewal = random(REFRESH_BYTES).hex() if renews and "offline_access" in whole.scopes else None
    if renewal is not None:
        until = tx.now + asking.seconds("refresh_token_validity", "days=30")
        tx.insert(RefreshToken(pk=digest(renewal), granted=asdict(whole), expires=until, **common))
    return Tokens(access, int(ends - tx.now), granted.scopes, identity, renewal)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose access token it is, and for what."""

    client: Client
    user: User
    granted: Granted
    token: AccessToken


@dataclass(frozen=True, slots=True)
class Renewing:
    """The same of a refresh token: it opens nothing, and stands for a new access token."""

    client: Client
    user: User
    granted: Granted
    token: RefreshToken


def bearer(tx: Transaction, token: str) -> Bearer | None:
    """None unless token, account and access are all good now."""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    stored = tx.find(AccessToken, pk=digest(token))
    found = _found(tx, stored) if stored is not None else None
    return Bearer(*found, stored) if found is not None and stored is not None else None


def renewing(tx: Transaction, token: str) -> Renewing | None:
    """None unless it could be exchanged now."""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    stored = tx.find(RefreshToken, pk=digest(token))
    found = _found(tx, stored) if stored is not None and not stored.revoked else None
    return Renewing(*found, stored) if found is not None and stored is not None else None


def _found(tx: Transaction, stored: AccessToken | RefreshToken) -> tuple[Client, User, Granted] | None:
    if stored.expires <= tx.now:
        return None
    provider = tx.find(Provider, pk=stored.provider)
    application = tx.find(Application, provider=stored.provider)
    whose = client(tx, provider, application) if provider is not None and application is not None else None
    granted = Granted.from_json(stored.granted)
    user = _in_good_standing(tx, whose, stored.user, granted, stored.created) if whose is not None else None
    return (whose, user, granted) if whose is not None and user is not None else None


def shown(tx: Transaction, token: str) -> None:
    """A proxy of another provider lets its bearer in: outposts have to hear when it is taken back. ``token``: pk."""
    found = tx.find(AccessToken, pk=token)
    if found is not None:
        tx.update(replace(found, granted={**found.granted, "shown": True}))


def userinfo(tx: Transaction, found: Bearer | Renewing, peer: str) -> Told:
    """OpenID Connect Core, 5.3.2: as things are now, not as they were at sign-in."""
    person = claims.person(tx, found.user, found.client.nested_groups)
    mode = found.client.provider.settings.get("sub_mode", "hashed_user_id")
    told = scopes.told(tx, found.client, person, found.granted.scopes, peer)
    return replace(told, claims={**told.claims, "sub": claims.subject(person, mode)})


def broken(tx: Transaction, found: Bearer, told: Told, peer: str) -> None:
    """An event for each mapping of `userinfo` that did not work."""
    leave_events(tx, told.broken, "oidc", found.client.provider.pk, found.user, peer)


def revoke(tx: Transaction, asking: Client, token: str) -> None:
    """RFC 7009: an access token alone; a refresh token with all that came from the same sign-in."""
    found = tx.find(AccessToken, pk=digest(token)) if len(token) <= LONGEST_TOKEN else None
    if found is not None and found.provider == asking.provider.pk:
        endings.take_back(tx, found)
    renewal = tx.find(RefreshToken, pk=digest(token)) if len(token) <= LONGEST_TOKEN else None
    if renewal is not None and renewal.provider == asking.provider.pk:
        revoke_family(tx, renewal.code)


def revoke_family(tx: Transaction, code: str) -> None:
    """Everything that came from one code."""
    for access in tx.select(AccessToken, Query(equal={"code": code})):
        endings.take_back(tx, access)
    for renewal in tx.select(RefreshToken, Query(equal={"code": code})):
        tx.delete(renewal)


# --- around --------------------------------------------------------------------------------------------------------


def _in_good_standing(tx: Transaction, asking: Client, pk: int, granted: Granted, since: float) -> User | None:
    """The user, if the account is good, was not signed out everywhere ``since`` then, and may use the application.

    An application's server asks, not the person: policies are not asked again, and have said what they said then.
    """
    user = tx.find(User, pk=pk)
    if user is None or validity.refusal(user, tx.now) is not None or since < user.sessions_not_before:
        return None
    if granted.by_token and not is_app_password(tx, pk, granted.by_token):
        return None
    return user if recalled(tx, asking.application, pk, granted.words, since) else None


def leave_event(
    tx: Transaction, action: str, asking: Client, user: User | None, who: Caller, context: dict[str, Any]
) -> None:
    application = {"pk": asking.application.pk, "name": asking.application.name, "slug": asking.application.slug}
    tx.insert(
        Event(
            action=action,
            app="oidc",
            context={"authorized_application": application, "provider": asking.provider.pk, **context},
            user={"pk": user.pk, "username": user.username, "email": user.email} if user is not None else {},
            client_ip=who.client_ip,
            created=tx.now,
        )
    )


def _sweep(tx: Transaction) -> None:
    for code in tx.select(AuthorizationCode, Query(ordering=("expires",), limit=SWEPT_AT_ONCE)):
        if code.expires + KEPT_SECONDS <= tx.now:
            tx.delete(code)
    for access in tx.select(AccessToken, Query(ordering=("expires",), limit=SWEPT_AT_ONCE)):
        if access.expires <= tx.now:
            tx.delete(access)
    for renewal in tx.select(RefreshToken, Query(ordering=("expires",), limit=SWEPT_AT_ONCE)):
        if renewal.expires <= tx.now:
            tx.delete(renewal)
