"""A real nginx in front of a backend that records what it was given; both on loopback, in a temporary folder."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.peers import require
from tests.wire import processes
from tests.wire.program import SOON, until


@dataclass
class Backend:
    """What reached the application: (path, headers), in order."""

    port: int = 0
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def backend() -> Iterator[Backend]:
    recorded = Backend()

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            recorded.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        do_POST = do_OPTIONS = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    recorded.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorded
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def nginx(folder: Path, configuration: str, port: int) -> Iterator[None]:
    """Runs nginx with this inside its ``http`` block, which listens on ``port``."""
    file = folder / "nginx.conf"
    file.write_text(
        f"""
        daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
        events {{ }}
        http {{
            access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
            {configuration}
        }}
        """
    )
    process = processes.start([require("nginx"), "-c", str(file), "-e", str(folder / "error.log")])
    try:
        until(lambda: is_listening(port), SOON, "nginx listening")
        yield
    finally:
        processes.stop(process)


def is_listening(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
