"""Geography: databases that an operator supplies, and policies about countries and networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from control.policies.judge import Judge
from control.policies.kinds.kind import FOR_THIS_PEER
from control.policies.places import LOOK_SECONDS, Places, Unknown, places
from control.verbs.fields import Invalid
from tests import geography
from tests.control.policies.asking import House
from tests.fakes import FakeClock

CITY: dict[str, dict[str, Any]] = {
    "192.0.2.0/24": {
        "country": {"iso_code": "DE"},
        "continent": {"code": "EU"},
        "city": {"names": {"en": "Berlin"}},
        "location": {"latitude": 52.5, "longitude": 13.4},
    },
    "2001:db8::/32": {"country": {"iso_code": "FR"}},
}
ASN: dict[str, dict[str, Any]] = {
    "192.0.2.0/25": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}
}


@pytest.fixture
def where(tmp_path: Path) -> Places:
    city = geography.write(tmp_path / "city.mmdb", CITY)
    return places(city, geography.write(tmp_path / "asn.mmdb", ASN), FakeClock())


@pytest.mark.parametrize(
    ("address", "country", "number"),
    [("192.0.2.9", "DE", 64500), ("192.0.2.200", "DE", None), ("2001:db8::1", "FR", None), ("10.0.0.1", None, None)],
)
def test_where_an_address_lies(where: Places, address: str, country: str | None, number: int | None) -> None:
    assert (where.country(address), where.number(address)) == (country, number)


@pytest.mark.parametrize(
    ("fields", "peer", "passing"),
    [
        ({"countries": ["de", "AT"]}, "192.0.2.9", True),
        ({"countries": ["AT"]}, "192.0.2.9", False),
        ({"countries": ["DE"]}, "10.0.0.1", False),
        ({"asns": [64500]}, "192.0.2.9", True),
        ({"asns": [64500]}, "192.0.2.200", False),
        ({"countries": ["AT"], "asns": [64500]}, "192.0.2.9", True),
        ({}, "192.0.2.9", False),
    ],
)
def test_any_country_or_system_is_enough(
    house: House, where: Places, fields: dict[str, Any], peer: str, passing: bool
) -> None:
    house.places = where
    verdict = house.decide_kind("geoip", fields, peer=peer)
    assert (verdict.passing, verdict.reuse) == (passing, FOR_THIS_PEER)


def test_without_a_database_it_fails_and_lets_nobody_in(house: House) -> None:
    with pytest.raises(Unknown, match="OUTPOST_EVENTS__CONTEXT_PROCESSORS__GEOIP"):
        house.decide_kind("geoip", {"countries": ["DE"]})
    house.bind(policy=house.policy("geoip", countries=["DE"], asns=[]), negate=True)
    assert house.decide().reason == "policy_failed"


def test_the_judge_asks_the_databases_it_was_given(house: House, where: Places) -> None:
    house.bind(policy=house.policy("geoip", countries=["DE"], asns=[]))
    assert house.decide(judge=Judge(lambda: 0.0, where)).passing


def test_expressions_see_country_and_network(house: House, where: Places) -> None:
    house.places = where
    source = "return [context['geoip'], context['asn']['asn'], context['geoip']['continent'] == 'EU']"
    verdict = house.decide_kind("expression", {"expression": source})
    told = {"continent": "EU", "country": "DE", "lat": 52.5, "long": 13.4, "city": "Berlin"}
    assert verdict.value == [told, 64500, True]
    elsewhere = house.decide_kind("expression", {"expression": "return 'geoip' in context"}, peer="10.0.0.1")
    assert elsewhere.value is False


@pytest.mark.parametrize(
    "given", [{"countries": ["Germany"]}, {"countries": ["D1"]}, {"check_impossible_travel": True}]
)
def test_what_cannot_work_is_not_stored(house: House, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        house.decide_kind("geoip", given)


# --- files ---------------------------------------------------------------------------------------------------------


def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    clock, file = FakeClock(), geography.write(tmp_path / "city.mmdb", CITY)
    where = places(file, None, clock)
    assert where.country("192.0.2.9") == "DE"
    other = geography.write(tmp_path / "new.mmdb", {"192.0.2.0/24": {"country": {"iso_code": "AT"}}})
    os.replace(other, file)
    assert where.country("192.0.2.9") == "DE"
    clock.advance(LOOK_SECONDS)
    assert where.country("192.0.2.9") == "AT"


@pytest.mark.parametrize("content", [b"", b"no database", geography.MARKER])
def test_a_file_that_is_none_is_told_of(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "city.mmdb"
    file.write_bytes(content)
    with pytest.raises(Unknown, match=r"city\.mmdb cannot be read"):
        places(file, None, FakeClock()).country("192.0.2.9")


def test_a_file_that_went_away_is_told_of(tmp_path: Path) -> None:
    clock, file = FakeClock(), geography.write(tmp_path / "city.mmdb", CITY)
    where = places(file, None, clock)
    assert where.country("192.0.2.9") == "DE"
    file.unlink()
    clock.advance(LOOK_SECONDS)
    with pytest.raises(Unknown):
        where.country("192.0.2.9")
    assert where.context("192.0.2.9") == {}
