"""Changes of one's own password: the password modify operation (RFC 3062), and a modify of userPassword."""

from __future__ import annotations

from typing import NamedTuple

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.modify import ADD, DELETE, REPLACE, Modification, ModifyRequest
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.schema import DESCRIBED

_PASSWORD = DESCRIBED["userpassword"]


class PasswordChange(NamedTuple):
    name: str
    """Whose; empty: of whoever asks."""
    old: bytes | None
    """None: it was not given."""
    new: bytes | None
    """None: one is to be made."""

    def __repr__(self) -> str:
        return f"PasswordChange(name={self.name!r})"


class PasswordChangeReceived(NamedTuple):
    """Over TLS and of somebody who has bound. Nothing more comes until `LDAPSession.password_change_answered`."""

    message_id: int
    change: PasswordChange
    by_modify: bool = False
    policy: bool = False
    """The password policy control was sent: the answer carries one."""


def decode(value: bytes | None) -> PasswordChange:
    """``PasswdModifyRequestValue ::= SEQUENCE { userIdentity [0], oldPasswd [1], newPasswd [2] }``, each OPTIONAL.

    Raises Refused.
    """
    if value is None:
        return PasswordChange("", None, None)
    try:
        return _decode(value)
    except RemoteProtocolError:
        raise Refused(ResultCode.PROTOCOL_ERROR, "The request could not be decoded.") from None


def _decode(value: bytes) -> PasswordChange:
    at, end = ber.expect(value, 0, len(value), ber.SEQUENCE)
    if end != len(value):
        raise ber.Malformed("something stands behind the request")
    parts: list[bytes | None] = []
    for tag in (0x80, 0x81, 0x82):
        part = None
        if at < end and value[at] == tag:
            part, at = ber.octet_string(value, at, end, tag)
        parts.append(part)
    ber.ignore(value, at, end, 0x80, 0x81, 0x82)
    name, old, new = parts
    return PasswordChange((name or b"").decode("utf-8", "surrogateescape"), old or None, new or None)


def encode_generated(password: str) -> bytes:
    """``PasswdModifyResponseValue ::= SEQUENCE { genPasswd [0] }``"""
    return ber.tlv(ber.SEQUENCE, ber.tlv(0x80, password.encode()))


def of_modify(request: ModifyRequest) -> PasswordChange:
    """A modify that gives an entry one new userPassword: replaced, or the old one deleted and the new one added.

    Raises Refused.
    """
    change = _of_modify(request)
    if change is None:
        raise read_only("This directory is only read over LDAP; one's own userPassword alone may be replaced.")
    return change


def read_only(said: str) -> Refused:
    return Refused(ResultCode.UNWILLING_TO_PERFORM, said, reason="read_only")


def _of_modify(request: ModifyRequest) -> PasswordChange | None:
    if not request.entry or any(DESCRIBED.get(one.attribute.lower()) is not _PASSWORD for one in request.changes):
        return None  # the root DSE has none, and in a `PasswordChange` no name is whoever asks
    match request.changes:
        case (Modification(operation, _, (new,)),) if operation == REPLACE and new:
            return PasswordChange(request.entry, None, new)
        case (Modification(first, _, (old,)), Modification(second, _, (new,))) if (
            (first, second) == (DELETE, ADD) and old and new
        ):
            return PasswordChange(request.entry, old, new)
    return None
