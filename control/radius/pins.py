"""Which addresses have shown that they sign their requests, and must go on (DESIGN D26): kept here, so that no restart
of an outpost forgets them, and every one of its processes knows them.

Verbs over a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from control.outposts.serving import served
from control.records import RadiusNas, RadiusPin
from control.store.interface import Query, Transaction

REPORT = "radius_pin"
"""Kind of an outpost's report: ``address``, ``provider`` and ``nas``, the name of its line, or empty."""
MOST_OF_PROVIDER = 4096
"""Every outpost of the provider is told of all; those beyond it are pinned at the outpost that has seen them sign."""

LONGEST_ADDRESS = 64
"""Characters. Behind a % there may be anything, for Python; a link's name has 15 (RFC 4007, 11)."""


def reported(tx: Transaction, outpost: str, body: Mapping[str, Any]) -> None:
    """Told twice, it is one. An outpost is believed about the providers that it serves."""
    provider, address = body.get("provider"), _address(body.get("address"))
    if type(provider) is not int or provider not in served(tx, outpost) or not address:
        return
    if tx.find(RadiusPin, address=address, provider=provider) is not None:
        return
    if tx.count(RadiusPin, Query(equal={"provider": provider})) >= MOST_OF_PROVIDER:
        return
    nas = tx.find(RadiusNas, name=str(body.get("nas") or ""))
    here = nas is not None and nas.provider == provider
    tx.insert(RadiusPin(address, provider, nas.pk if nas is not None and here else None, created=tx.now))


def forgive(tx: Transaction, pk: str) -> None:
    """It may send unsigned requests again, until it signs the next one. Raises NotFound."""
    tx.delete(tx.get(RadiusPin, pk))


def of_nas(tx: Transaction, nas: list[str]) -> dict[str, list[str]]:
    """By pk of the NAS."""
    found: dict[str, list[str]] = {pk: [] for pk in nas}
    for one in tx.select(RadiusPin, Query(within={"nas": nas}, ordering=("address",))):
        if one.nas is not None:
            found[one.nas].append(one.address)
    return found


def _address(text: object) -> str:
    """As sockets write it; empty for what is none."""
    if not isinstance(text, str) or len(text) > LONGEST_ADDRESS or not (text.isascii() and text.isprintable()):
        return ""
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
