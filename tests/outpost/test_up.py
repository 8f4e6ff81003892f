"""`outpost up` before it starts."""

from __future__ import annotations

from outpost.up import without_workers
from settings import load


def test_workers_are_for_outposts_alone_and_whoever_asks_for_them_is_told() -> None:
    asked = without_workers(load({"OUTPOST_WORKERS": "4"}))
    assert asked.workers == 1
    assert any("OUTPOST_WORKERS has no effect here" in sentence for sentence in asked.warnings)
    assert without_workers(load({})).warnings == ()
