"""What an outpost may know: the view of the store that is sent to it, whole or as changes (DESIGN D5, D6).

Every function here is a verb over one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import NamedTuple

from control.certificates.generated import SHOWN, generated
from control.mappings.everybody import KINDS, Everybody, saying_more
from control.outposts import people, proxied_application
from control.outposts import told as told_of
from control.outposts.needs import WHOLE, View, of_provider, together
from control.outposts.told import Told
from control.passwords import network_hashes
from control.radius import provider as radius
from control.records import (
    Application,
    Binding,
    Certificate,
    IssuedCertificate,
    Outpost,
    PropertyMapping,
    Provider,
    RadiusPin,
)
from control.store.interface import LoggedChange, Query, Transaction
from control.verbs import access_rules, password_terms, secret_attributes, system
from control.verbs.fields import seconds
from control.verbs.password_terms import DAY
from control.verbs.roles import with_permission
from control.verbs.system import public_url
from protocols.link.messages import (
    BindingRecord,
    CertificateRecord,
    Change,
    Configuration,
    LdapSettings,
    OutpostRecord,
    Pinned,
    ProviderRecord,
    ProxySettings,
    Put,
    RadiusSettings,
    Record,
    Remove,
)
from rules.permissions import SEARCH_FULL_DIRECTORY

APART = frozenset(
    {"user", "group", "members", "token", "ended_session", "radius_order", "issued_certificate", RadiusPin.TABLE}
)
"""Kinds of changes that leave the configuration as it was. Flows and stages do not: they say what a password proves."""

SETTINGS: dict[str, type[LdapSettings] | type[RadiusSettings] | type[ProxySettings]] = {
    "ldap": LdapSettings,
    "radius": RadiusSettings,
    "proxy": ProxySettings,
}


READ_AT_ONCE = 100
"""Providers."""
MOST_CONCERNED = 500
"""Providers whose records go alone; more of them are a new configuration."""


class Narrowed(NamedTuple):
    """What the configuration of an outpost says of people depends on whom it knows."""

    people: Collection[int] | None = None
    """None: everybody."""
    moved: bool = False
    """Are these not those of the revision before?"""
    headers: tuple[str, ...] = ()
    """`OutpostRecord.added_headers`."""


EVERYBODY = Narrowed()


def snapshot(tx: Transaction, outpost: str) -> list[Record]:
    """Everything that this outpost needs."""
    return [*people.directory(tx), *configuration(tx, outpost)]


def changes(
    tx: Transaction, outpost: str, since: int, everybody: Everybody | None = None, told: Told | None = None
) -> list[Change]:
    """What brings this outpost from revision ``since`` to the newest one. Raises EverythingChanged.

    ``told``: what it has of the configuration, if that is known and it understands changes of some providers alone.

    A group and its new members may both be in the log: records come first, then who joined and left, then what went.
    """
    log = tx.changes_since(since)
    everybody = everybody or Everybody(tx)
    return [*configured(tx, outpost, log, told), *pins(tx, outpost, log), *people.changes(tx, log, everybody)]


def configured(
    tx: Transaction, outpost: str, log: Sequence[LoggedChange], told: Told | None, narrowed: Narrowed = EVERYBODY
) -> list[Change]:
    """What these lines change of the configuration."""
    lines = [line for line in log if line.kind not in APART]
    some = None
    if not _revoked(tx, log) and not _rehashed(tx, outpost, log, narrowed):
        if not lines:
            return []
        some = _some_providers(tx, outpost, lines, told, narrowed) if told is not None else None
    return [Configuration(tuple(configuration(tx, outpost, narrowed)))] if some is None else some


def pins(tx: Transaction, outpost: str, log: Sequence[LoggedChange]) -> list[Change]:
    """What NAS have shown, of the providers that these lines are about; of all, where some are forgiven."""
    pks = {line.pk for line in log if line.kind == RadiusPin.TABLE}
    if not pks:
        return []
    known = tx.select(RadiusPin, Query(within={"pk": sorted(pks, key=str)}))
    concerned = {one.provider for one in known} if len(known) == len(pks) else None
    own = Query(equal={"kind": "radius"}, within={"pk": tx.get(Outpost, outpost).providers}, ordering=("pk",))
    concerning = (one.pk for one in tx.select(Provider, own) if concerned is None or one.pk in concerned)
    return [Pinned(pk, radius.pinned(tx, pk)) for pk in concerning]


def _some_providers(
    tx: Transaction, outpost: str, lines: Sequence[LoggedChange], told: Told, narrowed: Narrowed
) -> list[Change] | None:
    """None: more than some providers is another; a certificate that is shown no more must not stay, either."""
    if any(line.kind not in told_of.KINDS for line in lines):
        return None
    own, concerned = tx.get(Outpost, outpost), told.concerned(tx, lines)
    if concerned is None or told.outpost is None:
        return None
    itself = _outpost_record(tx, own, told.password_attributes(tx, lines), narrowed)
    if any(line.kind == Outpost.TABLE and line.pk == outpost for line in lines):
        concerned |= told.certificates.keys() ^ set(own.providers)
    if len(concerned) > MOST_CONCERNED:
        return None
    served = sorted(concerned.intersection(own.providers))
    found = provider_records(tx, tx.select(Provider, Query(within={"pk": served})), narrowed)
    records = {one.pk: one for one in found}
    shown = {pk: records[pk].settings.certificate if pk in records else None for pk in concerned}
    if any(told.certificates.get(pk) != certificate for pk, certificate in shown.items()):
        return None
    gone = sorted(concerned & told.certificates.keys() - records.keys())
    return [
        *([Put(itself)] if itself != told.outpost else []),
        *map(Put, records.values()),
        *(Remove("provider", pk) for pk in gone),
    ]


def _revoked(tx: Transaction, log: Iterable[LoggedChange]) -> bool:
    """A certificate that is issued is nothing to an outpost; one that is revoked is."""
    issued = list(dict.fromkeys(line.pk for line in log if line.kind == IssuedCertificate.TABLE))
    found = tx.select(IssuedCertificate, Query(within={"pk": issued})) if issued else ()
    return any(one.revoked is not None for one in found)


def _rehashed(tx: Transaction, outpost: str, log: Iterable[LoggedChange], narrowed: Narrowed) -> bool:
    """May somebody have another network password, or be told of only now, at an outpost that knows their hashes?"""
    if not narrowed.moved and not any(line.kind == "token" for line in log):
        return False
    served = tx.select(Provider, Query(within={"pk": tx.get(Outpost, outpost).providers}))
    return any(map(network_hashes.told, served))


# --- the records as outposts know them -----------------------------------------------------------------------------


def served(tx: Transaction, outpost: str) -> Iterator[ProviderRecord]:
    """A few after the other, for whoever may know enough before the last one."""
    every = tx.get(Outpost, outpost).providers
    for start in range(0, len(every), READ_AT_ONCE):
        part = every[start : start + READ_AT_ONCE]
        yield from provider_records(tx, tx.select(Provider, Query(within={"pk": part})))


def view_of(tx: Transaction, outpost: str) -> View:
    """Of ten thousand providers no more are read than it takes to know."""
    password_attributes, views = secret_attributes.names(tx), list[View]()
    nothing_more = not password_attributes and not saying_more(tx)
    for record in served(tx, outpost):
        views.append(of_provider(record))
        if nothing_more and views[-1] == WHOLE:
            return WHOLE
    return together(views, password_attributes)


def configuration(tx: Transaction, outpost: str, narrowed: Narrowed = EVERYBODY) -> list[Record]:
    """The outpost's own record, the providers it serves, and the certificates that they show: these chosen ones, and
    the generated one for those that have chosen none."""
    own = tx.get(Outpost, outpost)
    providers = list(provider_records(tx, tx.select(Provider, Query(within={"pk": own.providers})), narrowed))
    wanted = {provider.settings.certificate for provider in providers if provider.settings.certificate}
    certificates = [
        certificate
        for certificate in tx.select(Certificate)
        if certificate.pk in wanted or certificate.managed == SHOWN
    ]
    return [
        _outpost_record(tx, own, tuple(secret_attributes.names(tx)), narrowed),
        *providers,
        *(certificate_record(certificate) for certificate in certificates if certificate.key_data),
    ]


def _outpost_record(tx: Transaction, own: Outpost, secret: tuple[str, ...], narrowed: Narrowed) -> OutpostRecord:
    url = public_url(tx)
    return OutpostRecord(own.pk, own.name, own.type, own.managed, own.config, url, secret, narrowed.headers)


def certificate_record(certificate: Certificate) -> CertificateRecord:
    return CertificateRecord(certificate.pk, certificate.name, certificate.certificate_data, certificate.key_data)


def shown_certificate(tx: Transaction) -> CertificateRecord | None:
    """The one that is shown where there is no better one."""
    found = generated(tx, SHOWN)
    return certificate_record(found) if found is not None else None


def provider_record(tx: Transaction, provider: Provider) -> ProviderRecord | None:
    """None: it has no application, or is of a kind that outposts do not serve."""
    return next(provider_records(tx, [provider]), None)


def provider_records(
    tx: Transaction, providers: Sequence[Provider], narrowed: Narrowed = EVERYBODY
) -> Iterator[ProviderRecord]:
    """Of those that have an application and are of a kind that outposts serve. There may be ten thousand: what can be
    is read for all of them at once."""
    applications = {
        one.provider: one for one in tx.select(Application, Query(within={"provider": [one.pk for one in providers]}))
    }
    bindings: dict[str, list[Binding]] = {}
    targets = Query(within={"target": [one.pk for one in applications.values()]}, ordering=("order",))
    for binding in tx.select(Binding, targets):
        bindings.setdefault(binding.target, []).append(binding)
    mappings, age = saying_more(tx), _age_of_passwords(tx)
    for provider in providers:
        application = applications.get(provider.pk)
        if application is not None and provider.kind in SETTINGS:
            bound = bindings.get(application.pk, ())
            yield _provider_record(tx, provider, application, bound, mappings, age, narrowed)


def _age_of_passwords(tx: Transaction) -> dict[str, int]:
    """As `LdapSettings` has it, in whole days; what is shorter than one day is one, for none would be no end."""
    longest, warning = password_terms.longest_age(tx), seconds(system.read(tx).password_warning)
    if not longest:
        return {}
    return {"password_days": max(1, int(longest // DAY)), "password_warning_days": int(warning // DAY)}


def _provider_record(
    tx: Transaction,
    provider: Provider,
    application: Application,
    bindings: Sequence[Binding],
    mappings: Mapping[str, PropertyMapping],
    age: Mapping[str, int],
    narrowed: Narrowed,
) -> ProviderRecord:
    settings = SETTINGS[provider.kind]
    known = {field.name for field in fields(settings)}
    chosen = {key: value for key, value in {**provider.settings, **provider.secrets}.items() if key in known}
    if provider.kind == "ldap":
        chosen["extra_containers"] = tuple(provider.settings.get("extra_containers", ()))
        chosen["show_only_groups"] = tuple(provider.settings.get("show_only_groups", ()))
        chosen["client_certificates"] = bool(provider.settings.get("client_authorities"))
        chosen.update(age)
    if provider.kind in KINDS:
        own = [mappings[pk] for pk in provider.property_mappings if pk in mappings]
        chosen["mapped"] = any(mapping.kind == KINDS[provider.kind] for mapping in own)
    if provider.kind == "radius":
        chosen.update(radius.settings(tx, provider))
    if provider.kind == "proxy":
        chosen.update(proxied_application.settings(tx, provider))
        chosen["access_rules"] = access_rules.delivered(provider.settings.get("access_rules", ()))
    is_ldap = provider.kind == "ldap"
    return ProviderRecord(
        pk=provider.pk,
        name=provider.name,
        protocol=provider.kind,  # type: ignore[arg-type]  # it is a key of SETTINGS
        application=application.slug,
        application_name=application.name,
        application_pk=application.pk,
        policy_engine_mode=application.policy_engine_mode,  # type: ignore[arg-type]  # checked when it was stored
        settings=settings(**chosen),
        bindings=tuple(binding_record(binding) for binding in bindings),
        network_hashes=network_hashes.read(tx, narrowed.people) if network_hashes.told(provider) else (),
        full_search_roles=tuple(with_permission(tx, SEARCH_FULL_DIRECTORY, provider.pk) if is_ldap else ()),
    )


def binding_record(binding: Binding) -> BindingRecord:
    return BindingRecord(
        pk=binding.pk,
        order=binding.order,
        enabled=binding.enabled,
        negate=binding.negate,
        user=binding.user,
        group=binding.group,
        policy=binding.policy,
        timeout=binding.timeout,
        failure_result=binding.failure_result,
    )
