"""The system's settings and the mail server in files: what a file says of them is its own, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from control.apply.changes import shown
from control.mail import server
from control.passwords.rules import DEFAULT_LENGTH
from control.records import MailServer, Setting
from control.store.interface import Transaction
from control.verbs import system
from settings.yaml_lines import read_yaml
from tests.control.apply.places import NOTHING, Place, a_place

SAID = """
settings:
  system:
    base_url: https://auth.example.com
    password_length: 14
  mail:
    host: smtp.example.com
    port: 587
    use_tls: true
    username: outpost
    password: env://SMTP_PASSWORD
    from_address: outpost@example.com
"""
SECRET = "secret-of-the-mail-server"


@pytest.fixture(autouse=True)
def _secret(place: Place) -> None:
    place.environ["SMTP_PASSWORD"] = SECRET


def mail(place: Place) -> MailServer:
    found: MailServer = place.read(server.stored)
    return found


def read(place: Place) -> system.SystemFields:
    found: system.SystemFields = place.read(system.read)
    return found


def by_hand(place: Place, **given: object) -> None:
    place.write(lambda tx: system.change(tx, given))


def test_what_a_file_says_is_made_and_made_once(place: Place) -> None:
    before = place.revision
    planned = shown(place.plan(SAID), coloured=False)
    assert planned[:2] == ["~ settings system", '    base_url: "" -> https://auth.example.com']
    assert f"    password_length: {DEFAULT_LENGTH} -> 14" in planned
    assert "    password: null -> (secret)" in planned
    assert SECRET not in str(planned)
    assert place.revision == before
    assert place.apply(SAID) == [
        "changed settings system: base_url, password_length",
        "changed settings mail: host, port, username, password, use_tls, from_address",
    ]
    assert (read(place).base_url, read(place).password_length) == ("https://auth.example.com", 14)
    assert (mail(place).host, mail(place).password, mail(place).use_tls) == ("smtp.example.com", SECRET, True)
    revision = place.revision
    assert place.apply(SAID) == NOTHING
    assert place.revision == revision


def test_drift_is_shown_and_mended_and_what_is_not_said_is_nobodys_business(place: Place) -> None:
    place.apply(SAID)
    by_hand(place, base_url="https://elsewhere.example.com", password_digits=2)
    assert shown(place.plan(SAID), coloured=False) == [
        "~ settings system",
        "    base_url: https://elsewhere.example.com -> https://auth.example.com",
        "1 to change",
    ]
    place.write(lambda tx: server.change(tx, {"password": "another"}))
    assert place.apply(SAID) == ["changed settings system: base_url", "changed settings mail: password"]
    assert read(place).password_digits == 2
    assert mail(place).password == SECRET


def test_what_is_no_longer_said_stays_is_told_once_and_is_nobodys(place: Place) -> None:
    place.apply(SAID)
    fewer = "settings: {system: {base_url: https://auth.example.com}}\n"
    told = place.apply(fewer)
    assert told[0] == "settings system: password_length is no longer described, and stays as it is"
    assert "settings mail: password is no longer described, and stays as it is" in told
    assert not any(line.startswith("changed") for line in told)
    assert (read(place).password_length, mail(place).password) == (14, SECRET)
    assert place.apply(fewer) == NOTHING
    assert place.apply("settings: {system: {password_length: 15}}\n", "another.yml") == [
        "changed settings system: password_length"
    ]
    assert place.apply("users: {}\n") == [
        "settings system: base_url is no longer described, and stays as it is",
    ]
    assert read(place).base_url == "https://auth.example.com"


def test_two_files_do_not_fight_over_a_field(place: Place) -> None:
    place.apply(SAID)
    other = "settings: {system: {password_digits: 1, base_url: https://other.example.com}}\n"
    assert place.refused(other, "other.yml") == [
        "other.yml: line 1: settings.system.base_url: is said by 'apply:ours' already; change it there"
    ]
    place.apply("settings: {system: {password_digits: 1}}\n", "other.yml")
    assert place.apply(SAID) == NOTHING
    assert read(place).password_digits == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("settings: {sytem: {}}", "line 1: settings.sytem: unknown name; did you mean 'system'?"),
        ("settings: {system: {base_uri: x}}", "settings.system.base_uri: unknown field; did you mean 'base_url'?"),
        ("settings: {system: {base_url: here}}", "settings.system.base_url: Enter a valid URL"),
        ("settings: {system: 7}", "settings.system: must hold fields below it, indented"),
        ("settings: {mail: {use_tls: true, use_ssl: true}}", "settings.mail: Choose STARTTLS or TLS"),
        ("settings: {mail: {host: x, username: a, password: b}}", "settings.mail: A password is sent over TLS only"),
        ("settings: {mail: {password: env://NOT_THERE}}", "settings.mail.password: points at the variable NOT_THERE"),
        ("settings: {system: {password_length: }}", "settings.system.password_length: This field may not be null"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(place: Place, text: str, sentence: str) -> None:
    (line,) = place.refused(text)
    assert sentence in line


def test_a_fault_elsewhere_leaves_them_alone(place: Place) -> None:
    assert place.refused(f"{SAID}\ngroups: {{staff: {{users: [nobody]}}}}\n")
    assert (read(place).base_url, mail(place).host) == ("", "")


def test_an_export_has_them_without_the_secret_and_makes_the_same_elsewhere(place: Place, tmp_path: Path) -> None:
    for name in ("fresh", "second"):
        (tmp_path / name).mkdir()
    fresh, second = a_place(tmp_path / "fresh"), a_place(tmp_path / "second")
    by_hand(place, enrollment="invitation", event_retention="days=30")
    place.write(lambda tx: server.change(tx, {"host": "localhost", "username": "o", "password": SECRET}))
    exported = place.export(fresh)
    assert SECRET not in exported
    assert "#   SETTINGS_MAIL_PASSWORD\n" in exported
    assert read_yaml(exported).value == {
        "adopt": True,
        "settings": {
            "system": {"event_retention": "days=30", "enrollment": "invitation"},
            "mail": {"host": "localhost", "username": "o", "password": "env://SETTINGS_MAIL_PASSWORD"},
        },
    }
    second.environ["SETTINGS_MAIL_PASSWORD"] = SECRET
    second.apply(exported)
    assert mail(second) == mail(place)
    assert second.export(fresh) == exported
    assert read_yaml(place.export(fresh, everything=False)).value == {}
    place.apply("settings: {system: {unenrollment: false, event_retention: days=30}}\n")
    owned = read_yaml(place.export(fresh, everything=False)).value
    assert owned == {"settings": {"system": {"event_retention": "days=30", "unenrollment": False}}}
    fresh.close()
    second.close()


def test_nothing_is_kept_of_files_that_say_nothing_of_them(place: Place) -> None:
    def kept(tx: Transaction) -> set[str]:
        return {setting.pk for setting in tx.select(Setting)}

    before = place.read(kept)
    place.apply("users: {bob: {}}\n")
    assert place.read(kept) == before
