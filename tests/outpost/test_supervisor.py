"""What a service manager hears, on a real socket of its kind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from outpost.supervisor import ALIVE, READY, Supervisor

PID = 4711


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "notify"))
        one.setblocking(False)
        yield one


def heard(ear: socket.socket) -> list[str]:
    said = []
    while True:
        try:
            said.append(ear.recv(1000).decode())
        except BlockingIOError:
            return said


def test_it_hears_what_is_said_and_no_child_says_it(ear: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": ear.getsockname(), "PATH": "/bin"}
    Supervisor(environ, PID).tell(READY)
    assert heard(ear) == ["READY=1"]
    assert environ == {"PATH": "/bin"}


def test_a_name_without_a_file() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind("\0outpost-test-notify")
        Supervisor({"NOTIFY_SOCKET": "@outpost-test-notify"}, PID).tell(READY)
        assert one.recv(100) == b"READY=1"


def test_signs_of_life_come_three_times_as_often_as_they_must(ear: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(PID)}
    clock = Clock()
    Supervisor(environ, PID).keep_alive(clock)
    clock.pump([20, 20, 20])
    assert heard(ear) == [ALIVE] * 4


@pytest.mark.parametrize("more", [{}, {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}])
def test_nobody_waits_for_a_sign_of_life(ear: socket.socket, more: dict[str, str]) -> None:
    clock = Clock()
    Supervisor({"NOTIFY_SOCKET": ear.getsockname(), **more}, PID).keep_alive(clock)
    assert heard(ear) == []
    assert clock.getDelayedCalls() == []


def test_a_manager_that_is_gone_does_not_matter(tmp_path: Path) -> None:
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}, PID).tell(READY)
