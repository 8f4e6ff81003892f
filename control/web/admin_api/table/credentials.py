"""Tokens and certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.records import Certificate, IssuedCertificate, Provider, Token, User
from control.store.interface import Query, Transaction
from control.verbs import certificates, tokens
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, people, served_by, superusers_and_outposts
from control.web.admin_api.lists import Narrowed, any_of, boolean, number, text
from control.web.admin_api.refusals import Refused
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import credentials


def resources(random: Random) -> list[Resource[Any]]:
    return [token_resource(random), CERTIFICATES, ISSUED]


def _own_tokens(tx: Transaction, caller: Caller) -> Narrowed:
    """Those that stand for a flow's e-mail link are nobody's to read."""
    return {} if caller.is_superuser else {"user": [caller.user.pk], "intent": list(tokens.GIVEN_INTENTS)}


def _of_oneself(body: Mapping[str, Any], caller: Caller, is_new: bool) -> Mapping[str, Any]:
    """Only a superuser makes tokens for others; without saying for whom, they are for oneself."""
    if not caller.is_superuser:
        return {**body, "user": caller.user.pk}
    return {"user": caller.user.pk, **body} if is_new else body


def token_resource(random: Random) -> Resource[Token]:
    return Resource(
        "core/tokens",
        Token,
        "Token",
        credentials.tokens,
        fields=tokens.TokenFields,
        optional=frozenset({"user"}),
        ordering=("identifier",),
        lookup="identifier",
        filters={
            "identifier": text("identifier"),
            "intent": text("intent"),
            "description": text("description"),
            "managed": any_of("managed"),
            "user__username": _of_users_named,
        },
        readers=people,
        sees=_own_tokens,
        writers=people,
        recent=True,
        as_given=_of_oneself,
        create=lambda tx, body: tokens.issue(tx, body, random),
        update=tokens.update,
        delete=tokens.delete,
    )


def shown_key(tx: Transaction, token: Token) -> str:
    """Raises Refused; a device's password is shown once."""
    key = tokens.reveal(tx, token.pk)
    if key is None:
        raise Refused(410, "This password was shown once and cannot be shown again. Make a new one.")
    return key


def _of_users_named(tx: Transaction, values: list[str]) -> Narrowed:
    return {"user": [user.pk for user in tx.select(User, Query(within={"username": values}))]}


def _shown_certificates(tx: Transaction, caller: Caller) -> Narrowed:
    """An outpost sees those that its providers show."""
    if caller.is_superuser:
        return {}
    providers = tx.select(Provider, Query(within={"pk": served_by(tx, caller)}))
    return {"pk": sorted({pk for provider in providers if (pk := provider.settings.get("certificate"))})}


def _with_key(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    return {"pk": [certificate.pk for certificate in tx.select(Certificate) if bool(certificate.key_data) == said]}


CERTIFICATES = Resource(
    "crypto/certificatekeypairs",
    Certificate,
    "CertificateKeyPair",
    credentials.certificates,
    fields=certificates.CertificateFields,
    write_only=frozenset({"certificate_data", "key_data"}),
    filters={"name": text("name"), "managed": any_of("managed"), "has_key": _with_key},
    readers=superusers_and_outposts,
    sees=_shown_certificates,
    create=certificates.create,
    update=certificates.update,
    delete=certificates.delete,
)

ISSUED = Resource(
    "crypto/issued",
    IssuedCertificate,
    "IssuedCertificate",
    credentials.issued,
    ordering=("-created",),
    filters={
        "user": number("user"),
        "device": text("device"),
        "authority": text("authority"),
        "serial": text("serial"),
    },
)
