"""Of people who are in a directory, its word counts; what happens while it is away; strangers learn of nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.flows.stages.checking import WRONG, WRONG_OR_AWAY
from control.passwords.hashing import Busy
from control.passwords.new import judge
from control.records import SourceConnection, Stage, User
from control.sources.ldap.connection import Away
from control.sources.ldap.described import Directory
from control.store.interface import Query, Transaction
from control.verbs import ldap_sources, sources, tokens, users
from tests.control.flows.house import House
from tests.control.proofs.test_network import Network, mschapv2
from tests.control.sources.ldap.abroad import make
from tests.stores import run

LDAP = "authentik.sources.ldap.auth.LDAPBackend"


class FakeDirectories:
    """``passwords``: by identifier."""

    def __init__(self, **passwords: str) -> None:
        self.passwords = {f"id-of-{name}": password for name, password in passwords.items()}
        self.asked: list[str | None] = []
        self.trouble: Exception | None = None

    async def accepts(self, directory: Directory, whose: str | None, password: str, peer: str = "") -> bool:
        self.asked.append(whose)
        if self.trouble is not None:
            raise self.trouble
        return whose is not None and self.passwords.get(whose) == password


class Place(House):
    """alice and dora, who is disabled, are in the directory; bob has a password of his own."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder)
        self.directories = FakeDirectories(alice="theirs", dora="theirs")
        given: Any = self.directories
        self.services = replace(self.services, directories=given)
        self.source = self.sql.write_now(lambda tx: make(tx, **settings))
        self.alice, self.dora = self.user("alice", None), self.user("dora", None, is_active=False)
        self.bob = self.user("bob", "his own")
        for name, pk in (("alice", self.alice), ("dora", self.dora)):
            self.connect(pk, f"id-of-{name}")

    def connect(self, user: int, identifier: str) -> SourceConnection:
        given = {"user": user, "source": self.source.pk, "identifier": identifier}
        return self.sql.write_now(lambda tx: sources.connect(tx, given))

    def change(self, **settings: Any) -> None:
        self.sql.write_now(lambda tx: ldap_sources.update(tx, self.source.pk, settings))

    def person(self, pk: int) -> User:
        return self.sql.read_now(lambda tx: tx.get(User, pk))

    def page(self, name: str, password: str) -> list[tuple[str, str]]:
        """What the sign-in page says of a password."""
        step: Any = self.enter("default-authentication-flow")
        step = self.reply(self.reply(step, uid_field=name), password=password)
        errors = step.component["response_errors"]["password"]
        return [(one["string"], one["code"]) for one in errors]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def test_the_directorys_word_counts(place: Place) -> None:
    accepted = place.prove("alice", "theirs")
    assert (accepted.reason, accepted.user) == ("accepted", place.alice)
    assert place.prove("alice", "another").reason == "source_refused"
    assert place.person(place.alice).password is None, "nothing is kept unless the source says so"


def test_a_password_here_does_not_count_for_who_is_there(place: Place) -> None:
    place.sql.write_now(lambda tx: users.set_password(tx, place.alice, place.passwords.hash_now("left over")))
    assert place.prove("alice", "left over").reason == "source_refused"


def test_a_disabled_account_stays_outside_with_its_right_password(place: Place) -> None:
    assert place.prove("dora", "theirs").reason == "inactive"


def test_who_has_a_password_here_signs_in_whatever_becomes_of_the_directory(place: Place) -> None:
    place.directories.trouble = Away("nobody listens")
    assert place.prove("bob", "his own").reason == "accepted"
    assert place.directories.asked == []


def test_a_directory_of_the_same_name_is_nobody_here(place: Place) -> None:
    """Who is called bob there is not bob here: only a connection says who somebody is."""
    place.directories.passwords["id-of-bob"] = "theirs"
    assert place.prove("bob", "theirs").reason == "wrong_password"


@pytest.mark.parametrize("name", ["alice", "dora", "bob", "nobody"])
def test_every_wrong_password_costs_one_hash_and_one_question(place: Place, name: str) -> None:
    before = place.passwords.verified
    place.prove(name, "wrong")
    assert place.passwords.verified - before == 1
    assert len(place.directories.asked) == 1


