"""A program that stops: whoever is connected over LDAP is told (RFC 4511, 4.4.1), who has asked is answered, and who
never ends their question holds nothing up."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from outpost.app import DRAIN_SECONDS
from tests.wire.directory import PASSWORDS
from tests.wire.doors import Said, open_to_people
from tests.wire.pressure import by_credentials
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

ANONYMOUS = bytes.fromhex("300c020101600702010304008000")
"""A bind."""


def test_whoever_is_connected_hears_that_the_server_stops(tmp_path: Path) -> None:
    program = Program(tmp_path, "up").start()
    try:
        with socket.create_connection(program.place("ldap"), 30) as idle:
            idle.sendall(ANONYMOUS)
            assert idle.recv(4096)
            assert program.stop() == 0, program.output()
            said = b"".join(iter(lambda: idle.recv(4096), b""))
    finally:
        program.stop()
    assert b"1.3.6.1.4.1.1466.20036" in said
    assert b"This server stops." in said


def waiting(program: Program) -> int:
    """Logins that control is asked about now."""
    page = httpx.get(f"http://{program.ports['metrics'][0]}/metrics").text
    [count] = re.findall(r"^outpost_questions_waiting ([0-9.]+)$", page, re.MULTILINE)
    return int(float(count))


def test_who_has_asked_is_answered_and_an_unfinished_question_is_given_up(tmp_path: Path) -> None:
    """Wrong passwords, which are hashed each, are asked about until some of them are waited for."""
    program = Program(tmp_path, "up").start()
    try:
        open_to_people(program)
        with socket.create_connection(program.place("http"), 30) as unfinished, ThreadPoolExecutor(8) as pool:
            unfinished.sendall(b"POST /api/v3/core/groups/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            asked = [pool.submit(by_credentials, program, who, f"wrong-{who}") for who in list(PASSWORDS) * 3]
            until(lambda: waiting(program) >= 2, 10, "questions that wait", pause=0.0)
            began = time.monotonic()
            assert program.stop() == 0, program.output()
            took = time.monotonic() - began
            said = [one.result() for one in asked]
    finally:
        program.stop()
    assert said.count(Said.NO) >= 2
    assert took < DRAIN_SECONDS + 5
