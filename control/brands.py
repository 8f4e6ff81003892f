"""Which brand serves a host: the one of the longest domain that the host is, or lies below; else the default one."""

from __future__ import annotations

from control.records import Brand
from control.store.interface import Query, Transaction
from protocols.proxy.hosts import normalised, parents, without_port

DEFAULT = Brand("authentik-default", default=True)
"""The one of the first start, under authentik's names."""


def ensure_brand(tx: Transaction) -> None:
    """Makes the default one if there is none."""
    if not tx.count(Brand, Query(equal={"default": True})):
        tx.insert(DEFAULT)


def serving(tx: Transaction, host: str = "") -> Brand:
    """``host`` as a Host header says it; empty, or no host: the default brand."""
    found = tx.select(Brand, Query(within={"domain": domains(host)}))
    if found:
        return max(found, key=lambda brand: len(brand.domain))
    usual = tx.select(Brand, Query(equal={"default": True}, limit=1))
    return usual[0] if usual else DEFAULT


def title(tx: Transaction, host: str = "") -> str:
    """What mail, and programs for second factors, call us."""
    return serving(tx, host).branding_title


def domains(host: str) -> list[str]:
    """Those that could serve it. Whatever its letters, a host that is none has none."""
    try:
        name = without_port(normalised(host, "https"))
    except ValueError:
        return []
    return [name] if name.startswith("[") else parents(name)
