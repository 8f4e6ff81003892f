"""Where somebody tries from: what throttles count by, the same on outposts and at control."""

from __future__ import annotations

from ipaddress import ip_address


def place(peer: str, station: str = "") -> str:
    """Their device if a NAS names it (RADIUS' Calling-Station-Id), else their network, /24 or /64: the least that one
    subscriber gets."""
    if station:
        return f"{peer} {station}"
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    octets = address.packed
    if len(octets) == 4:
        return ".".join(map(str, octets[:3])) + ".0/24"
    return f"{ip_address(octets[:8] + bytes(8))}/64"
