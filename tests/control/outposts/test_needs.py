"""Whom an outpost has to know: exactly those whom its applications' users and groups do not refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.outposts import needs
from control.outposts.needs import (
    EVERYBODY,
    NOBODY,
    WHOLE,
    People,
    View,
    chained,
    key,
    of_outpost,
    of_provider,
    together,
)
from protocols.link.messages import (
    BindingRecord,
    LdapSettings,
    OutpostRecord,
    ProviderRecord,
    ProxySettings,
    RadiusSettings,
)
from rules import bindings

STAFF, BOB = BindingRecord("b1", 0, group="staff"), BindingRecord("b2", 1, user=2)
POLICY, NOT_GUESTS = BindingRecord("b3", 2, policy="p"), BindingRecord("b4", 3, group="guests", negate=True)
OFF = BindingRecord("b5", 4, group="off", enabled=False)
PROXY = ProxySettings("forward_single", "https://a.example.com")
RADIUS = RadiusSettings(("10.0.0.0/8",), "hush")


def served(*lines: BindingRecord, settings: Any = PROXY, mode: Any = "any", pk: int = 1) -> ProviderRecord:
    kinds: dict[type, Any] = {LdapSettings: "ldap", ProxySettings: "proxy", RadiusSettings: "radius"}
    return ProviderRecord(pk, f"p{pk}", kinds[type(settings)], "a", "A", "a" * 32, mode, settings, lines)


@pytest.mark.parametrize(
    ("lines", "mode"),
    [((), "any"), ((), "all"), ((OFF,), "any"), ((STAFF, POLICY), "any"), ((POLICY,), "all"), ((POLICY, OFF), "all")],
)
def test_where_nobody_is_refused_everybody_is_needed(lines: tuple[BindingRecord, ...], mode: str) -> None:
    assert of_provider(served(*lines, mode=mode)) == WHOLE


binding = st.builds(
    BindingRecord,
    st.just("b"),
    st.just(0),
    enabled=st.booleans(),
    negate=st.booleans(),
    user=st.none(),
    group=st.sampled_from(["g1", "g2", "g3"]),
) | st.builds(
    BindingRecord,
    st.just("b"),
    st.just(0),
    negate=st.booleans(),
    user=st.sampled_from([1, 2, None]),
    policy=st.sampled_from([None, None, "p"]),
)


@given(
    st.lists(binding, max_size=4),
    st.sampled_from(["any", "all"]),
    st.sampled_from([1, 2, 3]),
    st.frozensets(st.sampled_from(["g1", "g2", "g3", "g4"])),
)
def test_a_view_has_whom_the_bindings_do_not_refuse(
    lines: list[BindingRecord], mode: str, user: int, groups: frozenset[str]
) -> None:
    view = of_provider(served(*lines, mode=mode))
    assert view.has(user, groups) is (bindings.verdict(mode, lines, user, groups) is not False)


@pytest.mark.parametrize(
    ("lines", "settings", "expected"),
    [
        ((STAFF,), {}, WHOLE),
        ((), {"show_only_admitted": True}, WHOLE),
        ((), {"show_only_groups": ("sales",)}, WHOLE),  # anybody may bind
        ((STAFF,), {"show_only_admitted": True, "bind_by_mail": True}, WHOLE),
        ((STAFF,), {"show_only_admitted": True}, View(groups=frozenset({"staff"}))),
        ((STAFF,), {"show_only_groups": ("sales",)}, View(groups=frozenset({"staff", "sales"}))),
        ((STAFF,), {"show_only_groups": ("sales",), "show_only_admitted": True}, View(groups=frozenset({"staff"}))),
        ((BOB,), {"show_only_admitted": True}, View(users=frozenset({2}))),
    ],
)
def test_of_a_directory_also_those_whom_it_shows(
    lines: tuple[BindingRecord, ...], settings: dict[str, Any], expected: View
) -> None:
    found = of_provider(served(*lines, settings=LdapSettings(**settings)))
    assert found == (expected if expected.whole else replace(expected, every_group=True, attributes=True))


def test_radius_looks_at_no_attributes_and_only_proxies_at_headers() -> None:
    assert of_provider(served(STAFF, settings=RADIUS)) == View(groups=frozenset({"staff"}))
    assert of_provider(served(settings=RADIUS)) == View(whole=True, every_group=True)
    proxied = of_provider(served(STAFF))
    assert (proxied.attributes, proxied.headers, proxied.every_group) == (True, True, False)


def test_an_outpost_needs_what_each_of_its_providers_does() -> None:
    radius, proxy = served(STAFF, settings=RADIUS), served(BOB, NOT_GUESTS, mode="all", pk=2)
    view = of_outpost([radius, proxy])
    assert view.groups == {"staff"}
    assert view.attributes
    assert view.has(2, frozenset())
    assert not view.has(2, frozenset({"guests"}))
    assert not view.has(3, frozenset())
    assert of_outpost([radius, proxy, served(pk=3)]) == WHOLE
    assert of_outpost([]) == View()


def test_too_many_ways_are_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them is asked of each person."""
    both = [of_provider(served(BindingRecord("b", 0, group=name, negate=True))) for name in ("a", "b")]
    assert not together(both).whole
    monkeypatch.setattr(needs, "MOST_WAYS", 1)
    assert together(both) == WHOLE


