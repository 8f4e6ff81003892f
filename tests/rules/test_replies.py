import pytest

from protocols.link.messages import ReplyAttribute, ReplyRule
from rules.replies import chosen, is_like

MONDAY_NINE = 4 * 86_400 + 9 * 3600.0  # 5 January 1970
REQUEST = {"nas": "ap-7", "ssid": "Staff"}


def rule(*names: str, **fields: object) -> ReplyRule:
    return ReplyRule(tuple(ReplyAttribute(name, "x") for name in names), **fields)  # type: ignore[arg-type]


def said(*rules: ReplyRule, groups: frozenset[str] = frozenset({"g1"}), now: float = MONDAY_NINE) -> list[str]:
    return [one.name for one in chosen(rules, groups, REQUEST, "192.0.2.7", now)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"group": "g1"},
        {"nas": "ap-7"},
        {"nas": "ap-*"},
        {"nas": "192.0.2.0/24"},
        {"nas": "192.0.2.7"},
        {"ssid": "Staff"},
        {"ssid": "S*"},
        {"weekdays": (0,)},
        {"begins": 540, "ends": 541},
        {"begins": 1300, "ends": 600},
        {"begins": 1300, "ends": 600, "weekdays": (6,)},
        {"begins": 0, "ends": 0},
    ],
    ids=str,
)
def test_applies(fields: dict[str, object]) -> None:
    assert said(rule("A", **fields)) == ["A"]


@pytest.mark.parametrize(
    "fields",
    [
        {"group": "g2"},
        {"nas": "ap-8"},
        {"nas": "198.51.100.0/24"},
        {"nas": "192.0.2.8"},
        {"ssid": "staff"},
        {"weekdays": (1, 6)},
        {"begins": 541, "ends": 600},
        {"begins": 480, "ends": 540},
        {"begins": 1300, "ends": 500},
        {"begins": 1300, "ends": 600, "weekdays": (0,)},
    ],
    ids=str,
)
def test_does_not_apply(fields: dict[str, object]) -> None:
    assert said(rule("A", **fields)) == []


@pytest.mark.parametrize(
    ("written", "name", "fits"),
    [
        ("Staff [5G]", "Staff [5G]", True),
        ("Staff [5G]", "Staff 5", False),
        ("Guests?", "Guests?", True),
        ("Guests?", "Guests!", False),
        ("[!a]*", "b", False),
        ("*", "", True),
        ("a*", "a", True),
        ("*-5G", "Staff-5G", True),
        ("*-5G", "Staff-5G ", False),
        ("S*ff*", "Staff-5G", True),
        ("a*a", "a", False),
        ("a*b*b", "ab", False),
        ("a*b*b", "abb", True),
        ("*b*c*", "xbc", True),
        ("*c*b*", "xbc", False),
        ("a**b", "ab", True),
        ("S*", "S\nT", True),
        ("", "Staff", False),
    ],
)
def test_a_star_is_any_text_and_everything_else_itself(written: str, name: str, fits: bool) -> None:
    assert is_like(name, written) is fits


def test_many_stars_take_no_longer_than_the_name() -> None:
    assert not is_like("a" * 250, "*a" * 200 + "b")


def test_a_rule_for_an_ssid_says_nothing_on_a_cable() -> None:
    assert list(chosen([rule("A", ssid="*x")], frozenset(), {"nas": "sw"}, "192.0.2.7", 0.0)) == []


def test_the_first_rule_that_names_an_attribute_says_all_its_values() -> None:
    rules = [rule("A", "A", group="g1"), rule("a", "B"), rule("B", "C")]
    assert said(*rules) == ["A", "A", "B", "C"]
    assert said(*rules, groups=frozenset()) == ["a", "B", "C"]


def test_tags_are_apart() -> None:
    one = ReplyRule((ReplyAttribute("Tunnel-Type", "VLAN", 1),))
    two = ReplyRule((ReplyAttribute("Tunnel-Type", "VLAN", 2),))
    assert [found.tag for found in chosen([one, two, one], frozenset(), {}, "", 0.0)] == [1, 2]
