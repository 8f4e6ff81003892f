"""Which mail server is used: the one that an administrator has set, else the one that the environment names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from control.mail.message import BadAddress, sender
from control.records import MailServer
from control.store.interface import Transaction
from control.verbs.fields import NON_FIELD, Fields, Invalid, Text, overlaid

LONGEST_TIMEOUT = 120
"""Seconds; whoever waits longer for one answer waits for nothing."""
MOST_PORT = 65_535


def _from(text: str) -> str:
    try:
        sender(text)
    except BadAddress as error:
        raise ValueError(str(error)) from None
    return text


def _host(text: str) -> str:
    if not text.isascii() or any(character.isspace() or character in "/@" for character in text):
        raise ValueError("Enter a host name or an address, such as smtp.example.com.")
    return text


class MailServerFields(Fields):
    """authentik's names of environment variables, as fields."""

    host: Annotated[str, Field(max_length=255), AfterValidator(_host)] = ""
    """Empty: the environment's server is used, if it names one."""
    port: Annotated[int, Field(ge=1, le=MOST_PORT)] = 25
    username: Text = ""
    password: Annotated[str, Field(max_length=1024)] = ""
    """Left out: as it is."""
    use_tls: bool = False
    use_ssl: bool = False
    timeout: Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT)] = 10
    from_address: Annotated[str, Field(min_length=3, max_length=320), AfterValidator(_from)] = "authentik@localhost"


def stored(tx: Transaction) -> MailServer:
    return tx.find(MailServer, pk=MailServer().pk) or MailServer()


def current(tx: Transaction, configured: MailServer | None) -> MailServer | None:
    """None: no mail can be sent."""
    own = stored(tx)
    return own if own.host else configured


def change(tx: Transaction, given: Mapping[str, Any], partial: bool = True) -> MailServer:
    """Raises Invalid. Another host, port or user name with the old password would tell it to somebody else."""
    before = stored(tx)
    fields = overlaid(MailServerFields, fields_of(before) if partial else {}, given, partial)
    if fields.use_tls and fields.use_ssl:
        raise Invalid({NON_FIELD: ["Choose STARTTLS or TLS from the first byte, not both."]})
    if fields.username and not (fields.use_tls or fields.use_ssl) and not _is_near(fields.host):
        raise Invalid({NON_FIELD: ["A password is sent over TLS only: choose STARTTLS or TLS from the first byte."]})
    after = replace(before, **fields.model_dump())
    moved = (after.host, after.port, after.username) != (before.host, before.port, before.username)
    if "password" not in given:
        after = replace(after, password="" if moved else before.password)
    return tx.update(after) if tx.find(MailServer, pk=after.pk) is not None else tx.insert(after)


def fields_of(server: MailServer) -> dict[str, Any]:
    return {name: getattr(server, name) for name in MailServerFields.model_fields}


def _is_near(host: str) -> bool:
    """On this machine nobody listens in between."""
    return host in ("localhost", "::1") or host.startswith("127.")
