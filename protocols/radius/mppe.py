"""Keys of the link between peer and NAS, hidden on their way to the NAS (RFC 2548 section 2.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.radius.md5 import md5
from protocols.radius.vendor import MICROSOFT, vendor_attribute

SEND_KEY, RECEIVE_KEY = 16, 17


@dataclass(frozen=True, slots=True)
class Keys:
    """Of the peer's link to the NAS, by the NAS' names for them (RFC 2548 sections 2.4.2 and 2.4.3)."""

    receive: bytes = field(repr=False)
    send: bytes = field(repr=False)

    @classmethod
    def of_msk(cls, msk: bytes) -> Keys:
        """``msk``: 64 octets (RFC 5216 section 2.3)."""
        return cls(msk[:32], msk[32:64])


def key_attributes(keys: Keys, secret: bytes, authenticator: bytes, salt: bytes) -> bytes:
    """MS-MPPE-Send-Key and MS-MPPE-Recv-Key, hidden (RFC 2548 sections 2.4.2 and 2.4.3).

    ``authenticator``: of the request that is answered; ``salt``: 4 random octets, two for each key.
    """
    first = bytes((salt[0] | 0x80, salt[1]))
    second = bytes((salt[2] | 0x80, salt[3]))
    if second == first:  # one packet's salts must differ
        second = bytes((second[0], second[1] ^ 1))
    return vendor_attribute(MICROSOFT, SEND_KEY, first + salted(keys.send, secret, authenticator, first)) + (
        vendor_attribute(MICROSOFT, RECEIVE_KEY, second + salted(keys.receive, secret, authenticator, second))
    )


def salted(value: bytes, secret: bytes, authenticator: bytes, salt: bytes) -> bytes:
    """Length octet, value and padding, hidden by MD5 blocks: RFC 2548 section 2.4.2, RFC 2868 section 3.5."""
    plain = bytes((len(value),)) + value
    plain += bytes(-len(plain) % 16)
    hidden, before = b"", authenticator + salt
    for at in range(0, len(plain), 16):
        stream = int.from_bytes(md5(secret + before).digest())
        before = (int.from_bytes(plain[at : at + 16]) ^ stream).to_bytes(16)
        hidden += before
    return hidden
