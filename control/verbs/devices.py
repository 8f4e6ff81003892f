"""Devices that are known by their hardware address; what each gets at the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from control.records import Device, User
from control.store.interface import Transaction
from control.verbs.fields import Fields, Integer, Text, existing, overlaid, parse, unique
from protocols.radius import reply
from protocols.radius.devices import hardware_address

SHORTEST_KEY, LONGEST_KEY = 8, 63
"""Of a WPA passphrase, in ASCII (IEEE 802.11, J.4.1)."""


def _address(text: str) -> str:
    found = hardware_address(text)
    if found is None:
        raise ValueError("Write the hardware address like aa:bb:cc:dd:ee:ff.")
    return found


def _vlan(text: str) -> str:
    if text:
        reply.check("Tunnel-Private-Group-ID", text, 1)
    return text


def _key(text: str) -> str:
    if text and not (SHORTEST_KEY <= len(text) <= LONGEST_KEY and text.isascii() and text.isprintable()):
        raise ValueError(f"A Wi-Fi key has {SHORTEST_KEY} to {LONGEST_KEY} letters, digits or signs.")
    return text


class DeviceFields(Fields):
    address: Annotated[Text, AfterValidator(_address)]
    name: Text = ""
    user: Integer | None = None
    """As whom it is let in; None: not at all."""
    enabled: bool = True
    vlan: Annotated[Text, AfterValidator(_vlan)] = ""
    psk: Annotated[str, Field(max_length=LONGEST_KEY), AfterValidator(_key)] = ""
    """Its own key to a Wi-Fi that gives each device one."""


def create(tx: Transaction, given: Mapping[str, Any]) -> Device:
    """Raises Invalid."""
    fields = parse(DeviceFields, given)
    _check(tx, fields)
    with unique():
        return tx.insert(Device(**_stored(fields), created=tx.now, last_updated=tx.now))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Device:
    """Raises Invalid, NotFound."""
    device = tx.get(Device, pk)
    fields = overlaid(DeviceFields, current(device), given, partial)
    _check(tx, fields)
    with unique():
        return tx.update(replace(device, **_stored(fields), last_updated=tx.now))


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(Device, pk))


def current(device: Device) -> dict[str, Any]:
    """The fields that a change is laid over."""
    known = {name: getattr(device, name) for name in DeviceFields.model_fields if name != "psk"}
    return {**known, "psk": device.secrets.get("psk", "")}


def _check(tx: Transaction, fields: DeviceFields) -> None:
    if fields.user is not None:
        existing(tx, User, "user", [fields.user])


def _stored(fields: DeviceFields) -> dict[str, Any]:
    every = fields.model_dump()
    psk = every.pop("psk")
    return {**every, "secrets": {"psk": psk} if psk else {}}
