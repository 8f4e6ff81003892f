"""What a RADIUS provider's mappings write: ``packet``, the answer in the making, and ``define_attribute``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from control.expression.budget import NETWORKS
from control.expression.environment import Asked
from control.expression.exposed import Exposed, free
from control.expression.operations import ADDRESSES, kind_of
from control.mappings.answers import Broken, Mappings
from control.records import PropertyMapping
from protocols.link.messages import ReplyAttribute
from protocols.radius.definitions import Definition, named, placed, vendors_own
from protocols.radius.dictionary import DataType
from protocols.radius.reply import MOST_OCTETS, check, told, written

MOST_ATTRIBUTES = 50
"""Of one answer; a NAS looks at few of them."""
TYPES = {
    "string": DataType.TEXT,
    "octets": DataType.STRING,
    "integer": DataType.INTEGER,
    "integer64": DataType.INTEGER64,
    "date": DataType.TIME,
    "ipaddr": DataType.IPV4ADDR,
    "ipv6addr": DataType.IPV6ADDR,
    "ipv6prefix": DataType.IPV6PREFIX,
    "ifid": DataType.IFID,
}
"""FreeRADIUS' words, which authentik's users know."""
Key = tuple[str, int]
"""Name in lower case, and tag (RFC 2868)."""


class Packet(Exposed):
    """Attributes by name; ``Name:1`` has a tag, a number stands for the standard attribute that has it."""

    __slots__ = ("_defined", "_told")

    def __init__(self, told: Sequence[ReplyAttribute] = ()) -> None:
        self._told: list[tuple[Key, Any, ReplyAttribute]] = [
            ((one.name.lower(), one.tag), one.value, one) for one in told
        ]
        self._defined: dict[str, Definition] = {}

    @property
    def told(self) -> tuple[ReplyAttribute, ...]:
        return tuple(one for _, _, one in self._told)

    # --- as an expression sees it ---

    def attribute(self, name: str) -> Any:
        match name:
            case "AddAttribute":
                return free(name, lambda key, value: self._write(key, value, replacing=False))
            case "get":
                return free(name, lambda key, default=None: self._values(key) or default)
            case "keys":
                return free(name, lambda: list(self.each()))
            case _:
                return super().attribute(name)

    def item(self, key: Any) -> list[Any]:
        values = self._values(key)
        if not values:
            raise KeyError(key)
        return values

    def put(self, key: Any, value: Any) -> None:
        self._write(key, value, replacing=True)

    def remove(self, key: Any) -> None:
        self.item(key)
        place, _ = self._place(key)
        self._told = [entry for entry in self._told if entry[0] != place]

    def contains(self, key: Any) -> bool:
        return bool(self._values(key))

    def each(self) -> Iterator[str]:
        return iter(dict.fromkeys(one.name for one in self.told))

    def length(self) -> int:
        return len(self._told)

    def define(
        self,
        vendor_code: Any = 0,
        vendor_name: Any = "",
        attribute_name: Any = "",
        attribute_code: Any = 0,
        attribute_type: Any = "string",
    ) -> None:
        """An attribute of a vendor, under a name of one's own, with and without the vendor's in front. One that is
        known keeps its type."""
        if type(attribute_name) is not str or not attribute_name or type(attribute_code) is not int:
            raise TypeError("define_attribute takes a name and a number")
        if type(vendor_name) is not str:
            raise TypeError("define_attribute takes the name of a vendor")
        if type(vendor_code) is not int or type(attribute_type) is not str or attribute_type not in TYPES:
            raise ValueError(f"define_attribute takes the number of a vendor, and a type: {', '.join(TYPES)}")
        known = placed(vendor_code, attribute_code)
        if known is None:
            known = vendors_own(attribute_name, vendor_code, attribute_code, TYPES[attribute_type])
        for name in (attribute_name, f"{vendor_name}-{attribute_name}"):
            self._defined[name.lower()] = known

    # --- inside ---

    def _place(self, key: Any) -> tuple[Key, Definition]:
        if number := _number(key):
            found = placed(*number)
            if found is None:
                raise ValueError(f"{key} is no RADIUS attribute that an answer can have.")
            return (written(found).lower(), 0), found
        if type(key) is not str:
            raise TypeError(f"the name of an attribute is text, not '{kind_of(key)}'")
        name, colon, tag = key.partition(":")
        found = self._defined.get(name.lower()) or named(name)
        if found is None or (colon and not tag.isdecimal()):
            raise ValueError(f"“{key[:64]}” is no RADIUS attribute that an answer can have; use define_attribute.")
        return (written(found).lower(), int(tag) if colon else 0), found

    def _values(self, key: Any) -> list[Any]:
        place, _ = self._place(key)
        return [value for at, value, _ in self._told if at == place]

    def _write(self, key: Any, value: Any, replacing: bool) -> None:
        place, definition = self._place(key)
        if type(value) is list and len(value) > MOST_ATTRIBUTES:
            raise ValueError(f"an answer has at most {MOST_ATTRIBUTES} attributes")
        new = [(place, one, _told(definition, one, place[1])) for one in (value if type(value) is list else [value])]
        kept = [entry for entry in self._told if not replacing or entry[0] != place]
        if len(kept) + len(new) > MOST_ATTRIBUTES:
            raise ValueError(f"an answer has at most {MOST_ATTRIBUTES} attributes")
        if sum(check(one.name, one.value, one.tag) for _, _, one in (*kept, *new)) > MOST_OCTETS:
            raise ValueError(f"an answer has room for {MOST_OCTETS} octets of attributes")
        self._told = [*kept, *new]


def _number(key: Any) -> tuple[int, int] | None:
    """Of the standard attribute, or of a vendor's."""
    if type(key) is int:
        return 0, key
    if type(key) is tuple and len(key) == 2 and all(type(part) is int for part in key):
        return key[0], key[1]
    return None


def _told(definition: Definition, value: Any, tag: int) -> ReplyAttribute:
    """Raises ValueError, with a sentence, for what the attribute's type does not allow."""
    kind = type(value)
    if kind in ADDRESSES or kind in NETWORKS:
        value = str(value)
    elif kind not in (str, int):
        raise ValueError(f"The value of {definition.name} is text or a number, not '{kind_of(value)}'.")
    if tag and not definition.tagged:
        raise ValueError(f"{definition.name} takes no tag.")
    name, value, tag = told(definition, value, tag)
    check(name, value, tag)
    return ReplyAttribute(name, value, tag)


def reply(
    mappings: Sequence[PropertyMapping], asked: Asked, run: Mappings
) -> tuple[tuple[ReplyAttribute, ...], tuple[Broken, ...]]:
    """What they write, one after another, and which are broken. Of those that are, nothing is written."""
    told: tuple[ReplyAttribute, ...] = ()
    broken: list[Broken] = []
    for mapping in mappings:
        packet = Packet(told)
        found = run.ask(mapping, asked, {"packet": packet, "define_attribute": free("define_attribute", packet.define)})
        if found.fault is not None:
            broken.append(Broken(mapping, found.fault))
        elif not found.skipped:
            told = packet.told
    return told, tuple(broken)
