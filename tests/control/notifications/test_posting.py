"""Posting to URLs: what is understood, and what is said where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, SOCK_STREAM, socket
from threading import Thread

import pytest

from control.notifications import posting
from control.notifications.posting import post_json
from tests.ports import free_port


@contextmanager
def receiver(status: int) -> Iterator[tuple[str, list[bytes]]]:
    """A real server, and the bodies that it was sent."""
    bodies: list[bytes] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook?key=1", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, ""), (204, ""), (302, "It answered 302."), (404, "It answered 404."), (500, "It answered 500.")],
)
def test_what_it_answers(status: int, said: str) -> None:
    with receiver(status) as (url, bodies):
        assert asyncio.run(post_json(url, b'{"body": "x"}')) == said
    assert bodies == [b'{"body": "x"}']  # once: nobody follows a redirect


def test_one_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SECONDS", 0.2)
    with socket(AF_INET, SOCK_STREAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "did not answer within" in asyncio.run(post_json(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"{}"))


def test_one_that_is_not_there_is_told_of() -> None:
    assert "cannot be reached" in asyncio.run(post_json(f"http://127.0.0.1:{free_port()}/", b"{}"))
    assert "cannot be reached" in asyncio.run(post_json("http://[::bad/", b"{}"))
