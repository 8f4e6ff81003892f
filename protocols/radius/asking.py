"""What a NAS asks, for whoever plays one (`outpost radius-test`), and what to make of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5 as _md5
from hmac import compare_digest

from protocols.errors import RemoteProtocolError
from protocols.radius import mschapv2
from protocols.radius.authenticators import (
    MESSAGE_AUTHENTICATOR_LENGTH,
    ZEROS,
    hmac_md5,
    message_authenticator_verifies,
    response_authenticator,
)
from protocols.radius.chap import MS_CHAP2_RESPONSE, MS_CHAP2_SUCCESS, MS_CHAP_CHALLENGE
from protocols.radius.dictionary import (
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    CHAP_CHALLENGE,
    CHAP_PASSWORD,
    MESSAGE_AUTHENTICATOR,
    NAS_IDENTIFIER,
    REPLY_MESSAGE,
    USER_NAME,
    USER_PASSWORD,
)
from protocols.radius.md4 import md4
from protocols.radius.offers import without_domain
from protocols.radius.packet import HEADER, Code, Packet, attribute
from protocols.radius.password import hide
from protocols.radius.vendor import MICROSOFT, vendor_attribute, vendor_values

METHODS = ("pap", "chap", "mschapv2", "status", "accounting")
NAS_NAME = b"outpost radius-test"
SESSION = b"radius-test"
STOP = 2
"""A trial leaves no session behind that goes on, and takes nobody's place."""
IDENTIFIER = 1


@dataclass(frozen=True, slots=True)
class Asked:
    octets: bytes
    secret: bytes
    expected: str = ""
    """Of MS-CHAPv2: what the server says if it knows the password, too."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says. ``sentences``: for a person."""

    accepted: bool
    sentences: tuple[str, ...]


def ask(method: str, secret: bytes, name: str, password: str, random: bytes) -> Asked:
    """``random``: 48 octets: authenticator and challenges. Raises KeyError for a method that there is not."""
    authenticator, challenge, peer = random[:16], random[16:32], random[32:48]
    known = attribute(USER_NAME, name.encode()) + attribute(NAS_IDENTIFIER, NAS_NAME)
    match method:
        case "pap":
            proof = attribute(USER_PASSWORD, hide(password.encode(), secret, authenticator))
        case "chap":
            digest = _md5(bytes((IDENTIFIER,)) + password.encode() + challenge, usedforsecurity=False).digest()
            proof = attribute(CHAP_PASSWORD, bytes((IDENTIFIER,)) + digest) + attribute(CHAP_CHALLENGE, challenge)
        case "mschapv2":
            return _ms_chap(secret, name, password, known, authenticator, challenge, peer)
        case "status":
            return _signed(Code.STATUS_SERVER, attribute(NAS_IDENTIFIER, NAS_NAME), authenticator, secret)
        case "accounting":
            told = attribute(ACCT_STATUS_TYPE, STOP.to_bytes(4)) + attribute(ACCT_SESSION_ID, SESSION)
            return _keyed(known + told, secret)
        case _:
            raise KeyError(method)
    return _signed(Code.ACCESS_REQUEST, known + proof, authenticator, secret)


def understand(datagram: bytes, asked: Asked) -> Told:
    """Raises RemoteProtocolError for what is no answer to it, or does not verify."""
    reply = Packet.parse(datagram)
    if reply.identifier != asked.octets[1]:
        raise RemoteProtocolError("the answer is to another request")
    expected = response_authenticator(reply.octets[:4], asked.octets[4:HEADER], reply.octets[HEADER:], asked.secret)
    if not compare_digest(expected, reply.authenticator):
        raise RemoteProtocolError("the Response Authenticator does not verify", "bad_response_authenticator")
    if asked.octets[0] == Code.ACCESS_REQUEST and reply.code in _OF_CODE:
        return _of_access(reply, asked)
    sentence = _OTHERS.get((asked.octets[0], reply.code), "")
    if not sentence:
        sentence = f"The server answers with code {reply.code}, which nobody expects here."
        return Told(False, (sentence, _signature(reply, asked)))
    if asked.octets[0] == Code.ACCOUNTING_REQUEST:
        return Told(True, (sentence,))
    return Told(True, (sentence, _signature(reply, asked)))


