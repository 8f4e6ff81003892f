"""Result codes (RFC 4511 appendix A) and the three parts of an LDAPResult."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ResultCode(IntEnum):
    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    TIME_LIMIT_EXCEEDED = 3
    SIZE_LIMIT_EXCEEDED = 4
    COMPARE_FALSE = 5
    COMPARE_TRUE = 6
    AUTH_METHOD_NOT_SUPPORTED = 7
    STRONGER_AUTH_REQUIRED = 8
    ADMIN_LIMIT_EXCEEDED = 11
    UNAVAILABLE_CRITICAL_EXTENSION = 12
    CONFIDENTIALITY_REQUIRED = 13
    NO_SUCH_ATTRIBUTE = 16
    UNDEFINED_ATTRIBUTE_TYPE = 17
    INAPPROPRIATE_MATCHING = 18
    CONSTRAINT_VIOLATION = 19
    INVALID_ATTRIBUTE_SYNTAX = 21
    NO_SUCH_OBJECT = 32
    INVALID_DN_SYNTAX = 34
    INAPPROPRIATE_AUTHENTICATION = 48
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS_RIGHTS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53
    SORT_CONTROL_MISSING = 60
    OFFSET_RANGE_ERROR = 61
    VIRTUAL_LIST_VIEW_ERROR = 76
    """These three are of draft-ietf-ldapext-ldapv3-vlv-09."""
    OTHER = 80
    CANCELED = 118
    NO_SUCH_OPERATION = 119
    """Both are of RFC 3909, for Cancel."""


@dataclass(frozen=True, slots=True)
class Result:
    """LDAPResult without referral: we refer nobody.

    ``diagnostic`` goes to the peer: a sentence that helps them and reveals nothing.
    """

    code: int
    matched_dn: str = ""
    diagnostic: str = ""
    controls: bytes = b""
    """Encoded, for the response."""
    reason: str = ""
    """Why a request is refused, if the code alone does not say it: a code of `rules.reasons`."""


SUCCESS = Result(ResultCode.SUCCESS)


class Refused(Exception):
    """This one operation cannot be done; the connection goes on."""

    def __init__(
        self, code: ResultCode, diagnostic: str, matched_dn: str = "", controls: bytes = b"", reason: str = ""
    ) -> None:
        super().__init__(diagnostic)
        self.result = Result(code, matched_dn, diagnostic, controls, reason)
