"""What deploy/ says, run without a container engine: its commands with its environment, as a user without rights, in a
folder of its own, on a real PostgreSQL; and what a service manager hands over."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from psycopg import sql

from tests.control.store import postgresql
from tests.control.store.postgresql import Server, as_unprivileged
from tests.deploy.composed import ARTICLE, PG_PASS, services
from tests.wire.program import ANSWER_SECONDS, PASSWORD, TOKEN, Program

pytestmark = pytest.mark.peer

PREFIX, OWNER = as_unprivileged()
HEARD = 60.0
ICON = b"\x89PNG\r\n\x1a\n of nobody"


class Contained(Program):
    """A service of the compose file, as nobody, with the folders that are mounted there."""

    def __init__(self, folder: Path, name: str, **environ: str) -> None:
        said = services(ARTICLE)[name]
        super().__init__(folder, *said.command[1:])
        ours = {name: value for name, value in self.environ.items() if "LISTEN__" in name or name in ("PATH", "HOME")}
        mounts = {where: str(folder.parent / what.strip("./")) for where, what in said.volumes.items()}
        given = {name: mounts.get(value, value) for name, value in said.environment.items() if value}
        self.environ = {
            **given,
            **ours,
            "OUTPOST_DATA_DIR": str(folder / "data"),
            "OUTPOST_CERT_DISCOVERY_DIR": mounts.get("/certs", "/certs"),
            "OUTPOST_STORAGE__FILE__PATH": mounts.get("/media", "/media"),
            "OUTPOST_EMAIL__TEMPLATE_DIR": mounts.get("/templates", "/templates"),
            **environ,
        }
        self.prefix = tuple(PREFIX)
        (folder / "data").mkdir(mode=0o700)
        for path in (folder, folder / "data"):
            shutil.chown(path, OWNER)

    def is_healthy(self) -> bool:
        """As the container's health check asks."""
        return self.command("healthcheck").returncode == 0

    def is_ready(self) -> bool:
        """The worker has no pages."""
        self._has_ended()
        place = (self.ports.get("http") or self.ports["metrics"])[0]
        try:
            return httpx.get(f"http://{place}/-/health/ready/", timeout=ANSWER_SECONDS).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Of the compose file: what Docker makes there is root's."""
    path = Path(tempfile.mkdtemp(prefix="outpost-deployed-"))
    path.chmod(0o755)
    for name in ("media", "custom-templates", "certs"):
        (path / name).mkdir(mode=0o755)
    (path / "certs" / "live").mkdir(mode=0o700)
    (path / "custom-templates" / "email").mkdir(mode=0o700)
    icons = path / "media" / "public"
    icons.mkdir()
    (icons / "wiki.png").write_bytes(ICON)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    """As the postgresql service makes it: a role of that name and password, and its database. Over TCP, with TLS."""
    with postgresql.running() as server:
        make_role(server)
        yield {"AUTHENTIK_POSTGRESQL__HOST": "127.0.0.1", "AUTHENTIK_POSTGRESQL__PORT": str(server.port)}


def make_role(server: Server) -> None:
    server.execute(sql.SQL("CREATE ROLE authentik LOGIN PASSWORD {}").format(sql.Literal(PG_PASS)))
    server.execute("CREATE DATABASE authentik OWNER authentik TEMPLATE template0")


@pytest.fixture(scope="module")
def server(folder: Path, database: dict[str, str]) -> Iterator[Contained]:
    first = {"OUTPOST_BOOTSTRAP_TOKEN": TOKEN, "OUTPOST_BOOTSTRAP_PASSWORD": PASSWORD}
    program = Contained(folder / "server", "server", **database, **first)
    try:
        yield program.start()  # type: ignore[misc]
    finally:
        assert program.stop() == 0, program.output()
    assert "Traceback" not in program.output(), program.output()


def test_the_server_is_the_whole_thing_on_postgresql(server: Contained) -> None:
    assert server.is_healthy()
    assert {"http", "https", "ldap", "ldaps", "radius", "radius_acct", "metrics"} <= set(server.ports)
    assert not (server.folder / "data" / "outpost.sqlite3").exists()
    assert [user["username"] for user in server.api("GET", "core/users/", query={"username": "akadmin"})["results"]]
    if os.getuid() == 0:
        assert stat.S_IMODE((server.folder / "data").stat().st_mode) == 0o700
        assert (server.folder / "data" / "ports.json").stat().st_uid != 0


