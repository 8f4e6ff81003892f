"""Devices with nothing but a hardware address: knocking, added with one request, and let in with their VLAN and key."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.wire.clients import PATIENT, Answer, run
from tests.wire.directory import SHARED_SECRET, Directory, add_user
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

CALL_CHECK = "Service-Type = Call-Check"


class Floor:
    def __init__(self, program: Program, people: Directory, user: int) -> None:
        self.program, self.user = program, user
        self.provider = f"providers/radius/{people.providers['radius']}/"
        self.digits = ""
        self._addresses = count(0xA0)

    def asks(self, *attributes: str) -> Answer:
        host, port = self.program.place("radius")
        request = [
            f'User-Name = "{self.digits}"',
            f'User-Password = "{self.digits}"',
            f'Calling-Station-Id = "{self.address.replace(":", "-").upper()}"',
            "Message-Authenticator = 0x00",
            *attributes,
        ]
        return run(
            "radclient", "-x", *PATIENT, "-r", "1", f"{host}:{port}", "auth", SHARED_SECRET, stdin="\n".join(request)
        )

    @property
    def address(self) -> str:
        return ":".join(self.digits[at : at + 2] for at in range(0, 12, 2))

    def knocks(self) -> dict[str, Any] | None:
        """Until the door has heard that it lets devices in, they are people of unknown names to it. A new address each
        time: who has tried wrongly waits."""
        self.digits = f"02000000{next(self._addresses):04x}"
        assert "Access-Reject" in self.asks(CALL_CHECK).text
        try:
            return until(self.knock, 2, "the knock being listed")
        except AssertionError:
            return None

    def knock(self) -> dict[str, Any] | None:
        found = self.program.api("GET", "knocks/", query={"kind": "mac"})["results"]
        return next((one for one in found if one["what"].lower() == self.address.replace(":", "-")), None)


@pytest.fixture
def floor(program: Program, people: Directory) -> Iterator[Floor]:
    printer = add_user(program, "printer", "printer-password-1", group=people.groups["engineering"])
    made = Floor(program, people, printer)
    program.api("PATCH", made.provider, {"mac_authentication": True})
    yield made
    program.api("PATCH", made.provider, {"mac_authentication": False})
    program.api("DELETE", f"core/users/{printer}/")


def test_an_unknown_device_knocks_and_is_let_in_once_it_is_added(floor: Floor) -> None:
    knock = until(floor.knocks, SOON, "a knock")
    body = {**knock["add"]["body"], "user": floor.user}
    floor.program.api("POST", f"knocks/{knock['pk']}/add/", body)
    [device] = floor.program.api("GET", "radius/devices/", query={"address": floor.address})["results"]
    floor.program.api("PATCH", f"radius/devices/{device['pk']}/", {"vlan": "30", "psk": "a key of its own"})
    answer = until(lambda: _accepted(floor.asks()), SOON, "the device being let in")
    received = answer.text.partition("Received ")[2]
    assert 'Tunnel-Private-Group-Id:1 = "30"' in received, received
    assert 'Tunnel-Password:1 = "a key of its own"' in received, received
    floor.program.api("PATCH", f"radius/devices/{device['pk']}/", {"enabled": False})
    until(lambda: "Access-Reject" in floor.asks().text, SOON, "the device being refused")
    floor.program.api("DELETE", f"radius/devices/{device['pk']}/")


def _accepted(answer: Answer) -> Answer | None:
    return answer if answer.code == 0 else None
