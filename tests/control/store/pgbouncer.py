"""A PgBouncer before a PostgreSQL, in transaction mode: a connection of the server's is lent for one transaction."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.control.store.postgresql import SUPERUSER, Server, as_unprivileged, settings
from tests.peers import require
from tests.ports import free_port

CONNECTIONS = 3
"""To the server, for all: less than what one process of ours opens."""
START_SECONDS = 60.0
PREFIX = "outpost-pool-"
"""Of the folder of its socket."""
CONFIGURATION = """
[databases]
* = host={server.folder} port={server.port} user={user}
[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
auth_type = any
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
server_login_retry = 1
server_idle_timeout = 1
"""


@dataclass
class Pooler:
    folder: Path
    port: int

    def start(self) -> None:
        command = [*as_unprivileged()[0], require("pgbouncer"), str(self.folder / "pgbouncer.ini")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while not self._socket.exists():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """At once, as a crash would."""
        self._process.kill()
        self._process.wait()
        self._socket.unlink()

    @property
    def _socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    def address(self, name: str) -> str:
        """Of this database, for the store."""
        return f"postgresql://{SUPERUSER}@/{name}?host={self.folder}&port={self.port}"

    def settings(self, name: str) -> dict[str, str]:
        return settings(str(self.folder), self.port, name)


@contextmanager
def pooling(server: Server) -> Iterator[Pooler]:
    """One that has been started; it may be stopped and started again meanwhile."""
    pooler = Pooler(Path(tempfile.mkdtemp(prefix=PREFIX)), free_port())
    shutil.chown(pooler.folder, as_unprivileged()[1])
    told = {"server": server, "user": SUPERUSER, "connections": CONNECTIONS}
    text = CONFIGURATION.format(**told, port=pooler.port, folder=pooler.folder)
    (pooler.folder / "pgbouncer.ini").write_text(text)
    try:
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.stop()
    finally:
        shutil.rmtree(pooler.folder)
