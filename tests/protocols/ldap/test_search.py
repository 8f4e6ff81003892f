from collections.abc import Iterator
from dataclasses import replace

import pytest

from protocols.ldap.controlled import matching
from protocols.ldap.evaluation import MOST_AT_ONCE, predicate
from protocols.ldap.filter_text import parse
from protocols.ldap.matching import MatchingRule, Normal
from protocols.ldap.root_dse import Features, root_dse
from protocols.ldap.schema import KNOWN, AttributeType
from protocols.ldap.search import (
    CACHED_OCTETS,
    SLICE_CANDIDATES,
    SLICE_OCTETS,
    PlainEntry,
    Selection,
    candidates_a_slice,
    results,
    selection,
)
from protocols.ldap.search_request import Scope, SearchRequest
from tests.protocols.ldap.peer import answers, codes, joined

ALICE = PlainEntry(
    "cn=alice,dc=example",
    {"objectclass": ("top",), "cn": ("alice", "Älice"), "mail": ("a@example.com",), "entryuuid": ("abc",), "sn": ()},
)


def a_request(
    filter: str = "(objectClass=*)", attributes: tuple[bytes, ...] = (), size_limit: int = 0, types_only: bool = False
) -> SearchRequest:
    return SearchRequest("dc=example", Scope.SUB, size_limit, 0, types_only, parse(filter), attributes)


def shown(*attributes: bytes, types_only: bool = False) -> dict[str, list[bytes]]:
    octets = joined(results(5, a_request(attributes=attributes, types_only=types_only), [ALICE], KNOWN.get))
    entry, done = answers(octets)
    assert (done.message_id, done.operation, done.code) == (5, "searchResDone", 0)
    assert (entry.message_id, entry.text) == (5, "cn=alice,dc=example")
    return entry.attributes


USER = {"objectClass": [b"top"], "cn": [b"alice", "Älice".encode()], "mail": [b"a@example.com"]}


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ((), {"objectClass", "cn", "mail"}),
        ((b"*",), {"objectClass", "cn", "mail"}),
        ((b"+",), {"entryUUID"}),
        ((b"*", b"+"), {"objectClass", "cn", "mail", "entryUUID"}),
        ((b"1.1",), set()),
        ((b"1.1", b"cn"), {"cn"}),
        ((b"MAIL", b"mail", b"Mail"), {"mail"}),
        ((b"commonName", b"0.9.2342.19200300.100.1.3"), {"cn", "mail"}),
        ((b"ENTRYUUID",), {"entryUUID"}),
        ((b"", b"", b"dn", b"unheard", b"cn"), {"cn"}),
        ((b"",) * 11, set()),
        ((b"sn",), set()),
        ((b"userPassword",), set()),
        ((b"\xff",), set()),
        ((b"@inetOrgPerson",), {"objectClass", "cn", "mail"}),
        ((b"@2.5.6.6",), {"objectClass", "cn"}),
        ((b"@unheard", b"@"), set()),
        ((b"@top", b"+"), {"objectClass", "entryUUID"}),
        ((b"mail;binary",), {"mail"}),
        ((b"mail;lang-en", b"member;range=0-*"), set()),
    ],
)
def test_selection_is_obeyed_exactly(asked: tuple[bytes, ...], names: set[str]) -> None:
    assert set(shown(*asked)) == names


def test_values_keep_their_order() -> None:
    assert shown() == USER


def test_types_only() -> None:
    assert shown(types_only=True) == {"objectClass": [], "cn": [], "mail": []}


def test_selections_recur_unless_they_are_big() -> None:
    assert selection((b"cn",), False) is selection((b"cn",), False)
    assert selection((b"cn",), False) is not selection((b"cn",), True)
    big = (b"x" * (CACHED_OCTETS + 1),)
    assert not selection(big, False).recurring
    assert selection(big, False) is not selection(big, False)


@pytest.mark.parametrize("filter", ["(cn=bob)", "(!(unheard=x))", "(unheard=x)"])
def test_only_true_selects(filter: str) -> None:
    assert codes(joined(results(1, a_request(filter), [ALICE], KNOWN.get))) == [(1, 0)]


@pytest.mark.parametrize(
    ("limit", "there", "sent", "code"), [(0, 5, 5, 0), (4, 5, 4, 4), (5, 5, 5, 0), (6, 5, 5, 0), (1, 1, 1, 0)]
)
def test_size_limit(limit: int, there: int, sent: int, code: int) -> None:
    octets = joined(results(1, a_request(size_limit=limit), [ALICE] * there, KNOWN.get))
    assert codes(octets) == [(1, None)] * sent + [(1, code)]


def test_time_limit() -> None:
    answers = iter([False, True])
    many = [ALICE] * (SLICE_CANDIDATES * 3)
    octets = joined(results(1, a_request(), many, KNOWN.get, expired=lambda: next(answers)))
    assert codes(octets) == [(1, None)] * (SLICE_CANDIDATES * 2) + [(1, 3)]


def test_slices_are_bounded_also_when_nothing_matches() -> None:
    slices = list(results(1, a_request("(cn=nobody)"), [ALICE] * (SLICE_CANDIDATES * 3), KNOWN.get))
    assert [len(octets) for octets in slices[:-1]] == [0, 0, 0]
    assert codes(joined(slices[-1:])) == [(1, 0)]
    big = PlainEntry("cn=big", {"objectclass": ("top",), "cn": ("x" * SLICE_OCTETS,)})
    slices = list(results(1, a_request(), [big] * 3, KNOWN.get))
    assert [codes(joined([one])) for one in slices] == [[(1, None)]] * 3 + [[(1, 0)]]


