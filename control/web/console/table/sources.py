"""Foreign providers at which people sign in, directories in which they have passwords, and who they are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.records import Event, Source, SourceConnection
from control.sources.kinds import KINDS, SourceKind
from control.sources.ldap.described import KIND
from control.store.interface import Query, Transaction
from control.verbs import ldap_sources, sources
from control.verbs.property_mappings import LDAP_SOURCE, OF_SOURCES
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller
from control.web.admin_api.resource import Resource
from control.web.admin_api.table.sources import DIRECTORIES, SOURCES
from control.web.console import pickable
from control.web.console.cells import Body, Cell, Column, minutes, text, yes
from control.web.console.sections import Around, Create, Form, Section, made_by
from control.web.services import Services

LATEST = 50
"""Warnings of all directories that are looked through for those of one."""
ON = Column("State", yes("enabled", "on", "off"), "enabled")


def _connected(tx: Transaction, source: Source) -> int:
    return tx.count(SourceConnection, Query(equal={"source": source.pk}))


def _affects(tx: Transaction, source: Source) -> list[str]:
    connected = _connected(tx, source)
    return [f"Nobody signs in by it any more, and it forgets who is who ({connected})."] if connected else []


# --- foreign providers ---------------------------------------------------------------------------------------------

ADDRESSES = ("authorization_url", "access_token_url", "profile_url", "emails_url")
ABOUT = {
    "openidconnect": "Any provider of OpenID Connect, by the address of its document.",
    "google": "Whoever has an account there; name the domains that are yours.",
    "entraid": "The people of your tenant.",
    "gitlab": "gitlab.com, or one of your own.",
    "github": "github.com, or an enterprise server of your own.",
}


def _made(provider_type: str) -> Create:
    make = made_by(lambda random: SOURCES)

    async def create(services: Services, caller: Caller, given: Mapping[str, Any]) -> Any:
        return await make(services, caller, {**given, "provider_type": provider_type})

    return create


def _form(provider_type: str, kind: SourceKind) -> Form:
    asked = ("oidc_well_known_url",) if kind.is_oidc and not kind.oidc_well_known_url else ()
    return Form(
        sources.SourceFields,
        first=("name", "slug", "enabled", *asked, "consumer_key", "consumer_secret", "user_matching_mode"),
        left_out=frozenset({"provider_type", *(ADDRESSES if kind.is_oidc else ("oidc_well_known_url",))}),
        pickers={
            "authentication_flow": pickable.flows("authentication"),
            "enrollment_flow": pickable.flows("enrollment"),
            "group_mapping": pickable.GROUPS,
        },
        secrets=frozenset(sources.SECRETS),
        sealed=frozenset(sources.SECRETS),
        create=_made(provider_type),
        label=kind.title,
        about=ABOUT[provider_type],
    )


def _beside(tx: Transaction, source: Source, around: Around) -> Mapping[str, Any]:
    at = f"{around.base}/source/oauth"
    return {
        "connected": _connected(tx, source),
        "can_sync": False,
        "addresses": {
            "Callback URL": f"{at}/callback/{source.slug}/",
            "Back-channel logout URL": f"{at}/backchannel-logout/{source.slug}/",
        },
    }


ISSUERS = Section(
    path="sources/oauth",
    title="OAuth sources",
    one="OAuth source",
    about="Foreign providers at which people sign in, and come back. Each that is on has a button on the sign-in page.",
    resource=lambda random: SOURCES,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Slug", text("slug"), "slug"),
        Column("Type", lambda body: Cell(body["type"]["verbose_name"]), "provider_type"),
        ON,
    ),
    name=lambda body: body["name"],
    forms={name: _form(name, kind) for name, kind in KINDS.items()},
    form_of=lambda source: source.provider_type,
    current=lambda tx, source: sources.current(source),
    affects=_affects,
    beside=_beside,
    template="console/source.html",
    empty="Register us there first: you get the two values that are asked for here.",
)


# --- directories ---------------------------------------------------------------------------------------------------


def _update(tx: Transaction, pk: Any, given: Mapping[str, Any], partial: bool) -> Source:
    """An account that is emptied takes its password with it, which no form could empty."""
    emptied = given.get("bind_cn") == "" and "bind_password" not in given
    return ldap_sources.update(tx, pk, {**given, "bind_password": ""} if emptied else given, partial)


def _directories(random: Random) -> Resource[Any]:
    return replace(DIRECTORIES, update=_update)


def _last_trouble(tx: Transaction, source: Source) -> Body | None:
    wanted = {"action": "configuration_warning", "app": "authentik_sources_ldap"}
    for event in tx.select(Event, Query(equal=wanted, ordering=("-created",), limit=LATEST)):
        if event.context.get("source") == source.slug:
            return {"when": minutes(event.created), "said": event.context.get("message", "")}
    return None


DOMAINS = Section(
    path="sources/ldap",
    title="LDAP sources",
    one="LDAP source",
    about="Directories in which people have their passwords: typed here, and tried there. The directory's word counts "
    "for whoever is connected with it.",
    resource=_directories,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Slug", text("slug"), "slug"),
        Column("Servers", text("server_uri")),
        ON,
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            ldap_sources.LdapSourceFields,
            first=("name", "slug", "enabled", "server_uri", "start_tls", "bind_cn", "bind_password", "base_dn"),
            pickers={
                "peer_certificate": pickable.CERTIFICATES,
                **dict.fromkeys(OF_SOURCES, pickable.of_kind(LDAP_SOURCE)),
            },
            secrets=frozenset(ldap_sources.SECRETS),
            sealed=frozenset(ldap_sources.SECRETS),
            create=made_by(lambda random: DIRECTORIES),
        )
    },
    current=lambda tx, source: ldap_sources.current(source),
    affects=_affects,
    beside=lambda tx, source, around: {
        "connected": _connected(tx, source),
        "addresses": {},
        "can_sync": True,
        "trouble": _last_trouble(tx, source),
    },
    template="console/source.html",
)


def place_of(source: Source) -> str:
    """Its page, of whichever kind it is."""
    return (DOMAINS if source.kind == KIND else ISSUERS).place_of(source)
