"""RADIUS: rules for answers, NAS with secrets of their own, devices, and who is on the network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from control.radius import pins
from control.records import Device, RadiusNas, RadiusPin, RadiusRule, RadiusSession
from control.store.interface import Transaction
from control.verbs import devices, radius_rules
from control.verbs.tokens import Random
from control.web.admin_api.callers import auditors
from control.web.admin_api.lists import flag, number, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import radius


def resources(random: Random) -> list[Resource[Any]]:
    return [RULES, nas(random), PINS, DEVICES, SESSIONS]


RULES = Resource(
    "radius/rules",
    RadiusRule,
    "RadiusRule",
    radius.rules,
    fields=radius_rules.RuleFields,
    ordering=("provider", "order", "name"),
    filters={"provider": number("provider"), "group": text("group"), "enabled": flag("enabled")},
    create=radius_rules.create,
    update=radius_rules.update,
    delete=radius_rules.delete,
)


PINS = Resource(
    "radius/pins",
    RadiusPin,
    "RadiusPin",
    radius.pins,
    ordering=("address",),
    filters={"provider": number("provider"), "nas": text("nas"), "address": text("address")},
    delete=pins.forgive,
)


DEVICES = Resource(
    "radius/devices",
    Device,
    "RadiusDevice",
    radius.devices,
    fields=devices.DeviceFields,
    write_only=frozenset({"psk"}),
    ordering=("name", "address"),
    filters={"address": text("address"), "user": number("user"), "enabled": flag("enabled")},
    create=devices.create,
    update=devices.update,
    delete=devices.delete,
)

SESSIONS = Resource(
    "radius/sessions",
    RadiusSession,
    "RadiusSession",
    radius.sessions,
    ordering=("-started",),
    readers=auditors,
    filters={
        "user": number("user"),
        "provider": number("provider"),
        "live": flag("live"),
        "nas": text("nas"),
        "calling_station": text("calling_station"),
        "session": text("session"),
    },
)


def nas(random: Random) -> Resource[Any]:
    return Resource(
        "radius/nas",
        RadiusNas,
        "RadiusNas",
        radius.nas,
        fields=radius_rules.NasFields,
        optional=frozenset({"shared_secret"}),
        filters={"provider": number("provider"), "network": text("network"), "identifier": text("identifier")},
        create=partial(_create_nas, random),
        update=radius_rules.update_nas,
        delete=radius_rules.delete_nas,
    )


def _create_nas(random: Random, tx: Transaction, body: Mapping[str, Any]) -> RadiusNas:
    return radius_rules.create_nas(tx, body, random)
