"""An answer by plan is, to the octet, what the search itself would have been answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outpost.directory import candidates
from outpost.directory import plans as module
from outpost.directory.entries import UserEntry
from outpost.directory.plans import MOST_ASSERTED, MOST_FOUND, Plans
from outpost.directory.reader import Reader
from protocols.ldap import dn
from protocols.ldap.again import encode_messages, question
from protocols.ldap.evaluation import MOST_AT_ONCE
from protocols.ldap.filter import And, Equality, Filter, Not, Or, Present
from protocols.ldap.filter_text import parse
from protocols.ldap.result import Refused
from protocols.ldap.search_request import SearchRequest, decode
from protocols.ldap.shapes import asserted, shape
from protocols.link.messages import GroupRecord
from tests.extent import rounds
from tests.outpost.directory.people import (
    ALICE,
    BASE,
    CAROL,
    GROUPS,
    RECORDS,
    USERS,
    VIRTUAL,
    People,
    a_provider,
    a_user,
)
from tests.outpost.directory.test_candidates import ATTRIBUTES, PEOPLE, VALUES, filters
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import answers, joined

EVERYBODY = tuple(PEOPLE.directory.current.users.values())
OTHERS = tuple(one for one in RECORDS[4:-1])


def variant(**settings: Any) -> People:
    said = {"5": {"mail": "maps@example.com", "uid": "x", "title": "Cook"}}
    there = (replace(one, mapped=said) if one.username == "eve" else one for one in EVERYBODY)
    return People((*there, *OTHERS, a_provider(**settings)))


VARIANTS: dict[str, People] = {
    "plain": PEOPLE,
    "mapped": variant(mapped=True),
    "active directory": variant(active_directory=True),
    "samba": variant(samba=True),
    "of some groups": variant(show_only_groups=("g-staff", "g-admins")),
    "direct groups": variant(nested_member_of=False),
    "layout": variant(user_rdn="uid", extra_containers=("alice", "groups of groups")),
}


def asked(filter: str | Filter, base: str = BASE, **more: Any) -> tuple[bytes, SearchRequest]:
    """As it comes, and as it is read."""
    found = recognised(filter, base, **more)
    assert found is not None
    return found


def recognised(filter: str | Filter, base: str, **more: Any) -> tuple[bytes, SearchRequest] | None:
    """None: it is too long, or refused."""
    found = question(peer.search(1, base, filter=filter, **more))
    try:
        return None if found is None else (found[2], decode(found[2], 0, len(found[2])))
    except Refused:
        return None


def searched(reader: Reader, request: SearchRequest) -> bytes:
    return joined(reader.answer(1, request, dn.parse(request.base)))


def planned(plans: Plans, reader: Reader, content: bytes) -> bytes | None:
    said = plans.answer(reader, content)
    return None if said is None else encode_messages(1, said)


def learned(reader: Reader, filter: str, **more: Any) -> Plans:
    plans = Plans()
    found = asked(filter, **more)
    plans.learn(reader, *found, dn.parse(found[1].base))
    return plans


def is_planned(reader: Reader, filter: str, base: str = BASE) -> bool:
    """Is it answered by the plan that is made of it?"""
    return planned(learned(reader, filter, base=base), reader, asked(filter, base)[0]) is not None


# --- usual searches --------------------------------------------------------------------------------------------------

EITHER = "(&(objectClass=posixAccount)(|(uid={0})(mail={0}@example.com)))"
USUAL = (
    *("(uid={})", "(cn={})", "(sAMAccountName={})", "(mail={}@example.com)", EITHER, "(title={})"),
    *("(&(objectClass=posixGroup)(memberUid={}))", f"(member=cn={{}},{USERS})", f"(memberOf=cn={{}},{GROUPS})"),
    *("(&(objectClass=user)(uid={})(mail=*)(!(ak-active=FALSE)))", "(&(objectClass=group)(cn={}))", "(ou={})"),
)


@pytest.mark.parametrize("base", [BASE, USERS, GROUPS, VIRTUAL, ""])
@pytest.mark.parametrize("filter", USUAL)
@pytest.mark.parametrize("variant", VARIANTS)
def test_usual_searches_are_answered_by_plan(variant: str, filter: str, base: str) -> None:
    reader = VARIANTS[variant].reader(ALICE)
    if variant == "mapped" and "=*" in filter:
        return  # how many have an attribute is counted anew there
    plans = learned(reader, filter.format("xxxxx"), base=base)
    for name in ("alice", "ALICE", "carol", "staff", "users", "other", "\\c3\\a9\\c3\\a9e", "\\ff\\00\\fe\\fdx"):
        found = asked(filter.format(name), base)
        assert planned(plans, reader, found[0]) == searched(reader, found[1])


def test_somebody_is_found() -> None:
    """So that not all of the above are answers with nobody in them."""
    reader = PEOPLE.reader(ALICE)
    for filter, name in zip(USUAL, ("carol", "staff", "alice", "other", "alice"), strict=False):
        found = asked(filter.format(name))
        assert len(answers(planned(learned(reader, filter.format("xxxxx")), reader, found[0]) or b"")) >= 2, filter


def test_what_somebody_learned_who_reads_less_is_nobodys_plan() -> None:
    plans, content = learned(PEOPLE.reader(CAROL), "(uid=xxxxx)"), asked("(uid=alice)")[0]
    assert plans.answer(PEOPLE.reader(ALICE), content) is None
    plans = learned(PEOPLE.reader(ALICE), "(uid=xxxxx)")
    assert plans.answer(PEOPLE.reader(CAROL), content) is None
    assert plans.answer(PEOPLE.reader(ALICE), content) is not None


# --- any searches ----------------------------------------------------------------------------------------------------


def other_values(filter: Filter, choose: Callable[[list[bytes]], bytes]) -> list[bytes]:
    """As long as those of the filter."""
    return [
        choose([value for value in VALUES if len(value) == len(part.value)] or [part.value])
        for part in asserted(filter)
    ]


equalities = st.builds(Equality, st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES))
alone = st.one_of(*[equalities] * 8, st.builds(Present, st.sampled_from(ATTRIBUTES)))
in_sets = st.recursive(
    alone,
    lambda parts: st.one_of(
        st.builds(And, st.lists(parts, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(parts, min_size=1, max_size=3).map(tuple)),
        st.builds(lambda part, other: And((part, Not(other))), parts, parts),
    ),
    max_leaves=5,
)


@settings(max_examples=rounds(400))
@given(
    data=st.data(),
    filter=st.one_of(filters, *[in_sets] * 3),
    base=st.sampled_from((*[BASE] * 4, USERS, GROUPS, VIRTUAL, "", f"cn=alice,{USERS}")),
    scope=st.sampled_from((*[peer.SUB] * 5, peer.ONE, peer.BASE, peer.CHILDREN)),
    attributes=st.sampled_from(((), ("cn",), ("*", "+"), ("1.1",), ("uid", "memberOf", "title"))),
    size_limit=st.sampled_from((0, 0, 0, 1, 2)),
    types_only=st.booleans(),
    variant=st.sampled_from((*["plain"] * 3, *VARIANTS)),
)
def test_whatever_is_asked(data: st.DataObject, filter: Filter, base: str, variant: str, **more: Any) -> None:
    reader = VARIANTS[variant].reader(ALICE)
    found = recognised(filter, base, **more)
    if found is None or (of := shape(*found)) is None:
        return
    plans = Plans()
    plans.learn(reader, *found, dn.parse(base))
    for _ in range(3):
        values = other_values(found[1].filter, lambda same: data.draw(st.sampled_from(same)))
        content = bytearray(found[0])
        for place, value in zip(of.places, values, strict=True):
            content[place] = value
        said = planned(plans, reader, bytes(content))
        assert said in (None, searched(reader, decode(bytes(content), 0, len(content))))


# --- what is searched for --------------------------------------------------------------------------------------------


def people(many: int, **settings: Any) -> Reader:
    named = [a_user(pk, f"user{pk}", attributes={"title": f"title {pk % 2}"}) for pk in range(100, 100 + many)]
    return People((*RECORDS[:-1], *named, a_provider(**settings))).reader(ALICE)


def by_title(reader: Reader, **more: Any) -> bytes | None:
    found = asked("(title=title 1)", **more)
    said = planned(learned(reader, "(title=title x)", **more), reader, found[0])
    assert said in (None, searched(reader, found[1]))
    return said


def test_answers_of_many_entries_are_searched_for() -> None:
    assert by_title(people(2 * MOST_FOUND)) is not None
    assert by_title(people(2 * MOST_FOUND + 2)) is None


def test_what_finds_many_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = people(1000)
    plans = learned(reader, "(title=title x)")
    monkeypatch.setattr(UserEntry, "encoded", None)
    assert planned(plans, reader, asked("(title=title 1)")[0]) is None


def test_limits_are_kept() -> None:
    assert by_title(people(6), size_limit=3) is not None
    assert by_title(people(8), size_limit=3) is None


def test_long_answers_are_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert by_title(people(6)) is not None
    monkeypatch.setattr(module, "SLICE_OCTETS", 1000)
    assert by_title(people(6)) is None


def test_what_takes_turns_is_searched_for() -> None:
    many = tuple(range(100, 102 + MOST_AT_ONCE))
    group = GroupRecord("g-many", "groupmany", False, 90, (), many)
    reader = People((*RECORDS[:-1], *(a_user(pk, f"user{pk}") for pk in many), group, a_provider())).reader(ALICE)
    plans = learned(reader, "(&(cn=groupxxxx)(!(memberUid=*none*)))", attributes=["1.1"])
    for name in ("groupmany", "groupfew"):
        found = asked(f"(&(cn={name:x<9})(!(memberUid=*none*)))", attributes=["1.1"])
        assert (planned(plans, reader, found[0]) is None) is (name == "groupmany")
        assert len(answers(searched(reader, found[1]))) == 1 + (name == "groupmany")


def test_what_is_too_large_to_be_looked_for_in_others_is_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is found there may be found by one of the parts alone."""
    reader = people(8)
    found = asked("(&(uid=user100)(|(uid=nobody)(&(title=title 0)(title=title 1))))")
    plans = learned(reader, "(&(uid=user100)(|(uid=nobody)(&(title=title 0)(title=title 1))))")
    assert planned(plans, reader, found[0]) == searched(reader, found[1])
    monkeypatch.setattr(candidates, "MAX_COMPARED", 1)
    assert planned(plans, reader, found[0]) is None
    either = "(&(uid=user100)(|(title=title 0)(title=title 1)))"
    assert is_planned(reader, either)
    monkeypatch.setattr(module, "MAX_COMPARED", 1)
    assert not is_planned(reader, either)


