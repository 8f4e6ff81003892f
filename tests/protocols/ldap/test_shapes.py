"""What has the shape of a search that was read is what it would be read as."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.ldap.again import question
from protocols.ldap.filter import And, Equality, Filter, Not, Or, Present
from protocols.ldap.result import Refused
from protocols.ldap.search_request import SearchRequest, decode
from protocols.ldap.shapes import Shape, alike, asserted, shape
from tests.outpost.directory.test_candidates import filters
from tests.protocols.ldap import peer

BASE = "ou=users,dc=example"
EITHER = "(&(objectClass=posixAccount)(|(uid=alice)(mail=al@example.com)))"


def content(filter: str | Filter, base: str = BASE, **more: Any) -> bytes:
    asked = question(peer.search(1, base, filter=filter, **more))
    assert asked is not None
    return asked[2]


def read(octets: bytes) -> SearchRequest:
    return decode(octets, 0, len(octets))


def shape_of(octets: bytes) -> Shape:
    found = shape(octets, read(octets))
    assert found is not None
    return found


def like(found: Shape, octets: bytes) -> SearchRequest | None:
    """How it is read by its shape."""
    values = found.values(octets)
    return None if values is None else found.request._replace(filter=found.filter(values))


def test_a_search_by_name_is_like_one_by_another_name() -> None:
    found = shape_of(content("(uid=alice)", attributes=["cn"], size_limit=3))
    assert found.values(content("(uid=carol)", attributes=["cn"], size_limit=3)) == [b"carol"]
    for other in (
        content("(uid=bob)", attributes=["cn"], size_limit=3),
        content("(cid=carol)", attributes=["cn"], size_limit=3),
        content("(uid=carol)", attributes=["sn"], size_limit=3),
        content("(uid=carol)", attributes=["cn"], size_limit=4),
        content("(uid=carol)", attributes=["cn"], size_limit=3, types_only=True),
        content("(uid=carol)", attributes=["cn"], size_limit=3, scope=peer.ONE),
        content("(uid=carol)", "ou=group,dc=example", attributes=["cn"], size_limit=3),
        content("(uid=carol)", attributes=["cn"], size_limit=3) + b"\0",
        b"",
    ):
        assert found.values(other) is None


def test_object_classes_are_part_of_a_shape() -> None:
    found = shape_of(content(EITHER))
    assert found.values(content(EITHER.replace("alice", "carol"))) == [b"carol", b"al@example.com"]
    assert found.values(content(EITHER.replace("posix", "Posix"))) is None


@pytest.mark.parametrize(
    "filter", ["(objectClass=person)", "(2.5.4.0=person)", "(uid=*)", "(!(uid=alice))", "(uid=a*)"]
)
def test_what_asserts_nothing_has_no_shape(filter: str) -> None:
    octets = content(filter)
    assert shape(octets, read(octets)) is None


@pytest.mark.parametrize("outer", [1, 2, 3, 4])
def test_lengths_may_be_long(outer: int) -> None:
    """As some clients always write them."""

    def long(tag: int, value: bytes) -> bytes:
        return bytes((tag, 0x80 | outer)) + len(value).to_bytes(outer, "big") + value

    def asked(name: bytes) -> bytes:
        head = long(4, BASE.encode()) + b"\x0a\x01\x02\x0a\x01\x00\x02\x02\x03\xe8\x02\x01\x00\x01\x01\x00"
        return head + long(0xA0, long(0xA3, long(4, b"uid") + long(4, name))) + long(0x30, long(4, b"cn"))

    found = shape_of(asked(b"alice"))
    assert like(found, asked(b"carol")) == read(asked(b"carol"))
    assert alike(asked(b"alice")) == alike(asked(b"carol"))
    assert found.request.size_limit == 1000


def test_a_part_that_stands_alone_in_a_set_has_its_place() -> None:
    found = shape_of(content(And((Or((Equality("uid", b"alice"),)), Present("mail")))))
    asked = content(And((Or((Equality("uid", b"carol"),)), Present("mail"))))
    assert like(found, asked) == read(asked)


def test_what_is_negated_twice_has_no_place() -> None:
    octets = content(And((Not(Not(Equality("uid", b"alice"))), Equality("uid", b"carol"))))
    assert shape(octets, read(octets)) is None


ASKED = [
    content("(uid=alice)", attributes=["cn", "mail"]),
    content("(uid=)"),
    content(EITHER, attributes=["cn"], size_limit=1000, time_limit=30),
    content("(&(!(uid=bob))(uid>=a)(cn=alice)(mail=*)(uid=al*))", types_only=True),
    content("(|(uid=alice)(|(uid=bob)(&(cn=carol))))"),
]


@pytest.mark.parametrize("octets", ASKED)
def test_whatever_is_changed_nothing_is_read_otherwise(octets: bytes) -> None:
    """What has the shape is read, and as its shape has it, whichever octets are changed."""
    found, said = shape_of(octets), 0
    for at in range(len(octets)):
        for octet in {0, 1, 2, 4, 5, 0x30, 0x7F, 0x80, 0x81, 0xA0, 0xA1, 0xA3, 0xFF, octets[at] ^ 1, octets[at] ^ 32}:
            changed = octets[:at] + bytes((octet,)) + octets[at + 1 :]
            request = like(found, changed)
            if request is not None:
                assert request == read(changed)
                assert alike(changed) == alike(octets)
                said += 1
    assert said >= sum(place.stop - place.start for place in found.places)
    for cut in range(len(octets)):
        assert found.values(octets[:cut]) is None
        alike(octets[:cut])


@given(filters, st.binary(min_size=80, max_size=80), st.sampled_from(["", BASE, "ou=x" * 40]))
def test_any_values(filter: Filter, more: bytes, base: str) -> None:
    octets = content(filter, base) if len(peer.search(1, base, filter=filter)) < 500 else content("(uid=alice)", base)
    try:
        found = shape(octets, read(octets))
    except (Refused, RemoteProtocolError):
        return
    if found is None:
        assert not list(asserted(read(octets).filter)) or b"\xa2" in octets
        return
    changed = bytearray(octets)
    for place in found.places:
        changed[place] = more[: place.stop - place.start].ljust(place.stop - place.start, b"x")
    asked = bytes(changed)
    assert like(found, asked) == read(asked)
    assert alike(asked) == alike(octets)


@given(st.binary(max_size=60))
def test_alike_takes_anything(octets: bytes) -> None:
    size, beginning = alike(octets)
    assert (size == len(octets) and octets.startswith(beginning)) or len(octets) < 2
