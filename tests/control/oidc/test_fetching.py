"""Foreign documents, from a server that does what it should not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from control.oidc import fetching
from control.oidc.fetching import MOST_BYTES, fetch, inquire

STATUS = {"/away": 302, "/gone": 404, "/broken": 500, "/none": 204}


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.paths: list[str] = []
        self.forms: list[bytes] = []
        self.wait = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answering(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        if self.path == "/slow":
            self.server.wait.wait(60)
            return
        if self.path == "/ssh":
            self.wfile.write(b"SSH-2.0-x\r\n\r\n")
            return
        size = {"/long": MOST_BYTES + 1, "/full": MOST_BYTES}.get(self.path, 2)
        self.send_response(STATUS.get(self.path, 200))
        if self.path == "/away":
            self.send_header("Location", "/there")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(b"{}".ljust(size))

    def do_POST(self) -> None:
        self.server.forms.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.wait.set()
    found.shutdown()
    thread.join()
    found.server_close()


def test_a_document_is_fetched_up_to_its_bound(server: Server) -> None:
    assert asyncio.run(fetch(f"{server.url}/here?x=1")) == b"{}"
    assert server.paths == ["/here?x=1"]
    assert len(asyncio.run(fetch(f"{server.url}/full"))) == MOST_BYTES


def test_a_form_is_posted(server: Server) -> None:
    assert asyncio.run(inquire(f"{server.url}/token", {}, b"code=1")) == b"{}"
    assert server.forms == [b"code=1"]


@pytest.mark.parametrize("path", ["/long", *STATUS, "/ssh"])
def test_anything_else_is_none(server: Server, path: str) -> None:
    with pytest.raises(ValueError, match=r"longer|answered|no HTTP"):
        asyncio.run(fetch(f"{server.url}{path}"))
    assert server.paths == [path], "a redirect is followed nowhere"


def test_one_that_says_nothing_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", 0.2)
    with pytest.raises(OSError, match="no answer within"):
        asyncio.run(fetch(f"{server.url}/slow"))


def test_nobody_is_there(server: Server) -> None:
    with pytest.raises(OSError, match="connection attempts failed"):
        asyncio.run(fetch("http://127.0.0.1:1/"))
