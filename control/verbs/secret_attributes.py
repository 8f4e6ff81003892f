"""Which attributes hold passwords for applications behind proxies."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Provider
from control.store.interface import Transaction
from rules.secret_attributes import key, keys

NAME = "basic_auth_password_attribute"


def names(tx: Transaction) -> Sequence[str]:
    """As the proxy providers have them, whether or not one uses it now."""
    return tx.provider_settings("proxy", NAME)


def has_a_say(provider: Provider) -> bool:
    return provider.kind == "proxy" and bool(_name(provider))


def not_for(tx: Transaction, provider: Provider) -> frozenset[str]:
    """Those that this provider is told of nobody, as `rules.secret_attributes.key` has them: all but its own."""
    own = provider.kind == "proxy" and provider.settings.get("basic_auth_enabled")
    return keys(names(tx)) - {key(_name(provider)) if own else ""}


def _name(proxy: Provider) -> str:
    return str(proxy.settings.get(NAME) or "")
