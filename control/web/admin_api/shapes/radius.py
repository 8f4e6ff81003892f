"""Rules, NAS and sessions of RADIUS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from control.radius import pins as radius_pins
from control.records import Device, RadiusNas, RadiusPin, RadiusRule, RadiusSession
from control.store.interface import Transaction
from control.verbs import radius_rules
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, moment


def rules(tx: Transaction, records: Sequence[RadiusRule], view: View) -> list[Body]:
    return [_without_managed(asdict(rule)) for rule in records]


def nas(tx: Transaction, records: Sequence[RadiusNas], view: View) -> list[Body]:
    pinned = radius_pins.of_nas(tx, [one.pk for one in records])
    return [
        {**_without_managed(asdict(one)), "pinned": pinned[one.pk], "warnings": radius_rules.warnings(one)}
        for one in records
    ]


def pins(tx: Transaction, records: Sequence[RadiusPin], view: View) -> list[Body]:
    return [{**asdict(one), "created": moment(one.created)} for one in records]


def sessions(tx: Transaction, records: Sequence[RadiusSession], view: View) -> list[Body]:
    return [
        {
            **{name: value for name, value in asdict(one).items() if name not in ("expires", "instance", "credential")},
            "started": moment(one.started),
            "last_told": moment(one.last_told),
            "ended": moment(one.ended) if one.ended is not None else None,
        }
        for one in records
    ]


def devices(tx: Transaction, records: Sequence[Device], view: View) -> list[Body]:
    return [
        {
            "pk": one.pk,
            "address": one.address,
            "name": one.name,
            "user": one.user,
            "enabled": one.enabled,
            "vlan": one.vlan,
            "has_psk": "psk" in one.secrets,
            "created": moment(one.created),
            "last_updated": moment(one.last_updated),
        }
        for one in records
    ]


def _without_managed(body: Body) -> Body:
    return {name: value for name, value in body.items() if name != "managed"}
