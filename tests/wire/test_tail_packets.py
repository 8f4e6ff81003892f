"""`outpost tail --nas` on the outpost's machine: a radclient's packets as they come, by name, without a secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.wire import processes
from tests.wire.clients import radclient
from tests.wire.directory import PASSWORDS, SHARED_SECRET, Directory
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer


def test_tail_shows_the_packets_of_a_nas_while_it_runs(program: Program, people: Directory, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    command = [sys.executable, "-m", "outpost", "tail", "--nas", "127.0.0.1", "--json"]
    with told.open("wb") as out, (tmp_path / "complaints.txt").open("wb") as complaints:
        watching = processes.start(command, cwd=program.folder, env=program.environ, stdout=out, stderr=complaints)

    # Signed, since the address of these tests is pinned to that once another test of this program has shown it.
    signed = ('NAS-Identifier = "watched"', "Message-Authenticator = 0x00")

    def packets() -> list[dict[str, Any]]:
        radclient(program, "bob", PASSWORDS["bob"], attributes=signed)
        lines = [json.loads(line) for line in told.read_text().rpartition("\n")[0].splitlines()]
        return [line for line in lines if line.get("code") == "Access-Accept"] and lines

    try:
        lines = until(packets, SOON, "a login's packets")
    finally:
        processes.stop(watching)
    [asked, *_] = [line for line in lines if line.get("code") == "Access-Request"]
    attributes = dict(asked["attributes"])
    assert (attributes["User-Name"], attributes["NAS-Identifier"]) == ('"bob"', '"watched"')
    assert attributes["User-Password"] == "(16 octets)"
    for secret in (PASSWORDS["bob"], SHARED_SECRET):
        assert secret not in told.read_text()
