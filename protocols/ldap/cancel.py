"""The cancel operation (RFC 3909): which request is to end."""

from __future__ import annotations

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.messages import MAX_MESSAGE_ID
from protocols.ldap.result import Refused, ResultCode


def decode(value: bytes | None) -> int:
    """``cancelRequestValue ::= SEQUENCE { cancelID MessageID }``. Raises Refused."""
    octets = value or b""
    try:
        at, end = ber.expect(octets, 0, len(octets), ber.SEQUENCE)
        message_id, at = ber.integer(octets, at, end)
        ber.ignore(octets, at, end)
        if end != len(octets) or not 0 <= message_id <= MAX_MESSAGE_ID:
            raise ber.Malformed("a cancel request has one message ID")
    except RemoteProtocolError:
        raise Refused(ResultCode.PROTOCOL_ERROR, "The cancel request could not be decoded.") from None
    return message_id
