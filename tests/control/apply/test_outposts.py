"""An outpost's token may be known before the outpost is: then both can be started from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from control.apply.changes import shown
from control.records import Outpost, Token
from control.store.interface import Transaction
from control.verbs import outposts, tokens
from settings.yaml_lines import read_yaml
from tests.control.apply.places import NOTHING, Place, a_place

KEY, NEXT = "0123456789abcdef" * 3, "fedcba9876543210" * 3
TEXT = "outposts: {edge: {type: ldap, token: env://EDGE_TOKEN}}\n"
BARE = "outposts: {edge: {type: ldap}}\n"


@pytest.fixture(autouse=True)
def known(place: Place) -> None:
    place.environ["EDGE_TOKEN"] = KEY


def _opens(place: Place, key: str) -> str | None:
    """The outpost that comes with this key."""

    def verb(tx: Transaction) -> str | None:
        account = tokens.owner(tx, key)
        outpost = tx.find(Outpost, user=account.pk) if account is not None else None
        return None if outpost is None else outpost.name

    name: str | None = place.read(verb)
    return name


def _token(place: Place) -> Token:
    edge = place.find(Outpost, name="edge")
    found: Token = place.find(Token, identifier=outposts.token_identifier(edge.pk))
    return found


def test_an_outpost_comes_with_the_token_that_the_file_says(place: Place) -> None:
    planned = shown(place.plan(TEXT), coloured=False)
    assert "    token: (secret)" in planned
    assert not any(KEY in line for line in planned)
    assert place.apply(TEXT) == ["created outpost edge"]
    assert _opens(place, KEY) == "edge"
    assert place.read(lambda tx: tx.count(Token)) == 2  # the embedded one has the other
    assert place.apply(TEXT) == NOTHING


def test_a_file_holds_it_as_well(place: Place, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{NEXT}\n")
    place.apply(TEXT.replace("env://EDGE_TOKEN", f"file://{tmp_path}/token"))
    assert _opens(place, NEXT) == "edge"


def test_a_new_token_shuts_the_old_one_out(place: Place) -> None:
    place.apply(TEXT)
    place.environ["EDGE_TOKEN"] = NEXT
    assert "    token: (secret) -> (secret)" in shown(place.plan(TEXT), coloured=False)
    assert place.apply(TEXT) == ["changed outpost edge: token"]
    assert (_opens(place, KEY), _opens(place, NEXT)) == (None, "edge")


def test_one_that_is_no_longer_said_stays(place: Place) -> None:
    place.apply(TEXT)
    assert place.apply(BARE) == NOTHING
    assert _opens(place, KEY) == "edge"


def test_an_outpost_of_no_said_token_has_one_that_was_made_up(place: Place) -> None:
    place.apply(BARE)
    made = _token(place).key
    assert _opens(place, made) == "edge"
    assert place.apply(TEXT) == ["changed outpost edge: token"]
    assert (_opens(place, made), _opens(place, KEY)) == (None, "edge")


def test_a_token_that_somebody_has_taken_away_or_given_an_end_is_drift(place: Place) -> None:
    place.apply(TEXT)
    place.write(lambda tx: tokens.delete(tx, _token(place).pk))
    assert "    token: null -> (secret)" in shown(place.plan(TEXT), coloured=False)
    assert place.apply(TEXT) == ["changed outpost edge: token"]
    assert _opens(place, KEY) == "edge"
    pk = _token(place).pk
    place.write(lambda tx: tokens.update(tx, pk, {"expiring": True, "expires": "2001-02-03T04:05:06+00:00"}))
    assert _opens(place, KEY) is None
    assert place.apply(TEXT) == ["changed outpost edge: token"]
    assert _opens(place, KEY) == "edge"
    assert _token(place).pk == pk


@pytest.mark.parametrize(
    "key",
    ["", "short", "a" * 31, "a" * 256, "has a space " * 4, "ü" * 40, "line\n" * 10, "$(openssl rand -hex 30)" * 2],
)
def test_one_that_could_be_guessed_or_not_be_sent_is_refused(place: Place, key: str) -> None:
    place.environ["EDGE_TOKEN"] = key
    (said,) = place.refused(TEXT)
    assert "outposts.edge.token: Enter 32 to 255 characters" in said
    assert not key or key not in said


def test_what_is_no_text_is_refused(place: Place) -> None:
    assert "outposts.edge.token" in place.refused(TEXT.replace("env://EDGE_TOKEN", f"[{KEY}]"))[0]


def test_a_key_has_one_owner(place: Place) -> None:
    two = "outposts: {one: {type: ldap, token: env://EDGE_TOKEN}, two: {type: radius, token: env://EDGE_TOKEN}}\n"
    assert "outposts.two.token: Another token has this key" in place.refused(two)[0]
    place.apply(TEXT)
    assert place.apply(TEXT.replace("edge:", "other:")) == ["created outpost other", "deleted outpost edge"]
    assert _opens(place, KEY) == "other"


def test_the_embedded_outpost_comes_without(place: Place) -> None:
    (said,) = place.refused("outposts: {embedded: {token: env://EDGE_TOKEN}}\n")
    assert "outposts.embedded.token: The embedded outpost runs inside" in said


def test_an_export_names_a_variable_in_its_place(place: Place, tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    fresh = a_place(tmp_path / "fresh")
    place.apply(TEXT)
    place.apply("outposts: {bootstrap: {type: ldap}, outpost host: {type: ldap}}\n", "theirs.yml")
    for everything in (False, True):
        exported = place.export(fresh, everything)
        assert KEY not in exported
        edge = read_yaml(exported).value["outposts"]["edge"]
        assert (edge["type"], edge["token"]) == ("ldap", "env://EDGE_OUTPOST_TOKEN")
        assert "#   EDGE_OUTPOST_TOKEN\n" in exported
        assert "env://BOOTSTRAP_OUTPOST_TOKEN" in exported
        assert "env://SECRET_OF_OUTPOST_HOST_OUTPOST_TOKEN" in exported
        assert "env://OUTPOST_" not in exported, "the program would take it for a setting"
    fresh.close()
