"""Backups: everything comes back, to either database; what is not whole changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, inspect

from control.records import RadiusNas, Record
from control.store.backup import Backup, Damaged
from control.store.interface import AlreadyExists, Transaction
from control.store.migrations import upgrade
from control.store.sql import NewerStore, SqlStore, copying
from control.store.sql.copying import read_all
from control.store.sql.schema import SCHEMA_REVISION
from outpost.__main__ import main
from outpost.commands import backups
from outpost.folder_lock import claim
from tests.conformance.store import ONE_OF_EACH
from tests.control.store.postgresql import Server

PASSPHRASE = "correct horse battery"
EXAMPLE = Path(__file__).parents[3] / "examples" / "first-hour.yml"
_numbers = count(1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no settings but the passphrase; guesses are cheap."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("OUTPOST_", "AUTHENTIK_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OUTPOST_BACKUP_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(backups, "MEMORY_KIB", 64)
    return tmp_path


@pytest.fixture
def filled(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The address of a store in ``data``, with what the README's example makes."""
    assert main(["apply", str(EXAMPLE)]) == 0
    capsys.readouterr()
    return f"sqlite:///{folder / 'data' / 'outpost.sqlite3'}"


def rows(url: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in read_all(url):
        table = found.setdefault(part.table, [])
        table += [json.dumps(dict(zip(part.columns, row, strict=True)), sort_keys=True) for row in part.rows]
    return {table: sorted(lines) for table, lines in found.items()}


def tables(url: str) -> list[str]:
    engine = create_engine(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def failed(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 1
    return capsys.readouterr().err


def test_everything_comes_back(filled: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(filled)
    assert len(before["user"]) > 1
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    assert (folder / "here.backup").stat().st_mode & 0o777 == 0o600
    assert b"akadmin" not in (folder / "here.backup").read_bytes()
    monkeypatch.setenv("OUTPOST_DATA_DIR", "elsewhere")
    assert main(["restore", "here.backup"]) == 0
    assert rows(f"sqlite:///{folder / 'elsewhere' / 'outpost.sqlite3'}") == before
    assert (folder / "elsewhere" / "secret.key").read_text() == (folder / "data" / "secret.key").read_text()
    assert main(["explain", "--user", "akadmin", "--application", "grafana"]) in (0, 1), "the store opens"


@pytest.mark.peer
def test_from_sqlite_to_postgresql_and_back(
    filled: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgresql_server: Server,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the commands, with something in every table."""
    key = (folder / "data" / "secret.key").read_text().strip()
    fill_every_table(filled, key)
    before = rows(filled)
    assert all(before.values()), [table for table, lines in before.items() if not lines]
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0

    database = f"backup{next(_numbers)}"
    there = postgresql_server.new_database(database)
    elsewhere = {**postgresql_server.settings(database), "OUTPOST_SECRET_KEY": key, "OUTPOST_DATA_DIR": "elsewhere"}
    with monkeypatch.context() as on_postgresql:
        for name, value in elsewhere.items():
            on_postgresql.setenv(name, value)
        assert main(["restore", "here.backup"]) == 0
        assert rows(there) == before
        assert "--replace" in failed(capsys, "restore", "here.backup")
        store = SqlStore(there, (key,))
        nas = store.read_now(lambda tx: tx.find(RadiusNas, name="ap"))
        store.close()
        assert nas is not None
        assert nas.shared_secret == "geheim"
        assert main(["backup", "--without-secret-key", "there.backup"]) == 0
    assert main(["restore", "--replace", "there.backup"]) == 0
    assert rows(filled) == before


def fill_every_table(url: str, key: str) -> None:
    store = SqlStore(url, (key,))
    for record in ONE_OF_EACH:
        with suppress(AlreadyExists):  # alice, whom the example made
            store.write_now(partial(_insert, record=record))
    store.close()


def _insert(tx: Transaction, record: Record) -> None:
    tx.insert(record)


def test_at_a_terminal_it_asks_and_takes_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked = list[str]()

    def answering(*answers: str) -> Callable[[str], str]:
        left = list(answers)

        def ask(question: str) -> str:
            asked.append(question)
            return left.pop(0)

        return ask

    taken = {one: backups.with_secret_key(None, answering(one)) for one in ("", "y", "n", "what?")}
    assert taken == {"": True, "y": True, "n": False, "what?": False}
    assert "whoever has lost the key cannot, either" in asked[0]
    assert backups.with_secret_key(False, answering()) is False
    assert backups.passphrase_of(None, True, answering(PASSPHRASE, PASSPHRASE)) == PASSPHRASE
    assert backups.passphrase_of(None, False, answering(PASSPHRASE)) == PASSPHRASE
    with pytest.raises(backups.Failed, match="The two passphrases differ"):
        backups.passphrase_of(None, True, answering(PASSPHRASE, f"{PASSPHRASE}x"))
    with pytest.raises(backups.Failed, match="at least 12"):
        backups.passphrase_of(None, True, answering("short", "short"))


def test_what_is_there_stays_unless_it_is_given_up(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    assert "--replace" in failed(capsys, "restore", "here.backup")
    assert main(["throttles", "clear"]) == 0
    assert main(["restore", "--replace", "here.backup"]) == 0


def damages(whole: bytes) -> Iterator[bytes]:
    yield whole[:-1]
    yield whole[: len(whole) // 2]
    yield whole + b"x"
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        yield whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


def test_a_damaged_backup_changes_nothing(filled: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    before, whole = rows(filled), (folder / "here.backup").read_bytes()
    for damaged in damages(whole):
        (folder / "damaged.backup").write_bytes(damaged)
        assert failed(capsys, "restore", "--replace", "damaged.backup").startswith("outpost: damaged.backup is ")
    assert rows(filled) == before


def test_another_passphrase_opens_nothing(
    filled: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    monkeypatch.setenv("OUTPOST_BACKUP_PASSPHRASE", PASSPHRASE + "x")
    assert "Is the passphrase right?" in failed(capsys, "restore", "--replace", "here.backup")


def test_without_the_secret_key_it_has_to_be_there(
    filled: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["backup", "--without-secret-key", "here.backup"]) == 0
    assert "no secret key" in capsys.readouterr().out
    monkeypatch.setenv("OUTPOST_DATA_DIR", "elsewhere")
    monkeypatch.setenv("OUTPOST_SECRET_KEY", "quite another key, 0123456789 abcdefgh")
    assert "under another secret key" in failed(capsys, "restore", "here.backup")
    assert not tables(f"sqlite:///{folder / 'elsewhere' / 'outpost.sqlite3'}")
    monkeypatch.setenv("OUTPOST_SECRET_KEY", (folder / "data" / "secret.key").read_text().strip())
    assert main(["restore", "here.backup"]) == 0


def test_what_others_keep_in_the_same_database_is_not_given_up(filled: str, folder: Path) -> None:
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    with closing(sqlite3.connect(folder / "data" / "outpost.sqlite3", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE authentik_core_user (name TEXT)")
        connection.execute("INSERT INTO authentik_core_user VALUES ('theirs')")
    assert main(["restore", "--replace", "here.backup"]) == 0
    with closing(sqlite3.connect(folder / "data" / "outpost.sqlite3")) as connection:
        assert connection.execute("SELECT name FROM authentik_core_user").fetchall() == [("theirs",)]


def test_tables_that_may_be_a_newer_versions_are_neither_given_up_nor_left_to_stand_in_its_way(
    filled: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever goes back a version restores the backup of before; the next upgrade makes the newer tables again."""
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    with closing(sqlite3.connect(folder / "data" / "outpost.sqlite3", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("CREATE TABLE of_later (pk INTEGER PRIMARY KEY)")
        told = failed(capsys, "restore", "--replace", "here.backup")
        assert "schema '9999', which this version does not know" in told
        assert "of_later" in told
        connection.execute("DROP TABLE of_later")
    assert main(["restore", "--replace", "here.backup"]) == 0


def test_where_another_program_counts_its_versions_in_the_same_table_nothing_is_restored(
    filled: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    monkeypatch.setenv("OUTPOST_DATA_DIR", "elsewhere")
    (folder / "elsewhere").mkdir(mode=0o700)
    with closing(sqlite3.connect(folder / "elsewhere" / "outpost.sqlite3", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('1975ea83b712')")
        for arguments in (["restore"], ["restore", "--replace"]):
            assert "another program's, of version '1975ea83b712'" in failed(capsys, *arguments, "here.backup")
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("1975ea83b712",)]
        connection.execute("DROP TABLE alembic_version")
    assert main(["restore", "here.backup"]) == 0


def test_what_was_no_installation_before_is_none_after_it_failed(
    filled: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a key nor a database that another start would take for its own."""
    assert main(["backup", "--without-secret-key", "without.backup"]) == 0
    assert main(["backup", "--with-secret-key", "whole.backup"]) == 0
    (folder / "cut.backup").write_bytes((folder / "whole.backup").read_bytes()[:-1])
    monkeypatch.setenv("OUTPOST_DATA_DIR", "elsewhere")
    assert "The backup has no secret key in it. Set" in failed(capsys, "restore", "without.backup")
    failed(capsys, "restore", "cut.backup")
    assert [path.name for path in (folder / "elsewhere").iterdir()] == ["lock"]
    assert main(["throttles"]) == 0
    shutil.copy(folder / "data" / "secret.key", folder / "elsewhere" / "secret.key")
    assert main(["restore", "--replace", "without.backup"]) == 0


def test_a_secret_key_that_contradicts_is_refused(
    filled: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    monkeypatch.setenv("OUTPOST_SECRET_KEY", "quite another key, 0123456789 abcdefgh")
    assert "not the key in the backup" in failed(capsys, "restore", "--replace", "here.backup")


def test_no_file_is_overwritten_and_old_ones_go(filled: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = folder / "kept"
    kept.mkdir()
    for day in range(1, 5):
        (kept / f"outpost-2026010{day}T000000Z.backup").write_text("old")
    (kept / "mine.backup").write_text("mine")
    assert main(["backup", "--with-secret-key", "--keep", "2", "kept"]) == 0
    assert len(list(kept.iterdir())) == 3
    assert (kept / "outpost-20260104T000000Z.backup").exists()
    assert (kept / "mine.backup").read_text() == "mine"
    (folder / "there.backup").write_text("mine")
    assert "exists already" in failed(capsys, "backup", "--with-secret-key", "there.backup")
    assert (folder / "there.backup").read_text() == "mine"


def test_where_some_are_kept_is_a_folder(filled: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nightly = ["backup", "--with-secret-key", "--keep", "2", "new/kept"]
    assert main(nightly) == 0
    [made] = (folder / "new" / "kept").iterdir()
    assert made.match("outpost-*.backup")
    assert (folder / "new" / "kept").stat().st_mode & 0o777 == 0o700
    (folder / "file").write_text("mine")
    assert "file cannot be used: File exists." in failed(capsys, *nightly[:-1], "file")
    assert (folder / "file").read_text() == "mine"


def test_nothing_is_decided_for_the_operator(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--with-secret-key or --without-secret-key" in failed(capsys, "backup", "here.backup")
    monkeypatch.setenv("OUTPOST_BACKUP_PASSPHRASE", "short")
    assert "at least 12" in failed(capsys, "backup", "--with-secret-key", "here.backup")
    monkeypatch.delenv("OUTPOST_BACKUP_PASSPHRASE")
    assert "OUTPOST_BACKUP_PASSPHRASE" in failed(capsys, "backup", "--with-secret-key", "here.backup")


def test_while_the_program_runs_nothing_is_restored(
    filled: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    with claim(folder / "data"):
        assert "Another outpost program runs" in failed(capsys, "restore", "--replace", "here.backup")


# --- of older and newer versions, and of nobody's -------------------------------------------------------------------


def made_of(schema: str, *lines: object) -> Backup:
    said = {"program": "1.0", "schema": schema, "made": 0.0, "secret_key": None}
    octets = b"".join(json.dumps(line).encode() + b"\n" for line in (said, *lines))
    return Backup([zlib.compress(octets)])


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=[pytest.mark.peer, pytest.mark.full])])
@pytest.mark.parametrize("schema", sorted(upgrade.known_revisions()))
def test_a_backup_of_an_older_version_is_brought_up_to_date(
    filled: str, folder: Path, schema: str, kind: str, request: pytest.FixtureRequest
) -> None:
    """Its rows are those of today, as far as the older tables had a place for them."""
    older = create_engine(f"sqlite:///{folder / 'older.sqlite3'}")
    with older.begin() as connection:
        upgrade.to(connection, schema)
        made = MetaData()
        made.reflect(connection)
    known = {table.name: set(table.columns.keys()) for table in made.sorted_tables}
    lines: list[object] = []
    counts: dict[str, int] = {}
    for part in read_all(filled):
        if part.table in known:
            columns = [name for name in part.columns if name in known[part.table]]
            lines.append({"table": part.table, "columns": columns})
            for row in part.rows:
                named = dict(zip(part.columns, row, strict=True))
                lines.append([named[name] for name in columns])
            counts[part.table] = counts.get(part.table, 0) + len(part.rows)
    backup = made_of(schema, *lines, {"counts": counts})
    key = (folder / "data" / "secret.key").read_text().strip()
    target = f"sqlite:///{folder / 'restored.sqlite3'}"
    if kind == "postgresql":
        target = request.getfixturevalue("postgresql_server").new_database(f"backup{next(_numbers)}")
    copying.write_all(target, key, backup.said.schema, backup.rows(), replace=False)
    assert rows(target)["user"] == rows(filled)["user"]
    older.dispose()


def test_a_newer_one_is_refused(folder: Path) -> None:
    backup = made_of("9999", {"counts": {}})
    with pytest.raises(NewerStore, match="newer version"):
        copying.write_all(f"sqlite:///{folder / 'x.sqlite3'}", "k" * 40, backup.said.schema, backup.rows(), False)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{"counts": {"user": 1}}],
        [[1, 2]],
        [{"table": "user", "columns": ["pk"]}],
        [{"file": "../x", "content": b64encode(b"x").decode()}, {"counts": {"files": 1}}],
        [{"file": "/etc/x", "content": b64encode(b"x").decode()}, {"counts": {"files": 1}}],
        [{"something": 1}],
    ],
)
def test_what_is_no_whole_backup_is_refused(lines: list[object]) -> None:
    backup = made_of(SCHEMA_REVISION, *lines)
    with pytest.raises(Damaged):
        list(backup.rows())


@pytest.mark.parametrize("octets", [b"", b"x", zlib.compress(b""), zlib.compress(b"[]\n"), zlib.compress(b"{}\n")])
def test_what_is_nothing_of_ours_is_refused(octets: bytes) -> None:
    with pytest.raises(Damaged):
        Backup([octets])


def test_templates_come_back(filled: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mine" / "email").mkdir(parents=True)
    (folder / "mine" / "email" / "hello.txt").write_text("hello")
    monkeypatch.setenv("OUTPOST_EMAIL__TEMPLATE_DIR", "mine")
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    (folder / "mine" / "email" / "hello.txt").unlink()
    assert main(["restore", "--replace", "here.backup"]) == 0
    assert (folder / "mine" / "email" / "hello.txt").read_text() == "hello"


def test_pictures_come_back(filled: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "pictures" / "public").mkdir(parents=True)
    (folder / "pictures" / "public" / "wiki.png").write_bytes(b"\x89PNG")
    monkeypatch.setenv("OUTPOST_STORAGE__FILE__PATH", "pictures")
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    (folder / "pictures" / "public" / "wiki.png").unlink()
    assert main(["restore", "--replace", "here.backup"]) == 0
    assert (folder / "pictures" / "public" / "wiki.png").read_bytes() == b"\x89PNG"


def test_what_links_lead_out_to_is_not_packed(filled: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = folder / "pictures"
    (pictures / "..2026").mkdir(parents=True)
    (pictures / "..2026" / "wiki.png").write_bytes(b"\x89PNG")
    (pictures / "wiki.png").symlink_to("..2026/wiki.png")
    (folder / "elsewhere").write_text("not ours")
    (pictures / "out.png").symlink_to(folder / "elsewhere")
    (folder / "linked").symlink_to(pictures)
    monkeypatch.setenv("OUTPOST_STORAGE__FILE__PATH", "linked")
    assert main(["backup", "--with-secret-key", "here.backup"]) == 0
    shutil.rmtree(pictures)
    pictures.mkdir()
    assert main(["restore", "--replace", "here.backup"]) == 0
    assert sorted(path.name for path in pictures.iterdir()) == ["..2026", "wiki.png"]
    assert (pictures / "wiki.png").read_bytes() == b"\x89PNG"
