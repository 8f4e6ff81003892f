"""SIGHUP: what is in files is looked at again, and nobody who asks meanwhile notices."""

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
from tests.wire.everything import children
from tests.wire.program import Program, until
from tests.wire.test_ldap_tls import is_shown

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

NAME = "files.example.com"
SECONDS = 30.0
TIMES = 8
PAUSE = 0.25
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
    workers = children(shape.pid)
    ended = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(asks, program, ended, kept) for program in shape.programs for kept in (True, False)]
        try:
            for _ in range(TIMES):
                for program in shape.programs:
                    os.kill(program.pid, signal.SIGHUP)
                time.sleep(PAUSE)
            for program in shape.programs:
                pem = laid_down(program.folder / "certs")
                os.kill(program.pid, signal.SIGHUP)
                until(partial(is_shown, program, pem, NAME, "https"), SECONDS, "the certificate")
        finally:
            ended.set()
        assert min(one.result() for one in asking) > TIMES
    assert children(shape.pid) == workers


def asks(program: Program, ended: threading.Event, kept: bool) -> int:
    """How often: on one connection, or on one of its own each time. Raises when a request is dropped."""
    times = 0
    limits = httpx.Limits(max_keepalive_connections=1 if kept else 0)
    with httpx.Client(timeout=SECONDS, limits=limits) as client:
        while not ended.wait(0.02):
            assert client.get(program.http + READY).is_success
            times += 1
    return times


def laid_down(folder: Path) -> str:
    """A certificate, as an ACME client lays it down."""
    issued = issue(NAME, names=[x509.DNSName(NAME)])
    folder.mkdir(exist_ok=True)
    (folder / f"{NAME}.pem").write_text(issued.pem)
    (folder / f"{NAME}.key").write_text(issued.key_pem)
    return issued.pem
