"""The cancel operation (RFC 3909): which request is to end."""

from __future__ import annotations

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.result import Refused, ResultCode


def decode(value: bytes | None) -> int:
    """``cancelRequestValue ::= SEQUENCE { cancelID MessageID }``. Raises Refused."""
    octets = value or b""
    try:
        at, end = ber.expect(octets, 0, len(octets), ber.SEQUENCE)
        message_id, at = ber.integer(octets, at, end)
        if at != end:
            raise ber.Malformed("a cancel request has one part")
    except RemoteProtocolError:
        raise Refused(ResultCode.PROTOCOL_ERROR, "The cancel request could not be decoded.") from None
    return message_id
