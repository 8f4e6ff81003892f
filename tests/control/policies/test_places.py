"""Geography: databases that an operator supplies, and policies about countries and networks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from control.logins import MOST_REMEMBERED, latest, remember
from control.policies.judge import Judge
from control.policies.kinds.kind import FOR_THIS_PEER
from control.policies.places import LOOK_SECONDS, Places, Unknown, kilometres, places
from control.records import Login
from control.verbs.fields import Invalid
from tests import geography
from tests.control.policies.asking import NOON, House
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
    "given", [{"countries": ["Germany"]}, {"countries": ["D1"]}, {"history_login_count": 21}, {"asns": [-1]}]
)
def test_what_cannot_work_is_not_stored(house: House, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        house.decide_kind("geoip", given)


# --- journeys ------------------------------------------------------------------------------------------------------

BERLIN, PRAGUE, TOKYO, UNKNOWN = "192.0.2.9", "198.51.100.9", "203.0.113.9", "10.0.0.1"
"""Prague is 280 km from Berlin, and Tokyo 8900."""
HOUR = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> Places:
    cities = {"192.0.2.0/24": (52.52, 13.40), "198.51.100.0/24": (50.09, 14.42), "203.0.113.0/24": (35.68, 139.69)}
    known = {network: {"location": {"latitude": north, "longitude": east}} for network, (north, east) in cities.items()}
    return places(geography.write(tmp_path / "world.mmdb", known), None, FakeClock())


def came(house: House, *logins: tuple[str, float]) -> None:
    """Where alice was, and how many hours ago."""
    for peer, hours in logins:
        house.store.write_now(lambda tx, peer=peer, hours=hours: remember(tx, 1, NOON - hours * HOUR, peer))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("here", "there", "far"), [(BERLIN, PRAGUE, 280), (BERLIN, TOKYO, 8920), (TOKYO, TOKYO, 0), (PRAGUE, BERLIN, 280)]
)
def test_distances(world: Places, here: str, there: str, far: float) -> None:
    one, other = world.point(here), world.point(there)
    assert one is not None
    assert other is not None
    assert kilometres(one, other) == pytest.approx(far, rel=0.01)
    assert kilometres((0.0, 0.0), (0.0, 180.0)) == pytest.approx(20015, rel=0.001)


DISTANCE, TRAVEL = {"check_history_distance": True}, {"check_impossible_travel": True}


@pytest.mark.parametrize(
    ("fields", "before", "passing"),
    [
        (DISTANCE, [], True),
        (DISTANCE, [(BERLIN, 1)], True),
        (DISTANCE, [(PRAGUE, 1000)], False),
        ({**DISTANCE, "history_max_distance_km": 250}, [(PRAGUE, 1)], True),
        ({**DISTANCE, "history_max_distance_km": 250, "distance_tolerance_km": 0}, [(PRAGUE, 1)], False),
        (DISTANCE, [(PRAGUE, 9), (BERLIN, 5), (BERLIN, 4), (BERLIN, 3), (BERLIN, 2), (BERLIN, 1)], True),
        ({**DISTANCE, "history_login_count": 6}, [(PRAGUE, 9), *((BERLIN, ago) for ago in range(1, 6))], False),
        (DISTANCE, [(UNKNOWN, 1)], True),
        (TRAVEL, [(PRAGUE, 0)], True),
        (TRAVEL, [(TOKYO, 8.5)], False),
        (TRAVEL, [(TOKYO, 9)], True),
        ({**TRAVEL, "impossible_tolerance_km": 1000}, [(TOKYO, 8.5)], True),
        ({**TRAVEL, **DISTANCE}, [(TOKYO, 100)], False),
        ({**TRAVEL, "countries": ["DE"]}, [(BERLIN, 1)], False),
    ],
)
def test_where_they_were_before(
    house: House, world: Places, fields: dict[str, Any], before: list[tuple[str, float]], passing: bool
) -> None:
    house.places = world
    came(house, *before)
    verdict = house.decide_kind("geoip", fields, peer=BERLIN)
    assert verdict.passing is passing
    assert bool(verdict.messages) is not passing
    assert verdict.reuse == (FOR_THIS_PEER if "countries" in fields else None)  # the next login changes the answer


def test_what_was_found_is_told_the_operator(house: House, world: Places) -> None:
    house.places = world
    came(house, (UNKNOWN, 2), (TOKYO, 3))
    log = " ".join(house.decide_kind("geoip", TRAVEL, peer=BERLIN).log)
    assert UNKNOWN in log
    assert re.search(r"203\.0\.113\.9 is 89\d\d km away, and 3 h ago", log)


@pytest.mark.parametrize("peer", [UNKNOWN, "", "nonsense"])
def test_a_journey_to_nowhere_is_a_failure_and_no_answer(house: House, world: Places, peer: str) -> None:
    house.places = world
    with pytest.raises((Unknown, ValueError)):
        house.decide_kind("geoip", TRAVEL, peer=peer)


def test_a_few_logins_are_kept_and_what_came_late_does_not_push_out_what_is_newer(house: House) -> None:
    came(house, *((BERLIN, ago) for ago in range(MOST_REMEMBERED + 5)), (PRAGUE, 100), ("no address", -1))
    found = house.store.read_now(lambda tx: latest(tx, 1, 100))
    assert len(found) == MOST_REMEMBERED
    assert (found[0].time, {one.peer for one in found}) == (NOON, {BERLIN})
    (login,) = house.store.read_now(lambda tx: tx.select(Login))
    assert login.last_login == NOON + HOUR


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
