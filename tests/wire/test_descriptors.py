"""A stranger's connections to one door, where the process may have few descriptors open: the other doors are served."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.protocols.ldap.peer import codes
from tests.wire.program import ANSWER_SECONDS, Program

pytestmark = pytest.mark.peer

SOFT, HARD = 100, 320
"""Allowed at the start, and at most. The program itself has some 40 open."""
OF_DOOR = HARD // 4
"""And of this peer, which may be a proxy: it is on this machine."""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    one = Program(tmp_path, "up")
    one.prefix = ("prlimit", f"--nofile={SOFT}:{HARD}")
    try:
        yield one.start()
    finally:
        one.stop()


def test_ldap_takes_no_descriptors_that_others_need(program: Program) -> None:
    """It takes what it is allowed, turns away whoever has too many (51), and every other door answers."""
    limit = next(line for line in Path(f"/proc/{program.pid}/limits").read_text().splitlines() if "open files" in line)
    assert limit.split()[3:5] == [str(HARD), str(HARD)]
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(program.place("ldap"), timeout=ANSWER_SECONDS))
            for _ in range(HARD)
        ]
        assert httpx.get(f"{program.http}/-/health/ready/", timeout=ANSWER_SECONDS).is_success
        assert program.api("GET", "core/users/")["results"]
        said = [one.recv(1024) for one in connections[OF_DOOR:]]
        assert {tuple(codes(octets)) for octets in said} == {((0, 51),)}
        connections[0].sendall(bytes.fromhex("300c020101600702010304008000"))
        assert codes(connections[0].recv(1024)) == [(1, 0)]
