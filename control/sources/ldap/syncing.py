"""Takes over people and groups of the directories, now and then: everything is read first, and then written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from control.records import Event, PropertyMapping, Source
from control.repeating import Repeating
from control.sources.ldap import found, mapped
from control.sources.ldap.connection import Away
from control.sources.ldap.described import directory, enabled
from control.sources.ldap.directories import Directories
from control.sources.ldap.found import FoundGroup, Person
from control.sources.ldap.mapped import Said
from control.sources.ldap.taking_over import by_key, gone, let_go, take_groups, take_people
from control.store.interface import Store
from protocols.ldap.asking import Entry

log = logging.getLogger(__name__)

EVERY = 300.0
"""Seconds between looks."""
AT_ONCE = 100
"""People of one transaction: others write in between."""
FEW_GONE = 10
"""So many may vanish from one look to the next, whatever part of all they are."""
MOST_TOLD = 50
"""Sentences in one event."""


@dataclass(slots=True)
class Look:
    """What this process knows of taking over one source's people."""

    is_running: bool = False
    succeeded: float | None = None
    """When nothing went wrong last."""
    status: str = ""
    """How the last one ended, in authentik's words: done, warning, error; empty: there was none."""
    troubles: Sequence[str] = ()


Looks = dict[str, Look]
"""By the source's pk."""


class Syncing:
    """One a control process; of several, each finds done what the others did. ``looks``: what all that run in this
    process have seen."""

    def __init__(self, store: Store, directories: Directories, looks: Looks) -> None:
        self._store = store
        self._directories = directories
        self._looks = looks
        self.work = Repeating("taking over people from directories", self.look, self._pause)

    async def look(self) -> None:
        for source in await self._store.read(enabled):
            if source.settings["sync_users"]:
                await self.one(source)

    async def _pause(self) -> None:
        await asyncio.sleep(EVERY)

    async def one(self, source: Source) -> list[str]:
        """What went wrong, in sentences; told in an event when it is not what it was the last time."""
        look = self._looks.setdefault(source.pk, Look())
        look.is_running, status = True, "error"
        try:
            troubles = await self._taken_over(source)
            status = "warning" if troubles else "done"
        except Away as away:
            troubles = [f"The directory gives no answer that counts: {away}"]
        finally:
            look.is_running, look.status = False, status
        if not troubles:
            look.succeeded = await self._store.read(lambda tx: tx.now)
        before, look.troubles = look.troubles, tuple(troubles)
        if troubles and look.troubles != before:
            await self._tell(source, troubles)
        return troubles

    async def _tell(self, source: Source, troubles: Sequence[str]) -> None:
        context = {"source": source.slug, "message": " ".join(troubles[:MOST_TOLD]), "count": len(troubles)}
        app = "authentik_sources_ldap"
        await self._store.write(
            lambda tx: tx.insert(Event(action="configuration_warning", app=app, context=context, created=tx.now))
        )

    async def _taken_over(self, source: Source) -> list[str]:
        told, asked = source.settings, await self._store.read(lambda tx: directory(tx, source))
        by = await self._store.read(lambda tx: mapped.of(tx, source, "user_property_mappings"))
        entries = await self._directories.people(asked, [*found.wanted_of_people(told), *mapped.named(by)])
        said = await self._said(source, by, entries, mapped.PEOPLES)
        people, useless = found.people(told, entries, said)
        unsaid, troubles = found.faulty(told, entries, said), _faults(said)
        groups: list[FoundGroup] = []
        kept: frozenset[str] = frozenset()
        if told["sync_groups"]:
            by = await self._store.read(lambda tx: mapped.of(tx, source, "group_property_mappings"))
            entries = await self._directories.groups(asked, [*found.wanted_of_groups(told), *mapped.named(by)])
            said = await self._said(source, by, entries, mapped.GROUPS)
            groups, _ = found.groups(told, entries, said)
            kept, troubles = found.faulty(told, entries, said), [*troubles, *_faults(said)]
        if not people:
            nobody = "Nobody is found there. Check base_dn, user_object_filter, the *_field settings and the mappings."
            return [nobody, *troubles]
        if useless:
            troubles.append(f"{useless} entries have no unique identifier, or no name.")
        for at in range(0, len(people), AT_ONCE):
            part = people[at : at + AT_ONCE]
            troubles += await self._store.write(lambda tx, part=part: take_people(tx, source, part))  # type: ignore[misc]
        troubles += await self._let_go(source, unsaid.union(one.identifier for one in people))
        if told["sync_groups"]:
            troubles += await self._groups(source, people, groups, kept)
        return troubles

    async def _said(
        self, source: Source, by: Sequence[PropertyMapping], entries: Sequence[Entry], allowed: frozenset[str]
    ) -> dict[str, Said]:
        """In the store's threads: all that time, somebody signs in."""
        said: dict[str, Said] = {}
        for at in range(0, len(entries), AT_ONCE) if by else ():
            part = entries[at : at + AT_ONCE]
            said |= await self._store.read(lambda tx, part=part: mapped.said(source, by, part, allowed))  # type: ignore[misc]
        return said

    async def _let_go(self, source: Source, there: frozenset[str]) -> list[str]:
        lost, of = await self._store.read(lambda tx: gone(tx, source, there))
        if len(lost) > max(FEW_GONE, of // 2):
            return [f"{len(lost)} of {of} people are gone at once: nobody was let go. Check user_object_filter."]
        return await self._store.write(lambda tx: let_go(tx, source, lost)) if lost else []

    async def _groups(
        self, source: Source, people: Sequence[Person], groups: Sequence[FoundGroup], kept: frozenset[str]
    ) -> list[str]:
        from_people = bool(source.settings["lookup_groups_from_user"])
        pks = await self._store.read(lambda tx: by_key(tx, source, people))
        members: dict[str, frozenset[int]] = {}
        troubles = []
        for group in groups:
            if from_people:
                named = {one.key for one in people if group.key in one.member_of}
            elif group.is_whole:
                named = set(group.members)
            else:
                troubles.append(f"{group.name} has more members than are told at once: set lookup_groups_from_user.")
                continue
            members[group.identifier] = frozenset(pks[key] for key in named if key in pks)
        return troubles + await self._store.write(lambda tx: take_groups(tx, source, groups, members, kept))


def _faults(said: Mapping[str, Said]) -> list[str]:
    """Each once: a mapping that fails for one fails for many."""
    return list(dict.fromkeys(one.fault for one in said.values() if one.fault))