def test_what_shows_hashes_is_searched_for_each_time() -> None:
    """They depend on the hour, and on whether TLS protects them."""
    for shown in (False, True):
        assert is_planned(people(2, samba=True, samba_password_hashes=shown), "(uid=alice)") is not shown


@pytest.mark.parametrize(
    "filter",
    [
        *("(uid=al*)", "(objectClass=user)", "(&(uid=alice)(cn=al*))", "(&(uid=alice)(cn~=alice))", "(sn=Example)"),
        *(
            "(|(uid=alice)(objectClass=user))",
            "(|(uid=alice)(!(uid=carol)))",
            "(&(uid=alice)(cn:caseExactMatch:=alice))",
        ),
        "(|" + "(uid=alice)" * (MOST_ASSERTED + 1) + ")",
    ],
)
def test_what_is_never_planned(filter: str) -> None:
    assert not is_planned(PEOPLE.reader(ALICE), filter)


def test_what_would_have_to_be_kept_at_length_is_not_planned() -> None:
    """Who has an attribute, with what mappings say, is a set of its own in each plan."""
    assert is_planned(VARIANTS["plain"].reader(ALICE), "(&(uid=alice)(mail=*))")
    assert not is_planned(VARIANTS["mapped"].reader(ALICE), "(&(uid=alice)(mail=*))")


