"""A directory that is asked itself, and what it is told before it is trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from control.apply.changes import told
from control.moving_in import Access, CannotRead, Coming, Found, Import, ask_foreign, ldap
from control.moving_in.ldif import read
from control.records import User
from protocols.ldap import filter_text, ldif
from tests.control.apply.places import NOTHING, Place
from tests.control.moving_in.test_ldif import DIRECTORY, SSHA
from tests.control.sources.ldap.abroad import BASE, SERVICE, SERVICE_PASSWORD, Abroad
from tests.control.stores import drive

ADDRESS = f"ldap://directory.example.org/{BASE}"
ENVIRON = {"IMPORT_PASSWORD": SERVICE_PASSWORD}
AS_READER = Access(ENVIRON, SERVICE)


def holding(text: str) -> Abroad:
    entries = [entry for entry in ldif.read(text.encode().splitlines()) if isinstance(entry, ldif.Entry)]
    return Abroad({entry.dn: entry.attributes for entry in entries})


def fetched(abroad: Abroad, access: Access = AS_READER, address: str = ADDRESS) -> Found:
    return drive(ldap.fetch(address, access, abroad.dial))


def sentences(found: Found) -> str:
    return "\n".join(found.told())


def test_it_is_understood_as_its_file_would_be(place: Place) -> None:
    abroad = holding(DIRECTORY)
    found, of_file = fetched(abroad), read(DIRECTORY.encode())
    assert found.sections == of_file.sections
    assert found.clear == of_file.clear == {"frank": "in-the-clear"}
    assert set(found.left) == set(of_file.left)
    assert found.told() == ["cn=staff,ou=groups,dc=example,dc=com: group staff: nobody here is cn=nobody,dc=elsewhere"]
    assert abroad.said == ["starttls", "bind", "search"]
    assert abroad.closed == 1

    def brought() -> list[str]:
        coming = Coming("ldap", Path("theirs"), fetched(abroad))
        return told(drive(Import(place.store, place.passwords, os.urandom, coming).run(lambda line: None)))

    assert "created group engineers" in brought()
    erin = place.find(User, username="Erin")
    assert (erin.password, erin.managed, place.members("engineers")) == (SSHA, "import:ldap", {"Erin"})
    assert brought() == NOTHING


def test_who_is_locked_there_comes_locked() -> None:
    """What shows it is operational, and is shown only to whom names it."""
    abroad = Abroad()
    abroad.person("erin", "x", pwdAccountLockedTime="000001010000Z")
    assert fetched(abroad).sections["users"]["erin"]["is_active"] is False
    assert {"pwdAccountLockedTime", "nsAccountLock"} <= set(ldap.ATTRIBUTES)


def test_members_that_come_in_parts_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    abroad = Abroad(part=2)
    abroad.group("crew", *(abroad.person(f"u{number}", "x") for number in range(5)))
    assert fetched(abroad).sections["groups"]["crew"]["users"] == [f"u{number}" for number in range(5)]
    monkeypatch.setattr(ldap, "MOST_PARTS", 1)
    with pytest.raises(CannotRead, match="more values of member than are read"):
        fetched(abroad)


def test_what_it_kept_to_itself_is_told() -> None:
    abroad = Abroad(references=2)
    abroad.person("erin", "x")
    del abroad.entries[f"uid=erin,{BASE}"]["userPassword"]
    text = sentences(fetched(abroad, Access()))
    assert abroad.said == ["starttls", "search"]
    assert f"{BASE}: it says that more is at another server (a referral)" in text
    assert f"{BASE}: showed no passwords" in text
    with pytest.raises(CannotRead, match="no entries below dc=example,dc=org; name an account"):
        fetched(Abroad(), Access())


def test_a_filter_in_the_address_says_who(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap, "TOLD_EVERY", 1)
    abroad, heard = Abroad(), list[str]()
    abroad.person("erin", "x")
    abroad.person("frank", "x")
    found = fetched(abroad, Access(ENVIRON, SERVICE, tell=heard.append), f"{ADDRESS}??sub?(uid=e%72in)")
    assert abroad.filters == [filter_text.parse("(uid=erin)")]
    assert set(found.sections["users"]) == {"erin"}
    assert heard == ["1 entries read"]


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("directory.ldif", "is no address of a directory"),
        ("https://directory.example.org/dc=x", "is no address of a directory"),
        ("ldaps://directory.example.org", "say below which entry"),
        ("ldaps://directory.example.org/nothing", "is no address of a directory"),
        ("ldaps://directory.example.org/dc=x?cn", "only a base and a filter"),
        ("ldaps://directory.example.org/dc=x??one", "only a base and a filter"),
        ("ldaps://directory.example.org/dc=x??sub?(uid=", "is no address of a directory"),
        ("ldaps://directory.example.org/dc=x??sub?(uid=a)?!x", "only a base and a filter"),
    ],
)
def test_an_address_that_is_none_is_told_before_anybody_is_asked(address: str, sentence: str) -> None:
    abroad = Abroad(is_away=True)
    with pytest.raises(CannotRead, match=sentence):
        fetched(abroad, address=address)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(CannotRead, match="what stands before the @") as refused:
        drive(ask_foreign("ldap", "ldaps://cn=reader:very-secret@directory.example.org/dc=x", AS_READER))
    assert "very-secret" not in str(refused.value)


@pytest.mark.parametrize("address", [ADDRESS, f"ldaps://127.0.0.1/{BASE}", f"ldap://127.example.org/{BASE}"])
def test_without_tls_only_this_machine_is_asked(address: str) -> None:
    abroad = Abroad()
    abroad.person("erin", "x")
    bare = Access(ENVIRON, SERVICE, without_tls=True)
    with pytest.raises(CannotRead, match="this machine alone"):
        fetched(abroad, bare, address)
    assert abroad.said == []
    assert fetched(abroad, bare, f"ldap://127.0.0.1:3890/{BASE}").sections["users"]
    assert abroad.said == ["bind", "search"]


def test_no_password_goes_to_a_server_that_takes_no_tls() -> None:
    abroad = Abroad(takes_tls=False)
    with pytest.raises(CannotRead, match="StartTLS was refused"):
        fetched(abroad)
    assert (abroad.said, abroad.bound) == (["starttls"], [])


def test_the_password_is_of_the_environment_or_typed() -> None:
    asked = list[str]()

    def prompt(text: str) -> str:
        asked.append(text)
        return SERVICE_PASSWORD

    abroad = Abroad()
    abroad.person("erin", "x")
    assert fetched(abroad, Access({}, SERVICE, prompt=prompt)).lines
    assert asked == [f"The password of {SERVICE}: "]
    assert fetched(abroad, Access(ENVIRON, SERVICE, prompt=prompt)).lines
    assert len(asked) == 1
    for nobody in (Access({}, SERVICE), Access({}, SERVICE, prompt=lambda text: "")):
        with pytest.raises(CannotRead, match=f"put the password of {SERVICE} into IMPORT_PASSWORD"):
            fetched(abroad, nobody)
    with pytest.raises(CannotRead, match="result 49: the name or the password is wrong") as refused:
        fetched(abroad, Access({"IMPORT_PASSWORD": "not-hers"}, SERVICE))
    assert "not-hers" not in str(refused.value)
    assert "not-hers" not in repr(Access({"IMPORT_PASSWORD": "not-hers"}))


def test_an_authority_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(CannotRead, match="holds no certificate"):
        fetched(Abroad(), Access(authority=tmp_path / "text.pem"))
    with pytest.raises(CannotRead, match="cannot be read"):
        fetched(Abroad(), Access(authority=tmp_path / "nowhere.pem"))


def test_a_silent_and_an_endless_directory_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    abroad = Abroad()
    abroad.person("erin", "x")
    with pytest.raises(CannotRead, match="nobody listens"):
        fetched(Abroad(is_away=True))
    monkeypatch.setattr(ldap, "SECONDS", 0.05)
    with pytest.raises(CannotRead, match="no answer for 0 seconds"):
        fetched(Abroad(answers=lambda octets: b""))
    monkeypatch.undo()
    monkeypatch.setattr(ldap, "MOST_OCTETS", 10)
    with pytest.raises(CannotRead, match="it has more than 0 MiB"):
        fetched(abroad)
