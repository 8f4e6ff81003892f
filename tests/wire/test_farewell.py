"""A program that stops says so to whoever is connected over LDAP (RFC 4511, 4.4.1)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.wire.program import Program

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
