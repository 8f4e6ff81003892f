"""What becomes of lldap's people and groups; the database is one with lldap's tables, of schema 10."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from control.moving_in import CannotRead, read_foreign
from control.moving_in.lldap import read
from control.records import Group, User
from tests.control.apply.places import NOTHING, Place
from tests.control.moving_in.places import bring_octets

TABLES = """
CREATE TABLE users (user_id varchar(255) PRIMARY KEY, email varchar(255), lowercase_email varchar(255),
    display_name varchar(255), creation_date datetime, password_hash blob, totp_secret varchar(64),
    mfa_type varchar(64), uuid varchar(36));
CREATE TABLE groups (group_id integer PRIMARY KEY AUTOINCREMENT, display_name varchar(255) UNIQUE,
    creation_date datetime, uuid varchar(36), lowercase_display_name varchar(255));
CREATE TABLE memberships (user_id varchar(255), group_id integer, PRIMARY KEY (user_id, group_id));
CREATE TABLE user_attribute_schema (user_attribute_schema_name varchar(64) PRIMARY KEY,
    user_attribute_schema_type varchar(64), user_attribute_schema_is_list boolean);
CREATE TABLE user_attributes (user_attribute_user_id varchar(255), user_attribute_name varchar(64),
    user_attribute_value blob, PRIMARY KEY (user_attribute_user_id, user_attribute_name));
CREATE TABLE group_attribute_schema (group_attribute_schema_name varchar(64) PRIMARY KEY,
    group_attribute_schema_type varchar(64), group_attribute_schema_is_list boolean);
CREATE TABLE group_attributes (group_attribute_group_id integer, group_attribute_name varchar(64),
    group_attribute_value blob, PRIMARY KEY (group_attribute_group_id, group_attribute_name));
INSERT INTO user_attribute_schema VALUES ('first_name', 'String', 0), ('avatar', 'JpegPhoto', 0),
    ('phones', 'String', 1), ('number', 'Integer', 0), ('odd', 'Matrix', 0);
INSERT INTO users (user_id, email, display_name, password_hash) VALUES
    ('erin', 'erin@example.com', 'Erin Example', x'00'), ('frank', 'frank@example.com', NULL, NULL);
INSERT INTO groups (group_id, display_name) VALUES (1, 'lldap_admin'), (4, 'staff');
INSERT INTO memberships VALUES ('erin', 1), ('erin', 4), ('frank', 4);
"""


def text(value: str) -> bytes:
    """As bincode writes it."""
    return len(value).to_bytes(8, "little") + value.encode()


VALUES = {
    "first_name": text("Erin"),
    "avatar": text("JPEG"),
    "phones": (2).to_bytes(8, "little") + text("1") + text("22"),
    "number": (-7).to_bytes(8, "little", signed=True),
    "odd": b"?",
}


def database(path: Path, values: dict[str, bytes], journal: str = "delete") -> bytes:
    with closing(sqlite3.connect(path)) as opened:
        opened.execute(f"PRAGMA journal_mode = {journal}")
        opened.executescript(TABLES)
        for name, value in values.items():
            opened.execute("INSERT INTO user_attributes VALUES ('erin', ?, ?)", (name, value))
        opened.commit()
    return path.read_bytes()


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_people_groups_and_attributes_twice(place: Place, tmp_path: Path, journal: str) -> None:
    octets = database(tmp_path / "users.db", VALUES, journal)
    done, left = bring_octets(place, "lldap", octets)
    assert done == ["created user erin", "created user frank", "created group staff"]
    assert left == [
        "row 1: a password that lldap alone can verify (OPAQUE); its user needs a new one",
        "row 1: group lldap_admin is about rights in lldap; left out",
        "row 5: odd of a user is not understood",
    ]
    erin, frank = place.find(User, username="erin"), place.find(User, username="frank")
    assert (erin.name, erin.email, frank.name, erin.password) == ("Erin Example", "erin@example.com", "frank", None)
    assert erin.attributes == {"givenName": "Erin", "jpegPhoto": "SlBFRw==", "phones": ["1", "22"], "number": -7}
    assert place.members("staff") == {"erin", "frank"}
    assert place.find(Group, name="staff").is_superuser is False
    assert bring_octets(place, "lldap", octets)[0] == NOTHING


@pytest.mark.parametrize(
    "value",
    [b"", text("Erin")[:-1], text("Erin") + b"x", b"\xff" * 8, text("Erin")[:8] + b"\xff\xfe\xff\xfe"],
    ids=["nothing", "cut", "more", "huge", "no text"],
)
def test_a_value_that_is_not_what_it_says_is_left_out(tmp_path: Path, value: bytes) -> None:
    found = read(database(tmp_path / "users.db", {"first_name": value}))
    assert found.sections["users"]["erin"]["attributes"] == {}
    assert "row 1: first_name of a user is not understood" in found.told()


def test_what_is_no_database_of_lldaps(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("users:")
    with pytest.raises(CannotRead, match="is no database of SQLite"):
        read_foreign("lldap", tmp_path / "text.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE users (name text)")
    with pytest.raises(CannotRead, match=r"no database of lldap 0\.5 or newer"):
        read_foreign("lldap", tmp_path / "other.db")
    whole = database(tmp_path / "users.db", {})
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CannotRead, match="lldap"):
        read_foreign("lldap", tmp_path / "cut.db")