def test_below_a_leaf_nothing_is_planned() -> None:
    assert not is_planned(PEOPLE.reader(ALICE), "(uid=alice)", f"cn=alice,{USERS}")
    assert is_planned(PEOPLE.reader(ALICE), "(uid=alice)")


def test_a_plan_is_of_one_revision_and_of_one_tree() -> None:
    people = People()
    plans = learned(people.reader(ALICE), "(uid=alice)")
    found = asked("(uid=carol)")
    assert plans.answer(people.reader(ALICE), found[0]) is not None
    assert plans.answer(People().reader(ALICE), found[0]) is None


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 5)
    plans, reader = Plans(), PEOPLE.reader(ALICE)
    for length in range(1, 30):
        for attribute in ("uid", "sn ", "abc", "xyz", "foo", "bar"):
            found = asked(Or((Equality(attribute, b"x" * length), Equality("uid", b"x"))))
            plans.learn(reader, *found, dn.parse(BASE))
            plans.learn(reader, *found, dn.parse(BASE))
            kept = list(plans._kept.values())
            assert 1 <= len(kept) <= 5
            assert all(1 <= len(alike) <= module.MOST_ALIKE for alike in kept)
            assert planned(plans, reader, found[0]) == searched(reader, found[1])


def test_what_cannot_be_planned_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plans, reader, tried = Plans(), PEOPLE.reader(ALICE), list[Any]()
    monkeypatch.setattr(module, "plan", lambda *about: tried.append(about))
    for name in (b"alice", b"carol", b"staff"):
        found = asked(And((Equality("uid", name), Equality("sn", name), parse("(cn=a*)"))))
        plans.learn(reader, *found, dn.parse(BASE))
        assert planned(plans, reader, found[0]) is None
    assert len(tried) == 1
