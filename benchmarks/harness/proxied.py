"""The reverse proxy beside nginx `proxy_pass`: what a request costs on its way to an application, and what memory an
open WebSocket takes that says nothing."""

from __future__ import annotations

import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.harness import through, wire
from benchmarks.harness.bench import Bench, Table, say
from benchmarks.harness.contest import COLUMNS, Contender, compete, record
from benchmarks.harness.load import Load
from benchmarks.harness.ours import ADMINISTRATOR_PK, Installation, request, session_cookies
from benchmarks.harness.peers import Peer
from benchmarks.harness.processes import ENVIRON, LOAD_CORE, DidNotStart, Server, accepts, free_port, proportional_mib
from outpost.listeners.limits import most_of_door

PEOPLE = 1_000
WEBSOCKETS, WEBSOCKETS_QUICK = 10_000, 1_000
"""Fewer where the kernel lets a process have fewer files: each WebSocket takes two of the proxy's."""
SPARE_FILES = 500
OF_ONE_ADDRESS = 1_000
"""Below the bound of one peer's connections."""
PATIENCE = 60.0
IDLE_APPLICATION = Path(__file__).parents[1] / "peers" / "idle_websockets.py"

APPLICATION = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {block}
}}
"""
ANSWER = (
    "server {{ listen 127.0.0.1:{port}; location / {{ return 200 'hello, and this is all there is to be said'; }} }}"
)
PROXY = """\
    upstream application {{ server 127.0.0.1:{application}; keepalive 64; keepalive_requests 1000000000; }}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_read_timeout 600s;
        }}
    }}
"""


def measure(bench: Bench) -> list[Table]:
    table = Table(
        "One request through a reverse proxy",
        COLUMNS,
        note="Ours decides about a session and writes every identity header; nginx decides nothing. The application is "
        "another nginx, on the load's core. The last column is as above.",
    )
    memory = Table("WebSockets that say nothing", ("program", "open", "KiB each"))
    with ExitStack() as running:
        ours = [running.enter_context(installation(PEOPLE)) for installation in bench.installations()]
        answering = running.enter_context(_nginx(bench.folder / "answering", ANSWER))
        proxy = running.enter_context(_nginx(bench.folder / "passing", PROXY, application=answering.ports["http"]))
        asking = [
            running.enter_context(
                _nginx(
                    bench.folder / f"asking-{at}",
                    through.AUTH,
                    application=answering.ports["http"],
                    outpost=one.ports["http"],
                )
            )
            for at, one in enumerate(ours)
        ]
        through.measure(bench, table, ours, asking, proxy)
        for one in ours:
            _lead_to(one, answering.ports["http"])
        file = bench.questions([(wire.visit(cookie), b"") for cookie in session_cookies(ADMINISTRATOR_PK, 64)])
        load = Load("stream", {"protocol": "http", "file": file, "connections": 64})
        contenders = [Contender(one.name, load.but(port=one.ports["http"], pid=one.outpost.pid)) for one in ours]
        contenders.append(Contender("nginx proxy_pass", load.but(port=proxy.ports["http"], pid=proxy.server.pid)))
        compete(bench, contenders)
        record(table, "GET, 42 octets, session known", contenders, "nginx proxy_pass")
    with ExitStack() as running:
        ours = [running.enter_context(installation(PEOPLE)) for installation in bench.installations()]
        idle = running.enter_context(_idle_application(bench.folder / "idle"))
        proxy = running.enter_context(_nginx(bench.folder / "passing-on", PROXY, application=idle.ports["http"]))
        count = min(WEBSOCKETS_QUICK if bench.budget.rounds < 5 else WEBSOCKETS, _most_websockets())
        for one in ours:
            _lead_to(one, idle.ports["http"])
            memory.add(one.name, count, _kib_each(one.ports["http"], one.outpost.pid, count))
        memory.add("nginx proxy_pass", count, _kib_each(proxy.ports["http"], proxy.server.pid, count))
    return [table, memory]


def _most_websockets() -> int:
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # this program's own ends
    in_all, _ = most_of_door(files)
    return min((files - SPARE_FILES) // 2, in_all - SPARE_FILES)


def _lead_to(ours: Installation, application: int) -> None:
    """The provider of the forward-auth rows becomes one in proxy mode."""
    found = request(ours.control_port, "GET", "/api/v3/providers/proxy/?name__iexact=proxy")[1]["results"][0]
    change = {"mode": "proxy", "internal_host": f"http://127.0.0.1:{application}"}
    status, said = request(ours.control_port, "PATCH", f"/api/v3/providers/proxy/{found['pk']}/", change)
    if status != 200:
        raise DidNotStart(f"the provider was not changed: {said}")
    asks, until = wire.visit(session_cookies(ADMINISTRATOR_PK, 1)[0]), time.monotonic() + PATIENCE
    while not _first_line(ours.ports["http"], asks).startswith(b"HTTP/1.1 200"):
        if time.monotonic() > until:
            raise DidNotStart(f"{ours.name} does not lead to the application")
        time.sleep(0.05)


def _first_line(port: int, asks: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as one:
        one.sendall(asks)
        return one.recv(64)


def _kib_each(port: int, pid: int, count: int) -> float:
    """How much a program grows with so many WebSockets, all of which are open at once."""
    say(f"  {count:,} WebSockets")
    asks = wire.websocket(session_cookies(ADMINISTRATOR_PK, 1)[0])
    before, sockets = proportional_mib(pid), list[socket.socket]()
    try:
        for number in range(count):
            source = (f"127.0.1.{1 + number // OF_ONE_ADDRESS}", 0)
            one = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=source)
            sockets.append(one)
            one.sendall(asks)
            if not one.recv(4096).startswith(b"HTTP/1.1 101"):
                raise DidNotStart(f"WebSocket {number} was refused")
        return (proportional_mib(pid) - before) * 1024 / count
    finally:
        for one in sockets:
            one.close()


@contextmanager
def _nginx(folder: Path, block: str, **ports: int) -> Iterator[Peer]:
    folder.mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(APPLICATION.format(folder=folder, block=block.format(port=port, **ports)))
    command = ["nginx", "-c", str(configuration), "-e", str(folder / "error.log")]
    if block is ANSWER:
        command = ["taskset", "--cpu-list", str(LOAD_CORE), *command]
    with Server(f"nginx {folder.name}", command, folder, lambda: accepts(port)) as server:
        yield Peer(server, {"http": port})


@contextmanager
def _idle_application(folder: Path) -> Iterator[Peer]:
    folder.mkdir()
    port = free_port()
    command = ["taskset", "--cpu-list", str(LOAD_CORE), sys.executable, str(IDLE_APPLICATION), str(port)]
    with Server("idle application", command, folder, lambda: accepts(port), ENVIRON) as server:
        yield Peer(server, {"http": port})
