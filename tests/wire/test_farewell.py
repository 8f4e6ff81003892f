"""A program that stops: whoever is connected over LDAP is told (RFC 4511, 4.4.1), who has asked is answered, and who
never ends their question holds nothing up."""

from __future__ import annotations

import re
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from outpost.listeners.http import BODY_TIMEOUT
from tests.wire.directory import HOST
from tests.wire.doors import open_to_people
from tests.wire.journeys import basic
from tests.wire.program import ANSWER_SECONDS, SOON, Program, until

pytestmark = pytest.mark.peer

ANONYMOUS = bytes.fromhex("300c020101600702010304008000")
"""A bind."""
QUESTION = """\
GET /outpost.goauthentik.io/auth/nginx HTTP/1.1\r
Host: {host}\r
X-Original-URL: http://{host}/\r
Authorization: {credentials}\r
Connection: close\r
\r
"""
AT_ONCE = 16


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


class Strangers:
    """Each asks once, on a connection of their own, with a password that has to be hashed before it is refused."""

    def __init__(self, program: Program, stack: ExitStack) -> None:
        self._program, self._stack = program, stack
        self._metrics = stack.enter_context(httpx.Client(timeout=ANSWER_SECONDS))
        self._asking: list[socket.socket] = []

    def waiting(self) -> int:
        """Of how many control is asked now; some more come if those who came have been answered already."""
        page = self._metrics.get(f"http://{self._program.ports['metrics'][0]}/metrics").text
        [found] = re.findall(r"^outpost_questions_waiting ([0-9.]+)$", page, re.MULTILINE)
        if float(found) < 2:
            for _ in range(AT_ONCE):
                self._come()
            return 0
        return int(float(found))

    def _come(self) -> None:
        connection = socket.create_connection(self._program.place("http"), ANSWER_SECONDS)
        credentials = basic(f"stranger-{len(self._asking)}", "wrong")
        self._asking.append(self._stack.enter_context(connection))
        connection.sendall(QUESTION.format(host=HOST, credentials=credentials).encode())

    def answered(self) -> int:
        return sum(_said(one).startswith(b"HTTP/1.1 401 ") for one in self._asking)


def _said(one: socket.socket) -> bytes:
    try:
        return one.recv(4096)
    except ConnectionError:
        return b""


def test_who_has_asked_is_answered_and_an_unfinished_question_is_given_up(tmp_path: Path) -> None:
    """Strangers come until some of them are waited for."""
    program = Program(tmp_path, "up").start()
    try:
        open_to_people(program)
        with ExitStack() as stack:
            unfinished = stack.enter_context(socket.create_connection(program.place("http"), ANSWER_SECONDS))
            unfinished.sendall(b"POST /api/v3/core/groups/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            strangers = Strangers(program, stack)
            waited = until(strangers.waiting, SOON, "questions that wait", pause=0.0)
            began = time.monotonic()
            assert program.stop() == 0, program.output()
            took = time.monotonic() - began
            assert strangers.answered() >= waited
    finally:
        program.stop()
    assert took < BODY_TIMEOUT / 2, "as long as it might have waited for the rest"
