"""What RADIUS has beside its providers: NAS, devices, and the rules of a provider."""

from __future__ import annotations

from control.apply.sections import Given, Part, Section
from control.records import Device, RadiusNas, RadiusRule
from control.store.interface import Transaction
from control.verbs import devices, radius_rules
from protocols.radius.devices import hardware_address


def _nas(tx: Transaction, nas: RadiusNas) -> Given:
    return {name: getattr(nas, name) for name in radius_rules.NasFields.model_fields}


RULES = Part(
    "rules",
    RadiusRule,
    "provider",
    radius_rules.RuleFields,
    radius_rules.create,
    radius_rules.update,
    radius_rules.delete,
    same=("name",),
    example="[{name: staff, group: staff, attributes: [{name: Filter-Id, value: staff}]}]",
    references={"group": "groups"},
    of_kind="radius",
)

NAS = Section(
    "radius_nas",
    "NAS",
    RadiusNas,
    lambda tx, kind, given, random: radius_rules.create_nas(tx, given, random),
    radius_rules.update_nas,
    radius_rules.delete_nas,
    _nas,
    fields=radius_rules.NasFields,
    references={"provider": "providers"},
    secrets=frozenset({"shared_secret"}),
)

DEVICES = Section(
    "radius_devices",
    "device",
    Device,
    lambda tx, kind, given, random: devices.create(tx, given),
    devices.update,
    devices.delete,
    lambda tx, device: devices.current(device),
    key="address",
    fields=devices.DeviceFields,
    references={"user": "users"},
    secrets=frozenset({"psk"}),
    normal=lambda text: hardware_address(text) or text,
)
