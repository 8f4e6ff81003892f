"""SASL binds (RFC 4513 s5.2): which mechanisms are served, and what their credentials say."""

from __future__ import annotations

from typing import NamedTuple

from protocols.ldap.messages import BindRequest
from protocols.ldap.result import Result, ResultCode

PLAIN, EXTERNAL = "PLAIN", "EXTERNAL"


class Plain(NamedTuple):
    name: str
    """A login name, or ``dn:`` and a DN."""
    password: bytes
    acts_as: str = ""
    """As whom, where that is written in another way; in the same forms."""

    def __repr__(self) -> str:
        return f"Plain(name={self.name!r})"


class ExternalBindReceived(NamedTuple):
    """A bind over TLS by the client's certificate, which the session does not know."""

    message_id: int
    name: str
    """As whom: ``dn:`` and a DN, or ``u:`` and a login name; empty: whoever the certificate is for."""
    policy: bool = False
    """As `BindReceived.policy`."""


def plain(credentials: bytes, secure: bool) -> Plain | Result:
    """What ``[authzid] NUL authcid NUL passwd`` says (RFC 4616 s2), or why it is refused. ``secure``: over TLS."""
    if not secure:
        return Result(ResultCode.CONFIDENTIALITY_REQUIRED, "", "SASL PLAIN needs TLS.", reason="tls_required")
    asked_for, *names = credentials.split(b"\0")
    if len(names) != 2 or not all(names):
        return Result(ResultCode.INVALID_CREDENTIALS, reason="malformed_credentials")
    return Plain(_text(names[0]), names[1], _text(asked_for) if asked_for != names[0] else "")


def bind(
    message_id: int, request: BindRequest, secure: bool, policy: bool = False
) -> Plain | ExternalBindReceived | Result:
    """What a SASL bind asks for, or why it is refused."""
    match request.mechanism.upper():
        case "PLAIN":
            return plain(request.credentials, secure)
        case "EXTERNAL" if not secure:
            said = "SASL EXTERNAL is by a certificate, over TLS."
            return Result(ResultCode.INAPPROPRIATE_AUTHENTICATION, "", said, reason="tls_required")
        case "EXTERNAL":
            return ExternalBindReceived(message_id, _text(request.credentials), policy)
    said = "Simple binds and, over TLS, SASL PLAIN and EXTERNAL are served here."
    return Result(ResultCode.AUTH_METHOD_NOT_SUPPORTED, "", said, reason="unsupported_proof")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
