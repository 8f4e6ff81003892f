"""eapol_test as a load: wpa_supplicant's own EAP peer, in C, several at once, each logging in again and again.

It checks every login: the methods, the server's certificate, and that both ends have the same keys.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.load import SLACK_SECONDS, LoadFailed
from benchmarks.harness.people import SHARED_SECRET
from benchmarks.harness.processes import LOAD_CORE, Server

AT_ONCE = 8
"""Enough to keep one server busy while the others reckon, and fewer than may try for one account at a time."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to log in. ``lines``: of wpa_supplicant's network, by name."""

    name: str
    lines: Mapping[str, str]
    network_password: bool = False
    """It takes a device's own password, where the person's does not do."""

    def but(self, **lines: str) -> Way:
        return Way(self.name, {**self.lines, **lines}, self.network_password)


@dataclass(frozen=True, slots=True)
class Logins:
    count: int
    resumed: int
    seconds: float
    cpu_seconds: tuple[float, ...]
    """Of each server that takes part."""

    @property
    def cpu_ms(self) -> float:
        """All servers together."""
        return sum(self.cpu_seconds) * 1000 / self.count

    def resumed_ms(self, full: Logins) -> float:
        """Of each that resumed: what is left when the others took as long as ``full`` ones do."""
        return (sum(self.cpu_seconds) * 1000 - (self.count - self.resumed) * full.cpu_ms) / self.resumed

    @property
    def rate(self) -> float:
        return self.count / self.seconds


def log_in(folder: Path, port: int, way: Way, again: int, resume: bool, servers: Sequence[Server]) -> Logins:
    """`AT_ONCE` devices, each once and ``again`` times more. Raises LoadFailed unless every login succeeds."""
    folder.mkdir(exist_ok=True)
    lines = {"key_mgmt": "WPA-EAP", **way.lines}
    network = "".join(f"  {name}={value}\n" for name, value in lines.items())
    file = folder / "network.conf"
    file.write_text(f"fast_reauth={int(resume)}\nnetwork={{\n{network}}}\n")
    command = ["taskset", "--cpu-list", str(LOAD_CORE), "eapol_test", "-c", str(file), "-a", "127.0.0.1"]
    command += ["-p", str(port), "-s", SHARED_SECRET, "-t", "30", "-r", str(again)]
    before = [server.cpu_seconds() for server in servers]
    began = time.monotonic()
    said = [folder / f"device-{number}.log" for number in range(AT_ONCE)]
    running = []
    for log in said:
        with log.open("wb") as out:
            running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT))
    try:
        for one in running:
            one.wait(SLACK_SECONDS * 2)
    except subprocess.TimeoutExpired:
        raise LoadFailed("eapol_test did not end") from None
    finally:
        for one in running:
            if one.poll() is None:
                one.kill()
                one.wait()
    seconds = time.monotonic() - began
    spent = tuple(server.cpu_seconds() - was for server, was in zip(servers, before, strict=True))
    count = resumed = 0
    for log in said:
        text = log.read_text(errors="replace")
        logins = text.count("CTRL-EVENT-EAP-SUCCESS")
        if not text.rstrip().endswith("SUCCESS") or "mismatch: 0" not in text or logins != again + 1:
            raise LoadFailed(f"eapol_test, {way.name}: {logins} of {again + 1} logins: {text.rstrip()[-300:]!r}")
        count += logins
        parts = text.split("CTRL-EVENT-EAP-SUCCESS")[:-1]
        resumed += sum("OpenSSL: Handshake finished - resumed=1" in part for part in parts)
        log.unlink()
    return Logins(count, resumed, seconds, spent)
