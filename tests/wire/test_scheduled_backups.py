"""`outpost up` backs itself up; what it made is good for another start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.wire.program import Program, until

pytestmark = [pytest.mark.peer, pytest.mark.timeout(400)]

PASSPHRASE = "correct horse battery"
SECONDS = 180.0
"""The process that backs up lets everybody else go first; it takes 3 seconds where nobody does."""
PAUSE = 0.5
"""Between questions: whoever asks all the time goes first, too."""


def test_a_backup_is_made_beside_those_who_are_served(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    older = [folder / f"outpost-2026010{day}T000000Z.backup" for day in (1, 2, 3)]
    for path in older:
        path.write_text("old")
        os.utime(path, (0, 0))
    asked = {"OUTPOST_BACKUP__FOLDER": str(folder), "OUTPOST_BACKUP__KEEP": "2"}
    program = Program(tmp_path / "up", "up", **asked, OUTPOST_BACKUP_PASSPHRASE=PASSPHRASE)
    program.start()
    try:
        (made,) = until(lambda: set(folder.glob("outpost-*.backup")).difference(older), SECONDS, "a backup", PAUSE)
        until(lambda: "A backup was made in" in program.output(), SECONDS, "saying so", PAUSE)
    finally:
        assert program.stop() == 0, program.output()
    assert set(folder.iterdir()) == {older[-1], made}
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
        (message,) = until(told, SECONDS, "the event", PAUSE)
        assert message.startswith("The scheduled backup has failed: The passphrase needs at least")
        assert list(folder.iterdir()) == []
    finally:
        assert program.stop() == 0, program.output()


def test_without_a_passphrase_it_does_not_start(tmp_path: Path) -> None:
    program = Program(tmp_path, "up", OUTPOST_BACKUP__FOLDER=str(tmp_path / "backups"))
    ended = program.command("up")
    assert ended.returncode == 1
    assert "OUTPOST_BACKUP__FOLDER needs OUTPOST_BACKUP_PASSPHRASE" in ended.stderr
