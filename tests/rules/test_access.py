"""The first rule that fits a request says what it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.access import AccessRules, Asked, Level

MONDAY = 0


@dataclass(frozen=True)
class Path:
    match: str
    path: str


@dataclass(frozen=True)
class Rule:
    level: str
    paths: tuple[Path, ...] = ()
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    preflight: bool = False
    weekdays: tuple[int, ...] = ()
    begins: int = 0
    ends: int = 1440
    max_age: int = 900


ASKED = Asked("/admin/users", "GET", "192.0.2.7", preflight=False, weekday=MONDAY, minute=600)


def level(rule: Rule, asked: Asked = ASKED, groups: frozenset[str] | None = None) -> Level:
    return AccessRules([rule]).level(asked, groups)


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        (Path("exact", "/admin/users"), True),
        (Path("exact", "/admin"), False),
        (Path("prefix", "/admin"), True),
        (Path("prefix", "/admin/"), True),
        (Path("prefix", "/admin/users"), True),
        (Path("prefix", "/adm"), False),
        (Path("prefix", "/"), True),
        (Path("pattern", "/admin/.*"), True),
        (Path("pattern", "/admin"), False),
        (Path("pattern", "admin"), False),
    ],
)
def test_paths(path: Path, fits: bool) -> None:
    assert (level(Rule("deny", paths=(path,))) is Level.DENY) is fits


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule("deny"), True),
        (Rule("deny", methods=("GET", "HEAD")), True),
        (Rule("deny", methods=("POST",)), False),
        (Rule("deny", networks=("192.0.2.0/24",)), True),
        (Rule("deny", networks=("2001:db8::/32", "198.51.100.0/24")), False),
        (Rule("deny", preflight=True), False),
        (Rule("deny", weekdays=(MONDAY,)), True),
        (Rule("deny", weekdays=(1, 2)), False),
        (Rule("deny", begins=540, ends=1020), True),
        (Rule("deny", begins=1020, ends=540), False),
    ],
)
def test_conditions(rule: Rule, fits: bool) -> None:
    assert (level(rule) is Level.DENY) is fits


def test_a_preflight() -> None:
    assert level(Rule("bypass", preflight=True), replace(ASKED, preflight=True)) is Level.BYPASS


def test_an_address_that_is_none_lies_nowhere() -> None:
    assert level(Rule("bypass", networks=("0.0.0.0/0", "::/0")), replace(ASKED, address="a socket")) is Level.SIGN_IN


@pytest.mark.parametrize(
    ("groups", "expected"),
    [(None, Level.SIGN_IN), (frozenset({"staff"}), Level.SIGN_IN), (frozenset({"staff", "guests"}), Level.DENY)],
)
def test_groups_ask_who_it_is(groups: frozenset[str] | None, expected: Level) -> None:
    assert level(Rule("deny", groups=("guests",)), groups=groups) is expected


def test_the_first_that_fits_decides() -> None:
    rules = AccessRules(
        [
            Rule("bypass", paths=(Path("prefix", "/public"),)),
            Rule("deny", groups=("guests",), paths=(Path("prefix", "/admin"),)),
            Rule("deny", methods=("DELETE",)),
        ]
    )
    assert rules.level(replace(ASKED, path="/public/x", method="DELETE"), None) is Level.BYPASS
    assert rules.level(ASKED, None) is Level.SIGN_IN
    assert rules.level(ASKED, frozenset({"guests"})) is Level.DENY
    assert rules.level(replace(ASKED, path="/", method="DELETE"), frozenset({"staff"})) is Level.DENY
    assert rules.level(replace(ASKED, path="/"), frozenset({"staff"})) is Level.SIGN_IN


@pytest.mark.parametrize("level_", ["bypass", "sign_in", "deny"])
def test_an_ambiguous_path_is_closed_where_paths_matter(level_: str) -> None:
    asked = replace(ASKED, path=None)
    assert level(Rule(level_, paths=(Path("prefix", "/x"),)), asked) is Level.AMBIGUOUS
    assert level(Rule(level_), asked) is Level(level_)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule("open"), "open"),
        (Rule("deny", networks=("here",)), "here"),
        (Rule("deny", paths=(Path("pattern", "("),)), "regular expression"),
    ],
)
def test_what_makes_no_sense_is_refused(rule: Rule, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        AccessRules([rule])


PATHS = st.sampled_from(["/", "/a", "/a/b", "/ab"])
RULES = st.builds(
    Rule,
    level=st.sampled_from(["bypass", "sign_in", "deny"]),
    paths=st.lists(st.builds(Path, st.sampled_from(["exact", "prefix"]), PATHS), max_size=2).map(tuple),
    methods=st.sampled_from([(), ("GET",), ("POST",)]),
    groups=st.sampled_from([(), ("g",), ("h",)]),
)


@given(st.lists(RULES, max_size=5), PATHS, st.sampled_from(["GET", "POST"]))
def test_signing_in_never_opens_what_nobody_may_see(rules: list[Rule], path: str, method: str) -> None:
    """What is decided without knowing who it is, is decided the same for everybody."""
    asked = replace(ASKED, path=path, method=method)
    found = AccessRules(rules)
    anonymous = found.level(asked, None)
    if anonymous is not Level.SIGN_IN:
        assert all(found.level(asked, groups) is anonymous for groups in (frozenset(), frozenset("g"), frozenset("h")))


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("/caf%C3%A9", "/CAF%C3%89"),
        ("/caf%C3%A9", "/cafe%CC%81"),
        ("/caf%C3%89", "/caf%C3%A9"),
        ("/admin", "/adm%C4%B1n"),
        ("/settings", "/%C5%BFettings"),
        ("/kiosk", "/%E2%84%AAiosk"),
        ("/admin", "/%EF%BD%81dmin"),
        ("/stra%C3%9Fe", "/STRASSE"),
        ("/wiki/Special:Rights", "/wiki/Special%3ARights"),
        ("/wiki/Special%3ARights", "/wiki/special:rights"),
        ("/a,b=c@d", "/a%2Cb%3Dc%40d"),
        ("/a%7Cb", "/a|b"),
        ("/a%20b", "/A%20B"),
    ],
)
@pytest.mark.parametrize("match", ["exact", "prefix", "pattern"])
def test_nor_do_letters_that_some_take_for_others(named: str, path: str, match: str) -> None:
    """Dotless i and long s become I and S in capitals; normal forms make one letter of many; and applications decode
    what needs no escape."""
    rules = AccessRules([Rule("deny", (Path(match, named),)), Rule("bypass")])
    assert rules.level(replace(ASKED, path=path), None) is Level.DENY
    assert rules.level(replace(ASKED, path=f"{path}x"), None) is Level.BYPASS
    opens = AccessRules([Rule("bypass", (Path(match, named),))])
    assert opens.level(replace(ASKED, path=named), None) is Level.BYPASS
    assert opens.level(replace(ASKED, path=path), None) is Level.SIGN_IN


def test_a_pattern_that_cannot_be_written_otherwise_stays_what_it_is() -> None:
    rules = AccessRules([Rule("deny", (Path("pattern", r"/a\%28B"),)), Rule("bypass")])
    assert rules.level(replace(ASKED, path="/a%28B"), None) is Level.DENY
    assert rules.level(replace(ASKED, path="/other"), None) is Level.BYPASS


@pytest.mark.parametrize("path", ["/admin.", "/Admin%20", "/admin./x", "/admin..%20/x"])
def test_nor_do_dots_and_spaces_that_windows_drops(path: str) -> None:
    rules = AccessRules([Rule("deny", (Path("prefix", "/admin"),)), Rule("bypass")])
    assert rules.level(replace(ASKED, path=path), None) is Level.DENY
    assert rules.level(replace(ASKED, path="/.admin"), None) is Level.BYPASS


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/admin/", "/ADMIN/"),
        ("/admin/", "/adm%C4%B1n/"),
        ("/a%20", "/A%20"),
        (r"/files/secret\.", "/files/Secret."),
        (r"/files/.*\.\.\.", "/FILES/x..."),
        ("/cafe%CC%81", "/CAFE%CC%81"),
    ],
)
def test_a_pattern_for_what_is_ignored_closes_it_in_any_letters(pattern: str, path: str) -> None:
    rules = AccessRules([Rule("deny", (Path("pattern", pattern),)), Rule("bypass")])
    assert rules.level(replace(ASKED, path=path), None) is Level.DENY
    assert rules.level(replace(ASKED, path=f"{path}x"), None) is Level.BYPASS


def test_a_pattern_for_folders_closes_no_files() -> None:
    rules = AccessRules([Rule("deny", (Path("pattern", "/.*/"),)), Rule("bypass")])
    assert rules.level(replace(ASKED, path="/Files/"), None) is Level.DENY
    assert rules.level(replace(ASKED, path="/Files/R%C3%A9sum%C3%A9%20(2).v1.pdf"), None) is Level.BYPASS


@pytest.mark.parametrize("path", ["/ADMIN", "/Admin/x", "/admin/", "/aDMIN//".rstrip("/")])
@pytest.mark.parametrize("closed", ["deny", "sign_in", "second_factor"])
@pytest.mark.parametrize("match", [Path("exact", "/admin"), Path("prefix", "/admin"), Path("pattern", "/admin(/.*)?")])
def test_what_a_rule_closes_no_other_letters_open(path: str, closed: str, match: Path) -> None:
    """T28: many applications take /ADMIN, and /admin/, for /admin."""
    if match.match == "exact" and path.endswith("x"):
        return
    rules = AccessRules([Rule(closed, paths=(match,)), Rule("bypass")])
    assert rules.level(replace(ASKED, path=path), None) is Level(closed)
    assert rules.level(replace(ASKED, path="/other"), None) is Level.BYPASS


def test_nor_do_they_open_what_a_later_rule_closes() -> None:
    open_ = Path("prefix", "/app")
    for level_ in ("bypass", "sign_in", "second_factor"):
        rules = AccessRules([Rule(level_, paths=(open_,)), Rule("deny")])
        assert rules.level(replace(ASKED, path="/app/x"), None) is Level(level_)
        assert rules.level(replace(ASKED, path="/APP/x"), None) is Level.DENY


def test_the_shorter_age_counts_where_two_fit() -> None:
    rules = AccessRules(
        [
            Rule("second_factor", paths=(Path("exact", "/Admin"),), max_age=60),
            Rule("second_factor", paths=(Path("exact", "/admin"),), max_age=900),
        ]
    )
    assert rules.max_age(replace(ASKED, path="/admin"), None) == 60
    assert rules.max_age(replace(ASKED, path="/Admin"), None) == 60


ROWS = st.tuples(
    st.sampled_from(["bypass", "deny", "second_factor"]),
    st.sampled_from(["exact", "prefix"]),
    st.text(alphabet="/ab", max_size=3),
)


@given(st.text(alphabet="/abAB", max_size=6), st.lists(ROWS, max_size=4))
def test_other_letters_never_get_further(path: str, rows: list[tuple[str, str, str]]) -> None:
    """Than the same path as the rules write it: an application may not tell them apart."""
    rules = AccessRules([Rule(level_, paths=(Path(match, f"/{named}"),)) for level_, match, named in rows])
    said, own = (rules.level(replace(ASKED, path=f"/{one}"), None) for one in (path, path.lower()))
    order = [Level.BYPASS, Level.SIGN_IN, Level.SECOND_FACTOR, Level.DENY]
    assert order.index(said) >= order.index(own)
