"""Moments as LDAP attributes write them. No value stands for a moment that was never recorded."""

from __future__ import annotations

from datetime import UTC, datetime

from protocols.link.messages import UserRecord


def begun(user: UserRecord) -> float | None:
    """When the password was set; of somebody who has none, when the account was made.

    Clients who ask for this want some moment: without one sssd, told to look at shadow attributes, lets nobody in, and
    to Samba and Windows it is a password that has to be changed.
    """
    return user.password_changed or user.created or None


def generalized_time(seconds: float | None) -> tuple[str, ...]:
    """RFC 4517 s3.3.13."""
    return (datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%SZ"),) if seconds else ()


def tenths(seconds: float | None) -> tuple[str, ...]:
    """As Active Directory writes the same."""
    return (datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%S.0Z"),) if seconds else ()


def days(seconds: float | None) -> tuple[str, ...]:
    """Since 1970, as shadow(5) counts."""
    return (str(int(seconds // 86_400)),) if seconds else ()


def whole_seconds(seconds: float | None) -> tuple[str, ...]:
    return (str(int(seconds)),) if seconds else ()
