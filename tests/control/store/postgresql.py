"""A PostgreSQL of our own, on a socket in a temporary folder, run by an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _as_unprivileged() -> tuple[list[str], str]:
    """What to put before a command, and whose it then is: initdb refuses to run as root."""
    if os.getuid() != 0:
        return [], pwd.getpwuid(os.getuid()).pw_name
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"], "nobody"


@contextmanager
def running() -> Iterator[str]:
    """The folder with the socket. The superuser is ``outpost``."""
    binaries = INSTALLED[-1]
    prefix, owner = _as_unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="outpost-pg-"))
    if prefix:
        shutil.chown(folder, owner)
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    initdb = ["initdb", "-D", "db", "-U", "outpost", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    start = ["pg_ctl", "-D", "db", "-l", "log", "-w", "-o", options, "start"]
    stop = ["pg_ctl", "-D", "db", "-m", "immediate", "-w", "stop"]

    def call(command: list[str]) -> None:
        program = [*prefix, str(binaries / command[0]), *command[1:]]
        subprocess.run(program, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]})

    try:
        call(initdb)
        call(start)
        try:
            yield str(folder)
        finally:
            call(stop)
    finally:
        shutil.rmtree(folder)


def new_database(socket_folder: str, name: str) -> str:
    """Its address for the store."""
    with psycopg.connect(host=socket_folder, user="outpost", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    return f"postgresql://outpost@/{name}?host={socket_folder}"
