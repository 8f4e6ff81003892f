"""The password policy control (draft-behera-ldap-password-policy-10): why a password is not good any more."""

from __future__ import annotations

from enum import IntEnum

from protocols.ldap import ber
from protocols.ldap.controls import PASSWORD_POLICY
from protocols.ldap.messages import encode_controls


class PolicyError(IntEnum):
    PASSWORD_EXPIRED = 0
    ACCOUNT_LOCKED = 1
    CHANGE_AFTER_RESET = 2
    PASSWORD_MOD_NOT_ALLOWED = 3
    MUST_SUPPLY_OLD_PASSWORD = 4
    INSUFFICIENT_PASSWORD_QUALITY = 5


def response(error: PolicyError | None) -> bytes:
    """``controls [0]`` of a response: ``SEQUENCE { warning [0] OPTIONAL, error [1] ENUMERATED OPTIONAL }``."""
    said = b"" if error is None else ber.encode_integer(error, 0x81)
    return encode_controls([(PASSWORD_POLICY, ber.tlv(ber.SEQUENCE, said))])
