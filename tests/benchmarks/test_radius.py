"""The generator for RADIUS asks what a NAS would ask, and believes no wrong reply."""

import hmac
from hashlib import md5
from pathlib import Path

import pytest

from benchmarks.harness.load import Load, Outcome, Running
from protocols.radius.authenticators import message_authenticator_verifies, signed_reply
from protocols.radius.packet import Packet
from protocols.radius.proof import name_and_password
from tests.benchmarks.servers import datagram_server

pytestmark = pytest.mark.peer

SECRET = "a-shared-secret"
LONG = "a password that needs three blocks of sixteen"


def run(folder: Path, port: int, **arguments: object) -> Outcome:
    users = folder / "users"
    users.write_text(f"alice\tshort\nbob\t{LONG}\n")
    given = {"port": port, "file": users, "secret": SECRET, "sockets": 2, "outstanding": 4, "count": 64, "seconds": 5}
    return Running(folder, Load("radius", {**given, **arguments})).finish()


def test_requests_are_signed_hold_the_password_and_differ(generators: Path) -> None:
    asked: list[Packet] = []

    def answer(datagram: bytes) -> bytes:
        asked.append(Packet.parse(datagram))
        return signed_reply(2, datagram, b"", SECRET.encode())

    with datagram_server(answer) as port:
        outcome = run(generators, port)
    assert (outcome.asked, outcome.right, outcome.lost) == (64, 64, 0)
    assert all(message_authenticator_verifies(packet, SECRET.encode()) for packet in asked)
    assert {name_and_password(packet, SECRET.encode()) for packet in asked} == {("alice", "short"), ("bob", LONG)}
    assert len({packet.authenticator for packet in asked}) == 64


def test_another_code_is_wrong(generators: Path) -> None:
    with datagram_server(lambda datagram: signed_reply(3, datagram, b"", SECRET.encode())) as port:
        assert run(generators, port).wrong == 64
        assert run(generators, port, code=3).wrong == 0


def test_a_reply_under_another_secret_is_wrong(generators: Path) -> None:
    with datagram_server(lambda datagram: signed_reply(2, datagram, b"", b"another")) as port:
        assert run(generators, port).wrong == 4, "of every 16th the authenticator is checked"


def test_silence_is_counted_as_lost(generators: Path) -> None:
    with datagram_server(lambda datagram: None) as port:
        outcome = run(generators, port, count=4, patience=0.2)
    assert (outcome.right, outcome.lost, outcome.failed) == (0, 4, 4)


def test_the_reply_is_what_the_rfc_says() -> None:
    """The generator's own reckoning is checked above against ours; this ties ours to the standard library."""
    packet = Packet.parse(bytes((1, 7, 0, 20)) + bytes(range(16)))
    reply = signed_reply(2, packet.octets, b"", b"s")
    attributes = reply[20:]
    assert reply[4:20] == md5(reply[:4] + bytes(range(16)) + attributes + b"s").digest()
    zeroed = reply[:4] + bytes(range(16)) + attributes[:2] + bytes(16)
    assert attributes[2:18] == hmac.digest(b"s", zeroed, "md5")


def test_as_many_nas_ask_as_are_wanted(generators: Path) -> None:
    asked: set[str] = set()

    def answer(datagram: bytes) -> bytes:
        return signed_reply(2, datagram, b"", SECRET.encode())

    with datagram_server(answer, asked.add) as port:
        assert run(generators, port, sockets=3, sources=2).right == 64
    assert asked == {"127.0.0.1", "127.0.0.2"}