@pytest.mark.parametrize(("trouble", "said"), [(None, WRONG), (Away("x"), WRONG_OR_AWAY)])
def test_pages_say_the_same_of_everybody(place: Place, trouble: Exception | None, said: tuple[str, str]) -> None:
    place.directories.trouble = trouble
    for name in ("alice", "dora", "bob", "nobody"):
        assert place.page(name, "wrong") == [said], name


def test_while_the_directory_is_away_nobody_new_gets_in(place: Place) -> None:
    place.directories.trouble = Away("nobody listens")
    assert place.prove("alice", "theirs").reason == "source_away"


def test_a_crowd_is_told_to_come_back(place: Place) -> None:
    place.directories.trouble = Busy("too many")
    with pytest.raises(Busy):
        place.prove("alice", "theirs")


def test_who_has_signed_in_before_gets_in_while_the_directory_is_away_if_it_says_so(place: Place) -> None:
    place.change(password_login_update_internal_password=True)
    assert place.prove("alice", "theirs").reason == "accepted"
    assert (place.person(place.alice).password or "").startswith("$argon2id$")
    place.directories.trouble = Away("nobody listens")
    assert place.prove("alice", "theirs").reason == "accepted"
    assert place.prove("alice", "another").reason == "source_away"
    assert place.prove("dora", "theirs").reason == "source_away", "she never signed in"


def test_a_password_that_was_changed_there_is_good_here_no_more(place: Place) -> None:
    place.change(password_login_update_internal_password=True)
    first = place.prove("alice", "theirs")
    place.directories.passwords["id-of-alice"] = "newer"
    assert place.prove("alice", "theirs").reason == "source_refused"
    changed = place.prove("alice", "newer")
    assert changed.reason == "accepted"
    assert changed.version == first.version + 1 == place.person(place.alice).credential_version
    place.directories.trouble = Away("nobody listens")
    assert place.prove("alice", "theirs").reason == "source_away"
    assert place.prove("alice", "newer").reason == "accepted"


def test_a_source_that_is_off_or_gone_says_nothing_any_more(place: Place) -> None:
    place.change(enabled=False)
    assert place.prove("alice", "theirs").reason == "no_password"
    place.change(enabled=True)
    place.sql.write_now(lambda tx: sources.delete(tx, place.source.pk))
    assert place.prove("alice", "theirs").reason == "no_password"
    assert place.directories.asked == []


def test_a_stage_that_does_not_name_the_backend_asks_no_directory(place: Place) -> None:
    def narrow(tx: Transaction) -> None:
        (stage,) = tx.select(Stage, Query(equal={"name": "default-authentication-password"}))
        backends = [one for one in stage.settings["backends"] if one != LDAP]
        tx.update(replace(stage, settings={**stage.settings, "backends": backends}))

    place.sql.write_now(narrow)
    assert place.prove("alice", "theirs").reason == "no_password"
    assert place.directories.asked == []


def test_app_passwords_need_no_directory(place: Place) -> None:
    place.directories.trouble = Away("nobody listens")
    token = place.token(place.alice, tokens.APP_PASSWORD)
    assert place.prove("alice", token.key).reason == "accepted"
    assert place.directories.asked == []


def test_chap_and_mschapv2_say_that_the_password_is_elsewhere(tmp_path: Path) -> None:
    house = Network(tmp_path)
    try:
        source = house.sql.write_now(make)
        alice = house.user("alice")
        given = {"user": alice, "source": source.pk, "identifier": "id-of-alice"}
        house.sql.write_now(lambda tx: sources.connect(tx, given))
        assert house.ask("alice", mschapv2("theirs")).reason == "password_is_elsewhere"
    finally:
        house.close()


def test_nobody_chooses_a_password_here_that_would_count_nowhere(place: Place) -> None:
    judged = run(judge(place.services.store, place.passwords, place.alice, "a long and unlikely passphrase"))
    assert judged.sentences == ["This account's password is kept in House. Change it there."]
    judged = run(judge(place.services.store, place.passwords, place.bob, "a long and unlikely passphrase"))
    assert not judged.sentences
