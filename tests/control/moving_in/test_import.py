"""What an import does to what is here already: it adds, and nobody gets rights by it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from control import moving_in
from control.commands import CommandFailed
from control.file_commands import export_text, import_file
from control.moving_in import ASKED, READERS, CannotRead, Found, read_foreign
from control.records import Application, Binding, Group, Provider, User
from control.verbs import groups, users
from outpost.commands.files_help import IMPORTED
from settings import load
from tests.control.apply.places import NOTHING, Place
from tests.control.moving_in.places import bring
from tests.control.moving_in.test_authelia import RULES
from tests.control.moving_in.test_ldif import DIRECTORY, SSHA, group, people
from tests.control.moving_in.test_oauth2_proxy import CONFIGURATION
from tests.control.stores import drive


def test_whoever_is_here_stays_as_they_are(place: Place) -> None:
    place.write(lambda tx: users.create(tx, {"username": "erin", "name": "Ours"}))
    done, left = bring(place, "ldif", people("cn: Theirs", f"userPassword: {SSHA}"))
    assert (done, left) == (
        NOTHING,
        ["line 1: user erin is there already, and stays as it is; with --adopt it is taken over"],
    )
    assert place.find(User, username="erin").name == "Ours"


def test_names_are_known_again_however_they_are_spelled(place: Place) -> None:
    bring(place, "ldif", people() + group("staff", "member: uid=erin,dc=x") + group("all", "member: cn=staff,dc=x"))
    again = people(name="ERIN") + group("Staff", "memberUid: Erin") + group("ALL", "member: cn=staff,dc=x")
    assert bring(place, "ldif", again) == (["changed user erin: name"], [])
    assert place.members("staff") == {"erin"}


def test_asked_to_it_takes_over_but_no_password_of_anybody(place: Place) -> None:
    place.write(lambda tx: users.create(tx, {"username": "erin", "name": "Ours", "attributes": {"desk": "4"}}))
    done, left = bring(place, "ldif", people("cn: Theirs", "title: Dr", f"userPassword: {SSHA}"), adopts=True)
    assert (done, left) == (["took over user erin", "changed user erin: name, attributes"], [])
    erin = place.find(User, username="erin")
    assert erin.attributes == {"desk": "4", "title": "Dr"}
    assert erin.password is None


@pytest.mark.parametrize("adopts", [False, True])
def test_what_a_file_owns_stays_the_files(place: Place, adopts: bool) -> None:
    place.apply("users: {erin: {name: Ours}}\n")
    done, left = bring(place, "ldif", people("cn: Theirs"), adopts)
    assert (done, left) == (
        NOTHING,
        ["line 1: user erin is there already, and belongs to 'apply:ours'; it stays as it is"],
    )


@pytest.mark.parametrize("adopts", [False, True])
def test_whoever_holds_rights_is_handed_to_nobody_by_a_file(place: Place, adopts: bool) -> None:
    """A file that says who they are could say where their next password is sent."""
    top = place.write(lambda tx: groups.create(tx, {"name": "admins", "is_superuser": True}))
    below = place.write(lambda tx: groups.create(tx, {"name": "crew", "parents": [top.pk]}))
    bring(place, "ldif", people("mail: erin@example.com"))
    erin = place.find(User, username="erin")
    place.write(lambda tx: tx.add_members(below.pk, [erin.pk]))
    done, left = bring(place, "ldif", people("mail: eve@example.com"), adopts)
    assert done == NOTHING
    assert "holds rights here" in left[0]
    assert place.find(User, username="erin").email == "erin@example.com"


def test_nobody_becomes_a_superuser_by_a_file(place: Place) -> None:
    top = place.write(lambda tx: groups.create(tx, {"name": "admins", "is_superuser": True}))
    place.write(lambda tx: groups.create(tx, {"name": "below", "parents": [top.pk]}))
    text = people() + group("Admins", "member: uid=erin,dc=x", "member: cn=mine,dc=x") + group("mine")
    text += group("below", "member: uid=erin,dc=x")
    done, left = bring(place, "ldif", text, adopts=True)
    assert done == ["created user erin", "created group mine"]
    assert [line.partition(": ")[2] for line in left] == [
        "group Admins is there already, and gives rights here; it stays as it is. Add its members by hand",
        "group mine: is not put below Admins, which stays as it is",
        "group below is there already, and gives rights here; it stays as it is. Add its members by hand",
    ]
    assert place.members("admins") == place.members("below") == set()
    assert place.find(Group, name="mine").parents == ()


def test_whoever_was_deactivated_here_stays_so(place: Place) -> None:
    found = Found()
    found.take("users", "erin", {"name": "E", "is_active": True}, 1)
    coming = moving_in.Coming("authentik", Path("theirs"), found)
    work = moving_in.Import(place.store, place.passwords, os.urandom, coming)
    drive(work.run(lambda line: None))
    erin = place.find(User, username="erin")
    assert erin.is_active
    place.write(lambda tx: users.update(tx, erin.pk, {"is_active": False}))
    drive(work.run(lambda line: None))
    assert not place.find(User, username="erin").is_active


def test_a_group_that_was_given_rights_later_is_left_alone(place: Place) -> None:
    bring(place, "ldif", group("mine"))
    mine = place.find(Group, name="mine")
    place.write(lambda tx: tx.update(replace(mine, is_superuser=True)))
    bring(place, "ldif", people() + group("mine", "member: uid=erin,dc=x"), adopts=True)
    assert place.members("mine") == set()


def test_members_and_attributes_that_were_added_here_stay(place: Place) -> None:
    bring(place, "ldif", DIRECTORY)
    own = place.write(lambda tx: users.create(tx, {"username": "own", "name": "own"}))
    staff = place.find(Group, name="staff")
    place.write(lambda tx: groups.add_user(tx, staff.pk, own.pk))
    place.write(lambda tx: groups.update(tx, staff.pk, {"attributes": {"desk": "4"}}))
    assert bring(place, "ldif", DIRECTORY)[0] == NOTHING
    assert place.members("staff") == {"frank", "own"}
    assert bring(place, "ldif", group("staff"))[0] == NOTHING  # nor does a file that says less take anything away
    assert place.find(User, username="frank")


def test_a_file_may_be_handed_what_was_imported(place: Place) -> None:
    bring(place, "ldif", DIRECTORY)
    assert place.refused("users: {Erin: {name: E}}\n")
    place.apply("users: {Erin: {name: E, adopt: true}}\n")
    assert place.find(User, username="Erin").managed == "apply:ours"


def test_a_long_file_goes_in_slices_that_say_how_far_they_are(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(moving_in, "SLICE", 2)
    file = tmp_path / "directory.ldif"
    text = "".join(people(name=f"u{n}") for n in range(5)) + group("all", *(f"member: uid=u{n},dc=x" for n in range(5)))
    file.write_text(text)
    settings, progress = load({"OUTPOST_DATA_DIR": str(tmp_path / "data")}), list[str]()
    planned = list(import_file(settings, "ldif", str(file), False, None))
    assert planned[-1] == "6 to create"
    done = list(import_file(settings, "ldif", str(file), False, progress.append))
    assert done == [*(f"created user u{n}" for n in range(5)), "created group all"]
    assert progress == ["2 of 6 records", "4 of 6 records", "6 of 6 records"]
    assert list(import_file(settings, "ldif", str(file), False, progress.append)) == NOTHING
    assert "users: [u0, u1, u2, u3, u4]" in export_text(settings, True)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load({"OUTPOST_DATA_DIR": str(tmp_path / "data")})
    with pytest.raises(CommandFailed, match="nowhere: cannot be read"):
        list(import_file(settings, "ldif", str(tmp_path / "nowhere"), False, None))
    monkeypatch.setattr(moving_in, "LARGEST_FILE", 10)
    (tmp_path / "long").write_text("x" * 11)
    with pytest.raises(CannotRead, match="is larger than"):
        read_foreign("ldif", tmp_path / "long")


def test_the_command_line_names_every_kind() -> None:
    assert (*READERS, *ASKED) == IMPORTED


def test_whatever_names_a_group_means_it_however_it_is_spelled_here(place: Place) -> None:
    place.write(lambda tx: groups.create(tx, {"name": "Admins"}))
    bring(place, "authelia", RULES)
    rules = place.find(Provider, name="wiki.example.com").settings["access_rules"]
    assert rules[2]["groups"] == [place.find(Group, name="Admins").pk]
    place.write(lambda tx: groups.create(tx, {"name": "STAFF"}))
    bring(place, "oauth2-proxy", CONFIGURATION.replace("wiki.example", "third.example"))
    application = place.find(Application, slug="third-example-com")
    assert place.find(Binding, target=application.pk).group == place.find(Group, name="STAFF").pk
