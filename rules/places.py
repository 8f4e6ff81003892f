"""Where somebody tries from: what throttles count by, the same on outposts and at control."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address


def is_address(text: str) -> bool:
    """And no name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def host(peer: str) -> str:
    """What one host cannot change: an IPv4 address, also where an IPv6 socket shows it as ``::ffff:192.0.2.7``, or the
    /64 of an IPv6 one, within which any host takes as many addresses as it likes (RFC 4291 s2.5.4, RFC 8981)."""
    if ":" not in peer:
        return peer
    try:
        address = IPv6Address(peer)
    except ValueError:
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(address.packed[:8] + bytes(8))}/64"


def place(peer: str, station: str = "") -> str:
    """Their device if a NAS names it (RADIUS' Calling-Station-Id), else their network, /24 or /64: the least that one
    subscriber gets."""
    where = host(peer)
    if station:
        return f"{peer if where.endswith('/64') else where} {station}"
    try:
        octets = IPv4Address(where).packed
    except ValueError:
        return where
    return ".".join(map(str, octets[:3])) + ".0/24"
