"""The two pairs that are made here without being asked for, and stay apart: one signs tokens and never leaves control;
the other is shown at the doors of every outpost, for providers that have none of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from control.certificates.making import KeyPair, self_signed
from control.records import Certificate
from control.store.interface import Query, Transaction
from control.verbs.certificates import described
from control.verbs.fields import free_name

SIGNING = "goauthentik.io/crypto/jwt-managed"
SHOWN = "outpost/certificates/shown"
NAMES = {SIGNING: "authentik Self-signed Certificate", SHOWN: "Self-signed Certificate of Outposts"}
"""``managed`` to the name that it has at first."""
HOSTS = ("localhost", "127.0.0.1", "::1")
RENEWED_BEFORE = 30 * 86_400.0
"""Seconds before its end from which on a start makes another to be shown, unless somebody has put one of their own
into its place. A key that signs has no end."""


def generated(tx: Transaction, managed: str) -> Certificate | None:
    found = tx.select(Certificate, Query(equal={"managed": managed}, limit=1))
    return found[0] if found else None


def wanting(tx: Transaction, now: float) -> list[str]:
    """Which of `NAMES` have to be made. ``now``: seconds since the epoch."""
    return [managed for managed in NAMES if not _is_good(generated(tx, managed), now)]


def make(wanted: Iterable[str], now: float, random: Callable[[int], bytes]) -> dict[str, KeyPair]:
    """An RSA key takes a tenth of a second or more."""
    return {managed: self_signed(NAMES[managed], HOSTS, now, random) for managed in wanted}


def keep(tx: Transaction, pairs: Mapping[str, KeyPair]) -> None:
    """In the place of the former one where that has had its time, else as new."""
    for managed in wanting(tx, tx.now):
        pair, former = pairs.get(managed), generated(tx, managed)
        if pair is None:
            continue
        if former is not None:
            tx.update(replace(former, certificate_data=pair.certificate, key_data=pair.key))
        else:
            name = free_name(tx, Certificate, NAMES[managed])
            tx.insert(Certificate(name, pair.certificate, key_data=pair.key, managed=managed))


def _is_good(found: Certificate | None, now: float) -> bool:
    if found is None:
        return False
    if not is_renewed(found):
        return True
    ends = described(found.certificate_data).not_after
    return ends is None or ends - now > RENEWED_BEFORE


def is_renewed(found: Certificate) -> bool:
    """Was it made here, to be shown?"""
    return found.managed == SHOWN and described(found.certificate_data).subject == f"CN={NAMES[SHOWN]}"
