"""What is left out of people's records for a view: attributes that it does not look at, other people's passwords for
applications, what mappings say for providers that it does not serve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from control.outposts.needs import EVERYBODY, View
from protocols.link.messages import Change, GroupRecord, Put, Record, UserRecord
from rules.secret_attributes import without

R = TypeVar("R", bound=Record)


class LeftOut:
    def __init__(self, view: View) -> None:
        self._view = view
        self._secret = frozenset(name for name, _ in view.passwords)
        self.everybodys = frozenset(name for name, whose in view.passwords if whose == EVERYBODY)
        """Secret attributes that are left out of nobody's."""

    def of(self, record: R, wanted: frozenset[str] | None = None) -> R:
        """``wanted``: their secret attributes that stay; None: those that are everybody's."""
        if not isinstance(record, UserRecord | GroupRecord):
            return record
        changed = dict[str, Any]()
        hidden = self._secret - (self.everybodys if wanted is None else wanted)
        attributes = without(record.attributes, hidden) if self._view.attributes else {}
        if attributes != record.attributes:
            changed["attributes"] = attributes
        if isinstance(record, UserRecord) and record.mapped:
            changed["mapped"] = {pk: said for pk, said in record.mapped.items() if int(pk) in self._view.mapped}
        return replace(record, **changed) if changed else record

    def of_changes(self, changes: Iterable[Change]) -> Iterable[Change]:
        return (Put(self.of(one.record)) if isinstance(one, Put) else one for one in changes)
