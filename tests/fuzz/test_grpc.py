"""Whatever callers send over HTTP/2: the only error is the one that says so, and what is kept of it is bounded."""

from __future__ import annotations

import pytest
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.proxy import grpc
from protocols.proxy.grpc import Call, GrpcConnection

PATH = "/a.B/C"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize()
MAX_MESSAGE, MAX_HELD = 60, 150
POST = [(":method", "POST"), (":scheme", "http"), (":authority", "o")]
HEADS: tuple[list[tuple[str, str]], ...] = (
    [*POST, (":path", PATH), ("content-type", "application/grpc")],
    [*POST, (":path", "/x"), ("content-type", "application/grpc")],
    [(":method", "GET"), (":scheme", "http"), (":authority", "o"), (":path", PATH)],
    [(":method", "POST"), (":path", PATH), ("Upper", "x")],
    [("x", "y" * 9000), ("z", "y" * 9000)],
    [],
)
MESSAGES = (b"\0\0\0\0\x05hello", b"\0\0\0\0\0", b"\0\0\0\0\x32" + bytes(50), b"\1\0\0\0\1x", bytes(70), b"\0", b"")

streams = st.sampled_from([0, 1, 1, 1, 2, 3, 3, 5, 7, 9, 2**31 - 1])


def head(stream: int, fields: list[tuple[str, str]], *flags: str) -> bytes:
    return HeadersFrame(stream, Encoder().encode(fields, huffman=False), flags=flags).serialize()


def call(stream: int, message: bytes = MESSAGES[0]) -> bytes:
    return head(stream, HEADS[0], "END_HEADERS") + DataFrame(stream, message, flags=("END_STREAM",)).serialize()


def half(stream: int) -> bytes:
    return head(stream, HEADS[0], "END_HEADERS") + DataFrame(stream, bytes(55)).serialize()


def written(frame: Frame, stream: int) -> bytes:
    """hyperframe refuses some streams, and a stranger does not."""
    octets = bytearray(frame.serialize())
    octets[5:9] = stream.to_bytes(4, "big")
    return bytes(octets)


frames = st.one_of(
    st.builds(call, st.sampled_from([1, 3, 5, 7]), st.sampled_from(MESSAGES)),
    st.builds(
        head,
        st.sampled_from([1, 3, 5, 7]),
        st.sampled_from(HEADS),
        st.sampled_from(["END_HEADERS", "END_STREAM"]),
        st.sampled_from(["END_HEADERS", "END_STREAM"]),
    ),
    st.builds(
        lambda data, flags, stream: written(DataFrame(1, data, flags=flags), stream),
        st.sampled_from(MESSAGES),
        st.sampled_from([(), (), ("END_STREAM",)]),
        streams,
    ),
    st.builds(lambda code, stream: written(RstStreamFrame(1, code), stream), st.integers(0, 20), streams),
    st.builds(lambda size, stream: written(WindowUpdateFrame(1, size), stream), st.integers(1, 2**31 - 1), streams),
    st.builds(
        lambda number, value: SettingsFrame(0, {number: value}).serialize(),
        st.integers(0, 9),
        st.sampled_from([0, 1, 10, 16384, 65536, 2**31 - 1, 2**32 - 1]),
    ),
    st.builds(lambda stream: written(PriorityFrame(1, depends_on=1), stream), streams),
    st.builds(lambda stream: written(ContinuationFrame(1, b"\x82"), stream), streams),
    st.just(GoAwayFrame(0).serialize()),
    st.just(PingFrame(0, bytes(8)).serialize()),
    st.just(SettingsFrame(0, flags=("ACK",)).serialize()),
    st.binary(max_size=30),
)


def serve(pieces: list[bytes], late: bool, listens: bool) -> list[bytes]:
    """The messages of all calls. ``late``: answers come after the next piece, and perhaps never."""
    connection, waiting, heard = GrpcConnection(PATH, listens), list[Call](), list[bytes]()
    try:
        for piece in [PREFACE, *pieces]:
            before, waiting = waiting, []
            for asked in connection.receive_data(piece):
                assert len(asked.message) <= MAX_MESSAGE
                heard.append(asked.message)
                if late:
                    waiting.append(asked)
                else:
                    connection.answer(asked, b"a" * 100)
            for asked in before:
                connection.answer(asked, b"a" * 100)
            held = sum(map(len, connection._bodies.values()))
            assert held == connection._held <= MAX_HELD
            assert listens or held == 0
            connection.data_to_send()
    except RemoteProtocolError:
        pass
    connection.data_to_send()
    for asked in waiting:
        connection.answer(asked, b"too late")
    return heard


@given(pieces=st.lists(frames, max_size=12), together=st.booleans(), late=st.booleans(), listens=st.booleans())
@example(pieces=[call(1) + GoAwayFrame(0).serialize()], together=True, late=False, listens=True)
@example(pieces=[call(1), GoAwayFrame(0).serialize()], together=False, late=True, listens=True)
@example(pieces=[call(1), b"\xff" * 30], together=False, late=True, listens=True)
@example(pieces=[half(n) for n in (1, 3, 5, 7)], together=False, late=False, listens=True)
def test_only_the_protocols_error(pieces: list[bytes], together: bool, late: bool, listens: bool) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(grpc, "MAX_MESSAGE", MAX_MESSAGE)
        patched.setattr(grpc, "MAX_HELD", MAX_HELD)
        serve([b"".join(pieces)] if together else pieces, late, listens)


def test_what_is_right_is_heard() -> None:
    """What is sent above is not refused at the first frame."""
    assert serve([call(1) + half(3), call(5, MESSAGES[2])], late=False, listens=True) == [b"hello", bytes(50)]
