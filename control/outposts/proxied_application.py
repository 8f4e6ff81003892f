"""What outposts are told of an application behind their reverse proxy: how they know each other over TLS."""

from __future__ import annotations

from typing import Any

from control.records import Certificate, Provider
from control.store.interface import Transaction
from control.verbs.certificates import pems

NOBODY = "# none of the authorities that were chosen is there any more\n"
"""Not the system's then: whoever chose others wanted fewer."""


def settings(tx: Transaction, provider: Provider) -> dict[str, Any]:
    """Fields of `ProxySettings`."""
    chosen = provider.settings.get("internal_host_authorities", ())
    own = provider.settings.get("internal_host_certificate")
    shown = tx.find(Certificate, pk=own) if own else None
    return {
        "internal_host_authorities": (pems(tx, chosen) or NOBODY) if chosen else "",
        "internal_host_certificate": shown.certificate_data if shown is not None else "",
        "internal_host_key": shown.key_data if shown is not None else "",
    }
