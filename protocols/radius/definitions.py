"""What attributes an answer can have: those that are built in, the operator's dictionaries', and any by number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from protocols.radius.dictionary import ATTRIBUTES, DataType
from protocols.radius.vendor import USUAL, Form
from protocols.radius.vendor_dictionary import ATTRIBUTES as VENDOR_ATTRIBUTES
from protocols.radius.vendor_dictionary import VENDORS

TAGGED = frozenset({64, 65, 66, 67, 69, 81, 82, 83, 90, 91})
"""RFC 2868."""
TUNNEL_PASSWORD = 69

PROTOCOLS_OWN = frozenset({1, 2, 3, 24, 26, 33, 60, 70, 79, 80})
"""What the protocol itself says, and no rule may."""
EXTENDED, LONG_EXTENDED = frozenset(range(241, 245)), frozenset((245, 246))
"""Standard attributes that have others below them (RFC 6929)."""
OF_VENDORS = 26
"""The one below them that holds a vendor's."""
IN_ACCOUNTING = frozenset({40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 55, 68, 86, 101})


Place = tuple[int, tuple[int, ...]]
"""What an attribute is on the wire, whatever it is called: vendor, or 0, and numbers."""


@dataclass(frozen=True, slots=True)
class Definition:
    name: str
    number: int
    type: DataType
    vendor: int = 0
    """0: a standard attribute."""
    hidden: bool = False
    """On its way, by RFC 2868 section 3.5."""
    below: tuple[int, ...] = ()
    """Numbers of the attributes inside attributes that lead to it."""
    form: Form = USUAL
    takes_tag: bool = False
    size: int = 0
    """Octets that its value must have; 0: any number."""
    values: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Names, in lower case, of numbers."""

    @property
    def tagged(self) -> bool:
        return self.takes_tag or (not self.vendor and self.number in TAGGED)

    @property
    def place(self) -> Place:
        return self.vendor, (self.number, *self.below)


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
BUILT_IN: dict[Place, Definition] = {one.place: one for one in DEFINITIONS.values()}
LEARNED: dict[str, Definition] = {}
"""From the operator's dictionaries, by name in lower case. Filled when a program starts (`learn`), and by it alone."""
LEARNED_AT: dict[Place, Definition] = {}
UNNAMED = re.compile(
    r"attr-(?:26\.(?P<vendor>[0-9]{1,8})(?:/(?P<form>[124],[012](?:,c)?))?\.)?"
    r"(?P<numbers>[0-9]{1,10}(?:\.[0-9]{1,8}){0,3})(?P<marks>\+?\*?)"
)
"""One that no dictionary has to name, as FreeRADIUS writes it: vendor and numbers; the value is octets. The vendor's
form may follow it; behind all, ``+`` is for a tag in front of the value, and ``*`` for hiding that."""
VENDORS_PROTOCOL = {(311, number) for number in (*range(1, 13), 16, 17, 19, *range(25, 28))}
"""Microsoft's that the protocol itself says (MS-CHAP, MPPE)."""


def defined(name: str) -> Definition:
    """Raises ValueError with a sentence."""
    found = named(name)
    if found is None and (unnamed := UNNAMED.fullmatch(name.lower())) is not None:
        found = _unnamed(name, unnamed)
    if found is None:
        raise ValueError(f"“{name}” is no RADIUS attribute that an answer can have.")
    return found


def learn(definitions: Iterable[Definition], values: Mapping[str, Mapping[str, int]]) -> None:
    """Adds what a dictionary says. What is built in stays as it is, under its further names too, and gets further names
    of its numbers."""
    for one in definitions:
        built_in = BUILT_IN.get(one.place)
        if built_in is not None:
            further = values.get(one.name.lower(), {})
            if further or one.name.lower() not in DEFINITIONS:
                LEARNED[one.name.lower()] = replace(built_in, values=further)
        elif _may_be_said(one):
            LEARNED[one.name.lower()] = LEARNED_AT[one.place] = one
    for name in values.keys() & DEFINITIONS.keys() - LEARNED.keys():
        LEARNED[name] = replace(DEFINITIONS[name], values=values[name])


def named(name: str) -> Definition | None:
    return LEARNED.get(name.lower()) or DEFINITIONS.get(name.lower())


def placed(vendor: int, number: int) -> Definition | None:
    """By its numbers; ``vendor`` 0: a standard one."""
    place = (vendor, (number,))
    return BUILT_IN.get(place) or LEARNED_AT.get(place)


def is_built_in(one: Definition) -> bool:
    return one.place in BUILT_IN


def generic(one: Definition) -> str:
    form = one.form
    shape = "" if form == USUAL else f"/{form.number},{form.length}{',c' * form.continued}"
    numbers = ".".join(map(str, (one.number, *one.below)))
    return f"Attr-26.{one.vendor}{shape}.{numbers}" if one.vendor else f"Attr-{numbers}"


def _unnamed(name: str, found: re.Match[str]) -> Definition:
    numbers = tuple(map(int, found["numbers"].split(".")))
    form = USUAL
    if found["form"]:
        number, length, *continued = found["form"].split(",")
        form = Form(int(number), int(length), bool(continued))
    if found["vendor"] is not None and form == USUAL:
        made = vendors_own(name, int(found["vendor"]), numbers[0], DataType.STRING)
    else:
        made = Definition(name, numbers[0], DataType.STRING, int(found["vendor"] or 0), form=form)
    marks = found["marks"]
    made = replace(made, below=numbers[1:], takes_tag="+" in marks, hidden="*" in marks)
    if not _may_be_said(made) or not 0 <= made.vendor < 2**24:
        raise ValueError(f"“{name}” is no RADIUS attribute that an answer can have.")
    if not made.vendor and made.place in BUILT_IN:
        raise ValueError(f"Write {BUILT_IN[made.place].name} instead of “{name}”.")
    return made


def _may_be_said(one: Definition) -> bool:
    if one.vendor:
        return (one.vendor, one.number) not in VENDORS_PROTOCOL and _are_octets(one.below)
    extended = one.number in EXTENDED | LONG_EXTENDED
    if extended and one.below[:1] == (OF_VENDORS,):
        return len(one.below) > 2 and 0 < one.below[1] < 2**24 and _are_octets(one.below[2:])
    return (
        _are_octets(one.below)
        and 0 < one.number < 256
        and one.number not in PROTOCOLS_OWN | IN_ACCOUNTING
        and extended == bool(one.below)
    )


def _are_octets(numbers: Iterable[int]) -> bool:
    return all(0 < number < 256 for number in numbers)


def vendors_own(name: str, vendor: int, number: int, type: DataType) -> Definition:
    """One that is in no dictionary. Raises ValueError with a sentence."""
    if not 0 < vendor < 2**24 or not 0 < number < 256:
        raise ValueError(f"{name}: a vendor's number has 24 bits, and that of its attribute 8; none is 0.")
    return Definition(name, number, type, vendor)
