"""Providers: all of them, and each kind with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from control.records import Application, Provider
from control.store.interface import Transaction
from control.verbs import providers
from control.verbs.provider_kinds import KINDS
from control.verbs.tokens import Random
from control.web.admin_api.lists import Narrowed, boolean, same_text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import providers as shapes


def resources(random: Random) -> list[Resource[Any]]:
    return [PROVIDERS, *_kinds(random)]


def _without_application(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    used = {application.provider for application in tx.select(Application)}
    return {"pk": [provider.pk for provider in tx.select(Provider) if (provider.pk not in used) == said]}


PROVIDERS = Resource(
    "providers/all",
    Provider,
    "Provider",
    shapes.providers,
    numbered=True,
    filters={"application__isnull": _without_application},
    delete=providers.delete,
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
