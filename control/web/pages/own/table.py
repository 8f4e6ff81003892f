"""The pages of one's own: second factors, sessions, passwords of devices, and what applications were let know."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from control import sessions
from control.records import Application, Authenticator, Session, Token, TokenUse, UserConsent
from control.store.interface import Query, Transaction
from control.verbs import authenticators, consents, tokens
from control.verbs.authenticators import STATIC, WORDS
from control.verbs.tokens import APP_PASSWORD, NETWORK_PASSWORD
from control.web.console.cells import minutes
from control.web.pages.own.section import Act, Me, Section, mine, number

MOST_SHOWN = 200
"""Of one person's records: more than that nobody looks through."""


def _when(moment: float | None) -> str:
    return minutes(moment) if moment else "never"


# --- second factors ------------------------------------------------------------------------------------------------


def _factors(tx: Transaction, me: Me) -> Mapping[str, Any]:
    found = authenticators.of(tx, me.user.pk)
    last = authenticators.last_used(tx, found)
    listed = [
        {
            "pk": factor.pk,
            "name": factor.name,
            "kind": WORDS[factor.kind],
            "address": factor.settings.get("address", ""),
            "left": len(authenticators.unused(tx, factor)) if factor.kind == STATIC else None,
            "created": _when(factor.created),
            "last": _when(last.get(factor.pk)),
        }
        for factor in found
    ]
    return {"factors": listed, "kinds": WORDS, "has_codes": any(factor.kind == STATIC for factor in found)}


def _rename_factor(tx: Transaction, me: Me, sent: Mapping[str, str]) -> None:
    factor = mine(tx.get(Authenticator, number(sent.get("pk", ""))), me)
    authenticators.update(tx, factor.pk, {"name": sent.get("name", "")})


def _remove_factor(tx: Transaction, me: Me, sent: Mapping[str, str]) -> None:
    authenticators.delete(tx, mine(tx.get(Authenticator, number(sent.get("pk", ""))), me).pk)


# --- sessions ------------------------------------------------------------------------------------------------------


def _sessions(tx: Transaction, me: Me) -> Mapping[str, Any]:
    every = tx.select(Session, Query(equal={"user": me.user.pk}, ordering=("-last_used",), limit=MOST_SHOWN))
    return {
        "sessions": [
            {
                "name": one.uuid,
                "here": one.pk == me.session.pk,
                "address": one.client_ip,
                "program": one.user_agent,
                "since": _when(one.created),
                "last": _when(one.last_used),
            }
            for one in every
            if sessions.is_good(one, me.user, tx.now)
        ]
    }


def _end_session(tx: Transaction, me: Me, sent: Mapping[str, str]) -> None:
    for session in tx.select(Session, Query(equal={"user": me.user.pk, "uuid": sent.get("session", "")})):
        sessions.revoke(tx, session.pk)


def _end_others(tx: Transaction, me: Me, sent: Mapping[str, str]) -> None:
    for session in tx.select(Session, Query(equal={"user": me.user.pk})):
        if session.pk != me.session.pk:
            sessions.revoke(tx, session.pk)


# --- passwords of devices ------------------------------------------------------------------------------------------


def _passwords(intent: str, tx: Transaction, me: Me) -> Mapping[str, Any]:
    query = Query(equal={"user": me.user.pk, "intent": intent}, ordering=("identifier",), limit=MOST_SHOWN)
    found = tx.select(Token, query)
    last = {use.pk: use.last_used for use in tx.select(TokenUse, Query(within={"pk": [one.pk for one in found]}))}
    listed = [
        {
            "pk": one.pk,
            "name": one.description or one.identifier,
            "until": _when(one.expires) if one.expiring else "for ever",
            "over": tokens.expired(one, tx.now),
            "last": _when(last.get(one.pk)),
        }
        for one in found
    ]
    return {"passwords": listed}


def _make_password(intent: str, tx: Transaction, me: Me, sent: Mapping[str, str]) -> Mapping[str, Any]:
    """Shown once, here."""
    name = sent.get("name", "").strip()
    given = {
        "identifier": f"{intent.replace('_', '-')}-{me.random(8).hex()}",
        "user": me.user.pk,
        "intent": intent,
        "description": name or "My device",
        "expiring": intent == NETWORK_PASSWORD,
    }
    return {"made": tokens.reveal(tx, tokens.issue(tx, given, me.random).pk)}


def _remove_password(intent: str, tx: Transaction, me: Me, sent: Mapping[str, str]) -> None:
    token = mine(tx.get(Token, sent.get("pk", "")), me)
    if token.intent == intent:
        tokens.delete(tx, token.pk)


def _of_devices(path: str, title: str, intent: str) -> Section:
    acts: dict[str, Act] = {"make": partial(_make_password, intent), "remove": partial(_remove_password, intent)}
    return Section(path, title, partial(_passwords, intent), acts, recent=True)


# --- applications --------------------------------------------------------------------------------------------------


def _consents(tx: Transaction, me: Me) -> Mapping[str, Any]:
    given = tx.select(UserConsent, Query(equal={"user": me.user.pk}, limit=MOST_SHOWN))
    names = {
        one.pk: one.name for one in tx.select(Application, Query(within={"pk": [one.application for one in given]}))
    }
    return {
        "consents": [
            {
                "pk": one.pk,
                "application": names[one.application],
                "scopes": list(one.scopes),
                "until": _when(one.expires) if one.expires else "for ever",
            }
            for one in given
            if one.application in names
        ]
    }


def _revoke(tx: Transaction, me: Me, sent: Mapping[str, str]) -> None:
    consents.revoke(tx, mine(tx.get(UserConsent, sent.get("pk", "")), me).pk)


SECTIONS: tuple[Section, ...] = (
    Section("factors", "Second factors", _factors, {"rename": _rename_factor, "remove": _remove_factor}, recent=True),
    Section("sessions", "Sessions", _sessions, {"end": _end_session, "end-others": _end_others}),
    _of_devices("app-passwords", "App passwords", APP_PASSWORD),
    _of_devices("network-passwords", "Network passwords", NETWORK_PASSWORD),
    Section("consents", "Applications that know you", _consents, {"revoke": _revoke}),
)
