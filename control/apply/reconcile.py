"""Makes the store what a description says: one verb, so that all of it takes effect together or not at all.

Files change only what they own (``managed`` carries their mark) and may refer to everything. What carries the mark and
is no longer described is deleted. A field that an entry does not name keeps its value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from control.apply import hidden, settings
from control.apply.changes import HIDDEN, Action, Change, Difference
from control.apply.declared import declared, exchanged, listed, short_items, short_value
from control.apply.description import ADOPT, FORMERLY, KIND, ApplyError, Description
from control.apply.parts import settle_parts
from control.apply.renaming import HERE, take_over
from control.apply.sections import MARK, Given, Section, is_built_in, is_ownerless, owner_of
from control.apply.table import SECTIONS, late
from control.records import Application, Binding, User
from control.store.interface import Query, Transaction
from control.verbs import secret_attributes, users
from control.verbs.fields import NON_FIELD, Invalid
from rules.secret_attributes import keys
from settings.yaml_lines import Place


def reconcile(
    tx: Transaction, description: Description, hashes: Mapping[str, str], random: Callable[[int], bytes]
) -> list[Change]:
    """What has changed. ``hashes``: username to the password hash to store. Raises ApplyError."""
    return _Run(tx, description, hashes, random).changes()


@dataclass(slots=True)
class _Entry:
    """One record that the description names."""

    section: Section
    name: str
    said: Mapping[str, Any]
    pk: Any = None
    """None: there is none yet."""
    before: Given = field(default_factory=dict)
    action: Action = Action.CHANGED

    @property
    def place(self) -> Place:
        return (self.section.name, self.name)


class _Run:
    def __init__(
        self, tx: Transaction, description: Description, hashes: Mapping[str, str], random: Callable[[int], bytes]
    ) -> None:
        self.tx = tx
        self.description = description
        self.mark = description.mark
        self.hashes = hashes
        self.random = random
        self.faults: list[str] = []
        self.refused: dict[tuple[str, str], list[str]] = {}
        self.entries: list[_Entry] = []
        self.passwords = keys(secret_attributes.names(tx))
        """Attributes of people and groups that are some, before and after."""
        self.known: dict[tuple[str, str], Any] = {}
        """pks by section and name, of what lists name."""

    def changes(self) -> list[Change]:
        """Raises ApplyError."""
        taken_over = take_over(self.tx, self.description.formerly, self.mark)
        for section in SECTIONS.values():
            for name, said in self.description.sections[section.name].items():
                with self.telling((section.name, name)):
                    self.entries.append(self.begun(section, name, said))
        deleted = self.deletions(last=False)
        for entry in self.entries:
            with self.telling(entry.place):
                self.make(entry)
        for entry in self.entries:
            with self.telling(entry.place):
                self.fill_in(entry)
        settled = settings.settle(self.tx, self.description.settings, self.mark, self.telling)
        if self.faults:
            raise ApplyError(self.faults, self.refused)
        deleted += self.deletions(last=True)
        if self.faults:
            raise ApplyError(self.faults, self.refused)
        self.passwords |= keys(secret_attributes.names(self.tx))
        told = [change for entry in self.entries if (change := self.told(entry)).matters]
        return taken_over + settled + told + deleted

    @contextmanager
    def telling(self, place: Place) -> Iterator[None]:
        """Turns what is refused into faults."""
        try:
            yield
        except Invalid as error:
            for name, sentences in error.fields.items():
                at: Place = place if name == NON_FIELD else (*place, name)
                self.faults += [self.description.fault(at, sentence) for sentence in sentences]
                where = "".join(f"{part}: " for part in at[2:])
                why = self.refused.setdefault((str(place[0]), str(place[1])), [])
                why += [f"{where}{sentence}" for sentence in sentences]

    # --- one record ------------------------------------------------------------------------------------------------

    def begun(self, section: Section, name: str, said: Mapping[str, Any]) -> _Entry:
        """As it was before anything changed. Raises Invalid for what does not belong to the description."""
        record = section.find(self.tx, name)
        if record is None:
            return _Entry(section, name, said, action=Action.CREATED)
        kind = section.kind_of(record)
        if kind != said.get(KIND, ""):
            raise Invalid({KIND: [f"this {section.one} is there already, of kind {kind}; choose another name"]})
        before = declared(self.tx, section, record, self.owners((section.name, name)))
        action = Action.CHANGED if name in section.aliases or owner_of(record) == self.mark else Action.TAKEN
        if action == Action.TAKEN:
            self.refuse_foreign(section, name, record)
            action = Action.CHANGED if is_built_in(record) else Action.TAKEN
        return _Entry(section, name, said, record.pk, before, action)

    def owners(self, entry: tuple[str, str]) -> frozenset[str | None]:
        """Whose items of parts this is about."""
        return frozenset({self.mark, None} if entry in self.description.adopts else {self.mark})

    def refuse_foreign(self, section: Section, name: str, record: Any) -> None:
        if not is_ownerless(record) and not is_built_in(record):
            said = f"is there already and belongs to {record.managed!r}; change it there, or choose another name"
            owner = owner_of(record) or ""
            if owner.startswith(MARK):
                said += (
                    f". If this file was called so, write '{FORMERLY}: {owner.removeprefix(MARK) or HERE}' at its top"
                )
            raise Invalid({NON_FIELD: [said]})
        if (section.name, name) not in self.description.adopts:
            said = (
                "is there already and does not belong to this file; choose another name, or write "
                f"'{ADOPT}: true' below it to hand it over to the file"
            )
            raise Invalid({NON_FIELD: [said]})

    def make(self, entry: _Entry) -> None:
        """All but what may not be there yet."""
        section, tx = entry.section, self.tx
        if entry.action != Action.CREATED and tx.find(section.record, pk=entry.pk) is None:
            # It went with what it belonged to, which is no longer described; it is to belong to something else.
            entry.said, entry.action = {**entry.before, **entry.said}, Action.CREATED
        fields = section.written(str(entry.said.get(KIND, ""))) - late(section)
        given = self.given(entry, fields)
        if entry.action == Action.CREATED:
            whole = {**section.at_first(entry.name), **given, section.key: entry.name}
            record = section.create(tx, str(entry.said.get(KIND, "")), whole, self.random)
            entry.pk = record.pk
        else:
            record = tx.get(section.record, entry.pk)
        if entry.action != Action.CHANGED:
            tx.update(replace(record, managed=section.marked(self.mark, entry.name)))
        if entry.action != Action.CREATED:
            self.change(entry, given)
        if section.record is User and entry.name in self.hashes:
            users.set_password(tx, entry.pk, self.hashes[entry.name])

    def fill_in(self, entry: _Entry) -> None:
        """What names other records, and the parts."""
        if entry.pk is None:
            return
        section = entry.section
        given = self.given(entry, late(section))
        if given:
            self.change(entry, given)
        for part in section.parts_of(str(entry.said.get(KIND, ""))):
            if part.name in entry.said:
                items, adopts = entry.said[part.name], entry.place in self.description.adopts
                for place, error in settle_parts(self.tx, part, entry.pk, items, self.mark, adopts, self.pk):
                    with self.telling((*entry.place, *place)):
                        raise error

    def change(self, entry: _Entry, given: Given) -> None:
        section = entry.section
        record = self.tx.get(section.record, entry.pk)
        section.update(self.tx, entry.pk, section.settled(self.tx, record, given, self.mark))

    def given(self, entry: _Entry, fields: frozenset[str]) -> Given:
        """These fields, with pks instead of names. Raises Invalid."""
        said = {name: value for name, value in entry.said.items() if name in fields}
        for section, names in listed(said, entry.section.references):
            table = SECTIONS[section]
            named = [name for name in names if isinstance(name, str) and name not in table.aliases]
            records: list[Any] = self.tx.select(table.record, Query(within={table.key: named}))
            self.known |= {(section, getattr(record, table.key)): record.pk for record in records}
        result: Given = {}
        for name, value in said.items():
            try:
                result |= exchanged({name: value}, entry.section.references, self.pk)
            except Invalid as error:
                raise Invalid({name: error.fields[NON_FIELD]}) from None
        return result

    def pk(self, section: str, name: Any) -> Any:
        """None for what could not be made, for a reason that has been told. Raises Invalid."""
        if isinstance(name, str) and (section, name) in self.known:
            return self.known[section, name]
        found = SECTIONS[section].find(self.tx, name) if isinstance(name, str) else None
        if found is not None:
            return found.pk
        if self.faults and name in self.description.sections[section]:
            return None
        raise Invalid({NON_FIELD: [f"there is no {SECTIONS[section].one} called {name!r}"]})

    # --- what is no longer described ----------------------------------------------------------------------------------

    def deletions(self, last: bool) -> list[Change]:
        deleted: list[Change] = []
        if self.description.imported:
            return deleted
        for section in reversed(SECTIONS.values()):
            if section.last == last:
                described = self.description.sections[section.name]
                for record in section.owned(self.tx, self.mark):
                    name = section.name_of(record)
                    if name not in described:
                        with self.telling_of(section, name):
                            section.delete(self.tx, record.pk)
                        deleted.append(Change(Action.DELETED, section.one, name))
        return deleted

    @contextmanager
    def telling_of(self, section: Section, name: str) -> Iterator[None]:
        try:
            yield
        except Invalid as error:
            why = " ".join(sentence for sentences in error.fields.values() for sentence in sentences)
            self.faults.append(
                f"{self.description.path}: {section.name}.{name}: is no longer described and cannot be deleted: {why}"
            )

    # --- what to tell -----------------------------------------------------------------------------------------------

    def told(self, entry: _Entry) -> Change:
        section = entry.section
        record = self.tx.get(section.record, entry.pk)
        after = declared(self.tx, section, record, self.owners((section.name, entry.name)))
        fields = tuple(
            self.difference(section, section.kind_of(record), name, entry.before.get(name), after.get(name))
            for name in after
            if (name in entry.said if entry.action == Action.CREATED else entry.before.get(name) != after[name])
        )
        new_password = section.record is User and entry.name in self.hashes
        change = Change(entry.action, section.one, str(getattr(record, section.key)), fields, new_password)
        return replace(change, notes=self.notes(record)) if change.matters else change

    def difference(self, section: Section, kind: str, name: str, before: Any, after: Any) -> Difference:
        """Without the secrets in it."""
        found = _difference(section, kind, name, before, after)
        return replace(found, before=self.tellable(name, found.before), after=self.tellable(name, found.after))

    def tellable(self, name: str, value: Any) -> Any:
        if name == "attributes" and isinstance(value, dict):
            return hidden.of_people(value, self.passwords, lambda _: HIDDEN)
        return [hidden.of_answers(one, lambda _: HIDDEN) for one in value] if isinstance(value, list) else value

    def notes(self, record: Any) -> tuple[str, ...]:
        if not isinstance(record, Application):
            return ()
        if self.tx.count(Binding, Query(equal={"target": record.pk, "enabled": True})):
            return ()
        return (f"application {record.slug} is open to every active user: it has no bindings",)


def _difference(section: Section, kind: str, name: str, before: Any, after: Any) -> Difference:
    if name in section.secrets:
        return Difference(name, HIDDEN if before else None, HIDDEN if after else None)
    parts = {part.name: part for part in section.parts}
    if name in parts:
        return Difference(name, short_items(parts[name], before or []), short_items(parts[name], after))
    if name != KIND:
        types = section.fields_of(kind)
        before, after = short_value(types, name, before), short_value(types, name, after)
    return Difference(name, before, after)
