"""Which attributes hold passwords for applications behind proxies."""

from __future__ import annotations

from control.records import Provider
from control.store.interface import Query, Transaction


def names(tx: Transaction) -> list[str]:
    """As the proxy providers have them, whether or not one uses it now."""
    proxies = tx.select(Provider, Query(equal={"kind": "proxy"}))
    return sorted({_name(one) for one in proxies} - {""})


def has_a_say(provider: Provider) -> bool:
    return provider.kind == "proxy" and bool(_name(provider))


def _name(proxy: Provider) -> str:
    return str(proxy.settings.get("basic_auth_password_attribute") or "")
