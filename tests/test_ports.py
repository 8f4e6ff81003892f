"""Ports that tests give to programs: nobody else has them, and nobody else is given them."""

from __future__ import annotations

import socket

import pytest

from tests import ports


def test_none_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "HIGHEST", ports.LOWEST + 20 * ports.SHARES)
    monkeypatch.setattr(ports, "TRIES", 10_000)
    monkeypatch.setattr(ports, "_given", set())
    found = [ports.free_port() for _ in range(10)]
    assert len(set(found)) == len(found)


def test_processes_that_share_the_tests_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "SHARES", 3)
    for share in range(3):
        monkeypatch.setattr(ports, "SHARE", share)
        assert {(ports.free_port() - ports.LOWEST) % 3 for _ in range(20)} == {share}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_one_that_somebody_has_is_not_given(kind: socket.SocketKind, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ports.free_port()
    monkeypatch.setattr(ports, "_given", set())
    monkeypatch.setattr("secrets.randbelow", lambda _: (taken - ports.LOWEST) // ports.SHARES)
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", taken))
        with pytest.raises(OSError, match="none was free"):
            ports.free_port()
    assert ports.free_port() == taken
