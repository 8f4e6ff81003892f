"""`make soak`: everybody at the doors for twenty minutes, nothing dies, and no process grows."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.wire.everything import Everything, children, everything
from tests.wire.pressure import Pressure

pytestmark = [pytest.mark.peer, pytest.mark.full]

SECONDS = float(os.environ.get("SOAK", "120"))
LOOKS = 20
GROWTH, SLACK_MIB = 1.10, 16.0
"""From the first quarter, in which caches fill, to the last."""


def resident_mib(pid: int) -> float:
    (line,) = [one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def sizes(shape: Everything) -> dict[str, float]:
    pids = {f"control {at}": control.pid for at, control in enumerate(shape.controls)}
    pids |= {f"worker {at}": pid for at, pid in enumerate(children(shape.edge.pid))}
    pids["parent"] = shape.edge.pid
    return {name: resident_mib(pid) for name, pid in pids.items()}


@pytest.mark.timeout(900 + 2 * SECONDS)
def test_nothing_grows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[dict[str, float]] = []
    with everything(tmp_path) as shape:
        with Pressure(shape) as pressure:
            for _ in range(LOOKS):
                time.sleep(SECONDS / LOOKS)
                seen.append(sizes(shape))
                pressure.check()
        pressure.nothing_is_lost()
    early, late = seen[: LOOKS // 4], seen[-LOOKS // 4 :]
    with capsys.disabled():
        for name in seen[0]:
            print(f"\n{name}, MiB: {' '.join(f'{one[name]:.0f}' for one in seen)}", end="")
    for name in seen[0]:
        bound = max(one[name] for one in early) * GROWTH + SLACK_MIB
        assert max(one[name] for one in late) < bound, (name, [one[name] for one in seen])
