"""Outposts that know everybody."""

from __future__ import annotations

from control.records import Application, Outpost, Provider
from control.store.interface import Transaction


def open_outpost(tx: Transaction, name: str) -> str:
    """One with a directory that is shown whole."""
    provider = tx.insert(Provider(f"{name}'s directory", "ldap")).pk
    tx.insert(Application(f"{name}'s", f"open-{name}", provider=provider))
    return tx.insert(Outpost(name, "any", providers=(provider,))).pk
