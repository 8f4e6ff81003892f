"""Geography: does the address lie in one of these countries, or in one of these autonomous systems?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import FOR_THIS_PEER, Kind, PolicyFields
from control.store.interface import Transaction
from control.verbs.fields import Count

MOST = 500
"""Countries, or systems, of one policy: there are 249 countries."""


def _countries(codes: list[str]) -> list[str]:
    for code in codes:
        if not (len(code) == 2 and code.isascii() and code.isalpha()):
            raise ValueError(f"“{code}” is no country: write two letters, such as DE (ISO 3166-1).")
    return sorted({code.upper() for code in codes})


class GeoIPFields(PolicyFields):
    """Distances between logins are not measured here: authentik's switches for that stay off."""

    countries: Annotated[list[str], Field(max_length=MOST), AfterValidator(_countries)] = Field(default_factory=list)
    asns: Annotated[list[Count], Field(max_length=MOST)] = Field(default_factory=list)
    check_history_distance: Literal[False] = False
    check_impossible_travel: Literal[False] = False


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    """Any of them is enough. Raises `places.Unknown`, and ValueError where the address is not known."""
    log, passing = [], False
    if settings["countries"]:
        country = around.places.country(asking.peer)
        passing |= country in settings["countries"]
        log.append(f"{asking.peer} lies in {country or 'no country that is known'}.")
    if settings["asns"]:
        number = around.places.number(asking.peer)
        passing |= number in settings["asns"]
        log.append(f"{asking.peer} belongs to {f'AS{number}' if number else 'no system that is known'}.")
    messages = () if passing else ("This is not open to where you are.",)
    return Verdict(passing, messages, FOR_THIS_PEER, tuple(log))


KIND = Kind("geoip", "GeoIP Policy", "Passes for addresses in certain countries or networks.", GeoIPFields, decide)
