"""Importing into a store, in plain words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from control.apply.changes import shown, told
from control.moving_in import READERS, Coming, Import
from control.store.interface import Transaction
from tests.control.apply.places import Place
from tests.control.stores import drive


def _work(place: Place, kind: str, octets: bytes, adopts: bool) -> tuple[Import, Coming]:
    coming = Coming(kind, Path("theirs"), READERS[kind](octets), adopts)
    return Import(place.store, place.passwords, os.urandom, coming), coming


def bring(place: Place, kind: str, text: str, adopts: bool = False) -> tuple[list[str], list[str]]:
    """What was done, and what was left."""
    return bring_octets(place, kind, text.encode(), adopts)


def bring_octets(place: Place, kind: str, octets: bytes, adopts: bool = False) -> tuple[list[str], list[str]]:
    work, coming = _work(place, kind, octets, adopts)
    return told(drive(work.run(lambda line: None))), coming.found.told()


def try_out(place: Place, kind: str, text: str) -> tuple[list[str], list[str]]:
    work, coming = _work(place, kind, text.encode(), False)

    def nothing(tx: Transaction) -> Any:
        return None

    return shown(drive(work.try_out(nothing)), False), coming.found.told()
