"""A PostgreSQL of our own, run by an unprivileged user: on a socket in a temporary folder, and over TLS on loopback.

Everyone may come in through the socket; over TCP they need TLS and a password.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from control.certificates import self_signed
from tests.ports import free_port

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SUPERUSER = "outpost"
PATIENCE = "180"
"""Seconds that it may take to start or to stop: a crash is recovered from first."""
ACCESS = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"


def _as_unprivileged() -> tuple[list[str], str]:
    """What to put before a command, and whose it then is: initdb refuses to run as root."""
    if os.getuid() != 0:
        return [], pwd.getpwuid(os.getuid()).pw_name
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"], "nobody"


@dataclass
class Server:
    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def authority(self) -> Path:
        """What its certificate for 127.0.0.1 is signed with: itself."""
        return self.folder / "db" / "server.crt"

    def make(self) -> None:
        self._call("initdb", "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        pair = self_signed("postgresql", ("127.0.0.1",), time.time(), os.urandom)
        for name, text in (("server.crt", pair.certificate), ("server.key", pair.key), ("pg_hba.conf", ACCESS)):
            file = self.folder / "db" / name
            file.write_text(text)
            shutil.chown(file, _as_unprivileged()[1])
            file.chmod(0o600)

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories='{self.folder}' "
            "-c ssl=on -c fsync=off -c max_connections=60"
        )
        self._call("pg_ctl", "-l", "log", "-w", "-t", PATIENCE, "-o", options, "start")

    def stop(self) -> None:
        """As a crash would, as far as those who are connected can tell."""
        self._call("pg_ctl", "-m", "immediate", "-w", "-t", PATIENCE, "stop")

    def kill(self) -> None:
        """Its first process; the others notice, and end. Until they have, none can be started."""
        first = int((self.folder / "db" / "postmaster.pid").read_text().split()[0])
        others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        os.kill(first, signal.SIGKILL)
        end = time.monotonic() + float(PATIENCE)
        while any(Path(f"/proc/{other}").exists() for other in others):
            assert time.monotonic() < end, "a process of a killed PostgreSQL does not end"
            time.sleep(0.02)

    def execute(self, statement: str | sql.Composed, database: str = "postgres") -> list[tuple[object, ...]]:
        """As the superuser."""
        place = {"host": str(self.folder), "port": self.port, "user": SUPERUSER, "dbname": database}
        with psycopg.connect(**place, autocommit=True) as connection:  # type: ignore[arg-type]
            answer = connection.execute(statement)
            return answer.fetchall() if answer.description else []

    def new_database(self, name: str) -> str:
        """Its address for the store."""
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return f"postgresql://{SUPERUSER}@/{name}?host={self.folder}&port={self.port}"

    def settings(self, name: str) -> dict[str, str]:
        """The variables that lead the program to this database."""
        asked = {"HOST": str(self.folder), "PORT": str(self.port), "USER": SUPERUSER, "NAME": name}
        return {f"OUTPOST_POSTGRESQL__{key}": value for key, value in asked.items()}

    def _call(self, program: str, *arguments: str) -> None:
        command = [*_as_unprivileged()[0], str(INSTALLED[-1] / program), "-D", "db", *arguments]
        path = {"PATH": os.environ["PATH"]}
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, env=path)


@contextmanager
def running() -> Iterator[Server]:
    """One that has been started; it may be stopped and started again meanwhile."""
    server = Server(Path(tempfile.mkdtemp(prefix="outpost-pg-")))
    shutil.chown(server.folder, _as_unprivileged()[1])
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            if (server.folder / "db" / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(server.folder)
