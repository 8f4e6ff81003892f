"""Which attributes hold passwords for applications behind proxies."""

from __future__ import annotations

from control.records import Provider
from control.store.interface import Query, Transaction


def names(tx: Transaction) -> list[str]:
    """As the proxy providers have them, whether or not one uses it now."""
    proxies = tx.select(Provider, Query(equal={"kind": "proxy"}))
    return sorted({str(one.settings.get("basic_auth_password_attribute") or "") for one in proxies} - {""})
