"""`outpost up` backs itself up; what it made is good for another start."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

PASSPHRASE = "correct horse battery"
SECONDS = 60.0


def test_a_backup_is_made_beside_those_who_are_served(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    program = Program(tmp_path / "up", "up", OUTPOST_BACKUP__FOLDER=str(folder), OUTPOST_BACKUP_PASSPHRASE=PASSPHRASE)
    program.start()
    try:
        (made,) = until(lambda: list(folder.glob("outpost-*.backup")), SECONDS, "a backup")
        until(lambda: "A backup was made in" in program.output(), SECONDS, "saying so")
    finally:
        assert program.stop() == 0, program.output()
    assert [path.name for path in folder.iterdir()] == [made.name]
    other = Program(tmp_path / "other", "up", OUTPOST_BACKUP_PASSPHRASE=PASSPHRASE)
    restored = other.command("restore", str(made))
    assert restored.returncode == 0, restored.stderr
    assert "Restored what was stored at" in restored.stdout


def test_one_that_fails_leaves_an_event(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    environ = {"OUTPOST_BACKUP__FOLDER": str(folder), "OUTPOST_BACKUP_PASSPHRASE": "too short"}
    program = Program(tmp_path / "up", "up", **environ).start()

    def told() -> list[str]:
        events = program.api("GET", "events/events/", query={"action": "configuration_error"})["results"]
        return [event["context"]["message"] for event in events]

    try:
        (message,) = until(told, SECONDS, "the event")
        assert message.startswith("The scheduled backup has failed: The passphrase needs at least")
        assert list(folder.iterdir()) == []
    finally:
        assert program.stop() == 0, program.output()


def test_without_a_passphrase_it_does_not_start(tmp_path: Path) -> None:
    program = Program(tmp_path, "up", OUTPOST_BACKUP__FOLDER=str(tmp_path / "backups"))
    ended = program.command("up")
    assert ended.returncode == 1
    assert "OUTPOST_BACKUP__FOLDER needs OUTPOST_BACKUP_PASSPHRASE" in ended.stderr
