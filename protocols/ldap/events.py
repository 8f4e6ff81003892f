"""What a session gives out: each is for the code around it to do, or to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from protocols.ldap.controls import Control
from protocols.ldap.messages import CompareRequest
from protocols.ldap.password_modify import PasswordChangeReceived
from protocols.ldap.result import Result
from protocols.ldap.sasl import ExternalBindReceived
from protocols.ldap.search_request import SearchRequest


class BindReceived(NamedTuple):
    """A bind with a name and a password; everything else about binds is answered in the core."""

    message_id: int
    name: str
    password: bytes
    plain: bool = False
    """SASL PLAIN (RFC 4616): the name is a login name, or ``dn:`` and a DN."""
    policy: bool = False
    """The password policy control was sent: the answer carries one (draft-behera-ldap-password-policy)."""
    acts_as: str = ""
    """Of SASL PLAIN: as whom; empty: as whose name it is. Nobody acts for somebody else."""
    content: bytes = b""
    """Of a simple bind without controls: the request as it came, without message ID. It holds the password."""

    def __repr__(self) -> str:
        return f"BindReceived(message_id={self.message_id}, name={self.name!r})"


class SearchReceived(NamedTuple):
    message_id: int
    request: SearchRequest
    controls: tuple[Control, ...] = ()
    """Those that are served here, and others that are not critical."""
    content: bytes = b""
    """The request as it came, without message ID and controls."""


class CompareReceived(NamedTuple):
    """To be answered at once, with `LDAPSession.compare_answered`."""

    message_id: int
    request: CompareRequest


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Stop answering this search; it exists, and no more octets of it may be sent."""

    message_id: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """As `Abandoned`, and these octets are sent instead (RFC 3909)."""

    message_id: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class WhoAmIReceived:
    message_id: int


@dataclass(frozen=True, slots=True)
class StartTLSRequested:
    message_id: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The core knew the answer; send these octets."""

    octets: bytes
    refused: Result | None = None
    """What they say, if it is a refusal."""
    name: str | None = None
    """As whom somebody wanted to bind; None: it was no bind."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """Close the connection; nothing more is read."""


Event = (
    BindReceived
    | ExternalBindReceived
    | SearchReceived
    | CompareReceived
    | Abandoned
    | Cancelled
    | WhoAmIReceived
    | PasswordChangeReceived
    | StartTLSRequested
    | Answered
    | Unbound
)
