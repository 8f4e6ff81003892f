"""A small database in MaxMind's format (MaxMind DB, version 2), made for one test."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

MARKER = b"\xab\xcd\xefMaxMind.com"
TEXT, DOUBLE, WHOLE, MAP, ARRAY = 2, 3, 6, 7, 11
SEPARATOR = bytes(16)
BITS = 128


def write(file: Path, networks: Mapping[str, Mapping[str, Any]]) -> Path:
    """``networks``: each with what is known of its addresses. None lies within another."""
    nodes: list[list[int | str | None]] = [[None, None]]
    for text in networks:
        _insert(nodes, text)
    data, places = b"", {}
    for text, known in networks.items():
        places[text] = len(data)
        data += _encoded(known)
    tree = b"".join(_record(side, len(nodes), places) for node in nodes for side in node)
    about = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_700_000_000,
        "database_type": "Test",
        "description": {},
        "ip_version": 6,
        "languages": [],
        "node_count": len(nodes),
        "record_size": 24,
    }
    file.write_bytes(tree + SEPARATOR + data + MARKER + _encoded(about))
    return file


def _insert(nodes: list[list[int | str | None]], text: str) -> None:
    """IPv4 lies at ::/96."""
    network = ip_network(text)
    length = network.prefixlen + (96 if network.version == 4 else 0)
    address = int(network.network_address)
    at = 0
    for place in range(length):
        bit = address >> (BITS - 1 - place) & 1
        if place == length - 1:
            nodes[at][bit] = text
            return
        below = nodes[at][bit]
        if below is None:
            nodes.append([None, None])
            below = nodes[at][bit] = len(nodes) - 1
        assert isinstance(below, int), "a network lies within another"
        at = below


def _record(side: int | str | None, count: int, places: Mapping[str, int]) -> bytes:
    value = count if side is None else side if isinstance(side, int) else count + len(SEPARATOR) + places[side]
    return value.to_bytes(3, "big")


def _encoded(value: Any) -> bytes:
    match value:
        case str():
            octets = value.encode()
            return _head(TEXT, len(octets)) + octets
        case int():
            octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
            return _head(WHOLE, len(octets)) + octets
        case float():
            return _head(DOUBLE, 8) + struct.pack(">d", value)
        case list():
            return _head(ARRAY, len(value)) + b"".join(map(_encoded, value))
        case Mapping():
            return _head(MAP, len(value)) + b"".join(_encoded(part) for pair in value.items() for part in pair)
    raise TypeError(type(value))


def _head(kind: int, size: int) -> bytes:
    """Sizes from 29 on stand in a byte of their own."""
    first, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([kind << 5 | first]) if kind <= 7 else bytes([first, kind - 7])) + more
