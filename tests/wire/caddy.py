"""A real Caddy on loopback, in a temporary folder: Debian's, or the recent one that the tests' packages bring."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers import require
from tests.wire import processes
from tests.wire.nginx import Backend
from tests.wire.program import ANSWER_SECONDS, SOON, Program, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "Caddyfile"


def places(program: Program, application: Backend) -> tuple[tuple[str, str], ...]:
    """What a file dials, and our ports: the outpost's in ``forward_auth``, control's and the application's behind."""
    return (
        ("forward_auth 127.0.0.1:9000", f"forward_auth {program.ports['http'][0]}"),
        ("reverse_proxy 127.0.0.1:9000", f"reverse_proxy {program.control.ports['http'][0]}"),
        ("reverse_proxy 127.0.0.1:8080", f"reverse_proxy 127.0.0.1:{application.port}"),
    )


def debian() -> str:
    """Before `copy_headers` deleted what it does not find (CVE-2026-30851)."""
    return require("/usr/bin/caddy")


def recent() -> str:
    return str(Path(sys.executable).parent / "caddy")


@contextmanager
def caddy(
    binary: str, folder: Path, configuration: str, http_port: int, https_port: int, names: tuple[str, ...]
) -> Iterator[None]:
    """Runs it with sites of these names. Only global options are ours: ports, loopback, certificates of its own."""
    file = folder / "Caddyfile"
    options = "admin off\nlocal_certs\nskip_install_trust\ndefault_bind 127.0.0.1\n"
    file.write_text(f"{{\n{options}http_port {http_port}\nhttps_port {https_port}\n}}\n{configuration}")
    with (folder / "caddy.log").open("wb") as log:
        process = processes.start(
            [binary, "run", "--config", str(file), "--adapter", "caddyfile"],
            env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), **_path()},
            stdout=log,
            stderr=log,
        )
    try:
        for name in names:
            until(lambda: _has_certificate(https_port, name), SOON, f"caddy listening; its log: {folder}/caddy.log")  # noqa: B023  # asked at once
        yield
    finally:
        processes.stop(process)


def _has_certificate(port: int, name: str) -> bool:
    """It makes them one after another, once it listens."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as one,
            context.wrap_socket(one, server_hostname=name),
        ):
            return True
    except OSError:
        return False


def _path() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}
