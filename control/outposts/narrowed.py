"""The part of the directory that one view holds, as outposts that have this view know it: at one revision, and the
steps that led there.

Who enters and leaves is found among those whom a change concerns; for that it is kept who is in, and in which groups.
All outposts with an equal view share it. It is asked in one transaction at a time, under its lock, and in one thread:
whoever stops waiting for an answer leaves the thread that works on it behind.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from control.mappings.answers import Broken
from control.mappings.everybody import Everybody, changed_users
from control.outposts.left_out import LeftOut
from control.outposts.membership import NONE, Direct, Known, Parents, below, closure, moves, secrets_of_groups
from control.outposts.needs import View, chained, key
from control.outposts.people import EverythingChanged, Person, ended, group_record, user_record
from control.outposts.view import Narrowed
from control.records import EndedSession, Group, User
from control.store.interface import LoggedChange, Query, Transaction
from protocols.link import codec
from protocols.link.messages import Change, Delta, EndedSessionRecord, GroupRecord, Members, Put, Remove, UserRecord
from protocols.link.replica import Standing
from protocols.proxy.injected import added_names

MOST_STEPS = 64
"""That are kept for outposts which are behind; whoever is further gets everything anew."""
MOST_CHANGES = 5_000
"""Of all these steps, and of one: more come quicker as a whole snapshot, in chunks."""
READ_AT_ONCE = 500
"""Records of people."""


@dataclass(slots=True)
class Step:
    """From one revision to the next that was looked at, as outposts know these."""

    before: int
    after: Standing
    changes: tuple[Change, ...]
    moved: bool = False
    """Did somebody enter the view, or leave it?"""
    _line: bytes = b""

    @property
    def line(self) -> bytes:
        """Encoded once, for all who are told nothing else."""
        self._line = self._line or codec.encode(Delta(self.before, self.after.revision, self.after.chain, self.changes))
        return self._line


class Held:
    def __init__(self, view: View) -> None:
        self.view = view
        self.key = key(view)
        self.lock = asyncio.Lock()
        """Taken before a transaction begins, so that none is older than what is held."""
        self.working = threading.Lock()
        """Taken in it."""
        self.standing: Standing | None = None
        """Of the store; None: nothing is held yet."""
        self.people: dict[int, Known] = {}
        self.groups: frozenset[str] = frozenset()
        self._left_out = LeftOut(view)
        self._secrets: Mapping[str, frozenset[str]] = {}
        """Of groups: secret attributes that are wanted of anybody in them."""
        self._headers: frozenset[str] = frozenset()
        """Lower-case names that anybody's attributes add; these only grow."""
        self._parents: Parents = {}
        """Of every group that there is."""
        self._alike = Counter[Known]()
        """How many people are known so."""
        self._steps: dict[int, Step] = {}
        """By the revision that they begin at."""

    def told(self, standing: Standing) -> Standing:
        """As outposts with this view know it."""
        return replace(standing, chain=chained(standing.chain, self.key))

    def narrowed(self, moved: bool = False) -> Narrowed:
        return Narrowed(self.people, moved, tuple(sorted(self._headers)))

    def catch_up(self, tx: Transaction) -> Sequence[tuple[int, Broken]]:
        """To the revision of this transaction. Gives `Everybody.broken`, of what had to be asked for that."""
        revision = tx.revision()
        now, known = Standing(tx.incarnation, revision.number, revision.chain), self.standing
        if known == now:
            return ()
        everybody = Everybody(tx)
        if known is None or known.incarnation != now.incarnation or tx.chain_at(known.revision) != known.chain:
            self._begin(tx, everybody, now)
            return everybody.broken
        try:
            changes, moved = self._follow(tx, everybody, tx.changes_since(known.revision))
        except EverythingChanged:
            self._begin(tx, everybody, now)
            return everybody.broken
        self._steps[known.revision] = Step(known.revision, self.told(now), changes, moved)
        while len(self._steps) > 1 and self._keeps_too_much():
            del self._steps[next(iter(self._steps))]
        self.standing = now
        return everybody.broken

    def since(self, revision: int) -> list[Step] | None:
        """The steps from there to where we are; None: they are not known."""
        steps: list[Step] = []
        while self.standing is not None and revision != self.standing.revision:
            step = self._steps.get(revision)
            if step is None:
                return None
            steps.append(step)
            revision = step.after.revision
        return steps

    def records(self, tx: Transaction, everybody: Everybody) -> Iterator[Person]:
        """All of them, in the transaction that has been caught up with."""
        pks = iter(sorted(self.people))
        while part := list(islice(pks, READ_AT_ONCE)):
            yield from self._users(tx, part, self.people, everybody)
        members: dict[str, list[int]] = {}
        for user, known in sorted(self.people.items()):
            for group in known.direct:
                members.setdefault(group, []).append(user)
        for one in tx.select(Group):
            if one.pk in self.groups:
                yield self._group(one, tuple(members.get(one.pk, ())), self._secrets)
        for session in tx.each(EndedSession):
            yield EndedSessionRecord(session.pk, session.expires)

    # --- who is in -------------------------------------------------------------------------------------------------

    def _begin(self, tx: Transaction, everybody: Everybody, now: Standing) -> None:
        self.standing, self._steps = None, {}
        groups = tx.select(Group)
        self._parents = {group.pk: group.parents for group in groups}
        direct: dict[int, list[str]] = {}
        for group, users in tx.members_of(list(self._parents)).items():
            for user in users:
                direct.setdefault(user, []).append(group)
        possible, headers = {*direct, *self.view.users}, set[str]()
        if self.view.headers or self.view.ways or self.view.whole:  # anybody's headers count, and anybody may be in
            headers.update(_names(group.attributes for group in groups))
            for one in tx.each(User):
                possible.add(one.pk)
                headers.update(self._added(one, direct.get(one.pk, ()), everybody))
        self._headers = frozenset(headers if self.view.headers else ())
        self.people = self._who(possible, direct, self._parents)
        self._alike = Counter(self.people.values())
        self.groups = self._known_groups(self._alike, self._parents)
        self._secrets = secrets_of_groups(self._alike, self._parents)
        self.standing = now

    def _follow(
        self, tx: Transaction, everybody: Everybody, log: Sequence[LoggedChange]
    ) -> tuple[tuple[Change, ...], bool]:
        """Raises EverythingChanged, and then nothing of it is so."""
        also = changed_users(tx, everybody, log)
        if also is None:
            raise EverythingChanged
        users, groups = _pks(log, User.TABLE), _pks(log, Group.TABLE)
        if self.view.headers and not self._headers.issuperset(self._new_headers(tx, users | also, groups, everybody)):
            raise EverythingChanged
        parents = {group.pk: group.parents for group in tx.select(Group)} if groups else self._parents
        touched = self._touched(tx, log, parents)
        known = {pk: self.people[pk] for pk in touched if pk in self.people}
        now = self._who(touched - _removed(log, User.TABLE), tx.groups_of(sorted(touched)), parents)
        alike, within, secrets = self._alike, self.groups, self._secrets
        if known != now or parents != self._parents:
            alike = Counter(alike)
            alike.subtract(known.values())
            alike.update(now.values())
            alike = +alike
            within, secrets = self._known_groups(alike, parents), secrets_of_groups(alike, parents)
        others = groups | {pk for pk, _ in self._secrets.items() ^ secrets.items()}
        told = {**{pk: self.people[pk] for pk in also if pk in self.people and pk not in touched}, **now}
        told = {pk: one for pk, one in told.items() if pk in users or pk in also or self._other_secrets(pk, one)}
        changes = (
            *map(Put, self._users(tx, sorted(told), told, everybody)),
            *self._regrouped(tx, others, within, secrets, known, now),
            *ended(tx, log),
            *(Remove("user", pk) for pk in sorted(known.keys() - now.keys())),
        )
        if len(changes) > MOST_CHANGES:
            raise EverythingChanged
        for pk in known.keys() - now.keys():
            del self.people[pk]
        self.people.update(now)
        self._alike, self._parents, self.groups, self._secrets = alike, parents, within, secrets
        return changes, known.keys() != now.keys()

    def _touched(self, tx: Transaction, log: Sequence[LoggedChange], parents: Parents) -> set[int]:
        """Who may have entered, left, or be in other groups."""
        touched = {int(pk) for pk in _pks(log, User.TABLE)}
        for line in log:
            touched.update(line.joined, line.left)
        moved = {pk for pk in parents.keys() | self._parents.keys() if parents.get(pk) != self._parents.get(pk)}
        if moved:
            touched.update(*tx.members_of(sorted(below(moved, parents) & parents.keys())).values())
        return touched

    def _other_secrets(self, pk: int, now: Known) -> bool:
        """Also of whoever was not known."""
        return pk not in self.people or self.people[pk].secrets != now.secrets

    def _who(self, possible: Iterable[int], direct: Mapping[int, Iterable[str]], parents: Parents) -> dict[int, Known]:
        """Those of them who are in the view. Equal ones are one."""
        alike: dict[Direct, tuple[Direct, frozenset[str]]] = {}
        same: dict[Known, Known] = {}
        found: dict[int, Known] = {}
        for user in possible:
            own = frozenset(direct.get(user, ()))
            if own not in alike:
                alike[own] = own, closure(own, parents)
            own, every = alike[own]
            if self.view.has(user, every):
                known = Known(own, self.view.secrets_of(user, every))
                found[user] = same.setdefault(known, known)
        return found

    def _known_groups(self, alike: Iterable[Known], parents: Parents) -> frozenset[str]:
        if self.view.every_group:
            return frozenset(parents)
        return closure(frozenset[str]().union(*(one.direct for one in alike)), parents)

    def _regrouped(
        self,
        tx: Transaction,
        changed: set[Any],
        within: frozenset[str],
        secrets: Mapping[str, frozenset[str]],
        known: Mapping[int, Known],
        now: Mapping[int, Known],
    ) -> Iterator[Change]:
        """Groups that are others, or told of only now, and who joined and left; who left the view goes by itself."""
        joined, left = moves(known, now), moves({**known, **now}, known)
        entered = within - self.groups
        others = sorted(entered | (within & changed))
        for group in tx.select(Group, Query(within={"pk": others})) if others else ():
            members = tuple(sorted(joined.get(group.pk, ())))
            yield Put(self._group(group, members if group.pk in entered else None, secrets))
        for pk in sorted((joined.keys() | left.keys()) & (within - entered)):
            yield Members(pk, tuple(sorted(joined.get(pk, ()))), tuple(sorted(left.get(pk, ()))))
        yield from (Remove("group", pk) for pk in sorted(self.groups - within))

    # --- what is told of them --------------------------------------------------------------------------------------

    def _users(
        self, tx: Transaction, pks: Sequence[int], people: Mapping[int, Known], everybody: Everybody
    ) -> Iterator[UserRecord]:
        for user in tx.select(User, Query(within={"pk": pks})) if pks else ():
            known = people[user.pk]
            mapped = everybody.of(user, known.direct) if self.view.mapped else {}
            yield self._left_out.of(user_record(user, tx.install_id, mapped), known.secrets)

    def _group(
        self, group: Group, members: tuple[int, ...] | None, secrets: Mapping[str, frozenset[str]]
    ) -> GroupRecord:
        return self._left_out.of(group_record(group, members), secrets.get(group.pk, NONE))

    def _added(self, user: User, direct: Iterable[str], everybody: Everybody) -> frozenset[str]:
        """Names of headers that somebody's own attributes add, or mappings of proxies that are in the view."""
        mapped = everybody.of(user, direct) if self.view.mapped else {}
        said = (one.get("attributes") for pk, one in mapped.items() if int(pk) in self.view.mapped)
        return frozenset(_names([user.attributes, *(one for one in said if isinstance(one, dict))]))

    def _new_headers(
        self, tx: Transaction, users: Iterable[Any], groups: Iterable[Any], everybody: Everybody
    ) -> Iterator[str]:
        pks = sorted(users)
        direct = tx.groups_of(pks) if self.view.mapped and pks else {}
        for user in tx.select(User, Query(within={"pk": pks})) if pks else ():
            yield from self._added(user, direct.get(user.pk, ()), everybody)
        changed = tx.select(Group, Query(within={"pk": sorted(groups)})) if groups else ()
        yield from _names(group.attributes for group in changed)

    def _keeps_too_much(self) -> bool:
        return len(self._steps) > MOST_STEPS or sum(len(one.changes) for one in self._steps.values()) > MOST_CHANGES


class Holding:
    """What is held of each view: as long as some outpost follows that has it."""

    def __init__(self) -> None:
        self._held = weakref.WeakValueDictionary[View, Held]()

    def of(self, view: View) -> Held | None:
        """None: nothing has to be held."""
        if view.follows_log:
            return None
        held = self._held.get(view)
        if held is None:
            held = self._held[view] = Held(view)
        return held


def _names(attributes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    return (name.lower() for one in attributes for name in added_names(one))


def _pks(log: Iterable[LoggedChange], kind: str) -> set[Any]:
    return {line.pk for line in log if line.kind == kind}


def _removed(log: Iterable[LoggedChange], kind: str) -> set[Any]:
    return {line.pk for line in log if line.kind == kind and line.removed}
