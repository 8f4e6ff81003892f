"""Starting: what it prints, how long a second start takes, and errors that are sentences."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.wire.program import LOOPBACK, Program

READY_SECONDS = 3.0


def test_a_second_start_is_ready_in_time_and_keeps_everything(tmp_path: Path) -> None:
    program = Program(tmp_path, "up").start()
    made = program.api("POST", "core/users/", {"username": "dora", "name": "Dora"})
    assert program.stop() == 0
    program.start()
    try:
        assert program.seconds_to_start < READY_SECONDS
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
    output = program.output()
    for listener in ("http", "ldap", "radius"):
        assert program.ports[listener][0] in output
    assert str(program.folder / "data") in output
    assert LOOPBACK not in output


def test_curl_reads_the_api(program: Program) -> None:
    from tests.wire.program import TOKEN

    answer = subprocess.run(
        ["curl", "-sS", "-H", f"Authorization: Bearer {TOKEN}", f"{program.http}/api/v3/core/users/me/"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert '"username":"akadmin"' in answer.stdout.replace(" ", "")
