"""A login through PAM: pam_radius asks for a password, and for the code that a second factor wants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import require, require_root, unpacked
from tests.wire.clients import Answer
from tests.wire.directory import PASSWORDS, SHARED_SECRET, Directory, add_user
from tests.wire.doors import hear_of
from tests.wire.namespaces import Namespace
from tests.wire.program import SOON, Program, until
from tests.wire.test_radius_second_factor import PASSWORD, Grace

pytestmark = pytest.mark.peer

HERE = "127.0.0.91"
"""Where it asks from: it signs nothing, and from where somebody has signed, everybody has to (DESIGN D26)."""


class Machine:
    """Whose service ``outpost`` asks us."""

    def __init__(self, program: Program, folder: Path) -> None:
        (module,) = unpacked("libpam-radius-auth").rglob("pam_radius_auth.so")
        servers = folder / "servers"
        servers.write_text(f"127.0.0.1:{program.place('radius')[1]} {SHARED_SECRET} 10 {HERE}\n")
        servers.chmod(0o600)
        services = folder / "pam.d"
        services.mkdir()
        (services / "outpost").write_text(f"auth required {module} conf={servers}\n")
        self._inside = Namespace(folder, ["sleep", "3600"], instead={"/etc/pam.d": services})
        until(
            lambda: self._inside.run("test", "-e", "/etc/pam.d/outpost").code == 0, SOON, "the machine's own services"
        )

    def login(self, who: str, *typed: str) -> Answer:
        return self._inside.run(
            "pamtester", "outpost", who, "authenticate", stdin="".join(f"{line}\n" for line in typed)
        )

    def stop(self) -> None:
        self._inside.stop()


@pytest.fixture(scope="module")
def machine(program: Program, people: Directory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    require_root()
    for peer in ("pamtester", "unshare"):
        require(peer)
    made = Machine(program, tmp_path_factory.mktemp("pam"))
    yield made
    made.stop()


def test_a_password_lets_in_and_a_guess_does_not(machine: Machine) -> None:
    right = machine.login("bob", PASSWORDS["bob"])
    assert right.code == 0, right.text
    wrong = machine.login("bob", "a guess")
    assert wrong.code != 0, wrong.text


def test_a_code_is_asked_for_behind_the_password(program: Program, people: Directory, machine: Machine) -> None:
    pk = add_user(program, "heidi", PASSWORD, group=people.groups["engineering"])
    heidi = Grace(program, pk)
    hear_of(program, "heidi")
    try:
        right = machine.login("heidi", PASSWORD, heidi.codes[0])
        assert right.code == 0, right.text
        assert "Enter the one-time code" in right.text
        wrong = machine.login("heidi", PASSWORD, "000000")
        assert wrong.code != 0, wrong.text
    finally:
        program.api("DELETE", f"core/users/{pk}/")
