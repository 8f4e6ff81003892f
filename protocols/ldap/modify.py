"""The modify request (RFC 4511 s4.6): what somebody wants to change in an entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from protocols.ldap import ber
from protocols.ldap.result import Refused, ResultCode

MAX_MODIFICATIONS = 100
"""Changes of one request: those that are served have two."""
ADD, DELETE, REPLACE, INCREMENT = range(4)
"""The last is of RFC 4525."""


class Modification(NamedTuple):
    """``SEQUENCE { operation ENUMERATED { add (0), delete (1), replace (2), ... }, modification PartialAttribute }``"""

    operation: int
    attribute: str
    values: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Modification(operation={self.operation}, attribute={self.attribute!r})"


@dataclass(frozen=True, slots=True)
class ModifyRequest:
    """``[APPLICATION 6] SEQUENCE { object LDAPDN, changes SEQUENCE OF change }``"""

    entry: str
    changes: tuple[Modification, ...]


def decode(octets: bytes, at: int, end: int) -> ModifyRequest:
    """Raises RemoteProtocolError or Refused."""
    entry, at = ber.octet_string(octets, at, end)
    at, stop = ber.expect(octets, at, end, ber.SEQUENCE)
    ber.ignore(octets, stop, end)
    changes = []
    while at < stop:
        start, at = ber.expect(octets, at, stop, ber.SEQUENCE)
        changes.append(_modification(octets, start, at))
        if len(changes) > MAX_MODIFICATIONS:
            raise Refused(ResultCode.ADMIN_LIMIT_EXCEEDED, "Too many changes in one request.")
    return ModifyRequest(entry.decode("utf-8", "surrogateescape"), tuple(changes))


def _modification(octets: bytes, at: int, end: int) -> Modification:
    operation, at = ber.integer(octets, at, end, ber.ENUMERATED)
    at, stop = ber.expect(octets, at, end, ber.SEQUENCE)
    attribute, at = ber.octet_string(octets, at, stop)
    at, last = ber.expect(octets, at, stop, ber.SET)
    ber.ignore(octets, last, stop)
    ber.ignore(octets, stop, end)
    if not ADD <= operation <= INCREMENT:
        raise Refused(ResultCode.PROTOCOL_ERROR, "There is no such kind of change.")
    values = []
    while at < last:
        value, at = ber.octet_string(octets, at, last)
        values.append(value)
    return Modification(operation, attribute.decode("latin-1"), tuple(values))
