from collections.abc import Iterator

import pytest
from ldap.controls.sss import SSSRequestControl, SSSResponseControl

from protocols.ldap import sorting
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.schema import KNOWN
from protocols.ldap.search import Entry, PlainEntry
from protocols.ldap.sorting import Order, SortKey, TooMany, Unsortable, decode, encode, ordered


def people(*named: tuple[str, str]) -> list[PlainEntry]:
    """(cn, uidNumber); an empty one is left out."""
    return [
        PlainEntry(f"cn={cn or number}", {key: (value,) for key, value in (("cn", cn), ("uidnumber", number)) if value})
        for cn, number in named
    ]


PEOPLE = people(("bob", "9"), ("Alice", "10"), ("", "8"), ("carol", ""), ("alice", "7"))


def names(*keys: SortKey) -> list[str]:
    found = ordered(iter(PEOPLE), Order(keys, KNOWN.get))
    return [one[1].dn.removeprefix("cn=") for one in found if one is not None]


@pytest.mark.parametrize("text", [["cn"], ["-cn"], ["cn:caseIgnoreOrderingMatch"], ["sn", "-cn:2.5.13.3", "uid"]])
def test_requests_as_python_ldap_writes_them(text: list[str]) -> None:
    value = SSSRequestControl(ordering_rules=text).encodeControlValue()
    expected = []
    for one in text:
        attribute, _, rule = one.removeprefix("-").partition(":")
        expected.append(SortKey(attribute, rule or None, one.startswith("-")))
    assert decode(value) == tuple(expected)


def test_responses_as_python_ldap_reads_them() -> None:
    response = SSSResponseControl()
    response.decodeControlValue(encode(16, "unheard"))
    assert (int(response.sortResult), str(response.attributeType)) == (16, "unheard")
    response.decodeControlValue(encode(0))
    assert (response.sortResult, response.attributeType) == (0, None)


@pytest.mark.parametrize("value", [None, b"", b"\x30\x00", b"x", b"\x30\x02\x30\x00", b"\x30\x05\x30\x03\x04\x01c\x00"])
def test_what_is_no_request(value: bytes | None) -> None:
    with pytest.raises(Refused) as caught:
        decode(value)
    assert caught.value.result.code == ResultCode.PROTOCOL_ERROR


def test_keys_are_bounded() -> None:
    with pytest.raises(Refused) as caught:
        decode(SSSRequestControl(ordering_rules=["cn"] * (sorting.MAX_KEYS + 1)).encodeControlValue())
    assert caught.value.result.code == ResultCode.ADMIN_LIMIT_EXCEEDED


def test_order() -> None:
    assert names(SortKey("cn", None, False)) == ["Alice", "alice", "bob", "carol", "8"]
    assert names(SortKey("cn", None, True)) == ["8", "carol", "bob", "Alice", "alice"]
    assert names(SortKey("uidNumber", None, False)) == ["alice", "8", "bob", "Alice", "carol"]
    assert names(SortKey("uidnumber", "integerOrderingMatch", True)) == ["carol", "Alice", "bob", "8", "alice"]
    assert names(SortKey("cn", "caseExactOrderingMatch", False)) == ["Alice", "alice", "bob", "carol", "8"]
    assert names(SortKey("cn", None, False), SortKey("uidNumber", None, False)) == [
        "alice",
        "Alice",
        "bob",
        "carol",
        "8",
    ]
    assert names(SortKey("2.5.4.3", "2.5.13.3", False))[0] == "Alice"


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (SortKey("unheard", None, False), 16),
        (SortKey("cn", "unheardMatch", False), 18),
        (SortKey("cn", "integerOrderingMatch", False), 18),
        (SortKey("jpegPhoto", None, False), 18),
        (SortKey("userPassword", None, False), 16),
        (SortKey("member", None, False), 18),
        (SortKey("uniqueMember", "distinguishedNameMatch", True), 18),
    ],
)
def test_what_cannot_be_sorted_by(key: SortKey, code: int) -> None:
    with pytest.raises(Unsortable) as caught:
        Order((key,), KNOWN.get)
    assert (caught.value.code, caught.value.attribute) == (code, key.attribute)


def test_large_results_are_sorted_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "BATCH", 3)
    many = people(*((str(number % 7), str(number)) for number in range(1, 20)))
    found = list(ordered(iter(many), Order((SortKey("cn", None, False),), KNOWN.get)))
    assert found.count(None) == 6
    entries = [one[1] for one in found if one is not None]
    assert entries == sorted(
        many, key=lambda entry: (entry.attributes["cn"][0], int(str(entry.attributes["uidnumber"][0])))
    )


def test_rests_are_passed_on_and_the_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def entries() -> Iterator[Entry | None]:
        yield None
        yield from PEOPLE

    order = Order((SortKey("cn", None, False),), KNOWN.get)
    assert next(ordered(entries(), order)) is None
    monkeypatch.setattr(sorting, "MAX_SORTED", 4)
    with pytest.raises(TooMany):
        list(ordered(entries(), order))
