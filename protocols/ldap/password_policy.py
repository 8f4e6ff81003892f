"""The password policy control (draft-behera-ldap-password-policy-10): why a password is not good, or for how long."""

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


MOST_SECONDS = 2**31 - 1
"""``INTEGER (0 .. maxInt)``."""


def response(error: PolicyError | None, before_expiration: int | None = None) -> bytes:
    """``controls [0]`` of a response: ``SEQUENCE { warning [0] OPTIONAL, error [1] ENUMERATED OPTIONAL }`` (s6.2).

    ``before_expiration``: seconds, for the warning. Its other choice, *graceAuthNsRemaining*, is never made: a password
    that has ended lets nobody in.
    """
    said = b""
    if before_expiration is not None:
        left = max(0, min(before_expiration, MOST_SECONDS))
        said += ber.tlv(0xA0, ber.encode_integer(left, 0x80))
    if error is not None:
        said += ber.encode_integer(error, 0x81)
    return encode_controls([(PASSWORD_POLICY, ber.tlv(ber.SEQUENCE, said))])