def test_equal_views_have_one_key_and_others_another() -> None:
    lines = [STAFF, BOB, NOT_GUESTS]
    views = [of_provider(served(*order)) for order in (lines, lines[::-1])]
    assert key(views[0]) == key(views[1]) != ""
    others = [
        WHOLE,
        View(),
        View(users=frozenset({1})),
        View(groups=frozenset({"1"})),
        View(ways=views[0].ways),
        View(every_group=True),
        View(attributes=True),
        View(headers=True),
        View(mapped=frozenset({1})),
        View(whole=True),
        View(passwords=frozenset({("p", NOBODY)})),
        View(passwords=frozenset({("p", EVERYBODY)})),
        View(passwords=frozenset({("p", People(groups=frozenset({"staff"})))})),
    ]
    assert len({key(view) for view in (*others, views[0])}) == len(others) + 1


def test_a_revision_of_one_view_is_none_of_another() -> None:
    names = {"chain", *(chained("chain", key(view)) for view in (WHOLE, View(), View(headers=True)))}
    assert len(names) == 4
    assert chained("", key(View())) == ""


BASIC = replace(PROXY, basic_auth_enabled=True, basic_auth_password_attribute="App/Password")
STAFFS = People(groups=frozenset({"staff"}))


def test_passwords_for_an_application_are_needed_of_whom_it_lets_in() -> None:
    """And of nobody, where no proxy that is served hands them on."""
    own, named = OutpostRecord("o", "o", "any", password_attributes=("App/Password", "other")), "app-password"
    directory = served(settings=LdapSettings(), pk=2)
    assert of_outpost([own, directory]).passwords == {(named, NOBODY), ("other", NOBODY)}
    assert of_outpost([own, directory, served(STAFF, settings=BASIC)]).passwords == {
        (named, STAFFS),
        ("other", NOBODY),
    }
    off = replace(BASIC, basic_auth_enabled=False)
    assert of_outpost([own, served(STAFF, settings=off)]).passwords == {(named, NOBODY), ("other", NOBODY)}
    both = of_outpost([own, served(STAFF, settings=BASIC), served(BOB, settings=BASIC, pk=2)])
    assert (named, People(users=frozenset({2}), groups=frozenset({"staff"}))) in both.passwords
    assert both.secrets_of(1, frozenset({"staff"})) == both.secrets_of(2, frozenset()) == {named}
    assert both.secrets_of(3, frozenset({"guests"})) == frozenset()
    assert of_outpost([own, served(settings=RADIUS)]).passwords == frozenset()


def test_only_where_some_have_passwords_and_others_not_has_anybody_to_be_held() -> None:
    own, directory = (
        OutpostRecord("o", "o", "any", password_attributes=("App/Password",)),
        served(settings=LdapSettings()),
    )
    assert of_outpost([own, directory]).follows_log
    assert of_outpost([own, directory, served(settings=BASIC, pk=2)]).follows_log
    assert not of_outpost([own, directory, served(STAFF, settings=BASIC, pk=2)]).follows_log
    assert not of_outpost([own, served(STAFF)]).follows_log
