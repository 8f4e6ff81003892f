"""`outpost backup` as somebody types it for the first time: it asks what it has to know, and says what hangs on it."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.wire import processes
from tests.wire.program import Program

PASSPHRASE = "correct horse battery"
SECONDS = 60.0


def typed(program: Program, command: Sequence[str], *answers: tuple[str, str]) -> tuple[int, str]:
    """Exit code, and what the terminal showed. Each answer is typed when its question stands there."""
    ours, theirs = pty.openpty()
    try:
        line = [sys.executable, "-m", "outpost", *command]
        started = processes.start(
            line,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=program.folder,
            env=program.environ,
            start_new_session=True,
        )
        os.close(theirs)
        shown, waiting, end = "", list(answers), time.monotonic() + SECONDS
        while True:
            if waiting and waiting[0][0] in shown:
                os.write(ours, f"{waiting.pop(0)[1]}\n".encode())
            assert time.monotonic() < end, shown
            if select.select([ours], [], [], 0.1)[0]:
                octets = b""
                with suppress(OSError):  # nobody has the other end any more
                    octets = os.read(ours, 4096)
                if not octets:
                    break
                shown += octets.decode()
        assert waiting == [], shown
        return started.wait(SECONDS), shown
    finally:
        os.close(ours)


def test_the_first_backup_asks_about_the_secret_key_and_says_what_is_lost(tmp_path: Path) -> None:
    program = Program(tmp_path, "up", OUTPOST_SECRET_KEY="")
    key = ("Put the secret key into the backup? [Y/n]", "")
    twice = (("Passphrase of the backup:", PASSPHRASE), ("The same again:", PASSPHRASE))
    code, shown = typed(program, ["backup", "here.backup"], key, *twice)
    assert code == 0, shown
    assert "whoever has lost the key cannot, either" in shown
    assert PASSPHRASE not in shown  # it is not echoed
    assert (tmp_path / "here.backup").exists()

    secret = (tmp_path / "data" / "secret.key").read_text()
    (tmp_path / "data" / "secret.key").unlink()
    (tmp_path / "data" / "outpost.sqlite3").unlink()
    code, shown = typed(program, ["restore", "here.backup"], twice[0])
    assert code == 0, shown
    assert (tmp_path / "data" / "secret.key").read_text() == secret
