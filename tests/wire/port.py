"""A switch with one 802.1X port, and a machine at its other end: hostapd and wpa_supplicant over a veth pair.

Two network namespaces: in one stand the switch and the program, which has loopback to itself there; in the other the
machine, with nothing but its end of the cable.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tests.peers import require
from tests.wire import processes
from tests.wire.directory import SHARED_SECRET
from tests.wire.program import SOON, Program, until

T = TypeVar("T")

NEWNET = 0x40000000
"""CLONE_NEWNET, as `setns` wants it."""
NAS_NAME = "switch-1"
DAS_PORT = 3799


class Room:
    """A network namespace, for as long as its keeper lives."""

    def __init__(self) -> None:
        self._keeper = processes.start(["unshare", "--net", "sh", "-c", "ip link set lo up && exec sleep 3600"])
        self.path = f"/proc/{self._keeper.pid}/ns/net"
        until(self._is_up, SOON, "a network namespace")
        self.enter = ("nsenter", f"--net={self.path}")

    def _is_up(self) -> bool:
        assert self._keeper.poll() is None, "network namespaces cannot be made here"
        if os.readlink(self.path) == os.readlink("/proc/self/ns/net"):
            return False
        shown = subprocess.run(
            ["nsenter", f"--net={self.path}", "ip", "link"], capture_output=True, text=True, check=False
        )
        return "LOOPBACK,UP" in shown.stdout

    def run(self, *command: str) -> None:
        subprocess.run([*self.enter, *command], check=True, capture_output=True)

    def close(self) -> None:
        processes.stop(self._keeper)


class Within(Program):
    """`outpost up` in a room; whoever asks it, does so from there."""

    def __init__(self, room: Room, folder: Path) -> None:
        super().__init__(folder, "up")
        self.prefix = room.enter
        self._inside = ThreadPoolExecutor(1, initializer=_step_into, initargs=(room.path,))

    def _from_inside(self, work: Callable[[], T]) -> T:
        return self._inside.submit(work).result()

    def is_ready(self) -> bool:
        return self._from_inside(super().is_ready)

    def api(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        ask = super().api
        return self._from_inside(lambda: ask(method, path, body, **how))

    def stop(self, number: int = 15) -> int:
        code = super().stop(number)
        self._inside.shutdown()
        return code


def _step_into(path: str) -> None:
    """This thread, and no other."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "rb") as namespace:
        assert libc.setns(namespace.fileno(), NEWNET) == 0, os.strerror(ctypes.get_errno())


class Switch:
    """hostapd with a wired port, which asks and tells ``program``."""

    def __init__(self, room: Room, other: Room, program: Program, folder: Path) -> None:
        self._room = room
        room.run("ip", "link", "add", "port0", "type", "veth", "peer", "name", "machine0", "netns", other.path)
        room.run("ip", "link", "set", "port0", "up")
        other.run("ip", "link", "set", "machine0", "up")
        self._log = folder / "hostapd.txt"
        path = folder / "hostapd.conf"
        path.write_text(_hostapd(program.place("radius")[1], program.place("radius_acct")[1]))
        self._process = _logged([*room.enter, require("hostapd"), "-d", str(path)], self._log)
        until(lambda: "AP-ENABLED" in self.told(), SOON, "the switch")

    def told(self) -> str:
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        """The cable goes, too: whoever was refused at a port has to wait there for a minute."""
        processes.stop(self._process)
        self._room.run("ip", "link", "delete", "port0")


class Machine:
    """wpa_supplicant at the other end, with these lines of its network."""

    def __init__(self, room: Room, folder: Path, **network: str) -> None:
        path = folder / "wpa_supplicant.conf"
        lines = {"key_mgmt": "IEEE8021X", "eapol_flags": "0", **network}
        written = "".join(f"  {name}={value}\n" for name, value in lines.items())
        path.write_text(f"ap_scan=0\nnetwork={{\n{written}}}\n")
        self._log = folder / "wpa_supplicant.txt"
        self._process = _logged(
            [*room.enter, require("wpa_supplicant"), "-D", "wired", "-i", "machine0", "-c", str(path)], self._log
        )

    def told(self) -> str:
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        processes.stop(self._process)

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _logged(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as written:
        return processes.start(command, stdout=written, stderr=written)


def _hostapd(port: int, accounting: int) -> str:
    return f"""
interface=port0
driver=wired
logger_stdout=-1
logger_stdout_level=1
ieee8021x=1
use_pae_group_addr=1
own_ip_addr=127.0.0.1
nas_identifier={NAS_NAME}
auth_server_addr=127.0.0.1
auth_server_port={port}
auth_server_shared_secret={SHARED_SECRET}
acct_server_addr=127.0.0.1
acct_server_port={accounting}
acct_server_shared_secret={SHARED_SECRET}
radius_das_port={DAS_PORT}
radius_das_client=127.0.0.1 {SHARED_SECRET}
radius_das_require_event_timestamp=1
radius_das_require_message_authenticator=1
"""
