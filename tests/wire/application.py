"""An application that records what reaches it, echoes over a WebSocket, streams events, and digests bodies."""

from __future__ import annotations

import base64
import hashlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.wire.nginx import Backend

EVENT_SECONDS = 0.1
PAGE = b"<!doctype html><title>The application</title><h1>The application</h1>"
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class _Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorded: Backend
    stopping: threading.Event

    def do_GET(self) -> None:
        self._record()
        if self.path.startswith("/ws"):
            self._websocket()
        elif self.path.startswith("/events"):
            self._events()
        elif self.path.startswith("/bytes/"):
            self._answer(b"x" * int(self.path.rpartition("/")[2]))
        else:
            self._answer(PAGE, "text/html")

    def do_POST(self) -> None:
        self._record()
        digest = hashlib.sha256()
        for piece in self._pieces():
            digest.update(piece)
        self._answer(digest.hexdigest().encode())

    do_PUT = do_POST

    def _record(self) -> None:
        self.recorded.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))

    def _pieces(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, 65536))
            left -= len(piece)
            yield piece

    def _answer(self, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _events(self) -> None:
        """Until the other side leaves."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while not self.stopping.wait(EVENT_SECONDS):
                self.wfile.write(b"data: tick\n\n")
        except OSError:
            pass

    def _websocket(self) -> None:
        """Short frames only; every one comes back."""
        self.close_connection = True
        key = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + _MAGIC, usedforsecurity=False).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
        self.end_headers()
        try:
            while len(head := self.rfile.read(6)) == 6 and head[0] & 0x0F != 8:
                length, mask = head[1] & 0x7F, head[2:]
                content = bytes(octet ^ mask[at % 4] for at, octet in enumerate(self.rfile.read(length)))
                self.wfile.write(head[:1] + bytes([length]) + content)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A visitor who leaves in the middle of a handshake."""


@contextmanager
def application(tls: ssl.SSLContext | None = None) -> Iterator[Backend]:
    """``tls``: what it speaks HTTPS with."""
    recorded = Backend()
    stopping = threading.Event()
    handler = type("Handler", (_Application,), {"recorded": recorded, "stopping": stopping})
    server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    recorded.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield recorded
    finally:
        stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
