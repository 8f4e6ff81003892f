"""``python -m benchmarks.scale`` (``make bench-scale``): many outposts on three controls and a PostgreSQL.

One outpost is real; the others are threads that follow as outposts do, and keep nothing but where they stand. Prints a
table, and writes it to ``--results``. Everything shares the cores of one machine: CPU tells more than seconds do.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_from_bytes

from benchmarks.harness import ours, wire
from benchmarks.harness.people import ADMINISTRATOR, BASE_DN, PASSWORD, people, user_dn
from benchmarks.harness.processes import Server, free_port
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.http import HELLO_HEADER, PATH
from protocols.link.replica import Replica
from tests.control.store import postgresql

CONTROLS = 3
PATIENCE = 300.0
REST = 0.5
"""Seconds before a thin client comes back; a real one waits between a quarter and three quarters of one."""
OCTETS = 1 << 16


class ThinClient:
    """Follows the controls at ``ports``, beginning with one of them, and counts."""

    def __init__(self, number: int, ports: list[int], token: str) -> None:
        self.replica = Replica()
        self.octets = 0
        self.connected = threading.Event()
        self.heard: dict[int, float] = {}
        """Revision to when it came."""
        self._number, self._token = number, token
        self._ports = itertools.cycle(ports[number % len(ports) :] + ports[: number % len(ports)])
        self._ended = False
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self, standing: Replica | None = None) -> None:
        """From where somebody else stands; None: from nothing."""
        if standing is not None:
            at = standing.standing
            self.replica.incarnation, self.replica.revision, self.replica.chain = at.incarnation, at.revision, at.chain
        self._thread.start()

    def stop(self) -> None:
        self._ended = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            connection.sock.close()

    def _follow(self) -> None:
        while not self._ended:
            try:
                self._follow_once(next(self._ports))
            except (OSError, http.client.HTTPException, ValueError):
                pass
            except RemoteProtocolError:
                self.replica.forget()
            self.connected.clear()
            time.sleep(REST)

    def _follow_once(self, port: int) -> None:
        hello = codec.encode(self.replica.hello(f"thin-{self._number}", "thin", "bench"))
        headers = {"Authorization": f"Bearer {self._token}", HELLO_HEADER: quote_from_bytes(hello)}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("GET", PATH, headers=headers)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"answered {answer.status}")
        for line in iter(answer.readline, b""):
            self.octets += len(line)
            self.replica.receive(codec.decode(line.rstrip(b"\n")))
            self.heard[self.replica.revision] = time.monotonic()
            if self.replica.revision:
                self.connected.set()


class Shape:
    def __init__(self, controls: list[Server], ports: list[int], outpost: Server, folder: Path) -> None:
        self.controls, self.ports, self.outpost, self.folder = controls, ports, outpost, folder
        self.clients: list[ThinClient] = []

    def cpu_seconds(self) -> float:
        return sum(control.cpu_seconds() for control in self.controls)

    def octets(self) -> int:
        return sum(client.octets for client in self.clients)


def running(stack: ExitStack, folder: Path, count: int) -> tuple[Shape, str]:
    database = stack.enter_context(postgresql.running())
    database.new_database("scale")
    settings: Mapping[str, str] = database.settings("scale")
    token = ours.populate(folder / "populated", count, settings)
    ports = [free_port() for _ in range(CONTROLS)]
    controls = [
        stack.enter_context(
            ours.program(
                "control", folder / f"control-{port}", {**settings, "OUTPOST_LISTEN__HTTP": f"127.0.0.1:{port}"}
            )
        )
        for port in ports
    ]
    hosts = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    outpost = stack.enter_context(ours.program("run", folder / "run", {"OUTPOST_HOST": hosts, "OUTPOST_TOKEN": token}))
    return Shape(controls, ports, outpost, folder), token


def measure(users: int, clients: int, changes: int) -> Iterator[tuple[str, str]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outpost-scale-")))
        shape, token = running(stack, folder, users)
        yield "users, thin outposts, controls", f"{users:,}, {clients}, {CONTROLS}"
        yield "a real outpost, from its start to its first answer", f"{shape.outpost.seconds_to_start:.1f} s"
        shape.clients = [ThinClient(number, shape.ports, token) for number in range(clients)]
        first = shape.clients[0]
        stack.callback(lambda: [client.stop() for client in shape.clients])
        began = time.monotonic()
        first.start()
        awaited([first])
        yield "a whole snapshot", f"{first.octets / 1e6:.1f} MB in {time.monotonic() - began:.1f} s"
        for client in shape.clients[1:]:
            client.start(first.replica)
        awaited(shape.clients)
        yield from changed(shape, changes)
        yield from storm(shape)
        memory = ", ".join(f"{control.memory_mib():.0f}" for control in shape.controls)
        yield "memory of each control; of the outpost", f"{memory}; {shape.outpost.memory_mib():.0f} MiB"


def awaited(clients: list[ThinClient]) -> None:
    until = time.monotonic() + PATIENCE
    for client in clients:
        if not client.connected.wait(max(0.0, until - time.monotonic())):
            raise SystemExit("not everybody follows in time")


def changed(shape: Shape, count: int) -> Iterator[tuple[str, str]]:
    """One user after another: when the answer of the API has come, the clock starts."""
    everywhere: list[float] = []
    found: list[float] = []
    person = people(1)[0]
    listed = ours.request(shape.ports[0], "GET", f"/api/v3/core/users/?username={person.username}")[1]
    pk = listed["results"][0]["pk"]
    cpu, octets = shape.cpu_seconds(), shape.octets()
    with wire.LdapClient(ours.ports(shape.folder / "run")["ldap"]) as ldap:
        ldap.ask(wire.bind(user_dn(ADMINISTRATOR), PASSWORD))
        for number in range(count):
            name, before = f"Changed {number}", shape.clients[0].replica.revision
            port = shape.ports[number % CONTROLS]
            status, _ = ours.request(port, "PATCH", f"/api/v3/core/users/{pk}/", {"name": name})
            began = time.monotonic()
            if status != 200:
                raise SystemExit(f"the API answered {status}")
            while name.encode() not in ldap.ask(wire.search(BASE_DN, "uid", person.username))[1]:
                time.sleep(0.001)
            found.append(time.monotonic() - began)
            while any(client.replica.revision <= before for client in shape.clients):
                time.sleep(0.001)
            everywhere.append(max(0.0, max(max(client.heard.values()) for client in shape.clients) - began))
    each = len(shape.clients) + 1
    yield "a change being in force at the real outpost", quantiles(found)
    yield "the same, having come to all thin ones", quantiles(everywhere)
    yield "octets a change and outpost", f"{(shape.octets() - octets) / count / (each - 1):,.0f}"
    yield "CPU of all controls a change", f"{(shape.cpu_seconds() - cpu) / count * 1000:.1f} ms"


def storm(shape: Shape) -> Iterator[tuple[str, str]]:
    """One control ends and starts again: those that followed it come to the others."""
    octets = shape.octets()
    for client in shape.clients:
        client.connected.clear()
    cpu = shape.cpu_seconds() - shape.controls[0].cpu_seconds()
    began = time.monotonic()
    shape.controls[0].stop()
    moved = [client for client in shape.clients if client._number % CONTROLS == 0]
    awaited(moved)
    took = time.monotonic() - began
    spent = sum(control.cpu_seconds() for control in shape.controls[1:]) - cpu
    shape.controls[0].start()
    yield "a control ends: all of its outposts follow another", f"{took:.1f} s, {len(moved)} of them"
    yield (
        "the same, octets each, CPU of the others each",
        (f"{(shape.octets() - octets) / len(moved):,.0f}, {spent / len(moved) * 1000:.1f} ms"),
    )


def quantiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    last = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return f"p50 {ordered[len(ordered) // 2] * 1000:.0f} ms, p99 {last * 1000:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    asked = parser.parse_args()
    lines = [f"# Scale, {datetime.now(UTC):%Y-%m-%d}", "", "| what | measured |", "| --- | --- |"]
    for what, told in measure(asked.users, asked.clients, asked.changes):
        lines.append(f"| {what} | {told} |")
        print(f"{what}: {told}", flush=True)
    file = asked.results / f"{datetime.now(UTC):%Y-%m-%d}-scale.md"
    file.write_text("\n".join([*lines, ""]))
    print(f"written to {file}")


if __name__ == "__main__":
    main()
