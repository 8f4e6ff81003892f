"""What outposts report of NAS that sign, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.outposts import view
from control.outposts.instances import KEPT
from control.radius import pins
from control.records import Outpost, Provider, RadiusNas, RadiusPin
from control.store.interface import Transaction
from protocols.link.messages import Change, Pinned
from tests.fakes import FakeClock
from tests.stores import open_store

HOME = "192.0.2.7"


class House:
    def __init__(self, folder: Path) -> None:
        self.store = open_store(folder, FakeClock())
        self.wifi = self.write(lambda tx: tx.insert(Provider("wifi", "radius", settings={})).pk)
        self.vpn = self.write(lambda tx: tx.insert(Provider("vpn", "radius", settings={})).pk)
        self.nas = self.write(lambda tx: tx.insert(RadiusNas("ap", self.wifi, "192.0.2.0/24")).pk)
        self.edge = self.write(lambda tx: tx.insert(Outpost("edge", "any", providers=(self.wifi,))).pk)

    def write(self, verb: Any) -> Any:
        return self.store.write_now(verb)

    def report(self, **body: Any) -> None:
        told = {"address": HOME, "provider": self.wifi, "nas": "", **body}
        self.write(lambda tx: KEPT["radius_pin"](tx, self.edge, told))

    @property
    def kept(self) -> list[tuple[str, int, str | None]]:
        def read(tx: Transaction) -> list[tuple[str, int, str | None]]:
            return sorted((one.address, one.provider, one.nas) for one in tx.select(RadiusPin))

        return self.store.read_now(read)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.store.close()


def test_it_is_kept_once_with_the_nas_that_was_there(house: House) -> None:
    for _ in range(2):
        house.report(nas="ap")
    house.report(address="2001:DB8:0::7", nas="no such one")
    assert house.kept == [(HOME, house.wifi, house.nas), ("2001:db8::7", house.wifi, None)]


def test_an_outpost_pins_nobody_at_providers_of_others(house: House) -> None:
    house.report(provider=house.vpn)
    house.report(provider=999)
    assert house.kept == []


@pytest.mark.parametrize(
    "body", [{"address": "somewhere"}, {"address": None}, {"address": 7}, {"provider": "1"}, {"provider": True}]
)
def test_what_is_no_address_is_not_kept(house: House, body: dict[str, Any]) -> None:
    house.report(**body)
    assert house.kept == []


@pytest.mark.parametrize("zone", ["x" * 60, "\0", "\n", "\ud800", "\u00e9"])
def test_nor_what_an_outpost_hangs_on_one(house: House, zone: str) -> None:
    """Every outpost of the provider is told of it; and what no database takes holds up all reports behind it."""
    house.report(address=f"fe80::1%eth0{zone}")
    house.report(address="fe80::1%eth0")
    assert [address for address, _, _ in house.kept] == ["fe80::1%eth0"]


def test_a_name_of_another_providers_nas_is_none(house: House) -> None:
    house.write(lambda tx: tx.insert(RadiusNas("tunnel", house.vpn, "198.51.100.0/24")))
    house.report(nas="tunnel")
    assert house.kept == [(HOME, house.wifi, None)]


def test_only_so_many_are_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "MOST_OF_PROVIDER", 2)
    for last in range(4):
        house.report(address=f"192.0.2.{last}")
    assert [address for address, _, _ in house.kept] == ["192.0.2.0", "192.0.2.1"]


def test_outposts_of_its_provider_hear_of_it_and_nobody_of_another_configuration(house: House) -> None:
    """Else whoever holds the secret of one NAS, and forges addresses, has all outposts forget whom they know."""
    other = house.write(lambda tx: tx.insert(Outpost("other", "any", providers=(house.vpn,))).pk)
    both = house.write(lambda tx: tx.insert(Outpost("both", "any", providers=(house.vpn, house.wifi))).pk)

    def heard(outpost: str, since: int) -> list[Change]:
        return house.store.read_now(lambda tx: view.changes(tx, outpost, since))

    def revision() -> int:
        return house.store.read_now(lambda tx: tx.revision().number)

    before = revision()
    house.report()
    shown = Pinned(house.wifi, (HOME,))
    assert [heard(one, before) for one in (house.edge, both, other)] == [[shown], [shown], []]
    before = revision()
    house.write(lambda tx: pins.forgive(tx, tx.select(RadiusPin)[0].pk))
    none = [Pinned(house.wifi, ()), Pinned(house.vpn, ())]
    assert [heard(one, before) for one in (house.edge, both, other)] == [none[:1], none, none[1:]]


def test_it_goes_with_its_nas(house: House) -> None:
    house.report(nas="ap")
    house.write(lambda tx: tx.delete(tx.get(RadiusNas, house.nas)))
    assert house.kept == []
