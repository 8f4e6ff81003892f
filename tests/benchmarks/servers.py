"""Small servers in threads, which answer the load generators as a test wants."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[bytes], bytes]
"""One request to the octets that answer it."""


@contextmanager
def stream_server(answer: Answer, length: Callable[[bytes], int], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """``length`` says how many octets the first request of those held takes, 0 while it is incomplete."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads = [threading.Thread(target=_accept, args=(listening, answer, length, tls), daemon=True)]
    threads[0].start()
    try:
        yield listening.getsockname()[1]
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        threads[0].join(60)


def _accept(
    listening: socket.socket, answer: Answer, length: Callable[[bytes], int], tls: ssl.SSLContext | None
) -> None:
    conversations = []
    with suppress(OSError):
        while True:
            one, _ = listening.accept()
            if tls is not None:
                one = tls.wrap_socket(one, server_side=True)
            thread = threading.Thread(target=_converse, args=(one, answer, length), daemon=True)
            thread.start()
            conversations.append(thread)
    for thread in conversations:
        thread.join(60)


def _converse(one: socket.socket, answer: Answer, length: Callable[[bytes], int]) -> None:
    held = b""
    with one, suppress(OSError):
        while octets := one.recv(65536):
            held += octets
            while size := length(held):
                one.sendall(answer(held[:size]))
                held = held[size:]


@contextmanager
def datagram_server(
    answer: Callable[[bytes], bytes | None], heard: Callable[[str], object] = str.isspace
) -> Iterator[int]:
    """``heard`` is told where each datagram comes from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with suppress(TimeoutError):
                    datagram, peer = one.recvfrom(4096)
                    heard(peer[0])
                    reply = answer(datagram)
                    if reply is not None:
                        one.sendto(reply, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield one.getsockname()[1]
        finally:
            ended.set()
            thread.join(60)
