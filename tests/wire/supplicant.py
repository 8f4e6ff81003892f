"""eapol_test: wpa_supplicant's own EAP peer, with a NAS around it. It believes no server whose keys do not match."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.wire import processes
from tests.wire.clients import run
from tests.wire.directory import SHARED_SECRET
from tests.wire.program import Program

TLS_1_3 = "tls_disable_tlsv1_3=0"
TLS_1_2 = "tls_disable_tlsv1_3=1"
SECONDS = 60
"""For one login, on a machine that others use, too."""


@dataclass(frozen=True)
class Login:
    text: str

    @property
    def succeeded(self) -> bool:
        """Let in, and the NAS and the device have the same keys."""
        return self.text.rstrip().endswith("SUCCESS") and "mismatch: 0" in self.text

    @property
    def resumed(self) -> int:
        """How many of the logins resumed a TLS session; tickets of TLS 1.3 tell of one handshake several times."""
        logins = self.text.split("CTRL-EVENT-EAP-SUCCESS")[:-1]
        return sum("OpenSSL: Handshake finished - resumed=1" in login for login in logins)

    @property
    def successes(self) -> int:
        return self.text.count("CTRL-EVENT-EAP-SUCCESS")

    @property
    def version(self) -> str:
        found = re.findall(r"Using TLS version (\S+)", self.text)
        return found[-1] if found else ""


def eapol_test(
    program: Program,
    folder: Path,
    *,
    eap: str,
    identity: str,
    password: str = "",
    phase1: str = TLS_1_2,
    phase2: str = "",
    options: tuple[str, ...] = (),
    server: tuple[str, int, str] | None = None,
    **further: str,
) -> Login:
    """``server``: address, port and secret of another one than the program. ``further``: lines of the network, such as
    ``client_cert``, as wpa_supplicant writes them."""
    path = folder / "eapol_test.conf"
    path.write_text(_network(eap, identity, password, phase1, phase2, further))
    host, port, secret = server or (*program.place("radius"), SHARED_SECRET)
    answer = run("eapol_test", "-c", str(path), "-a", host, "-p", str(port), "-s", secret, "-t", str(SECONDS), *options)
    return Login(answer.text)


@contextmanager
def logging_in(program: Program, folder: Path, times: int, **lines: str) -> Iterator[Callable[[], Login]]:
    """The same again and again, in the background, as `eapol_test` with ``-r``; the value tells how far it is,
    line by line."""
    path, log = folder / "eapol_test.conf", folder / "eapol_test.txt"
    eap, identity, password, phase1, phase2 = (
        lines.pop(name, "") for name in ("eap", "identity", "password", "phase1", "phase2")
    )
    path.write_text(_network(eap, identity, password, phase1, phase2, lines))
    host, port = program.place("radius")
    command = [
        "stdbuf",
        "-oL",
        "eapol_test",
        "-c",
        str(path),
        "-a",
        host,
        "-p",
        str(port),
        "-s",
        SHARED_SECRET,
        "-t",
        str(SECONDS),
    ]
    with log.open("wb") as out:
        process = processes.start([*command, "-r", str(times)], stdout=out, stderr=out)
    try:
        yield lambda: Login(log.read_text(errors="replace"))
    finally:
        processes.stop(process)


def _network(eap: str, identity: str, password: str, phase1: str, phase2: str, further: Mapping[str, str]) -> str:
    lines = {
        "key_mgmt": "WPA-EAP" if eap != "MSCHAPV2" else "IEEE8021X",
        "eap": eap,
        "identity": f'"{identity}"',
        "phase1": f'"{phase1}"',
        **({"password": f'"{password}"'} if password else {}),
        **({"phase2": f'"{phase2}"'} if phase2 else {}),
        **({"eapol_flags": "0"} if eap == "MSCHAPV2" else {}),
        **further,
    }
    return "network={\n" + "".join(f"  {name}={value}\n" for name, value in lines.items()) + "}\n"
