"""SIGHUP, new certificates, other settings: in force at once, and nobody who asks meanwhile notices, at any door."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from tests.certificates import issue
from tests.wire.apart import Apart
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.doors import Said, open_to_people
from tests.wire.everything import children
from tests.wire.pressure import Try, by_credentials, by_ldap, by_radius
from tests.wire.program import Program, until
from tests.wire.test_ldap_tls import is_shown

pytestmark = [pytest.mark.peer, pytest.mark.timeout(400)]

NAME = "files.example.com"
SECONDS = 60.0
TIMES = 8
PAUSE = 0.25
DOORS: list[Try] = [
    partial(by_ldap, patience=SECONDS),
    partial(by_credentials, patience=SECONDS),
    partial(by_radius, repeats=1, seconds=SECONDS),
]
"""The first packet has to be answered."""
READY = "/-/health/ready/"


@pytest.fixture
def shape(tmp_path: Path) -> Iterator[Apart]:
    """A control, and an outpost of two workers: all three kinds of processes."""
    apart = Apart(tmp_path)
    apart.environ["OUTPOST_WORKERS"] = "2"
    try:
        apart.start()
        yield apart
    finally:
        code = apart.stop()
    assert code == 0, apart.output()
    assert "Traceback" not in apart.output(), apart.output()


def test_nobody_who_asks_is_dropped_and_renewed_files_are_shown(shape: Apart) -> None:
    people = open_to_people(shape)
    workers = children(shape.pid)
    ended = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        told = Told()
        asking = [
            pool.submit(asks, program, ended, kept, told.next()) for program in shape.programs for kept in (True, False)
        ]
        asking += [pool.submit(comes_in, shape, door, ended, told.next()) for door in DOORS]
        try:
            for number in range(TIMES):
                for program in shape.programs:
                    os.kill(program.pid, signal.SIGHUP)
                change(shape, people, number)
                time.sleep(PAUSE)
            for program in shape.programs:
                pem = laid_down(program.folder / "certs")
                os.kill(program.pid, signal.SIGHUP)
                until(partial(is_shown, program, pem, NAME, "https"), SECONDS, "the certificate")
            until(lambda: told.least() > TIMES or any(one.done() for one in asking), SECONDS, "everybody asking often")
        finally:
            ended.set()
        for one in asking:
            one.result()
    assert children(shape.pid) == workers


def change(program: Program, people: Directory, number: int) -> None:
    """Something about every door, and about who comes in."""
    for kind, told in (
        ("ldap", {"search_mode": ("direct", "cached")[number % 2]}),
        ("radius", {"mfa_support": bool(number % 2)}),
        ("proxy", {"skip_path_regex": f"^/open-{number}/"}),
    ):
        program.control.api("PATCH", f"providers/{kind}/{people.providers[kind]}/", told)
    program.control.api("PATCH", f"core/users/{people.users['carol']}/", {"name": f"Carol {number}"})


class Told:
    """When each of those who ask was answered."""

    def __init__(self) -> None:
        self._times: list[list[float]] = []

    def next(self) -> list[float]:
        self._times.append([])
        return self._times[-1]

    def least(self) -> int:
        return min(map(len, self._times))


def comes_in(program: Program, door: Try, ended: threading.Event, told: list[float]) -> None:
    """Again and again, who may. Raises when they did not."""
    while not ended.wait(0.02):
        assert door(program, "bob", PASSWORDS["bob"]) is Said.YES
        told.append(time.monotonic())


def asks(program: Program, ended: threading.Event, kept: bool, told: list[float]) -> None:
    """On one connection, or on one of its own each time. Raises when a request is dropped."""
    limits = httpx.Limits(max_keepalive_connections=1 if kept else 0)
    with httpx.Client(timeout=SECONDS, limits=limits) as client:
        while not ended.wait(0.02):
            assert client.get(program.http + READY).is_success
            told.append(time.monotonic())


def laid_down(folder: Path) -> str:
    """A certificate, as an ACME client lays it down."""
    issued = issue(NAME, names=[x509.DNSName(NAME)])
    folder.mkdir(exist_ok=True)
    (folder / f"{NAME}.pem").write_text(issued.pem)
    (folder / f"{NAME}.key").write_text(issued.key_pem)
    return issued.pem
