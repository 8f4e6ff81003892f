"""The link over TLS between whole programs: control by its pinned key, the outpost by its certificate."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from outpost.link.trust import pins_of
from tests.certificates import SERVER
from tests.readme import TREE, examples
from tests.wire.apart import Edge
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

SECONDS = 60
NOTHING: Mapping[str, str] = MappingProxyType({})


class Doubted(Edge):
    """It opens no door, as it has no directory."""

    start_seconds = 10.0


def come(folder: Path, control: Program, kind: type[Edge] = Edge, more: Mapping[str, str] = NOTHING) -> Edge:
    folder.mkdir()
    edge = kind(folder, control)
    edge.environ |= {"OUTPOST_HOST": f"https://{control.ports['https'][0]}", **more}
    return edge


def says(edge: Edge, sentence: str) -> None:
    """And is not let near: it ends afterwards."""
    try:
        with pytest.raises(AssertionError, match="opening its ports"):
            edge.start()
        until(lambda: sentence in edge.output(), SECONDS, f"“{sentence}”")
    finally:
        assert edge.stop() == 0, edge.output()


def pin_by_openssl(place: str) -> str:
    """As docs/link.md says."""
    (example,) = examples((TREE / "docs" / "link.md").read_text())
    commands = example.commands.replace("auth.example.com:9443", place)
    assert place in commands
    return subprocess.run(["bash", "-ec", commands], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.timeout(400)
def test_each_side_knows_the_other(tmp_path: Path) -> None:
    certificates = tmp_path / "control" / "certs"
    certificates.mkdir(parents=True)
    (certificates / "default.pem").write_text(SERVER.pem)
    (certificates / "default.key").write_text(SERVER.key_pem)
    control = Program(tmp_path / "control", "control").start()
    pin = {"OUTPOST_HOST_PINS": pin_by_openssl(control.ports["https"][0])}
    assert pin["OUTPOST_HOST_PINS"] == pins_of(SERVER.certificate)[0]
    own, key = tmp_path / "own.pem", tmp_path / "own.key"
    shown = {**pin, "OUTPOST_CLIENT_CERTIFICATE": str(own), "OUTPOST_CLIENT_KEY": str(key)}
    try:
        says(come(tmp_path / "no authority", control, Doubted), "its certificate is for another name")
        stranger = come(tmp_path / "no pin", control, Doubted, {"OUTPOST_HOST_PINS": "ab" * 32})
        says(stranger, "OUTPOST_HOST_PINS does not name")
        pinned = come(tmp_path / "pinned", control, more=pin)
        pinned.start()
        try:
            account = control.api("GET", f"core/tokens/ak-outpost-{pinned.outpost}-api/")["user"]
            authority = control.api("POST", "crypto/authorities/", {"name": "Outposts"})["pk"]
            issued = control.api("POST", f"crypto/authorities/{authority}/issue/", {"user": account, "name": "edge"})
            own.write_text(issued["certificate"])
            key.write_text(issued["private_key"])
            config = {"config": {"client_authority": "Outposts"}}
            control.api("PATCH", f"outposts/instances/{pinned.outpost}/", config)
            until(lambda: "it has shown none" in pinned.output(), SECONDS, "the token alone being too little")
        finally:
            assert pinned.stop() == 0, pinned.output()
        believed = come(tmp_path / "believed", control, more=shown)
        believed.start()  # ready: it has got its directory
        try:
            control.api("POST", f"crypto/issued/{issued['pk']}/revoke/", {})
            until(lambda: "revoked" in believed.output(), SECONDS, "the certificate being revoked")
        finally:
            assert believed.stop() == 0, believed.output()
        refused = control.api("GET", "events/events/", query={"action": "outpost_refused"})["results"]
        assert {event["client_ip"] for event in refused} == {"127.0.0.1"}
    finally:
        assert control.stop() == 0, control.output()
    assert "Traceback" not in control.output(), control.output()
