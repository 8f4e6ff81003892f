"""A TCP forwarder between an outpost and its control that counts the HTTP requests passing through."""

from __future__ import annotations

import select
import socket
import threading
from collections import Counter
from contextlib import suppress

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser


class Forwarder:
    """Use as a context. Forwards from ``port`` to ``to``; ``requests`` counts paths, query cut off."""

    def __init__(self, to: int) -> None:
        self.requests: Counter[str] = Counter()
        self.to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ending, self._end = socket.socketpair()
        """Readable once the forwarder is to end."""
        self._accepting = threading.Thread(target=self._accept)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Forwarder:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.send(b"!")
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        for one in (self._listening, self._ending, self._end):
            one.close()

    def total(self) -> int:
        return sum(self.requests.values())

    def _readable(self, *sockets: socket.socket) -> list[socket.socket]:
        """Those that can be read; none when it is time to end."""
        watched = {one.fileno(): one for one in (self._ending, *sockets)}
        poll = select.poll()  # select() takes no number above 1,023, and a benchmark has more connections than that
        for number in watched:
            poll.register(number, select.POLLIN)
        ready = [watched[number] for number, _ in poll.poll()]
        return [] if self._ending in ready else ready

    def _accept(self) -> None:
        while self._readable(self._listening):
            client, _ = self._listening.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()  # control is away
                continue
            thread = threading.Thread(target=self._forward, args=(client, server))
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)
            thread.start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        counting = _Counting(self.requests)
        with client, server, suppress(OSError):
            for one in other:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while ready := self._readable(client, server):
                for one in ready:
                    octets = one.recv(1 << 18)
                    if not octets:
                        return
                    if one is client:
                        counting.receive(octets)
                    other[one].sendall(octets)


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
