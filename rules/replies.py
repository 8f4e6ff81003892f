"""Which attributes an answer gets: an ordered list of rules, each for some people, places and hours.

For each attribute, the first rule that applies and names it says all of its values; later rules may add others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Protocol, TypeVar

from rules.hours import Window, is_open


class Attribute(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def tag(self) -> int: ...


A_co = TypeVar("A_co", bound=Attribute, covariant=True)


class Rule(Window, Protocol[A_co]):
    """Its window is in UTC."""

    @property
    def group(self) -> str | None:
        """pk; None: everybody."""

    @property
    def nas(self) -> str:
        """A NAS-Identifier, an address or a network; ``*`` stands for any text. Empty: everywhere."""

    @property
    def ssid(self) -> str:
        """With ``*`` for any text. Empty: everywhere, on a cable too."""

    @property
    def attributes(self) -> tuple[A_co, ...]: ...


def chosen(
    rules: Iterable[Rule[A_co]], groups: frozenset[str], request: Mapping[str, str], address: str, now: float
) -> Iterator[A_co]:
    """``rules`` in their order; ``request``: with ``nas`` and ``ssid``; ``address``: of the NAS."""
    said: set[tuple[str, int]] = set()
    for rule in rules:
        if not _applies(rule, groups, request, address, now):
            continue
        ours = {(one.name.lower(), one.tag) for one in rule.attributes} - said
        yield from (one for one in rule.attributes if (one.name.lower(), one.tag) in ours)
        said |= ours


def _applies(rule: Rule[A_co], groups: frozenset[str], request: Mapping[str, str], address: str, now: float) -> bool:
    return (
        (rule.group is None or rule.group in groups)
        and (not rule.ssid or is_like(request.get("ssid", ""), rule.ssid))
        and (not rule.nas or _is_nas(rule.nas, request.get("nas", ""), address))
        and _is_now(rule, now)
    )


def _is_nas(wanted: str, identifier: str, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(wanted, strict=False)
    except ValueError:
        return is_like(identifier, wanted)


def is_like(name: str, written: str) -> bool:
    """``written``: a name in which each ``*`` stands for any text, and everything else for itself: Wi-Fi networks have
    brackets and question marks in their names."""
    first, *middle = written.split("*")
    if not middle:
        return name == written
    last = middle.pop()
    if not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def _is_now(rule: Rule[A_co], now: float) -> bool:
    """1 January 1970 was a Thursday."""
    day, second = divmod(int(now), 86_400)
    return is_open(rule, (day + 3) % 7, second // 60)
