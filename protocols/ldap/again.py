"""Answers that are given again, under the message ID of another question (RFC 4511 s4.1.1.1)."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.ldap import ber


def operations(octets: bytes) -> tuple[bytes, ...]:
    """What whole messages of our own carry behind their message ID. Raises RemoteProtocolError for anything else."""
    found, at, end = list[bytes](), 0, len(octets)
    while at < end:
        start, stop = ber.expect(octets, at, end, ber.SEQUENCE)
        _, start = ber.integer(octets, start, stop)
        found.append(octets[start:stop])
        at = stop
    return tuple(found)


def encode_messages(message_id: int, operations: Iterable[bytes]) -> bytes:
    """The inverse of `operations`, under another message ID."""
    identifier = ber.encode_integer(message_id)
    return b"".join([ber.tlv(ber.SEQUENCE, identifier + operation) for operation in operations])
