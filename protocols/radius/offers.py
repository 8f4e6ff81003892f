"""What somebody offers as proof of who they are; deciding about it is others' business.

Names are as sent. Nothing here prints what is secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PasswordOffer:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplyOffer:
    """The answer to a challenge that a decision asked for; ``state`` names the challenge."""

    username: str
    state: str
    reply: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceOffer:
    """Nothing but a hardware address, ``aa:bb:cc:dd:ee:ff``; ``username`` is how the NAS has written it."""

    username: str
    address: str
    by_nas: bool = False
    """Whoever asks has the shared secret: the password is hidden by it."""


@dataclass(frozen=True, slots=True)
class ChapOffer:
    """RFC 1994: ``response`` is MD5(identifier, password, challenge)."""

    username: str
    identifier: int
    challenge: bytes = field(repr=False)
    response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MsChapV2Offer:
    """RFC 2759. ``username`` is the name as it was hashed: without a Windows domain in front of it."""

    username: str
    authenticator_challenge: bytes = field(repr=False)
    peer_challenge: bytes = field(repr=False)
    nt_response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateOffer:
    """``username``: as claimed in EAP. ``chain``: DER, the peer's own certificate first; its key was proved."""

    username: str
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ResumptionOffer:
    """A TLS session is resumed that ended well before: is what it stood on still so?"""

    session_id: bytes = field(repr=False)


Offer = PasswordOffer | DeviceOffer | ReplyOffer | ChapOffer | MsChapV2Offer | CertificateOffer | ResumptionOffer


def without_domain(name: str) -> str:
    """``DOMAIN\\name`` without its domain, which is not part of what is hashed (RFC 2759 section 4)."""
    return name.rpartition("\\")[2]


def typed_name(octets: bytes) -> str | None:
    """A name as text, perhaps an empty one; None if it is none that a person could have typed."""
    text = printable(octets)
    return text if text is not None and text.isprintable() else None


def printable(octets: bytes) -> str | None:
    """A password as text; None if it is none that a person could have typed."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    return text if "\0" not in text else None
