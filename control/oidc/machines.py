"""The client credentials grant (RFC 6749, 4.4): tokens for a program, of which nobody has signed in.

As authentik has it, the program says as whom: as a user, by an app password of theirs; or as nobody, and then for an
account of its own, which is made the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from control import sessions
from control.oidc.clients import ASKED_FOR, Client
from control.oidc.grants import Failed, give, leave_event
from control.oidc.tokens import Granted, Random, Tokens, text
from control.policies.asking import Asking
from control.policies.judge import REFUSED, Decided, Judge, events, recalled
from control.records import Application, Token, User
from control.sessions import Caller
from control.store.interface import Query, Store, Transaction
from control.verbs import tokens, users
from control.verbs.service_accounts import PATH
from rules import validity

GRANT_TYPE = "client_credentials"
LONGEST_NAME = 150
"""Characters of a username."""
SERVICE_ACCOUNT = "service_account"
NAMED = 5
"""The version of uuids that are made of a name (RFC 9562)."""
FAMILY_BYTES = 32
"""Tokens of one request have a name in common, as those of a code have."""

NOT_ALLOWED = "This client asks for nobody but people who sign in: it is public, or an outpost's."
NO_ACCOUNT = "The account is unknown or not good, or the password is none of its app passwords."
NO_ACCESS = "This account may not use the application."


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether the application lets the account in, before anything is written."""

    question: Asking
    """Its ``user`` is None where there is no good account."""
    access: Decided = REFUSED


async def grant(
    store: Store, judge: Judge, asking: Client, asked: Mapping[str, str], base: str, random: Random, who: Caller
) -> Tokens | Failed:
    """``asking`` has shown its secret. No refresh token is given (RFC 6749, 4.4.3), and none for the API:
    that would make an API token of every app password. Raises NoKey."""
    if asking.is_public or asking.provider.kind != "oauth2":
        return Failed("unauthorized_client", NOT_ALLOWED)
    if ("username" in asked) != ("password" in asked):
        return Failed("invalid_request", "The parameters username and password go together.")
    if "username" not in asked and await store.read(lambda tx: _own(tx, asking)) is None:
        await store.write(lambda tx: _make_own(tx, asking))
    # Expressions may take their time: they run beside the one thread that writes.
    judged = await store.read(lambda tx: _judged(tx, asking, asked, who, judge))
    return await store.write(lambda tx: _conclude(tx, asking, asked, judged, base, random, who))


def _judged(tx: Transaction, asking: Client, asked: Mapping[str, str], who: Caller, judge: Judge) -> Judged:
    user, _ = _whose(tx, asking, asked)
    context = {"oauth_grant_type": GRANT_TYPE, "oauth_scopes": list(_scopes(asking, asked))}
    question = Asking(None, tx.now, who.client_ip, "", {"protocol": "oauth2"}, context)
    if user is None or validity.refusal(user, tx.now) is not None:
        return Judged(question)
    question = replace(question, user=user, identifier=user.username)
    return Judged(question, judge.decide(tx, asking.application, question))


def _conclude(
    tx: Transaction,
    asking: Client,
    asked: Mapping[str, str],
    judged: Judged,
    base: str,
    random: Random,
    who: Caller,
) -> Tokens | Failed:
    """Account, password and application may have been changed since."""
    access, scopes = judged.access, _scopes(asking, asked)
    for trace in events(access, judged.question):
        tx.insert(trace)
    user, password = _whose(tx, asking, asked)
    if password is not None:
        tokens.used(tx, password.pk)
    refusal = _refusal(judged.question.user, user, tx.now)
    if user is None or refusal is not None:
        sessions.login_failed(tx, asked.get("username", ""), user.pk if user else None, refusal or "bad_token", who)
        return Failed("invalid_grant", NO_ACCOUNT)
    if not access.passing or not _still_passing(tx, asking, user, judged):
        reason = "no_binding" if access.passing else access.reason
        sessions.login_failed(tx, user.username, user.pk, reason, who)
        return Failed("invalid_grant", NO_ACCESS)
    granted = Granted(scopes, "", None, None, int(tx.now), user.credential_version, "", access.words)
    if password is not None:
        granted = replace(granted, by_token=password.pk, ends=password.expires if password.expiring else None)
    leave_event(tx, "authorize_application", asking, user, who, {"scopes": " ".join(scopes), "grant_type": GRANT_TYPE})
    return give(tx, asking, user, text(random(FAMILY_BYTES)), None, granted, base, random, who)


