"""Devices by their hardware address: only where a provider says so, and only the ones that were added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.authentication import Proved
from control.proofs import proofs
from control.proofs.devices import reply
from control.records import Device, Provider, User
from protocols.link.messages import Authenticate
from protocols.radius.reply import check
from tests.control.flows.house import House
from tests.stores import run

ADDRESS = "aa:bb:cc:dd:ee:ff"


class Network(House):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.printer = self.user("printer", password=None)
        self.device = self.sql.write_now(lambda tx: tx.insert(Device(ADDRESS, user=self.printer)))
        self.settings: dict[str, Any] = {"mac_authentication": True}
        self.prove_device = proofs(self.services)["device"]

    def ask(self, address: object) -> Proved:
        provider = Provider("wired", "radius", 7, settings=self.settings)
        question = Authenticate("q", 7, str(address), {"kind": "device", "address": address}, "radius", "192.0.2.1")
        return run(self.prove_device(provider, question))  # type: ignore[arg-type]

    def change(self, **fields: Any) -> None:
        self.device = self.sql.write_now(lambda tx: tx.update(replace(self.device, **fields)))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Network]:
    opened = Network(tmp_path)
    yield opened
    opened.close()


def test_a_known_device_is_its_user_and_is_asked_about_each_time(house: Network) -> None:
    proved = house.ask(ADDRESS)
    assert (proved.reason, proved.user, proved.version, proved.reuse) == ("accepted", house.printer, 1, None)


def test_only_where_the_provider_lets_devices_in(house: Network) -> None:
    for settings in ({}, {"mac_authentication": False}):
        house.settings = settings
        assert house.ask(ADDRESS) == Proved("devices_not_allowed")


def test_whom_nobody_added_is_unknown(house: Network) -> None:
    assert house.ask("aa:bb:cc:dd:ee:00") == Proved("unknown_device")


def test_one_that_is_switched_off_or_nobodys_is_refused(house: Network) -> None:
    house.change(enabled=False)
    assert house.ask(ADDRESS) == Proved("device_disabled", house.printer)
    house.change(enabled=True, user=None)
    assert house.ask(ADDRESS) == Proved("device_of_nobody")


def test_a_device_outlives_its_user_as_nobodys(house: Network) -> None:
    house.sql.write_now(lambda tx: tx.delete(tx.get(User, house.printer)))
    assert house.ask(ADDRESS) == Proved("device_of_nobody")


@pytest.mark.parametrize("address", [None, 7, "", "aabbccddeeff", "AA:BB:CC:DD:EE:FF", f"{ADDRESS}\n", f"{ADDRESS}:00"])
def test_an_address_is_written_one_way(house: Network, address: object) -> None:
    assert house.ask(address) == Proved("malformed_proof")


def test_a_device_gets_its_vlan_and_a_key_of_its_own(house: Network) -> None:
    assert house.ask(ADDRESS).reply == ()
    house.change(vlan="30", secrets={"psk": "a key of its own"})
    told = [(one.name, one.value) for one in house.ask(ADDRESS).reply]
    assert ("Tunnel-Private-Group-ID", "30") in told
    assert {name for name, value in told if "a key of its own" in str(value)} == {
        "Tunnel-Password",
        "Cisco-AVPair",
        "Aruba-MPSK-Passphrase",
        "Mikrotik-Wireless-PSK",
    }
    for one in house.ask(ADDRESS).reply:
        check(one.name, one.value, one.tag)


def test_where_the_network_is_told_the_key_is_also_said_as_what_it_means_there(house: Network) -> None:
    """The example of IEEE 802.11-2020, J.4.2."""
    house.change(secrets={"psk": "password"})
    stored = house.sql.read_now(lambda tx: tx.find(Device, address=ADDRESS))
    assert stored is not None
    told = {one.name: one.value for one in reply(stored, "IEEE")}
    assert told["Ruckus-Dpsk"] == "0x00f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    check("Ruckus-Dpsk", told["Ruckus-Dpsk"], 0)
    for ssid in ("", "x" * 33):
        assert "Ruckus-Dpsk" not in {one.name for one in reply(stored, ssid)}
