"""Values of attributes, from what people write to octets (RFC 2865, 3162, 8044)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from struct import pack

from protocols.radius.definitions import Definition
from protocols.radius.dictionary import DataType
from protocols.radius.value_names import NAMES, VALUES

WIDTHS = {DataType.BYTE: 1, DataType.SHORT: 2, DataType.INTEGER: 4, DataType.ENUM: 4, DataType.TIME: 4}
"""Octets of numbers."""
ETHER = re.compile(r"[0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5}")


def octets_of(definition: Definition, value: str | int) -> bytes:
    """A value as it stands in a packet, before tag and hiding. Raises ValueError with a sentence."""
    name, text = definition.name, str(value).strip() if isinstance(value, str) else str(value)
    try:
        match definition.type:
            case DataType.TEXT:
                return str(value).encode()
            case DataType.STRING | DataType.CONCAT:
                octets = bytes.fromhex(text[2:]) if text.startswith("0x") else str(value).encode()
                if definition.size and len(octets) != definition.size:
                    raise ValueError(f"{definition.size} octets")
                return octets
            case kind if kind in WIDTHS:
                return _number(definition, text).to_bytes(WIDTHS[kind])
            case DataType.SIGNED:
                return pack("!i", int(text, 0))
            case DataType.ETHER:
                digits = re.fullmatch(ETHER, text)
                if digits is None:
                    raise ValueError("six octets")
                return bytes.fromhex(re.sub("[^0-9A-Fa-f]", "", text))
            case DataType.COMBO_IP:
                return ip_address(text).packed
            case DataType.INTEGER64:
                return int(text, 0).to_bytes(8)
            case DataType.IPV4ADDR:
                return IPv4Address(text).packed
            case DataType.IPV6ADDR:
                return IPv6Address(text).packed
            case DataType.IPV6PREFIX:
                prefix = IPv6Network(text)
                return bytes((0, prefix.prefixlen)) + prefix.network_address.packed[: -(-prefix.prefixlen // 8)]
            case DataType.IPV4PREFIX:
                short = IPv4Network(text)
                return bytes((0, short.prefixlen)) + short.network_address.packed
            case DataType.IFID:
                groups = text.split(":")
                if len(groups) != 4:
                    raise ValueError("four groups")
                return b"".join(int(group, 16).to_bytes(2) for group in groups)
            case _:
                raise ValueError("not served")
    except (ValueError, OverflowError, AddressValueError) as error:
        raise ValueError(f"“{text[:64]}” is no value of {name}. {_wanted(definition)}") from error


def _number(definition: Definition, text: str) -> int:
    """By its name, or itself."""
    for known in (definition.values, VALUES.get(definition.name, {})):
        if text.lower() in known:
            return known[text.lower()]
    return int(text, 0)


def _wanted(definition: Definition) -> str:
    match definition.type:
        case DataType.ENUM if definition.name in NAMES:
            some = [pair.partition(":")[2] for pair in NAMES[definition.name].split()[:6]]
            return f"Write a number or a name, such as {', '.join(some)}."
        case kind if kind in WIDTHS and definition.values:
            return f"Write a number or a name, such as {', '.join(list(definition.values)[:6])}."
        case kind if kind in WIDTHS or kind is DataType.INTEGER64:
            return f"Write a number from 0 to {256 ** WIDTHS.get(kind, 8) - 1}."
        case DataType.SIGNED:
            return "Write a number."
        case DataType.ETHER:
            return "Write a hardware address, such as 02:00:00:00:00:01."
        case DataType.COMBO_IP:
            return "Write an address."
        case DataType.IPV4ADDR:
            return "Write an IPv4 address."
        case DataType.IPV6ADDR:
            return "Write an IPv6 address."
        case DataType.IPV6PREFIX | DataType.IPV4PREFIX:
            return "Write a network, such as 2001:db8::/32 or 192.0.2.0/24."
        case DataType.IFID:
            return "Write four groups of hexadecimal digits, such as 0:1:2:ffff."
        case DataType.STRING if definition.size:
            return f"Write {definition.size} octets, such as 0x01ff."
        case DataType.STRING | DataType.CONCAT:
            return "Write text, or octets such as 0x01ff."
        case _:
            return "It has a form that cannot be written here."