def test_folders_of_roots_do_not_matter_and_what_can_be_read_is_shown(server: Contained) -> None:
    icon = httpx.get(f"{server.http}/media/public/wiki.png", timeout=ANSWER_SECONDS)
    assert (icon.status_code, icon.content) == (200, ICON)
    assert "sandbox" in icon.headers["content-security-policy"]
    assert httpx.get(f"{server.http}/media/public/../../certs/live", timeout=ANSWER_SECONDS).status_code == 404


def test_the_worker_has_health_and_work_and_takes_no_setup_code_away(
    server: Contained, folder: Path, database: dict[str, str]
) -> None:
    worker = Contained(folder / "worker", "worker", **database)
    try:
        worker.start()
        assert set(worker.ports) == {"metrics"}
        assert worker.is_healthy()
        assert "Sends mail and notices" in worker.output()
        assert "initial-setup" not in worker.output()
    finally:
        assert worker.stop() == 0, worker.output()


@pytest.mark.parametrize(
    "name", [pytest.param("ldap", marks=pytest.mark.full), pytest.param("proxy", marks=pytest.mark.full), "radius"]
)
def test_an_outpost_alone_with_the_token_that_files_say(
    server: Contained, folder: Path, database: dict[str, str], name: str
) -> None:
    variable, token = f"{name.upper()}_OUTPOST_TOKEN", os.urandom(30).hex()
    apply = Contained(folder / f"apply-{name}", "apply", **database, **{variable: token})
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / f"{name}.yml").write_text(f"outposts: {{{name}: {{type: {name}, token: env://{variable}}}}}\n")
    applied = apply.command("apply", str(folder / "site" / f"{name}.yml"))
    assert (applied.returncode, applied.stdout.splitlines()[:1]) == (0, [f"created outpost {name}"]), applied.stderr
    outpost = Contained(folder / name, name, OUTPOST_HOST=server.http, OUTPOST_TOKEN=token)
    try:
        outpost.start()
        assert {"ldap": "ldap", "proxy": "http", "radius": "radius"}[name] in outpost.ports
    finally:
        assert outpost.stop() == 0, outpost.output()


def left(ear: socket.socket) -> list[bytes]:
    """What one that has ended had said until then, and nobody has heard yet."""
    said = []
    ear.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            said.append(ear.recv(100))
    ear.settimeout(HEARD)
    return said


def test_a_service_manager_hands_sockets_over_and_hears_of_us(tmp_path: Path) -> None:
    """The same two sockets serve one run and the next: who connects in between is answered."""
    program = Program(tmp_path, "up", OUTPOST_LISTEN__METRICS="off")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as http,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as radius,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear,
    ):
        http.bind(("127.0.0.1", 0))
        http.listen(5)
        radius.bind(("127.0.0.1", 0))
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(HEARD)
        for name, one in (("HTTP", http), ("RADIUS", radius)):
            program.environ[f"OUTPOST_LISTEN__{name}"] = ":".join(map(str, one.getsockname()))
        program.environ |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1500000"}
        hand_over = (
            "import os,sys; os.dup2(int(sys.argv[1]),3); os.dup2(int(sys.argv[2]),4);"
            "os.environ.update(LISTEN_PID=str(os.getpid()),LISTEN_FDS='2');os.execv(sys.argv[3],sys.argv[3:])"
        )
        high = [fcntl.fcntl(one, fcntl.F_DUPFD, 200) for one in (http, radius)]
        program.prefix = (sys.executable, "-c", hand_over, *map(str, high))
        program.descriptors = tuple(high)
        try:
            for _ in range(2):
                program.start()
                assert ear.recv(100) == b"READY=1"
                assert ear.recv(100) == b"WATCHDOG=1"
                assert ear.recv(100) == b"WATCHDOG=1"
                assert program.stop() == 0, program.output()
                assert b"STOPPING=1" in left(ear)
                with socket.create_connection(http.getsockname(), timeout=HEARD):
                    pass  # it waits in the queue; nobody is refused
        finally:
            program.stop()
            for descriptor in high:
                os.close(descriptor)
    assert "Traceback" not in program.output()