_OTHERS: Mapping[tuple[int, int], str] = {
    (Code.ACCOUNTING_REQUEST, Code.ACCOUNTING_RESPONSE): (
        "The server keeps accounting: it has answered an Accounting-Request."
    ),
    (Code.STATUS_SERVER, Code.ACCESS_ACCEPT): "The server is there: its port for logins has answered Status-Server.",
    (Code.STATUS_SERVER, Code.ACCOUNTING_RESPONSE): (
        "The server is there: its port for accounting has answered Status-Server."
    ),
}


def _of_access(reply: Packet, asked: Asked) -> Told:
    sentences = [_OF_CODE[reply.code]]
    if reply.code == Code.ACCESS_REJECT and USER_PASSWORD not in Packet.parse(asked.octets).first:
        sentences.append(_NEEDS_ANOTHER)
    sentences += [f"It says: {text}" for text in _texts(reply)]
    sentences.append(_signature(reply, asked))
    accepted = reply.code == Code.ACCESS_ACCEPT
    if asked.expected and accepted:
        shown = [
            value[1:].decode("ascii", "replace")
            for number, value in vendor_values(reply, MICROSOFT)
            if number == MS_CHAP2_SUCCESS
        ]
        accepted = shown == [asked.expected]
        sentences.append(
            "The server has shown that it knows the password, too."
            if accepted
            else "But it has not shown that it knows the password (MS-CHAP2-Success is missing or wrong)."
        )
    return Told(accepted, tuple(sentences))


_OF_CODE: Mapping[int, str] = {
    Code.ACCESS_ACCEPT: "Access-Accept: the server lets in.",
    Code.ACCESS_REJECT: "Access-Reject: the server does not let in.",
    Code.ACCESS_CHALLENGE: "Access-Challenge: the password was right, and the server asks for more.",
}


_NEEDS_ANOTHER = (
    "CHAP and MS-CHAPv2 cannot be checked against a hash of a password: where passwords are stored so, as by Outpost, "
    "they want a network password."
)


def _texts(reply: Packet) -> list[str]:
    octets = reply.octets
    values = [octets[at + 2 : at + octets[at + 1]].decode("utf-8", "replace") for at in reply.offsets(REPLY_MESSAGE)]
    return [value if value.isprintable() else ascii(value)[1:-1] for value in values]


def _signature(reply: Packet, asked: Asked) -> str:
    if MESSAGE_AUTHENTICATOR not in reply.first:
        return "It has no Message-Authenticator: anybody between could have made it (CVE-2024-3596). Update the server."
    octets = reply.octets
    before = Packet(octets[:4] + asked.octets[4:HEADER] + octets[HEADER:], reply.first, reply.count)
    if not message_authenticator_verifies(before, asked.secret):
        raise RemoteProtocolError("the Message-Authenticator does not verify", "bad_message_authenticator")
    return "Its Message-Authenticator verifies."


def _ms_chap(
    secret: bytes, name: str, password: str, known: bytes, authenticator: bytes, challenge: bytes, peer: bytes
) -> Asked:
    hashed, short = mschapv2.nt_hash(password), without_domain(name)
    response = mschapv2.nt_response(mschapv2.challenge_hash(peer, challenge, short), hashed)
    value = bytes((IDENTIFIER, 0)) + peer + bytes(8) + response
    proof = vendor_attribute(MICROSOFT, MS_CHAP_CHALLENGE, challenge)
    proof += vendor_attribute(MICROSOFT, MS_CHAP2_RESPONSE, value)
    expected = mschapv2.authenticator_response(md4(hashed), response, peer, challenge, short)
    asked = _signed(Code.ACCESS_REQUEST, known + proof, authenticator, secret)
    return Asked(asked.octets, secret, expected)


def _signed(code: int, attributes: bytes, authenticator: bytes, secret: bytes) -> Asked:
    head = _head(code, MESSAGE_AUTHENTICATOR_LENGTH + len(attributes)) + authenticator
    blank = attribute(MESSAGE_AUTHENTICATOR, ZEROS) + attributes
    signature = attribute(MESSAGE_AUTHENTICATOR, hmac_md5(secret, head + blank))
    return Asked(head + signature + attributes, secret)


def _keyed(attributes: bytes, secret: bytes) -> Asked:
    head = _head(Code.ACCOUNTING_REQUEST, len(attributes))
    return Asked(head + response_authenticator(head, ZEROS, attributes, secret) + attributes, secret)


def _head(code: int, size: int) -> bytes:
    return bytes((code, IDENTIFIER)) + (HEADER + size).to_bytes(2)
