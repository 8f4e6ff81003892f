"""An export makes the same of an empty installation, whatever people have typed, and gives no secret away."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control.apply.changes import shown
from control.apply.settings import SECTION, SETTINGS
from control.apply.table import SECTIONS
from control.apply.text import written
from control.policies.kinds import KINDS
from control.records import Certificate, RadiusRule, User
from control.store.interface import Transaction
from control.verbs import groups, providers, radius_rules, users
from settings.yaml_lines import read_yaml
from tests.control.apply.filled import POLICIES, PROVIDERS, fill, fill_user, secrets_of
from tests.control.apply.places import NOTHING, Place, a_place
from tests.fakes import counted_random

ODD = ("true", "null", "~", "1.50", "007", "- a", "a: b", "# x", "env://HOME", "file:///x", "no", "<<", "=", "a\nb\n ")
LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
TYPED = st.text(LETTERS, min_size=1, max_size=40) | st.sampled_from(ODD)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TYPED | st.integers(-(2**53), 2**53) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TYPED, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(TYPED, VALUES, max_size=5))
def test_what_is_written_is_read_as_the_same_values(document: dict[str, Any]) -> None:
    assert read_yaml(written(document)).value == document


def test_an_export_applied_to_an_empty_installation_plans_as_no_change(place: Place, tmp_path: Path) -> None:
    fresh, second = _place(tmp_path, "fresh"), _place(tmp_path, "second")
    for text in ODD:
        attributes = {text: [text], "in": {text: {"n": None, "f": 1e-7, text: text}}}
        place.write(partial(fill_user, text=text, attributes=attributes))
    place.write(fill)
    exported = place.export(fresh)
    second.environ = place.read(secrets_of)
    assert "took over user akadmin" in second.apply(exported)
    assert shown(second.plan(exported), coloured=False) == NOTHING
    assert second.export(fresh) == exported
    needed = {name: value for name, value in second.environ.items() if f"env://{name}" in exported}
    assert second.read(secrets_of).items() >= needed.items()
    assert len(needed) == 10
    fresh.close()
    second.close()


def _place(folder: Path, name: str) -> Place:
    (folder / name).mkdir()
    return a_place(folder / name)


def test_every_section_and_every_kind_is_in_the_filled_store(place: Place, tmp_path: Path) -> None:
    """What the property above is about: a row that is added to the table is filled, too."""
    fresh = _place(tmp_path, "fresh")
    place.write(fill)
    document = read_yaml(place.export(fresh)).value
    fresh.close()
    assert document.keys() == {"adopt", SECTION, *SECTIONS}
    assert document[SECTION].keys() == set(SETTINGS)
    for section in SECTIONS.values():
        if section.kinds:
            kinds = {entry["kind"] for entry in document[section.name].values()}
            assert kinds == set(section.kinds), section.name
    assert set(POLICIES) <= set(KINDS)
    assert len(PROVIDERS) == len(SECTIONS["providers"].kinds)


def test_an_export_holds_no_secret_and_names_where_they_go(place: Place, tmp_path: Path) -> None:
    fresh = _place(tmp_path, "fresh")
    place.write(fill)
    place.set_password("bob", "password-of-bob")
    exported = place.export(fresh)
    fresh.close()
    key = place.find(Certificate, name="a pair").key_data.splitlines()[1]
    assert key not in exported
    held = place.read(secrets_of)
    assert len(held) > 4
    assert not any(secret in exported for secret in held.values())
    assert place.find(User, username="bob").password not in exported
    assert "password-of-bob" not in exported
    assert "#   PROVIDER_A_RADIUS_SHARED_SECRET\n" in exported
    assert "shared_secret: env://PROVIDER_A_RADIUS_SHARED_SECRET\n" in exported


WIFI, APPLICATION = "password-of-the-wifi", "password-of-an-application"
BY_NUMBER = "0x70617373776f7264"
"""Of an attribute that no dictionary names."""


def _with_passwords_among_attributes(tx: Transaction) -> None:
    random = counted_random()
    proxy = {"name": "p", "external_host": "https://p.example.com", "mode": "forward_single"}
    providers.create(tx, "proxy", {**proxy, "basic_auth_password_attribute": "app.password"}, random)
    radius = providers.create(tx, "radius", {"name": "r"}, random)
    hidden = {"name": "Tunnel-Password", "value": WIFI, "tag": 1}
    plain = {"name": "Filter-Id", "value": "staff"}
    by_number = {"name": "Attr-26.9999.7*", "value": BY_NUMBER}
    radius_rules.create(tx, {"name": "staff", "provider": radius.pk, "attributes": [hidden, plain, by_number]})
    given = {"App.Password": APPLICATION, "shell": "/bin/sh"}
    users.create(tx, {"username": "eve", "name": "Eve", "attributes": given})
    groups.create(tx, {"name": "staff", "attributes": given})


def test_nor_a_password_that_stands_among_attributes(place: Place, tmp_path: Path) -> None:
    fresh, second = _place(tmp_path, "fresh"), _place(tmp_path, "second")
    place.write(_with_passwords_among_attributes)
    exported = place.export(fresh)
    assert WIFI not in exported
    assert APPLICATION not in exported
    assert BY_NUMBER not in exported
    held = {
        "PROVIDER_R_STAFF_TUNNEL_PASSWORD": WIFI,
        "PROVIDER_R_STAFF_ATTR_26_9999_7": BY_NUMBER,
        "USER_EVE_APP_PASSWORD": APPLICATION,
        "GROUP_STAFF_APP_PASSWORD": APPLICATION,
    }
    assert all(f"#   {name}\n" in exported and f"env://{name}\n" in exported for name in held)
    second.environ = {**place.read(secrets_of), **held}
    planned = "\n".join(shown(second.plan(exported), False))
    assert not [one for one in (WIFI, APPLICATION, BY_NUMBER) if one in planned], planned
    assert planned.count("(secret)") >= len(held)
    second.apply(exported)
    second.environ["USER_EVE_APP_PASSWORD"] = "another-password"
    (line,) = (one for one in shown(second.plan(exported), False) if "attributes" in one)
    assert "password-of" not in line
    assert "another" not in line
    second.environ |= held
    assert second.find(User, username="eve").attributes == {"App.Password": APPLICATION, "shell": "/bin/sh"}
    assert [one["value"] for one in second.find(RadiusRule, name="staff").attributes] == [WIFI, "staff", BY_NUMBER]
    assert second.apply(exported) == NOTHING
    fresh.close()
    second.close()


def test_what_is_there_already_is_handed_over_by_its_own_export(place: Place, tmp_path: Path) -> None:
    """How people begin to keep an installation in a file."""
    fresh = _place(tmp_path, "fresh")
    place.write(fill)
    exported = place.export(fresh)
    place.environ = place.read(secrets_of)
    said = place.apply(exported)
    assert {line.split()[0] for line in said} <= {"took", "application"}, said
    assert place.apply(exported) == NOTHING
    assert place.export(fresh) == exported
    fresh.close()


def test_only_what_files_own_is_exported_unless_all_is_asked_for(place: Place, tmp_path: Path) -> None:
    fresh = _place(tmp_path, "fresh")
    text = "users: {bob: {}}\nproviders: {p: {kind: ldap}}\noutposts: {embedded: {providers: [p]}}\n"
    place.apply(text)
    place.write(_by_hand)
    owned, everything = (read_yaml(place.export(fresh, everything=all_)).value for all_ in (False, True))
    fresh.close()
    assert list(owned["users"]) == ["bob"]
    assert owned["outposts"] == {"embedded": {"providers": ["p"]}}
    assert "adopt" not in owned
    assert list(everything["users"]) == ["bob", "eve"]


def _by_hand(tx: Transaction) -> None:
    users.create(tx, {"username": "eve", "name": "Eve"})


def test_an_empty_installation_has_nothing_to_export(place: Place, tmp_path: Path) -> None:
    fresh = _place(tmp_path, "fresh")
    assert read_yaml(place.export(fresh)).value == {}
    fresh.close()
