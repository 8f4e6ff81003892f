"""System settings: few, each with an effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from control.records import Setting
from control.store.interface import Query, Transaction
from control.verbs.fields import Duration, Fields, overlaid

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


class SystemFields(Fields):
    base_url: Annotated[str, Field(max_length=2048), AfterValidator(_site)] = ""
    """Under which address browsers reach us; empty: what the request says (DESIGN D25)."""
    default_token_duration: Duration = "days=1"  # noqa: S105
    default_token_length: Annotated[int, Field(ge=SHORTEST_KEY, le=LONGEST_KEY)] = 60


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


def public_url(tx: Transaction) -> str:
    """The administrator's word on where browsers reach us, without a slash at its end; empty: not set yet."""
    return read(tx).base_url


def _stored(tx: Transaction) -> dict[str, Any]:
    names = list(SystemFields.model_fields)
    return {setting.pk: setting.value for setting in tx.select(Setting, Query(within={"pk": names}))}
