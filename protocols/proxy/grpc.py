"""gRPC over HTTP/2, seen from a server of calls that have one message and one answer (RFC 9113, by the h2 library).

connection = GrpcConnection()
for call in connection.receive_data(data): ...
connection.answer(call, message)
transport.write(connection.data_to_send())
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from protocols.errors import RemoteProtocolError

MAX_MESSAGE = 256 * 1024
"""Bytes of a question: a request's head, and what of its body an operator lets Envoy send along."""
MAX_HELD = 4 * 1024 * 1024
"""Bytes of all questions on one connection that have begun to come: sixteen of the longest, hundreds of usual ones."""
MAX_CALLS = 100
"""Under way at once on one connection; Envoy opens more connections when it needs more."""
MAX_HEADER_BYTES = 16 * 1024
"""Of a call itself; what it is about is in its message."""
MAX_RESETS = 1000
"""Calls that were taken back before they were answered: who does nothing else is let go (CVE-2023-44487)."""
PREFIX = 5
"""Octets before a message: is it compressed, and its length."""

NO_MESSAGE = b""
"""Can be read as nothing that asks anything."""
INVALID_ARGUMENT, UNIMPLEMENTED = 3, 12
"""grpc-status"""


@dataclass(frozen=True, slots=True)
class Call:
    stream: int
    message: bytes
    """`NO_MESSAGE` if it is compressed, or not alone in its frame."""
    whole: bool = True
    """False: there was no room for it. It is to be answered all the same: an error may be taken for a yes."""


class GrpcConnection:
    """Serves one method, at ``path``. `receive_data` raises RemoteProtocolError when the peer breaks the rules;
    what is to be sent before closing is in `data_to_send` then, too. Without ``listens``, calls are given as soon as
    they begin, and nothing is kept of what they say."""

    def __init__(self, path: str, listens: bool = True) -> None:
        self._path = path.encode("ascii")
        self._listens = listens
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._h2.local_settings.update(
            {
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_CALLS,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_BYTES,
            }
        )
        self._h2.initiate_connection()
        self._bodies: dict[int, bytearray] = {}
        self._held = 0
        """Bytes in them."""
        self._open: set[int] = set()
        """Calls that wait for their answer."""
        self._unsent: dict[int, bytes] = {}
        """Answers that the peer has no room for yet."""
        self.ended = False
        """Nothing is taken or answered any more: close it."""
        self._resets = 0
        """More than there were answers."""

    def data_to_send(self) -> bytes:
        return self._h2.data_to_send()

    @property
    def idle(self) -> bool:
        """Is nothing begun or waiting?"""
        return not (self._bodies or self._open or self._unsent)

    def receive_data(self, data: bytes) -> Iterator[Call]:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            self._end()
            raise RemoteProtocolError(str(error)) from None
        if any(isinstance(event, ConnectionTerminated) for event in events):
            self._end()
            return
        gone = {event.stream_id for event in events if isinstance(event, StreamReset)}
        for stream in gone:  # first: nothing may be sent for a call that was made and taken back in one breath
            self._taken_back(stream)
        for event in events:
            if isinstance(event, RequestReceived) and event.stream_id not in gone:
                yield from self._begun(event.stream_id, dict(event.headers))
            elif isinstance(event, DataReceived):
                yield from self._more(event)
            elif isinstance(event, StreamEnded):
                yield from self._ended(event.stream_id)
            elif isinstance(event, WindowUpdated):
                self._flush()

    def _begun(self, stream: int, headers: dict[bytes, bytes]) -> Iterator[Call]:
        kind = headers.get(b"content-type", b"")
        if headers.get(b":method") != b"POST" or headers.get(b":path") != self._path:
            self._fail(stream, UNIMPLEMENTED)
        elif kind.partition(b";")[0] not in (b"application/grpc", b"application/grpc+proto"):
            self._fail(stream, INVALID_ARGUMENT)
        elif self._listens:
            self._bodies[stream] = bytearray()
        else:
            yield self._to_answer(Call(stream, b"", whole=False))

    def _more(self, event: DataReceived) -> Iterator[Call]:
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        body = self._bodies.get(event.stream_id)
        if body is None:
            return
        body += event.data
        self._held += len(event.data)
        if len(body) > MAX_MESSAGE + PREFIX or self._held > MAX_HELD:
            self._taken(event.stream_id)
            yield self._to_answer(Call(event.stream_id, b"", whole=False))

    def _taken(self, stream: int) -> bytearray | None:
        """What has come of a call, which is kept no more."""
        body = self._bodies.pop(stream, None)
        self._held -= len(body or b"")
        return body

    def _to_answer(self, call: Call) -> Call:
        self._open.add(call.stream)
        return call

    def _ended(self, stream: int) -> Iterator[Call]:
        body = self._taken(stream)
        if body is None:
            return
        length, message = int.from_bytes(body[1:PREFIX], "big"), bytes(body[PREFIX:])
        framed = len(body) >= PREFIX and body[0] == 0 and length == len(message)
        yield self._to_answer(Call(stream, message if framed else NO_MESSAGE))

    def _taken_back(self, stream: int) -> None:
        self._taken(stream)
        self._unsent.pop(stream, None)
        self._open.discard(stream)
        self._resets += 1
        if self._resets > MAX_RESETS:
            self._h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self._end()
            raise RemoteProtocolError("calls are taken back all the time")

    def _end(self) -> None:
        """Whoever has said farewell, or broken the rules, hears no more answers."""
        self.ended = True
        self._bodies.clear()
        self._held = 0
        self._open.clear()
        self._unsent.clear()

    def answer(self, call: Call, message: bytes) -> None:
        """Does nothing if the call was taken back, or the connection has ended."""
        if call.stream not in self._open:
            return
        self._open.discard(call.stream)
        self._resets = max(self._resets - 1, 0)
        self._h2.send_headers(call.stream, [(b":status", b"200"), (b"content-type", b"application/grpc")])
        self._unsent[call.stream] = b"\0" + len(message).to_bytes(4, "big") + message
        self._flush()

    def _flush(self) -> None:
        for stream in list(self._unsent):
            left = self._unsent[stream]
            while left:
                room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
                if room <= 0:
                    break
                self._h2.send_data(stream, left[:room])
                left = left[room:]
            if left:
                self._unsent[stream] = left
            else:
                del self._unsent[stream]
                self._h2.send_headers(stream, [(b"grpc-status", b"0")], end_stream=True)

    def _fail(self, stream: int, status: int) -> None:
        """An answer without a message."""
        fields = [(b":status", b"200"), (b"content-type", b"application/grpc"), (b"grpc-status", b"%d" % status)]
        self._h2.send_headers(stream, fields, end_stream=True)
