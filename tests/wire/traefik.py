"""Traefik's ForwardAuth as it asks and answers: no package has the program, so that this stands in for it.

As read in its source (3.7): the question is a GET to ``address`` with the browser's own headers but the hop-by-hop
ones, and X-Forwarded-Method, -Proto, -Host, -Uri, -For and -Port of its own; no body. 2xx lets the request through,
with the ``authResponseHeaders`` deleted and then set from the answer; any other answer goes to the browser as it is.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "host",
    ]
)
FORWARDED = ("x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri", "x-forwarded-for")


@contextmanager
def traefik(
    address: str, application: str, copied: tuple[str, ...], removed: frozenset[str], kept_back: frozenset[str]
) -> Iterator[int]:
    """The port that it listens on. ``address``: host and port of the outpost; ``application``: those of the service.

    ``copied``: authResponseHeaders; ``removed``: empty customRequestHeaders of a middleware in front, in lower case;
    ``kept_back``: of one behind.
    """

    class Entry(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))  # or it would be the next request
            headers = [
                (name, value) for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP | removed
            ]
            host = self.headers.get("Host", "")
            asked = [(name, value) for name, value in headers if name.lower() not in FORWARDED]
            asked += [
                ("X-Forwarded-Method", self.command),
                ("X-Forwarded-Proto", "http"),
                ("X-Forwarded-Host", host),
                ("X-Forwarded-Uri", self.path),
                ("X-Forwarded-For", self.client_address[0]),
                ("X-Forwarded-Port", host.rpartition(":")[2]),
            ]
            status, told, body = _asked(address, "/outpost.goauthentik.io/auth/traefik", asked, address)
            if not 200 <= status < 300:
                self._answer(status, told, body)
                return
            replaced = {name.lower() for name in copied} | kept_back
            passed = [(name, value) for name, value in headers if name.lower() not in replaced]
            passed += [(name, value) for name, value in told if name.lower() in replaced - kept_back]
            self._answer(*_asked(application, self.path, passed, host))

        do_POST = do_OPTIONS = do_GET

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Entry)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _asked(
    place: str, target: str, headers: list[tuple[str, str]], host: str
) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection(place, timeout=30)
    try:
        connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()
