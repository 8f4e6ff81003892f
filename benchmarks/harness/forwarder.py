"""A TCP forwarder between an outpost and its control that counts the HTTP requests passing through."""

from __future__ import annotations

import socket
import threading
from collections import Counter

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser


class Forwarder:
    """Use as a context. ``port`` is where it listens; ``requests`` counts paths, query cut off."""

    def __init__(self, to: int) -> None:
        self.requests: Counter[str] = Counter()
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Forwarder:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def total(self) -> int:
        return sum(self.requests.values())

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                if self._listening.fileno() < 0:
                    return
                continue  # control is away; the client sees its connection close
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(client, server, _Counting(self.requests)), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, counting: _Counting | None) -> None:
        try:
            while octets := source.recv(1 << 18):
                if counting is not None:
                    counting.receive(octets)
                sink.sendall(octets)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class _Counting:
    def __init__(self, requests: Counter[str]) -> None:
        self._requests = requests
        self._path = b""
        self._parser = HttpRequestParser(self)

    def receive(self, octets: bytes) -> None:
        try:
            self._parser.feed_data(octets)
        except (HttpParserError, HttpParserUpgrade):
            self._requests["unreadable"] += 1

    def on_url(self, piece: bytes) -> None:
        self._path += piece

    def on_message_complete(self) -> None:
        self._requests[self._path.partition(b"?")[0].decode("latin-1")] += 1
        self._path = b""
