"""A link that misbehaves: a relay in front of control, which may be slow, or swallow everything and close nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.wire.program import ANSWER_SECONDS

PIECE = 65536
SHORT_SECONDS = 0.1


class Relay:
    """``slow``: seconds before every piece; ``swallows``: what comes goes nowhere, and nobody hears of it."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.slow = 0.0
        self.swallows = False
        self._place = place
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(SHORT_SECONDS)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._run(self._accept)

    def close(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _run(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(self._place, ANSWER_SECONDS)
                except OSError:
                    near.close()
                    continue
                over = threading.Event()
                self._run(self._carry, near, far, over)
                self._run(self._carry, far, near, over)

    def _carry(self, source: socket.socket, target: socket.socket, over: threading.Event) -> None:
        source.settimeout(SHORT_SECONDS)
        with source, suppress(OSError):
            while not self._ended.is_set() and not over.is_set():
                try:
                    piece = source.recv(PIECE)
                except TimeoutError:
                    continue
                if not piece:
                    break
                time.sleep(self.slow)
                if not self.swallows:
                    target.sendall(piece)
        if not self.swallows:
            over.set()
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)


@contextmanager
def relay(place: tuple[str, int]) -> Iterator[Relay]:
    one = Relay(place)
    try:
        yield one
    finally:
        one.close()