def _refusal(before: User | None, user: User | None, now: float) -> str | None:
    """Why ``user`` is not good, or not who was asked about ``before``."""
    if before is None or user is None or validity.refusal(user, now) is not None:
        return "bad_token"
    same = (user.pk, user.credential_version) == (before.pk, before.credential_version)
    return None if same else "credential_changed"


def _still_passing(tx: Transaction, asking: Client, user: User, judged: Judged) -> bool:
    application = tx.find(Application, provider=asking.provider.pk)
    return application is not None and recalled(tx, application, user.pk, judged.access.words, judged.question.now)


def _scopes(asking: Client, asked: Mapping[str, str]) -> tuple[str, ...]:
    wanted = asked["scope"].split() if asked.get("scope") else asking.scopes_unasked
    return tuple(scope for scope in dict.fromkeys(wanted) if scope in asking.scopes and scope not in ASKED_FOR)


def _whose(tx: Transaction, asking: Client, asked: Mapping[str, str]) -> tuple[User | None, Token | None]:
    """The account that tokens are asked for, and the app password that was shown for it."""
    if "username" not in asked:
        return _own(tx, asking), None
    return _named(tx, asked["username"], asked["password"]) or (None, None)


def _named(tx: Transaction, username: str, password: str) -> tuple[User, Token] | None:
    """Whose app password it is. The main password opens nothing here: it would get by every second factor."""
    found = tx.select(User, Query(alike={"username": username}, limit=2)) if len(username) <= LONGEST_NAME else []
    user = found[0] if len(found) == 1 else None
    token = tokens.app_password(tx, user.pk, password) if user is not None else None
    return (user, token) if user is not None and token is not None else None


def _own(tx: Transaction, asking: Client) -> User | None:
    """The client's own account, if there is one, whatever client and account are called now."""
    made = tx.find(User, uuid=_own_uuid(tx, asking))
    if made is not None:
        return made if made.type == SERVICE_ACCOUNT else None
    # Those of former versions have a uuid as anybody has, and go by the names that they were made with.
    for username in reversed(_own_names(asking)):
        own = tx.find(User, username=username)
        if own is None or (own.type, own.path) != (SERVICE_ACCOUNT, PATH):
            continue
        if UUID(own.uuid).version != NAMED:
            return own
    return None


def _own_uuid(tx: Transaction, asking: Client) -> str:
    """Of the account of this client, and of no other that had its name before: no number is given twice."""
    return str(uuid5(UUID(tx.install_id), f"client credentials of provider {asking.provider.pk}"))


def _make_own(tx: Transaction, asking: Client) -> None:
    """Unless there is one by now, or others have both of its names."""
    free = [one for one in _own_names(asking) if not tx.select(User, Query(alike={"username": one}, limit=1))]
    uuid = _own_uuid(tx, asking)
    if free and _own(tx, asking) is None and tx.find(User, uuid=uuid) is None:
        name = f"Autogenerated user from application {asking.application.name} (client credentials)"[:255]
        given = {"username": free[0], "name": name, "type": SERVICE_ACCOUNT, "path": PATH}
        users.create(tx, given, uuid)


def _own_names(asking: Client) -> list[str]:
    """authentik's, and one that no other client can have, whatever it is called: names of accounts are shorter than
    those of providers, and are found ignoring case."""
    name, tail = f"ak-{asking.provider.name}", "-client_credentials"
    numbered = f"{tail}-{asking.provider.pk}"
    names = [name + tail, name[: LONGEST_NAME - len(numbered)] + numbered]
    return [one for one in names if len(one) <= LONGEST_NAME]
