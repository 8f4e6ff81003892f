"""Geography: does the address lie in one of these countries, or in one of these autonomous systems; and can the person
have come there, from where they were before?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from control.logins import MOST_REMEMBERED, latest
from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import FOR_THIS_PEER, Kind, PolicyFields
from control.policies.places import Unknown, kilometres
from control.store.interface import Transaction
from control.verbs.fields import Count

MOST = 500
"""Countries, or systems, of one policy: there are 249 countries."""
FASTEST = 1000
"""Kilometres in an hour, by an aeroplane. Less than an hour counts as one: addresses lie where their network does."""
HOUR = 3600.0
NOT_HERE = "This is not open to where you are."
TOO_FAR = "You are further away than usual from where you signed in before."
TOO_FAST = "Nobody travels so far in so short a time since you signed in elsewhere."


def _countries(codes: list[str]) -> list[str]:
    for code in codes:
        if not (len(code) == 2 and code.isascii() and code.isalpha()):
            raise ValueError(f"“{code}” is no country: write two letters, such as DE (ISO 3166-1).")
    return sorted({code.upper() for code in codes})


class GeoIPFields(PolicyFields):
    countries: Annotated[list[str], Field(max_length=MOST), AfterValidator(_countries)] = Field(default_factory=list)
    asns: Annotated[list[Count], Field(max_length=MOST)] = Field(default_factory=list)
    check_history_distance: bool = False
    history_max_distance_km: Count = 100
    distance_tolerance_km: Count = 50
    history_login_count: Annotated[int, Field(ge=1, le=MOST_REMEMBERED)] = 5
    check_impossible_travel: bool = False
    impossible_tolerance_km: Count = 100


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    """Any country or system is enough, and of the journey all must be possible. Raises `places.Unknown`, and
    ValueError where the address is not known."""
    travelling = settings["check_history_distance"] or settings["check_impossible_travel"]
    lying = list(_lying(settings, asking, around))
    log = [line for _, line in lying]
    if not any(passing for passing, _ in lying) and (lying or not travelling):
        return Verdict(False, (NOT_HERE,), FOR_THIS_PEER, tuple(log))
    if not travelling:
        return Verdict(True, (), FOR_THIS_PEER, tuple(log))
    message, told = _journey(tx, settings, asking, around)
    return Verdict(not message, (message,) if message else (), None, (*log, *told))


def _lying(settings: Mapping[str, Any], asking: Asking, around: Around) -> Iterator[tuple[bool, str]]:
    """What is asked about the address alone."""
    if settings["countries"]:
        country = around.places.country(asking.peer)
        yield country in settings["countries"], f"{asking.peer} lies in {country or 'no country that is known'}."
    if settings["asns"]:
        number = around.places.number(asking.peer)
        said = f"AS{number}" if number else "no system that is known"
        yield number in settings["asns"], f"{asking.peer} belongs to {said}."


def _journey(
    tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around
) -> tuple[str, tuple[str, ...]]:
    """What is wrong with it ("": nothing), and lines for the operator. Raises Unknown, ValueError."""
    here = around.places.point(asking.peer)
    if here is None:
        raise Unknown(f"The database does not know where {asking.peer} lies.")
    if asking.user is None:
        return "", ("Nobody has signed in, so there is no journey.",)
    log = []
    for login in latest(tx, asking.user.pk, settings["history_login_count"]):
        there = around.places.point(login.peer)
        if there is None:
            log.append(f"{login.peer}, where they signed in before, lies nowhere that is known.")
            continue
        far, hours = kilometres(here, there), max(int((asking.now - login.time) / HOUR), 1)
        log.append(f"{login.peer} is {far:.0f} km away, and {hours} h ago.")
        usual = settings["history_max_distance_km"] + settings["distance_tolerance_km"]
        if settings["check_history_distance"] and far >= usual:
            return TOO_FAR, tuple(log)
        if settings["check_impossible_travel"] and far >= FASTEST * hours + settings["impossible_tolerance_km"]:
            return TOO_FAST, tuple(log)
    return "", tuple(log)


KIND = Kind(
    "geoip",
    "GeoIP Policy",
    "Passes for addresses in certain countries or networks, and for journeys that are possible.",
    GeoIPFields,
    decide,
)
