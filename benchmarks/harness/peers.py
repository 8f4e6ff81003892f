"""FreeRADIUS and nginx, configured for the same work and the same people, each in a folder of its own."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.people import (
    PASSWORD,
    SHARED_SECRET,
    Person,
    people,
)
from benchmarks.harness.processes import ENVIRON, Server, accepts, free_port
from benchmarks.harness.wire import AUTH_PATH


@dataclass(frozen=True, slots=True)
class Peer:
    """A running peer program and where it listens, by purpose."""

    server: Server
    ports: dict[str, int]


def version(*command: str) -> str:
    """The first line of what a program says about itself."""
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRON)
    lines = (said.stdout + said.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"


def ssha(password: str) -> str:
    salt = os.urandom(8)
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()


# --- FreeRADIUS ----------------------------------------------------------------------------------------------------

RADIUSD = """\
prefix = /usr
libdir = /usr/lib/freeradius
db_dir = {folder}
logdir = {folder}
run_dir = {folder}
pidfile = {folder}/radiusd.pid
max_request_time = 30
cleanup_delay = 5
max_requests = 1048576
hostname_lookups = no
log {{
    destination = files
    file = {folder}/radius.log
    auth = no
}}
security {{
    reject_delay = 1
    status_server = no
    allow_vulnerable_openssl = yes
    {security}
}}
client benchmark {{
    ipaddr = 127.0.0.1
    secret = {secret}
    {client}
}}
modules {{
    pap {{
    }}
    files {{
        filename = {folder}/users
    }}
}}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{
        files
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
    }}
}}
{threads}
"""
"""The least that answers PAP from a file of users. ``max_requests`` holds the replies that are kept for 5 seconds."""
THREADS = "thread pool {\n    start_servers = 4\n    max_servers = 4\n    max_requests_per_server = 0\n}"


@contextmanager
def freeradius(folder: Path, count: int, threads: bool) -> Iterator[Peer]:
    folder.mkdir()
    (folder / "users").write_text(
        "".join(f'{person.username} Cleartext-Password := "{PASSWORD}"\n' for person in people(count))
    )
    port = free_port(socket.SOCK_DGRAM)
    (folder / "radiusd.conf").write_text(
        RADIUSD.format(
            folder=folder,
            secret=SHARED_SECRET,
            port=port,
            threads=THREADS if threads else "",
            security="",
            client="require_message_authenticator = no",
        )
    )
    for secret in ("radiusd.conf", "users"):
        (folder / secret).chmod(0o640)
    command = ["freeradius", "-f", "-d", str(folder), "-n", "radiusd", *([] if threads else ["-s"])]
    with Server("freeradius", command, folder, lambda: is_bound(port)) as server:
        yield Peer(server, {"radius": port})


def is_bound(port: int) -> bool:
    """Somebody has the UDP port."""
    wanted = f":{port:04X}"
    return any(line.split()[1].endswith(wanted) for line in Path("/proc/net/udp").read_text().splitlines()[1:])


# --- nginx ---------------------------------------------------------------------------------------------------------

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{allow}; location = {path} {{ return 202; }} }}
    server {{ listen 127.0.0.1:{deny}; location = {path} {{ return 401; }} }}
    server {{
        listen 127.0.0.1:{basic};
        auth_basic "benchmark";
        auth_basic_user_file {folder}/people;
        location = {path} {{ alias {folder}/empty; }}
    }}
}}
"""
"""``return`` is the floor of an HTTP server; auth_basic on an empty file is nginx with a password of its own."""


@contextmanager
def nginx(folder: Path, known: Iterable[Person]) -> Iterator[Peer]:
    """auth_basic reads its file line by line for every request, so it holds only people that are asked for."""
    folder.mkdir()
    chosen = {purpose: free_port() for purpose in ("allow", "deny", "basic")}
    (folder / "empty").write_bytes(b"")
    (folder / "people").write_text("".join(f"{person.username}:{ssha(PASSWORD)}\n" for person in known))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, path=AUTH_PATH, **chosen))
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with Server("nginx", command, folder, lambda: all(map(accepts, chosen.values()))) as server:
        yield Peer(server, chosen)


# --- all of them ---------------------------------------------------------------------------------------------------


@contextmanager
def everyone(folder: Path, count: int, known: list[Person]) -> Iterator[dict[str, Peer]]:
    """Every peer at once, idle until it is asked."""
    folder.mkdir()
    starting: dict[str, Callable[[], AbstractContextManager[Peer]]] = {
        "freeradius": lambda: freeradius(folder / "freeradius", count, threads=False),
        "freeradius, 4 threads": lambda: freeradius(folder / "freeradius-threads", count, threads=True),
        "nginx": lambda: nginx(folder / "nginx", known),
    }
    with ExitStack() as running:
        yield {name: running.enter_context(start()) for name, start in starting.items()}


def versions() -> dict[str, str]:
    return {
        "slapd": version("slapd", "-VV"),
        "freeradius": version("freeradius", "-v"),
        "nginx": version("nginx", "-v"),
        "gcc": version("gcc", "--version"),
    }
