"""Entitlements of applications: made, changed and deleted, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field

from control.records import Application, Binding, Entitlement
from control.store.interface import Query, Transaction
from control.verbs.fields import Attributes, Fields, Name, Uuid, existing, overlaid, parse, unique
from rules import bindings


class EntitlementFields(Fields):
    name: Name
    app: Annotated[Uuid, Field(title="Application")]
    attributes: Attributes = Field(default_factory=dict)


def create(tx: Transaction, given: Mapping[str, Any]) -> Entitlement:
    """Raises Invalid."""
    fields = parse(EntitlementFields, given)
    existing(tx, Application, "app", [fields.app])
    with unique():
        return tx.insert(Entitlement(fields.name, fields.app, attributes=fields.attributes))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Entitlement:
    """Raises Invalid, NotFound."""
    old = tx.get(Entitlement, pk)
    current = {"name": old.name, "app": old.application, "attributes": old.attributes}
    fields = overlaid(EntitlementFields, current, given, partial)
    existing(tx, Application, "app", [fields.app])
    with unique():
        return tx.update(replace(old, name=fields.name, application=fields.app, attributes=fields.attributes))


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(Entitlement, pk))


@dataclass(frozen=True, slots=True)
class Entitlements:
    """All of them, by name, with their bindings."""

    lines: tuple[tuple[Entitlement, tuple[Binding, ...]], ...] = ()

    def of(self, user: int, groups: Iterable[str]) -> tuple[Entitlement, ...]:
        """Those of which an enabled binding names the user, or one of ``groups``: theirs, with all above. One without
        bindings is nobody's."""
        mine = frozenset(groups)
        return tuple(
            one for one, lines in self.lines if any(bindings.passes(line, user, mine) is True for line in lines)
        )


def everyone(tx: Transaction) -> Entitlements:
    """In two questions; in one where there are none."""
    every = tx.select(Entitlement, Query(ordering=("name",)))
    if not every:
        return Entitlements()
    bound = tx.select(Binding, Query(within={"target": [one.pk for one in every]}, equal={"enabled": True}))
    return Entitlements(tuple((one, tuple(line for line in bound if line.target == one.pk)) for one in every))
