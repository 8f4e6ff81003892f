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

from control.certificates.making import self_signed
from tests.ports import free_port

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SUPERUSER = "outpost"
STANDBY_ADDRESS = "127.0.0.2"
PATIENCE = "180"
"""Seconds that it may take to start or to stop: a crash is recovered from first."""
ACCESS = "local all,replication all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"


def as_unprivileged() -> tuple[list[str], str]:
    """What to put before a command, and whose it then is: neither initdb nor PgBouncer runs as root."""
    if os.getuid() != 0:
        return [], pwd.getpwuid(os.getuid()).pw_name
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"], "nobody"


@dataclass
class Server:
    folder: Path
    port: int = field(default_factory=free_port)
    address: str = "127.0.0.1"

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
            shutil.chown(file, as_unprivileged()[1])
            file.chmod(0o600)

    def follow(self, primary: Server) -> None:
        """Instead of `make`: a standby, which becomes what the other is and goes on with it."""
        source = f"host={primary.folder} port={primary.port} user={SUPERUSER}"
        self._call("pg_basebackup", "-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-d", source)

    def promote(self) -> None:
        self._call("pg_ctl", "-w", "-t", PATIENCE, "promote")

    def start(self) -> None:
        options = (
            f"-c listen_addresses={self.address} -c port={self.port} -c unix_socket_directories='{self.folder}' "
            "-c ssl=on -c fsync=off -c max_connections=60"
        )
        self._call("pg_ctl", "-l", "log", "-w", "-t", PATIENCE, "-o", options, "start")

    def stop(self) -> None:
        """As a crash would, as far as those who are connected can tell."""
        self._call("pg_ctl", "-m", "immediate", "-w", "-t", PATIENCE, "stop")

    def kill(self) -> None:
        """Its first process; the others notice, and end. Until they have, none can be started."""
        first = int(self._pid_file.read_text().split()[0])
        others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        os.kill(first, signal.SIGKILL)
        end = time.monotonic() + float(PATIENCE)
        while any(Path(f"/proc/{other}").exists() for other in others):
            assert time.monotonic() < end, "a process of a killed PostgreSQL does not end"
            time.sleep(0.02)

    @property
    def is_running(self) -> bool:
        return self._pid_file.exists() and Path(f"/proc/{self._pid_file.read_text().split()[0]}").exists()

    @property
    def _pid_file(self) -> Path:
        """One that was killed leaves it."""
        return self.folder / "db" / "postmaster.pid"

    def execute(self, statement: str | sql.Composed, database: str = "postgres") -> list[tuple[object, ...]]:
        """As the superuser."""
        with self.connect(database) as connection:
            answer = connection.execute(statement)
            return answer.fetchall() if answer.description else []

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """As the superuser; each statement is a transaction."""
        place = f"host={self.folder} port={self.port} user={SUPERUSER} dbname={database}"
        return psycopg.connect(place, autocommit=True)

    def new_database(self, name: str) -> str:
        """Its address for the store."""
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return f"postgresql://{SUPERUSER}@/{name}?host={self.folder}&port={self.port}"

    def settings(self, name: str) -> dict[str, str]:
        return settings(str(self.folder), self.port, name)

    def _call(self, program: str, *arguments: str) -> None:
        command = [*as_unprivileged()[0], str(INSTALLED[-1] / program), "-D", "db", *arguments]
        path = {"PATH": os.environ["PATH"]}
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, env=path)


def settings(host: str, port: int, name: str) -> dict[str, str]:
    """The variables that lead the program to this database, as the superuser."""
    asked = {"HOST": host, "PORT": str(port), "USER": SUPERUSER, "NAME": name}
    return {f"OUTPOST_POSTGRESQL__{key}": value for key, value in asked.items()}


@contextmanager
def running(primary: Server | None = None) -> Iterator[Server]:
    """One that has been started, a standby of ``primary`` if there is one, at its port; it may be stopped and started
    again meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="outpost-pg-"))
    server = Server(folder) if primary is None else Server(folder, primary.port, STANDBY_ADDRESS)
    shutil.chown(server.folder, as_unprivileged()[1])
    try:
        server.make() if primary is None else server.follow(primary)
        server.start()
        try:
            yield server
        finally:
            if server.is_running:
                server.stop()
    finally:
        shutil.rmtree(server.folder)
