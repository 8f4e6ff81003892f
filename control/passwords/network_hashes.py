"""NT hashes of network passwords: for outposts of LDAP providers that give them to Samba
(docs/decisions/0019-samba-reads-network-passwords.md), and for those of RADIUS providers that remember whoever answered
MS-CHAPv2. Never the main password's: of that there is none."""

from __future__ import annotations

from collections.abc import Collection

from control.records import Provider, Token
from control.store.interface import Query, Transaction
from control.verbs.tokens import NETWORK_PASSWORD, expired
from protocols.link.messages import NetworkHash
from protocols.radius.mschapv2 import nt_hash

MOST_TOLD = 5000
"""Passwords that are looked at: they travel with every change of the configuration, at 60 us and 60 octets each."""

WARNING = (
    "It gives the NT hashes of network passwords (sambaNTPassword) to everybody who may read its whole directory. Such "
    "a hash is as good as the password: it opens Wi-Fi, VPN and file servers. Switch samba_password_hashes off unless "
    "a file server cannot do without."
)


def told(provider: Provider) -> bool:
    """Has somebody asked for it, against all advice?"""
    settings = provider.settings
    return provider.kind == "ldap" and bool(settings.get("samba")) and bool(settings.get("samba_password_hashes"))


def remembered(provider: Provider) -> bool:
    """May outposts hold that of a password which has just been shown to them?"""
    return provider.kind == "radius" and bool(provider.settings.get("remember_network_passwords"))


def of(password: Token) -> NetworkHash:
    ends = password.expires if password.expiring else None
    return NetworkHash(password.user, nt_hash(password.key).hex().upper(), ends)


def read(tx: Transaction, people: Collection[int] | None = None) -> tuple[NetworkHash, ...]:
    """One of each user: of several network passwords the one that ends last, which is nearly always the newest.
    ``people``: of nobody else; None: of everybody."""
    chosen: dict[int, Token] = {}
    passwords = tx.select(Token, Query(equal={"intent": NETWORK_PASSWORD}, ordering=("pk",), limit=MOST_TOLD))
    for password in passwords:
        if not expired(password, tx.now) and (people is None or password.user in people):
            known = chosen.get(password.user)
            chosen[password.user] = password if known is None else max(known, password, key=_end)
    return tuple(map(of, chosen.values()))


def warnings(provider: Provider) -> list[str]:
    return [WARNING] if told(provider) else []


def _end(password: Token) -> tuple[float, str]:
    ends = password.expires if password.expiring else None
    return float("inf") if ends is None else ends, password.identifier
