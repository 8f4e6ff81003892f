"""Domains of addresses, as the DNS knows them."""

from __future__ import annotations

import idna


def in_dns(domain: str) -> str:
    """As IDNA 2008 has it (RFC 5891), after the mapping of UTS 46: IDNA 2003, which is what Python's own codec speaks,
    makes another domain of some, as strasse.de of straße.de, and letters would go to whoever owns that one.

    Raises UnicodeError if there is no such domain.
    """
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
