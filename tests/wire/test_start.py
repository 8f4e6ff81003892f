"""Starting: what it prints, how long a second start takes, and errors that are sentences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pace import slowness
from tests.wire.program import LOOPBACK, START_SECONDS, TOKEN, Program

READY_SECONDS = 3.0
"""Of one core at its usual pace: how long it takes by the clock is the machine's affair, and `make bench` prints it."""


@pytest.mark.parametrize("command", ["up", "control"])
def test_a_second_start_is_ready_in_time_and_keeps_everything(tmp_path: Path, command: str) -> None:
    program = Program(tmp_path, command).start()
    made = program.api("POST", "core/users/", {"username": "dora", "name": "Dora"})
    assert program.stop() == 0
    program.start()
    try:
        assert program.cpu_seconds < READY_SECONDS * slowness()
        assert program.api("GET", f"core/users/{made['pk']}/")["username"] == "dora"
    finally:
        assert program.stop() == 0


def test_a_taken_port_is_said_with_the_fix(tmp_path: Path, program: Program) -> None:
    host, port = program.place("ldap")
    second = Program(tmp_path, "up", OUTPOST_LISTEN__LDAP=f"{host}:{port}")
    with pytest.raises(AssertionError, match="is in use by another program"):
        second.start()
    assert second.stop() == 1
    assert "Traceback" not in second.output()


def test_a_wrong_secret_key_refuses_to_start(tmp_path: Path) -> None:
    program = Program(tmp_path, "up").start()
    assert program.stop() == 0
    other = Program(tmp_path, "up", OUTPOST_SECRET_KEY="fH2kQ8wZ5tN1vX7cM4bJ9rL6pD3gS0yE-test-two")
    with pytest.raises(AssertionError, match="another SECRET_KEY"):
        other.start()
    assert other.stop() != 0
    assert "Traceback" not in other.output()


def test_the_start_up_lines_name_ports_and_data_folder(program: Program) -> None:
    for one in program.programs:
        output = one.log.read_text()
        for place, *_ in one.ports.values():
            assert place in output
        assert str(one.folder / "data") in output
        assert LOOPBACK not in output


def test_healthcheck_says_whether_it_is_ready(program: Program, tmp_path: Path) -> None:
    for one in program.programs:
        answer = one.command("healthcheck")
        assert (answer.returncode, answer.stdout) == (0, "ready\n"), answer.stderr
    stopped = Program(tmp_path, "up", OUTPOST_LISTEN__HTTP="127.0.0.1:9").command("healthcheck")
    assert stopped.returncode == 1
    assert "nothing answers on 127.0.0.1 port 9" in stopped.stderr


@pytest.mark.peer
def test_curl_reads_the_api(program: Program) -> None:
    answer = subprocess.run(
        ["curl", "-sS", "-H", f"Authorization: Bearer {TOKEN}", f"{program.control.http}/api/v3/core/users/me/"],
        capture_output=True,
        text=True,
        check=True,
        timeout=START_SECONDS,
    )
    assert '"username":"akadmin"' in answer.stdout.replace(" ", "")


def test_a_data_folder_belongs_to_one_program(tmp_path: Path) -> None:
    first = Program(tmp_path, "up").start()
    try:
        ports = (tmp_path / "data" / "ports.json").read_text()
        second = Program(tmp_path, "up")
        answer = subprocess.run(
            [sys.executable, "-m", "outpost", "up"],
            env=second.environ,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        assert answer.returncode == 1
        assert "Another outpost program runs in the data folder" in answer.stderr
        assert (tmp_path / "data" / "ports.json").read_text() == ports
        assert first.is_ready()
    finally:
        assert first.stop() == 0
