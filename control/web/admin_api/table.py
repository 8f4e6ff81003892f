"""The resources, one entry each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from control.records import Application, Binding, Certificate, Event, Flow, Group, Outpost, Provider, Token, User
from control.store.interface import Query, Transaction
from control.verbs import applications, bindings, certificates, groups, outposts, providers, tokens, users
from control.verbs.provider_kinds import KINDS
from control.verbs.rights import every_superuser
from control.verbs.tokens import Random
from control.web.admin_api import shapes
from control.web.admin_api.callers import Caller, everybody, people, superusers_and_outposts
from control.web.admin_api.lists import Narrowed, any_of, boolean, flag, number, numbers, same_text, text
from control.web.admin_api.resource import Resource


def resources(random: Random) -> list[Resource[Any]]:
    """``random`` makes secrets and tokens."""
    return [
        USERS,
        GROUPS,
        APPLICATIONS,
        token_resource(random),
        BINDINGS,
        FLOWS,
        PROVIDERS,
        *_kinds(random),
        outpost_resource(random),
        CERTIFICATES,
        EVENTS,
    ]


# --- filters that look further -------------------------------------------------------------------------------------


def _superusers(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    ruling = every_superuser(tx)
    return {"pk": sorted(ruling) if said else [user.pk for user in tx.select(User) if user.pk not in ruling]}


def _in_groups(tx: Transaction, pks: Sequence[str]) -> Narrowed:
    return {"pk": sorted({user for users in tx.members_of(pks).values() for user in users})}


def _in_groups_named(tx: Transaction, values: list[str]) -> Narrowed:
    return _in_groups(tx, [group.pk for group in tx.select(Group, Query(within={"name": values}))])


def _with_members(tx: Transaction, users: Sequence[int]) -> Narrowed:
    return {"pk": sorted({group for groups in tx.groups_of(users).values() for group in groups})}


def _with_members_named(tx: Transaction, values: list[str]) -> Narrowed:
    return _with_members(tx, [user.pk for user in tx.select(User, Query(within={"username": values}))])


def _without_application(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    used = {application.provider for application in tx.select(Application)}
    return {"pk": [provider.pk for provider in tx.select(Provider) if (provider.pk not in used) == said]}


def _of_users_named(tx: Transaction, values: list[str]) -> Narrowed:
    return {"user": [user.pk for user in tx.select(User, Query(within={"username": values}))]}


def _with_key(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    return {"pk": [certificate.pk for certificate in tx.select(Certificate) if bool(certificate.key_data) == said]}


# --- what a reader sees --------------------------------------------------------------------------------------------


def _usable_applications(tx: Transaction, caller: Caller) -> Narrowed:
    return {} if caller.is_superuser else {"pk": applications.visible_to(tx, caller.user.pk)}


def _own_tokens(tx: Transaction, caller: Caller) -> Narrowed:
    """Those that stand for a flow's e-mail link are nobody's to read."""
    return {} if caller.is_superuser else {"user": [caller.user.pk], "intent": list(tokens.GIVEN_INTENTS)}


def _of_oneself(body: Mapping[str, Any], caller: Caller, is_new: bool) -> Mapping[str, Any]:
    """Only a superuser makes tokens for others; without saying for whom, they are for oneself."""
    if not caller.is_superuser:
        return {**body, "user": caller.user.pk}
    return {"user": caller.user.pk, **body} if is_new else body


def _shown_certificates(tx: Transaction, caller: Caller) -> Narrowed:
    """An outpost sees those that its providers show."""
    if caller.is_superuser:
        return {}
    served = [pk for outpost in tx.select(Outpost, Query(equal={"user": caller.user.pk})) for pk in outpost.providers]
    providers = tx.select(Provider, Query(within={"pk": served}))
    return {"pk": sorted({pk for provider in providers if (pk := provider.settings.get("certificate"))})}


def _own_outposts(tx: Transaction, caller: Caller) -> Narrowed:
    return {} if caller.is_superuser else {"user": [caller.user.pk]}


# --- the table -----------------------------------------------------------------------------------------------------

USERS = Resource(
    "core/users",
    User,
    "User",
    shapes.users,
    fields=users.UserFields,
    ordering=("username",),
    numbered=True,
    filters={
        "username": text("username"),
        "name": text("name"),
        "email": text("email"),
        "uuid": text("uuid"),
        "path": text("path"),
        "type": any_of("type"),
        "is_active": flag("is_active"),
        "is_superuser": _superusers,
        "groups_by_pk": _in_groups,
        "groups_by_name": _in_groups_named,
    },
    create=users.create,
    update=users.update,
    delete=users.delete,
)

GROUPS = Resource(
    "core/groups",
    Group,
    "Group",
    shapes.groups,
    fields=groups.GroupFields,
    filters={
        "name": text("name"),
        "is_superuser": flag("is_superuser"),
        "members_by_pk": lambda tx, values: _with_members(tx, numbers("members_by_pk", values)),
        "members_by_username": _with_members_named,
    },
    create=groups.create,
    update=groups.update,
    delete=groups.delete,
)

APPLICATIONS = Resource(
    "core/applications",
    Application,
    "Application",
    shapes.applications,
    fields=applications.ApplicationFields,
    lookup="slug",
    filters={
        name: text(name) for name in ("name", "slug", "group", "meta_launch_url", "meta_description", "meta_publisher")
    },
    readers=everybody,
    sees=_usable_applications,
    create=applications.create,
    update=applications.update,
    delete=applications.delete,
)

BINDINGS = Resource(
    "policies/bindings",
    Binding,
    "PolicyBinding",
    shapes.bindings,
    fields=bindings.BindingFields,
    ordering=("target", "order"),
    filters={
        "target": text("target"),
        "target_in": any_of("target"),
        "policy": text("policy"),
        "enabled": flag("enabled"),
        "order": number("order"),
        "timeout": number("timeout"),
    },
    create=bindings.create,
    update=bindings.update,
    delete=bindings.delete,
)

FLOWS = Resource(
    "flows/instances",
    Flow,
    "Flow",
    shapes.flows,
    ordering=("slug",),
    lookup="slug",
    filters={
        "flow_uuid": text("pk"),
        "name": text("name"),
        "slug": text("slug"),
        "designation": text("designation"),
        "denied_action": text("denied_action"),
    },
)

PROVIDERS = Resource(
    "providers/all",
    Provider,
    "Provider",
    shapes.providers,
    numbered=True,
    filters={"application__isnull": _without_application},
    delete=providers.delete,
)


CERTIFICATES = Resource(
    "crypto/certificatekeypairs",
    Certificate,
    "CertificateKeyPair",
    shapes.certificates,
    fields=certificates.CertificateFields,
    write_only=frozenset({"certificate_data", "key_data"}),
    filters={"name": text("name"), "managed": any_of("managed"), "has_key": _with_key},
    readers=superusers_and_outposts,
    sees=_shown_certificates,
    create=certificates.create,
    update=certificates.update,
    delete=certificates.delete,
)

EVENTS = Resource(
    "events/events",
    Event,
    "Event",
    shapes.events,
    ordering=("-created",),
    filters={
        "action": text("action"),
        "actions": any_of("action"),
        "app": text("app"),
        "client_ip": text("client_ip"),
    },
)


def token_resource(random: Random) -> Resource[Token]:
    return Resource(
        "core/tokens",
        Token,
        "Token",
        shapes.tokens,
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
        as_given=_of_oneself,
        create=lambda tx, body: tokens.issue(tx, body, random),
        update=tokens.update,
        delete=tokens.delete,
    )


def _kinds(random: Random) -> list[Resource[Any]]:
    return [
        Resource(
            f"providers/{kind}",
            Provider,
            KINDS[kind].model,
            shapes.whole_providers,
            fields=KINDS[kind].fields,
            optional=frozenset({*providers.FLOWS, *(name for name, _ in KINDS[kind].generated)}),
            write_only=KINDS[kind].secrets - set(shapes.SHOWN_SECRETS.get(kind, ())),
            numbered=True,
            only={"kind": [kind]},
            filters={"application__isnull": _without_application, "name__iexact": same_text(Provider, "name")},
            create=partial(_create_provider, kind, random),
            update=providers.update,
            delete=providers.delete,
        )
        for kind in KINDS
    ]


def _create_provider(kind: str, random: Random, tx: Transaction, body: Mapping[str, Any]) -> Provider:
    return providers.create(tx, kind, body, random)


def outpost_resource(random: Random) -> Resource[Outpost]:
    return Resource(
        "outposts/instances",
        Outpost,
        "Outpost",
        shapes.outposts,
        fields=outposts.OutpostFields,
        filters={"name__iexact": same_text(Outpost, "name"), "managed__iexact": same_text(Outpost, "managed")},
        readers=superusers_and_outposts,
        sees=_own_outposts,
        create=lambda tx, body: outposts.create(tx, body, random),
        update=outposts.update,
        delete=outposts.delete,
    )
