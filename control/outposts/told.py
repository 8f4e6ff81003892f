"""What one stream was told of its outpost's configuration, so that a change of one application is one record of many.

Whatever is removed or moved leaves no trace of where it was: what was told of it says which provider it belonged to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from control.outposts.needs import View, of_outpost, of_provider, together
from control.records import Application, Binding, Provider
from control.store.interface import LoggedChange, Query, Transaction
from control.verbs import secret_attributes
from protocols.link.messages import Change, Configuration, OutpostRecord, ProviderRecord, Put, Record, Remove

KINDS = frozenset({"provider", "application", "binding", "outpost"})
"""Of changes after which the records of some providers differ, and no others."""


class Told:
    """Nothing is told of any provider that is not here."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.certificates: dict[int, str | None] = {}
        """By provider: what it shows."""
        self.views: dict[int, View] = {}
        """By provider."""
        self._own: dict[int, tuple[str, ...]] = {}
        """By provider: the application's pk, and its bindings'."""
        self._owners: dict[str, int] = {}
        """The same the other way round."""
        self.outpost: OutpostRecord | None = None
        for record in records:
            self.take(Put(record))

    def take(self, change: Change) -> None:
        """This was told as well."""
        match change:
            case Put(ProviderRecord() as record):
                self._put(record)
            case Put(OutpostRecord() as record):
                self.outpost = record
            case Remove(kind="provider", pk=int(pk)):
                self._forget(pk)

    def concerned(self, tx: Transaction, log: Sequence[LoggedChange]) -> set[int] | None:
        """pks of providers whose records may be others, by lines of `KINDS` but for the outpost's own. None: bindings
        are among them which are not, or perhaps were not, an application's; of those more may depend."""
        pks: dict[str, list[int | str]] = {kind: [] for kind in KINDS}
        for line in log:
            pks[line.kind].append(line.pk)
        bindings = tx.select(Binding, Query(within={"pk": pks["binding"]})) if pks["binding"] else ()
        touched = [*pks["application"], *(one.target for one in bindings)]
        now = {one.pk: one for one in tx.select(Application, Query(within={"pk": touched}))} if touched else {}
        known = self._owners.keys() | {one.pk for one in bindings}
        if any(one.target not in now for one in bindings) or not known.issuperset(map(str, pks["binding"])):
            return None
        before = (self._owners.get(str(pk)) for pk in (*touched, *pks["binding"]))
        return {
            *(int(pk) for pk in pks["provider"]),
            *(one.provider for one in now.values() if one.provider is not None),
            *(pk for pk in before if pk is not None),
        }

    def password_attributes(self, tx: Transaction, log: Sequence[LoggedChange]) -> tuple[str, ...]:
        """Of `OutpostRecord`. All providers have a say, and are asked where one that has may have changed."""
        told = self.outpost.password_attributes if self.outpost is not None else ()
        pks = [line.pk for line in log if line.kind == Provider.TABLE]
        if pks and (told or any(map(secret_attributes.has_a_say, tx.select(Provider, Query(within={"pk": pks}))))):
            return tuple(secret_attributes.names(tx))
        return told

    def _put(self, record: ProviderRecord) -> None:
        self._forget(record.pk)
        own = (record.application_pk, *(binding.pk for binding in record.bindings))
        self.certificates[record.pk], self._own[record.pk] = record.settings.certificate, own
        self._owners.update(dict.fromkeys(own, record.pk))
        self.views[record.pk] = of_provider(record)

    def _forget(self, pk: int) -> None:
        self.certificates.pop(pk, None)
        self.views.pop(pk, None)
        for one in self._own.pop(pk, ()):
            if self._owners.get(one) == pk:
                del self._owners[one]


def told_after(told: Told | None, changes: Iterable[Change]) -> Told | None:
    """None as long as it is not known what an outpost has."""
    for change in changes:
        if isinstance(change, Configuration):
            told = Told(change.records)
        elif told is not None:
            told.take(change)
    return told


def view_after(view: View, told: Told | None, changes: Iterable[Change]) -> View:
    """Of an outpost whose view was this one, and that was told so of its configuration, after these changes of that."""
    views = dict(told.views) if told is not None else {}
    own, differs = told.outpost if told is not None else None, False
    for change in changes:
        match change:
            case Configuration(records):
                return of_outpost(records)
            case Put(OutpostRecord() as record):
                own, differs = record, True
            case Put(ProviderRecord() as provider):
                views[provider.pk], differs = of_provider(provider), True
            case Remove(kind="provider", pk=int(pk)):
                views.pop(pk, None)
                differs = True
    return together(views.values(), own.password_attributes if own is not None else ()) if differs else view
