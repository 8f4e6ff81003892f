"""In which order an outpost tries several addresses of control, so that not all begin at the same."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256


def in_own_order(hosts: Iterable[str], identity: str) -> tuple[str, ...]:
    """``identity``: what tells this outpost from others, and stays over a restart.

    Each address has its own rank for each outpost (rendezvous hashing; Thaler, Ravishankar 1998): those that lose one
    control are shared out among all others, and those of the others stay where they are. So they do when one is added,
    but for its share.
    """
    return tuple(sorted(hosts, key=lambda host: sha256(f"{identity}\0{host}".encode()).digest()))
