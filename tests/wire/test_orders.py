"""From an administrator's click to the NAS: live sessions end within seconds, and what the NAS says is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.protocols.radius.nas_side import attribute
from tests.wire.clients import accounting
from tests.wire.directory import Directory, add_user
from tests.wire.nas import COA_ACK, DISCONNECT_NAK, Nas, is_order
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

SECONDS = 60.0
"""For a busy machine; it takes one or two."""


class Floor:
    """A switch with one port, on which somebody is."""

    def __init__(self, program: Program, people: Directory, user: int) -> None:
        self.program, self.user = program, user
        self._provider = f"providers/radius/{people.providers['radius']}/"

    def serve(self, nas: Nas) -> None:
        self.program.api("PATCH", self._provider, {"coa_port": nas.port})

    def come(self) -> str:
        """The Acct-Session-Id of a new session."""
        name = f"of-user-{self.user}"
        answer = accounting(
            self.program,
            f'Acct-Session-Id = "{name}"',
            "Acct-Status-Type = Start",
            f'Class = "outpost:user:{self.user}"',
            'NAS-Identifier = "switch-9"',
            'Calling-Station-Id = "02-00-00-00-00-09"',
        )
        assert answer.code == 0, answer.text
        until(lambda: self.sessions(name), SECONDS, "the session being listed")
        return name

    def sessions(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.program.api("GET", "radius/sessions/", query={"session": name})["results"]
        return found

    def named(self, name: str) -> list[bytes]:
        return [attribute(32, b"switch-9"), attribute(44, name.encode()), attribute(31, b"02-00-00-00-00-09")]

    def concluded(self, name: str) -> dict[str, Any]:
        def done() -> dict[str, Any] | None:
            [found] = self.sessions(name)
            return found if found["outcome"] not in ("", "asked") else None

        return until(done, SECONDS, "the order being concluded")


@pytest.fixture
def floor(program: Program, people: Directory) -> Iterator[Floor]:
    user = add_user(program, "frank", "frank-password-1", group=people.groups["engineering"])
    made = Floor(program, people, user)
    yield made
    program.api("DELETE", f"core/users/{user}/")
    program.api("PATCH", f"providers/radius/{people.providers['radius']}/", {"coa_port": 0})


def test_112_disabling_somebody_ends_their_session_at_the_nas(floor: Floor) -> None:
    with Nas() as nas:
        floor.serve(nas)
        name = floor.come()
        floor.program.api("PATCH", f"core/users/{floor.user}/", {"is_active": False})
        until(lambda: nas.heard, SECONDS, "the Disconnect-Request")
        assert is_order(nas.heard[0], 40, *floor.named(name))
        ended = floor.concluded(name)
    assert (ended["live"], ended["outcome"], ended["why"]) == (False, "acknowledged", "inactive")


def test_112_a_refusal_of_the_nas_is_told(floor: Floor) -> None:
    with Nas(DISCONNECT_NAK, error=501) as nas:
        floor.serve(nas)
        name = floor.come()
        [session] = floor.sessions(name)
        floor.program.api("POST", f"radius/sessions/{session['pk']}/disconnect/", {})
        refused = floor.concluded(name)
    assert (refused["live"], refused["outcome"], refused["why"]) == (True, "refused", "Administratively-Prohibited")


def test_a_session_is_moved_to_another_vlan_by_hand(floor: Floor) -> None:
    with Nas(COA_ACK) as nas:
        floor.serve(nas)
        name = floor.come()
        [session] = floor.sessions(name)
        vlan = {"attributes": [{"name": "Tunnel-Private-Group-ID", "value": "20", "tag": 1}]}
        floor.program.api("POST", f"radius/sessions/{session['pk']}/coa/", vlan)
        assert floor.concluded(name)["outcome"] == "acknowledged"
    assert is_order(nas.heard[0], 43, *floor.named(name))
    assert nas.heard[0].endswith(attribute(81, b"\x0120"))
