"""Passwords for applications behind proxies, in a draft: out of the records, so that LDAP cannot tell of them, and in a
place of their own, where their proxy finds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from immutables import Map

from protocols.link.messages import GroupRecord, OutpostRecord, ProviderRecord, ProxySettings, UserRecord
from rules.secret_attributes import keys, secret

R = TypeVar("R", UserRecord, GroupRecord)
Secrets = Map[int | str, dict[str, Any]]
"""pk of a user or group to those of their attributes."""
NONE: dict[str, Any] = {}


class SecretsDraft:
    def __init__(self, secret_keys: frozenset[str], secrets: Secrets) -> None:
        self.keys = secret_keys
        self._secrets = secrets.mutate()

    def set_apart(self, record: R, touched: set[Any]) -> R:
        """The record without its own; whose are others now is ``touched``."""
        hidden = secret(record.attributes, self.keys)
        if hidden != self._secrets.get(record.pk, NONE):
            touched.add(record.pk)
            if hidden:
                self._secrets[record.pk] = hidden
            else:
                del self._secrets[record.pk]
        if not hidden:
            return record
        return replace(record, attributes={name: one for name, one in record.attributes.items() if name not in hidden})

    def remove(self, pk: int | str) -> None:
        self._secrets.pop(pk, None)

    def configure(self, outpost: OutpostRecord | None, providers: Iterable[ProviderRecord]) -> bool:
        """Are others secret now? By control's word, and by that of the proxies served here."""
        told = outpost.password_attributes if outpost is not None else ()
        served = [one.settings for one in providers if isinstance(one.settings, ProxySettings)]
        before, self.keys = self.keys, keys((*told, *(settings.basic_auth_password_attribute for settings in served)))
        return before != self.keys

    def whole(self, record: R) -> R | None:
        """The record as control sent it; None if nothing about it is secret, nor was."""
        hidden = self._secrets.get(record.pk, NONE)
        if not hidden and not secret(record.attributes, self.keys):
            return None
        return replace(record, attributes={**record.attributes, **hidden})

    def finish(self) -> Secrets:
        return self._secrets.finish()
