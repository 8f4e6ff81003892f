"""Attributes of an answer, from names and values as people write them to octets (RFC 2865, 2868, 3162, 8044)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from struct import pack

from protocols.errors import LocalProtocolError
from protocols.radius.dictionary import ATTRIBUTES, DataType
from protocols.radius.mppe import salted
from protocols.radius.packet import MAX_VALUE, attribute
from protocols.radius.value_names import NAMES, VALUES
from protocols.radius.vendor import vendor_attribute
from protocols.radius.vendor_dictionary import ATTRIBUTES as VENDOR_ATTRIBUTES
from protocols.radius.vendor_dictionary import VENDORS

MOST_OCTETS = 3000  # of one answer's chosen attributes; keys, EAP and Proxy-State need the rest of the 4,096
MAX_TAG = 0x1F  # RFC 2868 section 3
MAX_VENDOR_VALUE = 247

TAGGED = frozenset({64, 65, 66, 67, 69, 81, 82, 83, 90, 91})
"""RFC 2868."""
TUNNEL_PASSWORD = 69

PROTOCOLS_OWN = frozenset({1, 2, 3, 24, 26, 33, 60, 70, 79, 80})
"""What the protocol itself says, and no rule may."""
IN_ACCOUNTING = frozenset({40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 55, 68, 86, 101})


@dataclass(frozen=True, slots=True)
class Definition:
    name: str
    number: int
    type: DataType
    vendor: int = 0
    """0: a standard attribute."""
    hidden: bool = False
    """On its way, by RFC 2868 section 3.5."""

    @property
    def tagged(self) -> bool:
        return not self.vendor and self.number in TAGGED


def _definitions() -> dict[str, Definition]:
    found = {
        one.name.lower(): Definition(one.name, one.number, one.type, hidden=one.number == TUNNEL_PASSWORD)
        for one in ATTRIBUTES
        if one.number not in PROTOCOLS_OWN | IN_ACCOUNTING
    }
    for vendor, lines in VENDOR_ATTRIBUTES.items():
        for line in lines.split():
            number, kind, name = line.split(":", 2)
            definition = Definition(name, int(number), DataType(kind.rstrip("*")), VENDORS[vendor], "*" in kind)
            found.setdefault(name.lower(), definition)
    return found


DEFINITIONS: dict[str, Definition] = _definitions()
"""By name in lower case."""
UNNAMED = re.compile(r"attr-26\.([0-9]{1,8})\.([0-9]{1,3})")
"""A vendor's attribute that no dictionary names, as FreeRADIUS writes it: vendor, number; the value is octets."""

Hide = Callable[[bytes], bytes]
"""What hides a value in one answer: salt and all."""


def hiding(secret: bytes, authenticator: bytes, salts: Callable[[], bytes]) -> Hide:
    """``salts`` gives two octets, others each time; ``authenticator``: of the request."""

    def hide(value: bytes) -> bytes:
        salt = salts()
        salt = bytes((salt[0] | 0x80, salt[1]))
        return salt + salted(value, secret, authenticator, salt)

    return hide


def defined(name: str) -> Definition:
    """Raises ValueError with a sentence."""
    unnamed = UNNAMED.fullmatch(name.lower())
    if unnamed is not None:
        return vendors_own(name, int(unnamed[1]), int(unnamed[2]), DataType.STRING)
    try:
        return DEFINITIONS[name.lower()]
    except KeyError:
        raise ValueError(f"“{name}” is no RADIUS attribute that an answer can have.") from None


def vendors_own(name: str, vendor: int, number: int, type: DataType) -> Definition:
    """One that is in no dictionary. Raises ValueError with a sentence."""
    if not 0 < vendor < 2**24 or not 0 < number < 256:
        raise ValueError(f"{name}: a vendor's number has 24 bits, and that of its attribute 8; none is 0.")
    return Definition(name, number, type, vendor)


def encoded(name: str, value: str | int, tag: int, hide: Hide) -> bytes:
    """One attribute. Raises ValueError with a sentence for people."""
    definition = defined(name)
    if tag and not definition.tagged:
        raise ValueError(f"{definition.name} takes no tag.")
    if not 0 <= tag <= MAX_TAG:
        raise ValueError(f"The tag of {definition.name} lies between 0 and {MAX_TAG}.")
    octets = octets_of(definition, value)
    if definition.hidden:
        octets = hide(octets)
    if definition.tagged:
        octets = _with_tag(definition, octets, tag)
    if not octets:
        raise ValueError(f"{definition.name} needs a value.")
    if len(octets) > (MAX_VENDOR_VALUE if definition.vendor else MAX_VALUE):
        raise ValueError(f"The value of {definition.name} is too long: {len(octets)} octets.")
    try:
        if definition.vendor:
            return vendor_attribute(definition.vendor, definition.number, octets)
        return attribute(definition.number, octets)
    except LocalProtocolError as error:
        raise ValueError(f"{definition.name}: {error}.") from error


def check(name: str, value: str | int, tag: int) -> int:
    """The octets that it takes. Raises ValueError with a sentence."""
    return len(encoded(name, value, tag, hiding(b"secret", bytes(16), lambda: b"\x80\0")))


def _with_tag(definition: Definition, octets: bytes, tag: int) -> bytes:
    """Numbers give up an octet for it; texts have one in front only if there is one (RFC 2868 section 3)."""
    if definition.type in (DataType.INTEGER, DataType.ENUM):
        if octets[0]:
            raise ValueError(f"{definition.name} has room for 24 bits beside its tag.")
        return bytes((tag,)) + octets[1:]
    return bytes((tag,)) + octets if tag or definition.hidden else octets


def octets_of(definition: Definition, value: str | int) -> bytes:
    """A value as it stands in a packet, before tag and hiding. Raises ValueError with a sentence."""
    name, text = definition.name, str(value).strip() if isinstance(value, str) else str(value)
    try:
        match definition.type:
            case DataType.TEXT:
                return str(value).encode()
            case DataType.STRING | DataType.CONCAT:
                return bytes.fromhex(text[2:]) if text.startswith("0x") else str(value).encode()
            case DataType.INTEGER | DataType.TIME:
                return pack("!I", _number(definition, text))
            case DataType.ENUM:
                return pack("!I", _named(definition, text))
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
    number = int(text, 0)
    if not 0 <= number < 2**32:
        raise ValueError("32 bits")
    return number


def _named(definition: Definition, text: str) -> int:
    known = VALUES.get(definition.name, {})
    return known[text.lower()] if text.lower() in known else _number(definition, text)


def _wanted(definition: Definition) -> str:
    match definition.type:
        case DataType.ENUM if definition.name in NAMES:
            some = [pair.partition(":")[2] for pair in NAMES[definition.name].split()[:6]]
            return f"Write a number or a name, such as {', '.join(some)}."
        case DataType.INTEGER | DataType.TIME | DataType.ENUM | DataType.INTEGER64:
            return "Write a number that is not negative."
        case DataType.IPV4ADDR:
            return "Write an IPv4 address."
        case DataType.IPV6ADDR:
            return "Write an IPv6 address."
        case DataType.IPV6PREFIX | DataType.IPV4PREFIX:
            return "Write a network, such as 2001:db8::/32 or 192.0.2.0/24."
        case DataType.STRING | DataType.CONCAT:
            return "Write text, or octets such as 0x01ff."
        case _:
            return "It has a form that cannot be written here."
