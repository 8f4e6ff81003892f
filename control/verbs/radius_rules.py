"""Rules for the answers of a RADIUS provider: which attributes, for whom, where and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from control.records import Group, Provider, RadiusNas, RadiusRule
from control.store.interface import Query, Transaction
from control.verbs.fields import (
    NON_FIELD,
    Fields,
    Integer,
    Invalid,
    Minute,
    Name,
    Text,
    Uuid,
    Weekdays,
    existing,
    overlaid,
    parse,
    unique,
)
from control.verbs.tokens import Random
from protocols.radius import orders, reply
from protocols.radius.nas import Requirement
from rules.hours import MINUTES

MOST_RULES = 500
"""Of one provider: each is looked at for every answer."""
MOST_ATTRIBUTES = 50
"""Of one rule."""
SHORT_SECRET = 16
"""Characters below which a shared secret is warned about: RFC 2865 section 3 wants at least that many octets."""

Port = Annotated[int, Field(ge=0, le=65_535)]
"""0: there is none."""


class AttributeFields(Fields):
    name: Name
    value: Annotated[str, Field(max_length=4096)]
    tag: Annotated[int, Field(ge=0, le=reply.MAX_TAG)] = 0

    @model_validator(mode="after")
    def _can_be_sent(self) -> AttributeFields:
        reply.check(self.name, self.value, self.tag)
        return self


class RuleFields(Fields):
    name: Name
    provider: int
    order: Integer = 0
    enabled: bool = True
    group: Annotated[Uuid | None, Field(title="Group", description="Of the people it is for; none: everybody.")] = None
    nas: Text = ""
    ssid: Text = ""
    weekdays: Weekdays = Field(default_factory=list)
    begins: Minute = 0
    ends: Minute = MINUTES
    attributes: Annotated[
        list[AttributeFields],
        Field(
            min_length=1,
            max_length=MOST_ATTRIBUTES,
            title="Attributes",
            description="As YAML, such as: [{name: Filter-Id, value: staff}]. A tag may stand beside name and value.",
        ),
    ]


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError(f"“{text}” is not a network. Write it like 192.0.2.7 or 192.0.2.0/24.") from None


def _requirement(text: str) -> str:
    if text not in set(Requirement):
        raise ValueError(f"Choose one of {', '.join(Requirement)}.")
    return text


class NasFields(Fields):
    name: Name
    provider: int
    network: Annotated[Text, AfterValidator(_network)]
    identifier: Text = ""
    shared_secret: Annotated[str, Field(min_length=1, max_length=1024)]
    message_authenticator: Annotated[str, AfterValidator(_requirement)] = "pinned"
    coa_port: Port = orders.PORT
    radsec_name: Text = ""


# --- rules ---------------------------------------------------------------------------------------------------------


def create(tx: Transaction, given: Mapping[str, Any]) -> RadiusRule:
    """Raises Invalid."""
    fields = parse(RuleFields, given)
    _check(tx, fields)
    if tx.count(RadiusRule, Query(equal={"provider": fields.provider})) >= MOST_RULES:
        raise Invalid({NON_FIELD: [f"A provider has at most {MOST_RULES} rules."]})
    return tx.insert(RadiusRule(**_stored(fields)))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> RadiusRule:
    """Raises Invalid, NotFound."""
    rule = tx.get(RadiusRule, pk)
    current = {name: getattr(rule, name) for name in RuleFields.model_fields}
    lists = {name: list(current[name]) for name in ("weekdays", "attributes")}
    fields = overlaid(RuleFields, {**current, **lists}, given, partial)
    _check(tx, fields)
    return tx.update(replace(rule, **_stored(fields)))


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(RadiusRule, pk))


def _stored(fields: RuleFields) -> dict[str, Any]:
    every = fields.model_dump()
    return {**every, "weekdays": tuple(every["weekdays"]), "attributes": tuple(every["attributes"])}


def _check(tx: Transaction, fields: RuleFields) -> None:
    radius_provider(tx, fields.provider)
    if fields.group is not None:
        existing(tx, Group, "group", [fields.group])
    too_long(fields.attributes)


def too_long(attributes: Sequence[AttributeFields]) -> None:
    """Raises Invalid if they do not fit into one packet."""
    size = sum(reply.check(one.name, one.value, one.tag) for one in attributes)
    if size > reply.MOST_OCTETS:
        raise Invalid({"attributes": [f"They take {size} octets; there is room for {reply.MOST_OCTETS}."]})


# --- NAS -----------------------------------------------------------------------------------------------------------


def create_nas(tx: Transaction, given: Mapping[str, Any], random: Random) -> RadiusNas:
    """A secret is made up where none is given. Raises Invalid."""
    fields = parse(NasFields, {"shared_secret": random(32).hex(), **given})
    radius_provider(tx, fields.provider)
    with unique():
        return tx.insert(RadiusNas(**fields.model_dump()))


def update_nas(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> RadiusNas:
    """Raises Invalid, NotFound."""
    nas = tx.get(RadiusNas, pk)
    current = {name: getattr(nas, name) for name in NasFields.model_fields}
    fields = overlaid(NasFields, current, given, partial)
    radius_provider(tx, fields.provider)
    with unique():
        return tx.update(replace(nas, **fields.model_dump()))


def delete_nas(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(RadiusNas, pk))


def warnings(nas: RadiusNas) -> list[str]:
    """Sentences about what works, and should not stay so."""
    if len(nas.shared_secret) < SHORT_SECRET:
        return [f"The shared secret is shorter than {SHORT_SECRET} characters, and can be guessed from one packet."]
    return []


def radius_provider(tx: Transaction, pk: int) -> Provider:
    """Raises Invalid."""
    (provider,) = existing(tx, Provider, "provider", [pk])
    if provider.kind != "radius":
        raise Invalid({"provider": ["Choose a RADIUS provider."]})
    return provider
