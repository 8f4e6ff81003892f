"""Groups, bindings and validity."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import bindings, validity
from rules.groups import ancestors, makes_cycle

PARENTS = {"engineering": ["staff"], "interns": ["engineering", "guests"], "staff": ["everyone"]}


def parents(group: str) -> list[str]:
    return PARENTS.get(group, [])


def test_membership_reaches_every_ancestor() -> None:
    assert ancestors(["interns"], parents) == {"interns", "engineering", "guests", "staff", "everyone"}
    assert ancestors(["staff"], parents) == {"staff", "everyone"}
    assert ancestors([], parents) == frozenset()


def test_a_cycle_is_seen_before_it_is_made() -> None:
    assert makes_cycle("everyone", ["interns"], parents)
    assert makes_cycle("staff", ["staff"], parents)
    assert not makes_cycle("guests", ["staff"], parents)


def test_even_a_cycle_ends() -> None:
    assert ancestors(["a"], lambda group: {"a": ["b"], "b": ["a"]}[group]) == {"a", "b"}


@dataclass(frozen=True)
class Line:
    user: int | None = None
    group: str | None = None
    policy: str | None = None
    pk: str = ""
    enabled: bool = True
    negate: bool = False


ALICE, STAFF = Line(user=1), Line(group="staff")


@pytest.mark.parametrize(
    ("mode", "lines", "admitted"),
    [
        ("any", [], True),
        ("all", [], True),
        ("any", [ALICE], True),
        ("any", [Line(user=2)], False),
        ("any", [Line(user=2), STAFF], True),
        ("all", [ALICE, STAFF], True),
        ("all", [Line(user=2), STAFF], False),
        ("all", [ALICE, Line(group="admins")], False),
        ("any", [Line(user=2, negate=True)], True),
        ("any", [Line(user=1, negate=True)], False),
        ("all", [STAFF, Line(group="admins", negate=True)], True),
        ("any", [Line(user=2, enabled=False)], True),
        ("any", [Line(user=1, enabled=False), Line(user=2)], False),
        ("any", [Line()], False),
    ],
)
def test_bindings_are_literal(mode: str, lines: list[Line], admitted: bool) -> None:
    assert bindings.admits(mode, lines, 1, frozenset({"staff", "everyone"})) is admitted


@given(st.lists(st.builds(Line, user=st.sampled_from([1, 2]), negate=st.booleans(), enabled=st.booleans())))
def test_all_never_admits_whom_any_refuses(lines: list[Line]) -> None:
    if bindings.admits("all", lines, 1, frozenset()):
        assert bindings.admits("any", lines, 1, frozenset())


POLICY = Line(policy="p", pk="b")


@pytest.mark.parametrize(
    ("mode", "lines", "words", "verdict"),
    [
        ("any", [POLICY], {}, None),
        ("any", [POLICY], {"b": True}, True),
        ("any", [POLICY], {"b": False}, False),
        ("any", [ALICE, POLICY], {}, True),
        ("any", [Line(user=2), POLICY], {}, None),
        ("all", [ALICE, POLICY], {}, None),
        ("all", [Line(user=2), POLICY], {}, False),
        ("all", [ALICE, POLICY], {"b": True}, True),
        ("any", [Line(policy="p", pk="b", negate=True)], {"b": True}, False),
        ("any", [Line(policy="p", pk="b", enabled=False)], {}, True),
    ],
)
def test_what_only_a_policy_can_say_is_left_open(
    mode: str, lines: list[Line], words: dict[str, bool], verdict: bool | None
) -> None:
    assert bindings.verdict(mode, lines, 1, frozenset({"staff"}), words) is verdict
    assert bindings.admits(mode, lines, 1, frozenset({"staff"}), words) is (verdict is True)


words = st.dictionaries(st.sampled_from(["1", "2", "3"]), st.booleans())


@given(
    st.sampled_from(["any", "all"]),
    st.lists(st.builds(Line, policy=st.just("p"), pk=st.sampled_from(["1", "2", "3"]), negate=st.booleans())),
    words,
    words,
)
def test_more_words_never_change_what_is_decided(
    mode: str, lines: list[Line], few: dict[str, bool], more: dict[str, bool]
) -> None:
    early = bindings.verdict(mode, lines, 1, frozenset(), few)
    assert early in (None, bindings.verdict(mode, lines, 1, frozenset(), {**more, **few}))


@dataclass(frozen=True)
class Account:
    is_active: bool = True
    valid_from: float | None = None
    valid_until: float | None = None


@pytest.mark.parametrize(
    ("account", "refusal"),
    [
        (Account(), None),
        (Account(is_active=False), "inactive"),
        (Account(valid_from=100.0), None),
        (Account(valid_from=100.1), "not_yet_valid"),
        (Account(valid_until=100.1), None),
        (Account(valid_until=100.0), "expired"),
    ],
)
def test_an_account_is_valid_from_its_first_moment_to_before_its_last(account: Account, refusal: str | None) -> None:
    assert validity.refusal(account, 100.0) == refusal
    since, until = validity.period(account)
    assert (since <= 100.0 < until) == (refusal is None)


@pytest.mark.parametrize("valid_from", [None, 50.0, 100.0, 150.0])
@pytest.mark.parametrize("valid_until", [None, 50.0, 100.0, 150.0])
@pytest.mark.parametrize("now", [0.0, 50.0, 75.0, 100.0, 149.0, 150.0, 200.0])
def test_the_answer_about_an_account_holds_exactly_as_long_as_it_says(
    valid_from: float | None, valid_until: float | None, now: float
) -> None:
    account = Account(True, valid_from, valid_until)
    since, until = validity.holds(account, now)
    assert since <= now < until
    for other in (0.0, 49.0, 50.0, 75.0, 99.0, 100.0, 120.0, 149.0, 150.0, 200.0):
        if since <= other < until:
            assert validity.refusal(account, other) == validity.refusal(account, now)
