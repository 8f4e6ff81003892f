"""Tokens and certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.certificates.making import KeyPair
from control.records import Certificate, Outpost, Provider, Source, Token
from control.sources.ldap.described import KIND
from control.store.interface import Query, Transaction
from control.verbs import certificates, tokens
from control.verbs.certificates import described
from control.web.admin_api.callers import Caller
from control.web.admin_api.table.credentials import CERTIFICATES, shown_key, token_resource
from control.web.console import pickable
from control.web.console.cells import Body, Cell, Column, minutes, moment, text
from control.web.console.sections import ROOT, Around, Choice, Form, Section, made_by
from control.web.services import Services


def _owner(body: Body) -> Cell:
    owner = body["user_obj"]
    return Cell(owner["username"], to=f"{ROOT}/identity/users/{owner['pk']}/") if owner is not None else Cell("")


def _beside_token(tx: Transaction, token: Token, around: Around) -> Mapping[str, Any]:
    outpost = tx.find(Outpost, user=token.user)
    return {"outpost": outpost, "is_expired": token.expires is not None and token.expires <= tx.now}


INTENTS = (("api", "API"), ("app_password", "App password"), ("network_password", "Network password"))

KEYS = Section(
    path="core/tokens",
    title="Tokens and App passwords",
    one="token",
    about="Keys for programs that use the API, and passwords for single devices.",
    resource=token_resource,
    columns=(
        Column("Identifier", lambda body: Cell(body["identifier"], to="."), "identifier"),
        Column("User", _owner),
        Column("Intent", lambda body: Cell(body["intent"].replace("_", " "), tone="quiet"), "intent"),
        Column("Expires", moment("expires", "never"), "expires"),
        Column("Description", text("description")),
    ),
    name=lambda body: body["identifier"],
    forms={
        "": Form(
            tokens.TokenFields,
            first=("identifier", "user", "intent", "expiring", "expires", "description"),
            pickers={"user": pickable.USERS},
            optional=frozenset({"user"}),
            create=made_by(token_resource),
            about="For yourself, unless you choose somebody else. Its key is shown on the next page.",
        )
    },
    affects=lambda tx, token: ["Whoever uses its key is not let in any more."],
    beside=_beside_token,
    template="console/token.html",
    revealed={"key": shown_key},
    choices=(
        Choice(
            "intent",
            "Intent",
            (("api", "API"), ("app_password", "App password"), ("network_password", "Network password")),
        ),
    ),
    wide={"include_groups": "false", "include_roles": "false"},
)


async def _generate(services: Services, caller: Caller, given: Mapping[str, Any]) -> Certificate:
    """The key is made in a reading thread: it takes as long as a hundred writes."""
    fields = certificates.parse_generated(given)

    def pair_of(tx: Transaction) -> KeyPair:
        return certificates.generated(tx, fields, services.now(), services.random)

    pair = await services.store.read(pair_of)
    return await services.store.write(
        lambda tx: certificates.keep_generated(tx, fields.common_name, pair), caller.actor
    )


def _expiry(body: Body) -> Cell:
    return Cell(minutes(body["cert_expiry"])) if body["cert_expiry"] else Cell("")


def _users_of(tx: Transaction, pair: Certificate) -> list[Provider]:
    names = ("certificate", "signing_key")
    return [one for one in tx.select(Provider) if any(one.settings.get(name) == pair.pk for name in names)]


def _certificate_affects(tx: Transaction, pair: Certificate) -> list[str]:
    return [
        *(f"The provider “{one.name}” uses it, and gets the generated one instead." for one in _users_of(tx, pair)),
        *(
            f"The LDAP source “{one.name}” trusts it, and counts as away until it names another one."
            for one in tx.select(Source, Query(equal={"provider_type": KIND}))
            if one.settings["peer_certificate"] == pair.pk
        ),
    ]


PAIRS = Section(
    path="crypto/certificates",
    title="Certificates",
    one="certificate",
    about="What LDAPS, HTTPS and signed tokens are made with.",
    resource=lambda random: CERTIFICATES,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Subject", text("cert_subject")),
        Column(
            "Private key",
            lambda body: (
                Cell(str(body["private_key_type"]).upper(), tone="good")
                if body["private_key_available"]
                else Cell("no", tone="quiet")
            ),
        ),
        Column("Expires", _expiry),
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            certificates.CertificateFields,
            secrets=frozenset({"key_data"}),
            optional=frozenset({"key_data"}),
            create=made_by(lambda random: CERTIFICATES),
            label="Import a certificate",
            about="Paste one that you have, with its private key.",
        ),
        "generate": Form(
            certificates.GeneratedFields,
            create=_generate,
            label="Generate a certificate",
            about="A self-signed one, made here.",
        ),
    },
    affects=_certificate_affects,
    beside=lambda tx, pair, around: {
        "known": described(pair.certificate_data),
        "used_by": _users_of(tx, pair),
        "download": f"/api/v3/crypto/certificatekeypairs/{pair.pk}",
    },
    template="console/certificate.html",
    choices=(Choice("has_key", "Private key", (("true", "With a key"), ("false", "Without"))),),
)
