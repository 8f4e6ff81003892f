"""Hours: is it one of these weekdays, between these minutes of the day, where the time zone lies?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import LASTING, Kind, PolicyFields
from control.store.interface import Transaction
from control.verbs.fields import Minute, Weekdays
from protocols.link.messages import Reuse
from rules.hours import MINUTES, is_open


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"“{name}” is not a time zone that is known here. Write it like Europe/Berlin.") from None
    return name


class TimeFields(PolicyFields):
    weekdays: Weekdays = Field(default_factory=list)
    begins: Minute = 0
    ends: Minute = MINUTES
    timezone: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_zone)] = "UTC"


@dataclass(frozen=True, slots=True)
class _Window:
    weekdays: tuple[int, ...]
    begins: int
    ends: int


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    window = _Window(tuple(settings["weekdays"]), settings["begins"], settings["ends"])
    here = datetime.fromtimestamp(asking.now, UTC).astimezone(ZoneInfo(settings["timezone"]))
    passing = is_open(window, here.weekday(), here.hour * 60 + here.minute)
    told = f"It is {here:%A, %H:%M} in {settings['timezone']}."
    messages = () if passing else ("This is not open at this time.",)
    return Verdict(passing, messages, _until_it_turns(window, here), (told,))


def _until_it_turns(window: _Window, here: datetime) -> Reuse | None:
    """A verdict can change at midnight, and when the window begins or ends; a clock that is set then is asked again."""
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    turns = [
        midnight + timedelta(days=day, minutes=minute) for day in (0, 1) for minute in (0, window.begins, window.ends)
    ]
    turn = min(one for one in turns if one > here)
    return replace(LASTING, not_after=turn.timestamp()) if turn.utcoffset() == here.utcoffset() else None


KIND = Kind("time", "Time Policy", "Passes on certain weekdays, between certain hours.", TimeFields, decide)
