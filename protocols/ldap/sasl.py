"""SASL binds (RFC 4513 s5.2): which mechanisms are served, and what their credentials say."""

from __future__ import annotations

from typing import NamedTuple

from protocols.ldap.result import Result, ResultCode

PLAIN = "PLAIN"


class Plain(NamedTuple):
    name: str
    """A login name, or ``dn:`` and a DN."""
    password: bytes

    def __repr__(self) -> str:
        return f"Plain(name={self.name!r})"


def plain(mechanism: str, credentials: bytes, secure: bool) -> Plain | Result:
    """What ``[authzid] NUL authcid NUL passwd`` says (RFC 4616 s2), or why it is refused. ``secure``: over TLS."""
    if mechanism.upper() != PLAIN:
        said = "Simple binds and, over TLS, SASL PLAIN are served here."
        return Result(ResultCode.AUTH_METHOD_NOT_SUPPORTED, "", said)
    if not secure:
        return Result(ResultCode.CONFIDENTIALITY_REQUIRED, "", "SASL PLAIN needs TLS.")
    asked_for, *names = credentials.split(b"\0")
    if len(names) != 2 or not all(names) or asked_for not in (b"", names[0]):  # nobody acts for somebody else
        return Result(ResultCode.INVALID_CREDENTIALS)
    return Plain(names[0].decode("utf-8", "surrogateescape"), names[1])
