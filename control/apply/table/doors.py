"""Applications, their providers, the outposts that serve them, and certificates."""

from __future__ import annotations

from typing import Any

from control.apply.sections import Given, Part, Section
from control.apply.table.deciding import BINDINGS
from control.apply.table.radius import RULES
from control.certificates.generated import NAMES
from control.records import Application, Certificate, Entitlement, Outpost, Provider
from control.store.interface import Query, Transaction
from control.verbs import applications, certificates, entitlements, flows, outposts, provider_kinds, providers
from control.verbs.fields import parse
from control.verbs.tokens import Random

EMBEDDED = "embedded"
"""What files call the outpost inside `outpost up`, whatever its name is."""


def _served(tx: Transaction, outpost: Any, given: Given, mark: str) -> Given:
    """Of the providers the file settles its own; those of others stay."""
    if "providers" not in given:
        return given
    listed: list[int] = given["providers"]
    own = {provider.pk for provider in tx.select(Provider, Query(equal={"managed": mark}))}
    kept = [pk for pk in outpost.providers if pk in listed or pk not in own]
    return {**given, "providers": kept + [pk for pk in listed if pk not in kept]}


class DeclaredOutpost(outposts.OutpostFields):
    token: str = ""
    """Without one, control makes it up."""


def _create_outpost(tx: Transaction, kind: str, given: Given, random: Random) -> Outpost:
    """Raises Invalid."""
    made = outposts.create(tx, {name: value for name, value in given.items() if name != "token"}, random)
    return _change_outpost(tx, made.pk, {name: given[name] for name in given.keys() & {"token"}})


def _change_outpost(tx: Transaction, pk: str, given: Given) -> Outpost:
    """Raises Invalid."""
    changed = outposts.update(tx, pk, {name: value for name, value in given.items() if name != "token"})
    if "token" in given:
        wanted = parse(DeclaredOutpost, {"name": changed.name, "type": changed.type, "token": given["token"]}).token
        outposts.set_token(tx, pk, wanted)
    return changed


def _outpost(tx: Transaction, outpost: Outpost) -> Given:
    """The embedded one comes without a token."""
    token = "" if outpost.managed == outposts.EMBEDDED else outposts.token(tx, outpost)
    return {**outposts.current(outpost), "token": token}


def _application(tx: Transaction, application: Application) -> Given:
    return {name: getattr(application, name) for name in applications.ApplicationFields.model_fields}


def _entitlement(given: Given) -> Given:
    """The API calls the application of an entitlement so."""
    return {"app" if name == "application" else name: value for name, value in given.items()}


def _certificate(tx: Transaction, certificate: Certificate) -> Given:
    return {name: getattr(certificate, name) for name in certificates.CertificateFields.model_fields}


CERTIFICATES = Section(
    "certificates",
    "certificate",
    Certificate,
    lambda tx, kind, given, random: certificates.create(tx, given),
    certificates.update,
    certificates.delete,
    _certificate,
    fields=certificates.CertificateFields,
    secrets=frozenset({"key_data"}),
    is_declared=lambda certificate: certificate.managed not in NAMES,
    last=True,
)

PROVIDERS = Section(
    "providers",
    "provider",
    Provider,
    providers.create,
    providers.update,
    providers.delete,
    lambda tx, provider: providers.current(provider),
    kinds={name: kind.fields for name, kind in provider_kinds.KINDS.items()},
    references={
        **dict.fromkeys(flows.USES, "flows"),
        "authentication_source": "sources",
        "certificate": "certificates",
        "signing_key": "certificates",
        "client_authorities": "certificates",
        "internal_host_authorities": "certificates",
        "internal_host_certificate": "certificates",
        "property_mappings": "property_mappings",
        "show_only_groups": "groups",
        "access_rules.groups": "groups",
        "jwt_federation_providers": "providers",
    },
    secrets=frozenset[str]().union(*(kind.secrets for kind in provider_kinds.KINDS.values())),
    unexported=frozenset(
        {
            "proxy.client_id",
            "proxy.client_secret",
            "proxy.cookie_secret",
            "proxy.cookie_secret_previous",
            "proxy.cookie_secret_since",
        }
    ),
    stated=frozenset({"property_mappings"}),
    parts=(RULES,),
)

ENTITLEMENTS = Part(
    "entitlements",
    Entitlement,
    "application",
    entitlements.EntitlementFields,
    lambda tx, given: entitlements.create(tx, _entitlement(given)),
    entitlements.update,
    entitlements.delete,
    same=("name",),
    example="[{name: editor, bindings: [{group: staff}]}]",
    unwritten=frozenset({"app"}),
    parts=(BINDINGS,),
)

APPLICATIONS = Section(
    "applications",
    "application",
    Application,
    lambda tx, kind, given, random: applications.create(tx, given),
    applications.update,
    applications.delete,
    _application,
    key="slug",
    fields=applications.ApplicationFields,
    references={"provider": "providers"},
    stated=frozenset({"name"}),
    parts=(BINDINGS, ENTITLEMENTS),
    at_first=lambda slug: {"name": slug},
)

OUTPOSTS = Section(
    "outposts",
    "outpost",
    Outpost,
    _create_outpost,
    _change_outpost,
    outposts.delete,
    _outpost,
    fields=DeclaredOutpost,
    references={"providers": "providers"},
    secrets=frozenset({"token"}),
    aliases={EMBEDDED: outposts.EMBEDDED},
    shared="providers",
    settled=_served,
)
