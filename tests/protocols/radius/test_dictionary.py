import re
from pathlib import Path

import pytest

from protocols.radius import dictionary
from protocols.radius.dictionary import ATTRIBUTES, BY_NAME, BY_NUMBER, DataType
from tests.peers import require

FREERADIUS = Path("/usr/share/freeradius")
THEIR_TYPES = {
    "string": {DataType.TEXT, DataType.STRING},
    "octets": {DataType.STRING, DataType.CONCAT},
    "integer": {DataType.INTEGER, DataType.ENUM},
    "short": {DataType.STRING},
    "ipaddr": {DataType.IPV4ADDR},
    "date": {DataType.TIME},
}


def test_numbers_and_names_are_unique_and_in_order() -> None:
    assert len(BY_NUMBER) == len(BY_NAME) == len(ATTRIBUTES)
    assert [attribute.number for attribute in ATTRIBUTES] == sorted(BY_NUMBER)
    assert all(0 < number < 256 for number in BY_NUMBER)


def test_the_named_numbers_are_those_of_the_table() -> None:
    named = {name: value for name, value in vars(dictionary).items() if name.isupper() and isinstance(value, int)}
    assert len(named) > 5
    by_constant = {attribute.name.upper().replace("-", "_"): attribute.number for attribute in ATTRIBUTES}
    assert named == {name: by_constant[name] for name in named}


@pytest.mark.peer
def test_freeradius_agrees() -> None:
    require("freeradius")  # its package brings the dictionaries
    compared = 0
    for path in FREERADIUS.glob("dictionary.rfc*"):
        standard = re.sub(r"BEGIN-VENDOR.*?END-VENDOR", "", path.read_text(errors="replace"), flags=re.DOTALL)
        for name, number, kind in re.findall(r"^ATTRIBUTE\s+(\S+)\s+(\d+)\s+([a-z0-9-]+)", standard, re.MULTILINE):
            ours = BY_NUMBER[int(number)]
            assert ours.name.lower() == name.lower()
            assert ours.type in THEIR_TYPES.get(kind, {DataType(kind) if kind in set(DataType) else None})
            compared += 1
    assert compared > 150
