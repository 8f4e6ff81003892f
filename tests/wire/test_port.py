"""A real 802.1X port: it opens with PEAP and with a certificate, its session is known, and it closes when told to."""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.peers import require, require_root
from tests.readme import TREE
from tests.wire.clients import PATIENT, run
from tests.wire.directory import SHARED_SECRET, Directory, populate
from tests.wire.port import NAS_NAME, Machine, Room, Switch, Within
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

SECONDS = 60.0
"""For a busy machine: hostapd and wpa_supplicant wait for seconds themselves, now and then."""


@dataclass
class Floor:
    program: Program
    people: Directory
    rooms: tuple[Room, Room]
    """The switch's, and the machine's."""

    def live(self) -> dict[str, Any] | None:
        found = self.program.api("GET", "radius/sessions/", query={"live": "true"})["results"]
        return found[0] if found else None

    def session(self, pk: str) -> dict[str, Any]:
        found: dict[str, Any] = self.program.api("GET", f"radius/sessions/{pk}/")
        return found

    def gone(self, pk: str) -> dict[str, Any] | None:
        session = self.session(pk)
        return session if not session["live"] else None


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    require_root()
    for peer in ("hostapd", "wpa_supplicant"):
        require(peer)
    folder = tmp_path_factory.mktemp("port")
    room, machines = Room(), Room()
    program = Within(room, folder / "program")
    program.environ["OUTPOST_LISTEN__RADIUS"] = "0.0.0.0:0"
    program.start()
    try:
        yield Floor(program, populate(program), (room, machines))
    finally:
        code = program.stop()
        machines.close()
        room.close()
    assert code == 0, program.output()
    assert "Traceback" not in program.output(), program.output()


@pytest.fixture
def switch(floor: Floor, tmp_path: Path) -> Iterator[Switch]:
    made = Switch(*floor.rooms, floor.program, tmp_path)
    yield made
    made.close()


def test_a_password_opens_the_port_and_disabling_its_owner_closes_it(
    floor: Floor, switch: Switch, tmp_path: Path
) -> None:
    bob = floor.people.users["bob"]
    token = {"identifier": "bobs-desk", "intent": "network_password", "user": bob}
    floor.program.api("POST", "core/tokens/", token)
    password = floor.program.api("GET", "core/tokens/bobs-desk/view_key/")["key"]
    network = {"eap": "PEAP", "anonymous_identity": '"anonymous"', "identity": '"bob"', "phase2": '"auth=MSCHAPV2"'}
    with Machine(floor.rooms[1], tmp_path, **network, password=f'"{password}"') as machine:
        until(lambda: "CTRL-EVENT-CONNECTED" in machine.told(), SECONDS, "the port opening")
        session = until(floor.live, SECONDS, "the session being listed")
        assert (session["user"], session["username"], session["nas_name"]) == (bob, "bob", NAS_NAME)
        floor.program.api("PATCH", f"core/users/{bob}/", {"is_active": False})
        ended = until(lambda: floor.gone(session["pk"]), SECONDS, "the end of the session")
        assert (ended["outcome"], ended["order"]) == ("acknowledged", "disconnect")
        until(lambda: "AP-STA-DISCONNECTED" in switch.told(), SECONDS, "the port closing")
    with Machine(floor.rooms[1], tmp_path, **network, password=f'"{password}"') as machine:
        until(lambda: "CTRL-EVENT-EAP-FAILURE" in machine.told(), SECONDS, "the machine being refused")
    floor.program.api("PATCH", f"core/users/{bob}/", {"is_active": True})
    floor.program.api("DELETE", "core/tokens/bobs-desk/")


@pytest.mark.parametrize("end", ["revoked", pytest.param("by hand", marks=pytest.mark.full)])
def test_a_certificate_opens_the_port_until_it_is_revoked_or_somebody_closes_it(
    floor: Floor, switch: Switch, tmp_path: Path, end: str
) -> None:
    alice = floor.people.users["alice"]
    authority = floor.program.api("POST", "crypto/authorities/", {"name": f"Our own authority, {end}"})["pk"]
    provider = f"providers/radius/{floor.people.providers['radius']}/"
    floor.program.api("PATCH", provider, {"client_authorities": [authority]})
    asked = {"user": alice, "name": "alice's desk", "password": "one file"}
    issued = floor.program.api("POST", f"crypto/authorities/{authority}/issue/", asked)
    file = tmp_path / "alice.p12"
    file.write_bytes(base64.b64decode(issued["pkcs12"]))
    network = {"eap": "TLS", "identity": '"desk"', "private_key": f'"{file}"', "private_key_passwd": '"one file"'}
    with Machine(floor.rooms[1], tmp_path, **network) as machine:
        until(lambda: "CTRL-EVENT-CONNECTED" in machine.told(), SECONDS, "the port opening")
        session = until(floor.live, SECONDS, "the session being listed")
        assert session["user"] == alice
        revoking, closing = f"crypto/issued/{issued['pk']}/revoke/", f"radius/sessions/{session['pk']}/disconnect/"
        floor.program.api("POST", revoking if end == "revoked" else closing, {})
        until(lambda: floor.gone(session["pk"]), SECONDS, "the end of the session")
        until(lambda: "AP-STA-DISCONNECTED" in switch.told(), SECONDS, "the port closing")
    if end == "revoked":
        with Machine(floor.rooms[1], tmp_path, **network) as machine:
            until(lambda: "CTRL-EVENT-EAP-FAILURE" in machine.told(), SECONDS, "the machine being refused")


def test_115_the_address_that_a_nas_asks_is_the_one_that_answers(floor: Floor) -> None:
    """A radclient believes no other."""
    place = f"127.0.0.5:{floor.program.place('radius')[1]}"
    client = (*floor.rooms[0].enter, "radclient", "-x", *PATIENT, "-r", "1", place, "status", SHARED_SECRET)
    answer = run(*client, stdin="Message-Authenticator = 0x00\n")
    assert answer.code == 0, answer.text


RECIPES = re.findall(r"(?:^    .+\n)+", (TREE / "docs" / "clients" / "radius.md").read_text(), re.MULTILINE)
HOSTAPD = [one for one in RECIPES if "driver=" in one]
NO_DEVICE = ("Failed to initialize driver 'nl80211'", "wired driver initialization failed")
"""Behind the configuration: there is neither radio nor cable."""


@pytest.mark.parametrize("recipe", HOSTAPD, ids=["wired", "wifi"])
def test_hostapd_reads_the_recipes(recipe: str, floor: Floor, tmp_path: Path) -> None:
    def told(text: str) -> str:
        path = tmp_path / "hostapd.conf"
        path.write_text(textwrap.dedent(text).replace("...", SHARED_SECRET))
        return run(*floor.rooms[0].enter, require("hostapd"), str(path)).text

    assert any(reason in told(recipe) for reason in NO_DEVICE)
    assert "errors found in configuration file" in told(f"{recipe}    no_such_line=1\n")
