"""Our end of a TLS connection by itself."""

from __future__ import annotations

import pytest

from protocols.radius.eap.channel import AT_ONCE
from protocols.radius.eap.hello import client_hello
from tests.protocols.radius.eap.servers import Server
from tests.protocols.radius.eap.supplicant import TLS_1_2, TTLS, TlsDevice, client_context


@pytest.mark.parametrize("size", [1, AT_ONCE, 3 * AT_ONCE + 7])
def test_all_that_is_said_goes_out_at_once(size: int) -> None:
    device = TlsDevice(TTLS, context=client_context(TLS_1_2))
    said = device.say(b"")
    channel = Server().connect(client_hello(said))
    while not channel.established:
        channel.receive(said)
        said = device.say(channel.output())
    assert channel.output() == b""
    channel.write(bytes(size))
    records = channel.output()
    assert len(records) > size
    assert channel.output() == b""
    device.connection.bio_write(records)
    heard = b""
    while len(heard) < size:
        heard += device.connection.recv(size)
    assert heard == bytes(size)
