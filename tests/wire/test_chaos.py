"""`make chaos`: control, outposts, workers and the database are killed under load, a hundred times; here, five."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest

from tests.wire.everything import BACK_SECONDS, everything
from tests.wire.pressure import Pressure

pytestmark = pytest.mark.peer

DEATHS = int(os.environ.get("CHAOS", "5"))
SEED = int(os.environ.get("CHAOS_SEED", "11"))
STOPS = {"control": False, "database": False, "outpost": True, "worker": True}
"""Who may die, and whether those who are known wait until it is there again."""
ANSWER_SECONDS = 15.0
"""For which who is known may be without an answer besides; milliseconds, but on a machine that others use, too."""
CALM_SECONDS = 3.0


def turns(random: Random) -> list[str]:
    """Each of them at least once in five."""
    order: list[str] = []
    while len(order) < DEATHS:
        order += random.sample(sorted(STOPS), len(STOPS))
    return order[:DEATHS]


@pytest.mark.timeout(300 + 60 * DEATHS)
def test_whatever_dies_nobody_known_is_refused_and_nobody_else_gets_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random(SEED)
    longest = dict.fromkeys(STOPS, 0.0)
    with everything(tmp_path) as shape:
        with Pressure(shape) as pressure:
            time.sleep(CALM_SECONDS)
            for what in turns(random):
                time.sleep(random.random() * CALM_SECONDS)
                began = time.monotonic()
                back = shape.kill(what, random)
                pressure.recovered(BACK_SECONDS)
                pauses = {door: pressure.longest_pause(door, began) for door in pressure.let_in}
                longest[what] = max(longest[what], *pauses.values())
                assert max(pauses.values()) < ANSWER_SECONDS + STOPS[what] * back, (what, back, pauses)
                pressure.check()
        assert len(pressure.turned_off) > 0
        assert pressure.refused > DEATHS
        pressure.nothing_is_lost()
    with capsys.disabled():
        waits = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in longest.items())
        print(
            f"\n{DEATHS} deaths: {sum(map(len, pressure.let_in.values()))} let in, {pressure.refused} refused, "
            f"{len(pressure.acknowledged)} writes kept, {len(pressure.turned_off)} disabled "
            f"(in force after {max(pressure.turned_off):.2f} s at most); the longest waits: {waits}"
        )
