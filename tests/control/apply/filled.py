"""A store that holds some of everything a file can describe; made by the verbs, as the API would."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from control.certificates.making import self_signed
from control.mail import server
from control.policies.kinds import KINDS
from control.records import (
    Application,
    Certificate,
    Device,
    Flow,
    Group,
    NotificationTransport,
    Outpost,
    Policy,
    PropertyMapping,
    Provider,
    RadiusNas,
    Source,
    User,
)
from control.store.interface import Query, Transaction
from control.verbs import (
    applications,
    bindings,
    brands,
    certificates,
    devices,
    entitlements,
    flows,
    groups,
    ldap_sources,
    notifications,
    outposts,
    policies,
    prompts,
    property_mappings,
    providers,
    radius_rules,
    roles,
    sources,
    stage_bindings,
    stage_kinds,
    stages,
    system,
    users,
)
from control.verbs.composing import OF_EVENTS
from control.verbs.fields import Fields
from rules.permissions import AUDITOR, SEARCH_FULL_DIRECTORY

POLICIES: dict[str, Mapping[str, Any]] = {
    "expression": {"expression": "if True:\n    return 'a: b' != \"# c\"\nreturn False"},
    "network": {"networks": ["10.0.0.0/8", "2001:db8::/32"]},
    "time": {"weekdays": [0, 4], "begins": 60, "timezone": "Europe/Berlin"},
    "reputation": {"threshold": -3, "check_ip": False},
    "geoip": {"countries": ["DE"], "asns": [64500]},
    "event_matcher": {"action": "login"},
}
"""Kind to the fields that it is filled with; one that is not here gets what it must have, see `needed`."""
PROVIDERS: dict[str, Mapping[str, Any]] = {
    "ldap": {"base_dn": "dc=filled", "extra_containers": ["more people"]},
    "radius": {"client_networks": "192.0.2.0/24, 2001:db8::/48", "eap_methods": ["ttls", "peap"]},
    "proxy": {"external_host": "https://filled.example.com", "mode": "forward_single", "skip_path_regex": "^/a\n^/b"},
    "oauth2": {
        "redirect_uris": [{"url": "https://a.example.com/cb"}, {"matching_mode": "regex", "url": "https://b/.*"}]
    },
}


def fill(tx: Transaction) -> None:
    once(tx)
    people(tx)
    deciding(tx)
    doors(tx)


def once(tx: Transaction) -> None:
    """What there is once."""
    system.change(tx, {"base_url": "https://filled.example.com", "unenrollment": True, "password_max_age": "days=90"})
    given = {"host": "smtp.example.com", "port": 465, "use_ssl": True, "from_address": "A: b <a@example.com>"}
    server.change(tx, {**given, "username": "filled", "password": "password-of-the-mail-server"})


def fill_user(tx: Transaction, text: str, attributes: Mapping[str, Any]) -> None:
    """Somebody of whom people have typed this."""
    users.create(tx, {"username": f"called {text.encode().hex()}", "name": text, "attributes": attributes})


def people(tx: Transaction) -> None:
    bob = users.create(
        tx,
        {
            "username": "bob",
            "name": "a: b # c",
            "email": "bob@example.com",
            "valid_until": "2031-02-03T04:05:06+00:00",
            "is_active": False,
        },
    )
    users.create(tx, {"username": "reader", "name": "reader", "type": "service_account", "path": "service/accounts"})
    above = groups.create(
        tx, {"name": "above", "is_superuser": True, "attributes": {"n": 1.5, "yes": "no", "deep": {}}}
    )
    groups.create(tx, {"name": "below", "parents": [above.pk], "users": [bob.pk]})
    administrator = tx.find(User, username="akadmin")
    assert administrator is not None
    users.update(tx, administrator.pk, {"email": "root@filled.example.com"})


def deciding(tx: Transaction) -> None:
    for name, policy in KINDS.items():
        policies.create(tx, name, {**(POLICIES.get(name) or needed(policy.fields)), "name": f"a {name}"})
    for kind, described in property_mappings.KINDS.items():
        extra = {"scope_name": "filled"} if "scope_name" in described.fields.model_fields else {}
        property_mappings.create(tx, kind, {"name": f"a {kind}", "expression": "return {}", **extra})
    changed = tx.find(PropertyMapping, name="authentik default OAuth Mapping: OpenID 'email'")
    assert changed is not None
    property_mappings.update(tx, changed.pk, {"expression": 'x = {"email": "a"}\nreturn x'})


def needed(fields: type[Fields]) -> dict[str, Any]:
    """Something for every field that must be given."""
    required = {name: one.annotation for name, one in fields.model_fields.items() if one.is_required()}
    return {name: 1 if annotation is int else "x" for name, annotation in required.items()}


def doors(tx: Transaction) -> None:
    pair = self_signed("filled", ("filled.example.com",), tx.now, os.urandom)
    certificate = certificates.create(
        tx, {"name": "a pair", "certificate_data": pair.certificate, "key_data": pair.key}
    )
    group, user = tx.find(Group, name="below"), tx.find(User, username="bob")
    login = tx.find(Flow, slug="default-authentication-flow")
    assert group is not None
    assert user is not None
    assert login is not None
    flow = flows.create(tx, {"slug": "own", "name": "own", "title": "a: b # c", "designation": "authentication"})
    for policy in tx.select(Policy, Query(within={"kind": [kind for kind in KINDS if kind != OF_EVENTS]})):
        bindings.create(tx, {"target": flow.pk, "policy": policy.pk})
    abroad = elsewhere(tx, flow.pk, certificate.pk, group.pk)
    composed(tx, flow.pk, group.pk, abroad)
    flows.update(tx, login.pk, {"title": "Come in"})
    bindings.create(tx, {"target": login.pk, "group": group.pk, "negate": True})
    made = {}
    for kind, fields in PROVIDERS.items():
        made[kind] = providers.create(
            tx, kind, {"name": f"a {kind}", "authentication_flow": flow.pk, **fields}, os.urandom
        )
        app = applications.create(tx, {"name": "a: b # c", "slug": kind, "provider": made[kind].pk})
        for order, policy in enumerate(
            tx.select(Policy, Query(within={"kind": [kind for kind in POLICIES if kind != OF_EVENTS]}))
        ):
            bindings.create(tx, {"target": app.pk, "policy": policy.pk, "order": order * 10, "timeout": order})
        bindings.create(tx, {"target": app.pk, "user": user.pk, "enabled": False, "failure_result": True})
    own_mapping = tx.find(PropertyMapping, name="a ldap")
    assert own_mapping is not None
    providers.update(
        tx,
        made["ldap"].pk,
        {
            "show_only_groups": [group.pk],
            "certificate": certificate.pk,
            "client_authorities": [certificate.pk],
            "property_mappings": [own_mapping.pk],
        },
    )
    rules = [{"level": "deny", "groups": [group.pk], "paths": [{"match": "exact", "path": "/x"}]}, {"level": "bypass"}]
    providers.update(tx, made["proxy"].pk, {"access_rules": rules, "jwt_federation_providers": [made["oauth2"].pk]})
    providers.update(tx, made["proxy"].pk, {"authentication_source": abroad})
    providers.update(tx, made["oauth2"].pk, {"property_mappings": []})
    network(tx, made["radius"].pk, group.pk, user.pk)
    role = roles.create(tx, {"name": "a role"})
    roles.assign(tx, role.pk, {"permissions": [SEARCH_FULL_DIRECTORY], "object_pk": str(made["ldap"].pk)})
    roles.assign(tx, role.pk, {"permissions": [AUDITOR]})
    groups.update(tx, group.pk, {"roles": [role.pk]})
    entitled = tx.find(Application, slug="oauth2")
    assert entitled is not None
    editor = entitlements.create(tx, {"name": "editor: #1", "app": entitled.pk, "attributes": {"level": 2}})
    bindings.create(tx, {"target": editor.pk, "group": group.pk})
    bindings.create(tx, {"target": editor.pk, "user": user.pk, "order": 7, "negate": True})
    entitlements.create(tx, {"name": "viewer", "app": entitled.pk})
    telling(tx, group.pk)
    looks(tx, entitled.pk)
    served = [provider.pk for kind, provider in made.items() if kind != "oauth2"]
    far = {"name": "far", "type": "ldap", "providers": served[:1], "config": {"log_level": "debug", "own": [1]}}
    outposts.create(tx, far, os.urandom)
    embedded = tx.find(Outpost, managed=outposts.EMBEDDED)
    assert embedded is not None
    outposts.update(tx, embedded.pk, {"providers": served[1:], "config": {"authentik_host": "https://a.example.com"}})


def looks(tx: Transaction, application: str) -> None:
    """What one host looks like, and every other."""
    login = tx.find(Flow, slug="default-authentication-flow")
    assert login is not None
    look = {"branding_title": "Example", "branding_custom_css": ":root { --accent: #a00 }", "attributes": {"a": [1]}}
    serves = {"flow_authentication": login.pk, "default_application": application}
    brands.create(tx, {"domain": "example.com", "default": True, **look, **serves})


def telling(tx: Transaction, group: str) -> None:
    """Who hears of events."""
    body = tx.find(PropertyMapping, name="a notification")
    assert body is not None
    hook = {
        "mode": "webhook",
        "webhook_url": "https://chat.example.com/hooks/of-our-own",
        "webhook_mapping_body": body.pk,
    }
    made = [
        notifications.create_transport(tx, {"name": "a: hook", **hook}),
        notifications.create_transport(tx, {"name": "a letter", "mode": "email", "send_once": True}),
    ]
    rule = notifications.create_rule(
        tx,
        {
            "name": "a rule",
            "transports": [one.pk for one in made],
            "severity": "alert",
            "destination_group": group,
            "destination_event_user": True,
        },
    )
    matcher = tx.find(Policy, name="a event_matcher")
    assert matcher is not None
    bindings.create(tx, {"target": rule.pk, "policy": matcher.pk, "order": 3})


STAGES: dict[str, Mapping[str, Any]] = {
    "identification": {"user_fields": ["email"]},
    "redirect": {"mode": "static", "target_static": "/if/user/"},
    "user_login": {"session_duration": "hours=1"},
    "user_write": {"user_type": "internal"},
}
"""Kind to the settings that it is filled with; the others have their usual ones, and what `composed` says."""


def elsewhere(tx: Transaction, flow: str, certificate: str, group: str) -> str:
    """A foreign provider, whose pk this is, and a directory."""
    issuer = "https://id.example.com/.well-known/openid-configuration"
    by_the_directory = tx.find(PropertyMapping, name="a ldap_source")
    assert by_the_directory is not None
    ldap_sources.create(
        tx,
        {
            "name": "a: directory # c",
            "slug": "filled-directory",
            "server_uri": "ldaps://dc1.example.com, ldaps://dc2.example.com",
            "base_dn": "dc=filled",
            "bind_cn": "cn=reader,dc=filled",
            "bind_password": "password-of-the-reader",
            "peer_certificate": certificate,
            "delete_not_found_objects": True,
            "user_property_mappings": [by_the_directory.pk],
            "group_property_mappings": [by_the_directory.pk],
        },
    )
    return sources.create(
        tx,
        {
            "name": "Another house",
            "slug": "filled-issuer",
            "provider_type": "openidconnect",
            "oidc_well_known_url": issuer,
            "consumer_key": "outpost",
            "consumer_secret": "secret-of-the-client",
            "authentication_flow": flow,
            "allowed_email_domains": ["example.com"],
            "allowed_emails": ["alice@example.org"],
            "allowed_organizations": ["acme"],
            "group_mapping": [{"name": "acme/staff: a", "group": group}],
        },
    ).pk


def composed(tx: Transaction, flow: str, group: str, source: str) -> None:
    """Stages of every kind, some of them in one flow; and what they name."""
    field = prompts.create(tx, {"name": "a prompt", "field_key": "a", "label": "a: b # c", "type": "text", "order": 3})
    policy = tx.find(Policy, name="a time")
    assert policy is not None
    named: dict[str, Mapping[str, Any]] = {
        "prompt": {"fields": [field.pk], "validation_policies": [policy.pk]},
        "identification": {"sources": [source]},
        "user_write": {"create_users_group": group},
        "authenticator_totp": {"configure_flow": flow},
    }
    for order, kind in enumerate(stage_kinds.KINDS):
        stage = stages.create(tx, kind, {"name": f"a {kind}", **STAGES.get(kind, {}), **named.get(kind, {})})
        if stage_kinds.KINDS[kind].headless:
            line = {"target": flow, "stage": stage.pk, "order": order * 5, "invalid_response_action": "restart"}
            made = stage_bindings.create(tx, line)
            bindings.create(tx, {"target": made.pk, "group": group, "order": 2})


def network(tx: Transaction, provider: int, group: str, user: int) -> None:
    """What RADIUS has beside its providers."""
    vlan = [{"name": "Tunnel-Private-Group-ID", "value": "7", "tag": 1}, {"name": "Filter-Id", "value": "x"}]
    radius_rules.create(tx, {"name": "second", "provider": provider, "order": 5, "attributes": vlan[1:]})
    rule = {"name": "first", "provider": provider, "group": group, "weekdays": [0, 6], "ends": 600, "attributes": vlan}
    radius_rules.create(tx, {**rule, "enabled": False})
    nas = {"name": "an access point", "provider": provider, "network": "192.0.2.7", "coa_port": 0}
    radius_rules.create_nas(tx, nas, os.urandom)
    devices.create(
        tx, {"address": "02-00-00-00-00-07", "name": "a printer", "user": user, "psk": "wifi-key-of-its-own"}
    )


def secrets_of(tx: Transaction) -> dict[str, str]:
    """Variable to what it holds in this store; the names are the export's."""
    held = {
        f"PROVIDER_{provider.name}_{field}": value
        for provider in tx.select(Provider)
        for field, value in provider.secrets.items()
        if value and field != "cookie_secret_since"  # a moment
    }
    held |= {f"SOURCE_{one.slug}_{field}": value for one in tx.select(Source) for field, value in one.secrets.items()}
    held |= {f"NAS_{one.name}_SHARED_SECRET": one.shared_secret for one in tx.select(RadiusNas)}
    held |= {f"DEVICE_{one.address.replace(':', '_')}_PSK": one.secrets["psk"] for one in tx.select(Device)}
    held |= {f"CERTIFICATE_{one.name}_KEY_DATA": one.key_data for one in tx.select(Certificate) if one.key_data}
    held |= {
        f"NOTIFICATION_TRANSPORT_{one.name.replace(': ', '_')}_WEBHOOK_URL": one.webhook_url
        for one in tx.select(NotificationTransport)
        if one.webhook_url
    }
    held |= {
        f"{one.name}_OUTPOST_TOKEN": outposts.token(tx, one)
        for one in tx.select(Outpost)
        if one.managed != outposts.EMBEDDED
    }
    held["SETTINGS_MAIL_PASSWORD"] = server.stored(tx).password
    return {name.upper().replace(" ", "_").replace("-", "_"): value for name, value in held.items()}