def test_the_root_dse_is_read_with_any_filter_that_is_true_for_it() -> None:
    attributes = root_dse(["dc=a", "dc=b"], Features(True, False), "1")
    entry = PlainEntry("", attributes)
    for filter in ["(objectClass=*)", "(OBJECTCLASS=TOP)", "(&)", "(supportedLDAPVersion=3)", "(namingContexts=DC=B)"]:
        found = answers(joined(results(1, a_request(filter, (b"*", b"+")), [entry], KNOWN.get)))
        assert [answer.code for answer in found] == [None, 0], filter
        assert found[0].attributes["namingContexts"] == [b"dc=a", b"dc=b"]
        assert found[0].attributes["defaultNamingContext"] == [b"dc=a"]
        assert b"1.3.6.1.4.1.1466.20037" in found[0].attributes["supportedExtension"]
    assert codes(joined(results(1, a_request("(cn=x)"), [entry], KNOWN.get))) == [(1, 0)]


def test_everything_in_the_root_dse_has_an_attribute_type() -> None:
    assert set(root_dse(["dc=a"], Features(False, True, True), "1")) <= set(KNOWN)


def test_an_entry_that_is_not_ready_lets_others_have_a_turn() -> None:
    class Slow:
        asked = 0
        dn = "cn=slow"

        def attribute_types(self) -> tuple[AttributeType, ...]:
            return ()

        def values(self, key: str) -> tuple[str, ...]:
            return ("top",) if key == "objectclass" else ()

        def has(self, key: str) -> bool:
            return bool(self.values(key))

        def holds(self, key: str, rule: MatchingRule, assertion: Normal) -> bool:
            return False

        def encoded(self, shown: Selection) -> bytes | None:
            self.asked += 1
            return ALICE.encoded(shown) if self.asked == 3 else None

    slices = list(results(1, a_request(), [ALICE, Slow(), ALICE], KNOWN.get))
    assert [codes(joined([one])) for one in slices] == [[(1, None)], [], [(1, None), (1, None), (1, 0)]]


MANY = PlainEntry("cn=many", {"cn": ("many",), "memberuid": tuple(f"user{n}" for n in range(3 * MOST_AT_ONCE))})


@pytest.mark.parametrize(("filter", "found"), [("(memberUid=*nobody*)", False), ("(memberUid=*r2999)", True)])
def test_very_many_values_are_looked_at_in_turns(filter: str, found: bool) -> None:
    """One entry of these holds no other search up."""
    request = a_request(filter, (b"1.1",))
    more = replace(MANY, dn="cn=more")
    slices = list(results(1, request, [MANY, ALICE, more], KNOWN.get))
    assert len(slices) == 7
    assert codes(joined(slices)) == [(1, None)] * 2 * found + [(1, 0)]
    entries = list(matching([MANY, ALICE, more], predicate(parse(filter), KNOWN.get)))
    assert [entry for entry in entries if entry is not None] == [MANY, more] * found
    assert entries.count(None) == 6


def test_the_time_limit_of_a_search_whose_every_entry_takes_turns() -> None:
    class NeverReady(PlainEntry):
        asked = False

        def encoded(self, selection: Selection) -> bytes:
            ready, NeverReady.asked = NeverReady.asked, not NeverReady.asked
            return super().encoded(selection) if ready else None  # type: ignore[return-value]

    answers = iter([False, True])
    many = [NeverReady("cn=x", {"objectclass": ("top",)})] * 5
    assert codes(joined(results(1, a_request(), many, KNOWN.get, expired=lambda: next(answers)))) == [
        *[(1, None)] * 2,
        (1, 3),
    ]


def test_candidates_that_are_decided_are_not_asked() -> None:
    octets = joined(results(1, a_request("(cn=bob)", size_limit=2), [ALICE] * 3, KNOWN.get, decided=True))
    assert codes(octets) == [(1, None), (1, None), (1, 4)]


@pytest.mark.parametrize(
    ("filter", "most"),
    [
        ("(cn=nobody)", SLICE_CANDIDATES),
        ("(|" + "(cn=nobody)" * 16 + ")", SLICE_CANDIDATES),
        ("(&(!(|" + "(cn=*x*y)" * 64 + "))(cn=nobody))", 63),
        ("(|" + "(cn=nobody)" * 2048 + ")", 2),
        ("(|" + "(cn=nobody)" * 5000 + ")", 1),
        ("(|" + "(:caseIgnoreMatch:=nobody)" * 4 + ")", 2),
        ("(|" + "(memberUid=*x*)" * 4 + ")", 2),
        ("(|" + "(cn:caseIgnoreMatch:=nobody)" * 32 + ")", 16),
    ],
)
def test_the_more_a_filter_asks_of_each_entry_the_fewer_have_a_turn(filter: str, most: int) -> None:
    """One client's filter does not keep others waiting for longer than a slice."""
    looked: list[int] = []

    def counted() -> Iterator[PlainEntry]:
        for number in range(2 * most + 1):
            looked.append(number)
            yield ALICE

    slices = results(1, a_request(filter), counted(), KNOWN.get)
    counts = [len(looked) for _ in slices]
    assert (counts[:2], counts[-1]) == ([most, 2 * most], 2 * most + 1)
    found = matching(counted(), predicate(parse(filter), KNOWN.get), candidates_a_slice(parse(filter)))
    looked.clear()
    assert [len(looked) for one in found if one is None][:2] == [most, 2 * most]


def test_where_the_index_has_decided_the_filter_takes_no_time() -> None:
    many = [ALICE] * SLICE_CANDIDATES
    request = a_request("(|" + "(cn=alice)" * 2048 + ")", (b"1.1",))
    assert len(list(results(1, request, many, KNOWN.get, decided=True))) == 2
