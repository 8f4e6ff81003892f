"""Sources, in authentik's shape."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Source, SourceConnection
from control.sources.kinds import KINDS, settings_of
from control.sources.ldap.described import KIND
from control.store.interface import Transaction
from control.verbs.property_mappings import OF_SOURCES
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk, moment

CALLBACK = "/source/oauth/callback/{slug}/"


def sources(tx: Transaction, records: Sequence[Source], view: View) -> list[Body]:
    return [
        {
            **settings_of(source),
            "pk": source.pk,
            "name": source.name,
            "slug": source.slug,
            "enabled": source.enabled,
            "authentication_flow": source.authentication_flow,
            "enrollment_flow": source.enrollment_flow,
            "component": "ak-source-oauth-form",
            "verbose_name": "OAuth Source",
            "verbose_name_plural": "OAuth Sources",
            "meta_model_name": "authentik_sources_oauth.oauthsource",
            "user_matching_mode": source.user_matching_mode,
            "managed": source.managed,
            "provider_type": source.provider_type,
            "callback_url": CALLBACK.format(slug=source.slug),
            "type": {"name": source.provider_type, "verbose_name": KINDS[source.provider_type].title},
        }
        for source in records
    ]


def directories(tx: Transaction, records: Sequence[Source], view: View) -> list[Body]:
    return [
        {
            **{name: [] for name in OF_SOURCES},
            **source.settings,
            "pk": source.pk,
            "name": source.name,
            "slug": source.slug,
            "enabled": source.enabled,
            "component": "ak-source-ldap-form",
            "verbose_name": "LDAP Source",
            "verbose_name_plural": "LDAP Sources",
            "meta_model_name": "authentik_sources_ldap.ldapsource",
            "user_matching_mode": source.user_matching_mode,
            "managed": source.managed,
        }
        for source in records
    ]


def connections(tx: Transaction, records: Sequence[SourceConnection], view: View) -> list[Body]:
    named = by_pk(tx, Source, {one.source for one in records})
    ldap = [source for source in named.values() if source.provider_type == KIND]
    others = [source for source in named.values() if source.provider_type != KIND]
    shown = {body["pk"]: body for body in (*sources(tx, others, view), *directories(tx, ldap, view))}
    return [
        {
            "pk": one.pk,
            "user": one.user,
            "source": one.source,
            "source_obj": shown.get(one.source),
            "identifier": one.identifier,
            "created": moment(one.created),
            "last_updated": moment(one.last_updated),
        }
        for one in records
    ]
