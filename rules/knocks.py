"""Knocks: what was refused because it is unknown, kept so that an operator finds it and adds it (DESIGN section 9).

Both programs hear knocks at their doors. Strangers can knock as often, and under as many names, as they like; so a
knock is told once a minute however often it comes, new ones are told only so many a minute, and few are remembered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rules.names import shown

KNOCK, KNOCK_ANSWERED = "knock", "knock_answered"
"""Kinds of the reports by which an outpost tells control."""
THROTTLED = "throttled"
"""Of the one by which it tells whom it has not even asked about: told as seldom as knocks are."""

KINDS: dict[str, str] = {
    "nas": "No RADIUS provider has a client network with the address {what}, so it gets no answer. Add it to one.",
    "nas_secret": (
        "What {what} sends does not fit the shared secret that is stored for it. Enter the same secret at both ends."
    ),
    "mac": "No device with the MAC address {what} is known. Add it, or find out whose it is.",
    "host": "A reverse proxy asks about {what}, and no application has this host. Add one, or correct the host.",
    "base_dn": "Somebody asks for {what}, and no LDAP provider has a base DN there. Add one, or correct the client.",
    "proxy": (
        "A reverse proxy at {what} asks and is not trusted. If it is yours, add {what} to "
        "OUTPOST_LISTEN__TRUSTED_PROXY_CIDRS."
    ),
    "redirect_uri": (
        "An application wants people back at {what}, which is not registered. Add it if the application is yours."
    ),
    "tls": (
        "The TLS handshake with {what} fails. Have the client trust our certificate, name the host as the certificate "
        "does, and use TLS 1.2 or newer."
    ),
}
"""Code to what happened and what to change; ``{what}`` is who or what knocked."""

OF_DISCARD = {
    "unknown_nas": "nas",
    "bad_message_authenticator": "nas_secret",
    "bad_request_authenticator": "nas_secret",
}
"""Reasons for giving no answer that are knocks; what knocked is the peer's address."""
OF_REFUSAL = {
    "untrusted_proxy": ("proxy", ""),
    "unknown_host": ("host", "host"),
    "unknown_device": ("mac", "calling_station"),
    "garbled_password": ("nas_secret", ""),
}
"""Reasons for a refusal that are, with the attribute of the request that knocked; "": the peer's address."""

AGAIN_SECONDS = 60.0
"""A knock that goes on is told once in this time, with how often it came."""
NEW_A_MINUTE = 30
"""Of one kind. An operator who sets up a rack has fewer; a flood of forged addresses has no end."""
MOST_OPEN = 1000
"""Knocks that are remembered, some 500 kB at worst; the oldest makes room."""


@dataclass(frozen=True, slots=True)
class Knock:
    kind: str
    what: str
    count: int
    """How often since it was last told."""
    detail: dict[str, str]


@dataclass(slots=True)
class _Open:
    told: float
    count: int
    detail: dict[str, str]


class Knocks:
    """What knocked lately and has not been let in since. ``now``: seconds, always of the same clock."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], _Open] = {}
        """By kind and what; empty on a quiet day, so that a door need only look whether it is."""
        self.heard: Counter[str] = Counter()
        """Kind to how often, told or not."""
        self._minute = -1
        self._new: Counter[str] = Counter()

    def knock(self, kind: str, what: str, now: float, detail: dict[str, str]) -> Knock | None:
        """What is to be told of it now, if anything."""
        self.heard[kind] += 1
        what = shown(what)
        known = self.open.get((kind, what))
        if known is None:
            return self._first(kind, what, now, {name: shown(text) for name, text in detail.items()})
        known.count += 1
        return self._told(kind, what, known, now) if now - known.told >= AGAIN_SECONDS else None

    def due(self, now: float) -> list[Knock]:
        """What came again and has not been told for a minute."""
        return [
            self._told(kind, what, known, now)
            for (kind, what), known in self.open.items()
            if known.count and now - known.told >= AGAIN_SECONDS
        ]

    def answered(self, kind: str, what: str) -> bool:
        """It is known now. True: it had knocked before, and that is worth telling."""
        return self.open.pop((kind, shown(what)), None) is not None

    def _first(self, kind: str, what: str, now: float, detail: dict[str, str]) -> Knock | None:
        minute = int(now / 60)
        if minute != self._minute:
            self._minute, self._new = minute, Counter()
        if self._new[kind] >= NEW_A_MINUTE:
            return None
        self._new[kind] += 1
        if len(self.open) >= MOST_OPEN:
            del self.open[next(iter(self.open))]
        self.open[kind, what] = known = _Open(now, 1, detail)
        return self._told(kind, what, known, now)

    @staticmethod
    def _told(kind: str, what: str, known: _Open, now: float) -> Knock:
        count, known.count, known.told = known.count, 0, now
        return Knock(kind, what, count, known.detail)
