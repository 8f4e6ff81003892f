"""System settings: few, each with an effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from control.passwords.rules import DEFAULT_LENGTH, STRONGEST, PasswordRules
from control.records import Setting
from control.store.interface import Query, Transaction
from control.verbs.fields import Duration, Fields, overlaid, seconds

MOST_CHARACTERS = 128
"""Of a kind that a new password may be asked to have: people type it."""
MOST_FORMER = 24
"""Passwords that nobody may take again: each costs as much to compare as a login."""
RETENTION = "days=365"
SHORTEST_RETENTION = 86_400.0
SHORTEST_KEY, LONGEST_KEY = 30, 512
"""Characters of a token's key: nobody guesses the one, and the other still fits into a header line."""


def _site(url: str) -> str:
    """Scheme, host and port: everything else is decided by the paths below it."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError for a bad one
    except ValueError:
        raise ValueError("Enter a valid URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("Enter a valid URL, such as https://auth.example.com.")
    if parts.path.strip("/") or parts.query or parts.fragment or not all("!" <= letter <= "~" for letter in url):
        raise ValueError("Enter scheme and host only, such as https://auth.example.com.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _a_day(duration: str) -> str:
    if seconds(duration) < SHORTEST_RETENTION:
        raise ValueError("Keep events for a day at least: rules and people look at them.")
    return duration


Characters = Annotated[int, Field(ge=0, le=MOST_CHARACTERS)]


class SystemFields(Fields):
    base_url: Annotated[str, Field(max_length=2048), AfterValidator(_site)] = ""
    """Under which address browsers reach us; empty: what the request says (DESIGN D25)."""
    event_retention: Annotated[Duration, AfterValidator(_a_day)] = RETENTION
    """How long events are kept."""
    enrollment: Literal["off", "invitation", "open"] = "off"
    """Who may make themselves an account by the enrollment flows."""
    unenrollment: bool = False
    """May people delete their own accounts?"""
    default_user_change_name: bool = True
    """May people change their own names? Groups and accounts may say otherwise (`control.verbs.own_details`)."""
    default_user_change_email: bool = False
    default_user_change_username: bool = False
    default_token_duration: Duration = "days=1"  # noqa: S105
    default_token_length: Annotated[int, Field(ge=SHORTEST_KEY, le=LONGEST_KEY)] = 60
    password_length: Characters = DEFAULT_LENGTH
    password_digits: Characters = 0
    password_uppercase: Characters = 0
    password_lowercase: Characters = 0
    password_symbols: Characters = 0
    password_strength: Annotated[int, Field(ge=0, le=STRONGEST)] = 0
    password_history: Annotated[int, Field(ge=0, le=MOST_FORMER)] = 0
    """How many passwords, the present one among them, a new one must differ from."""
    password_max_age: Duration = "days=0"  # noqa: S105
    """How long a password is good; nothing: for ever."""
    password_warning: Duration = "days=14"  # noqa: S105
    """How long before its end its owner is told, at doors that can say so; nothing: never."""


def read(tx: Transaction) -> SystemFields:
    return SystemFields.model_validate(_stored(tx))


def change(tx: Transaction, given: Mapping[str, Any], partial: bool = True) -> SystemFields:
    """Unless ``partial``, what is not given is as it was at first. Raises Invalid."""
    stored = _stored(tx)
    fields = overlaid(SystemFields, stored if partial else {}, given, partial)
    for name, value in fields.model_dump().items():
        if name in stored:
            tx.update(Setting(name, value))
        elif value != SystemFields.model_fields[name].default:
            tx.insert(Setting(name, value))
    return fields


def password_rules(tx: Transaction) -> PasswordRules:
    fields = read(tx)
    return PasswordRules(
        length=fields.password_length,
        digits=fields.password_digits,
        uppercase=fields.password_uppercase,
        lowercase=fields.password_lowercase,
        symbols=fields.password_symbols,
        strength=fields.password_strength,
    )


def public_url(tx: Transaction) -> str:
    """The administrator's word on where browsers reach us, without a slash at its end; empty: not set yet."""
    return read(tx).base_url


def _stored(tx: Transaction) -> dict[str, Any]:
    names = list(SystemFields.model_fields)
    return {setting.pk: setting.value for setting in tx.select(Setting, Query(within={"pk": names}))}
