"""What one outpost is told next: what came after the revision that it has, or everything.

What that means for people and groups is worked out once for all outposts with one view that stand on one revision.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

from control.mappings.answers import Broken
from control.mappings.everybody import Everybody
from control.outposts import people
from control.outposts import view as outposts
from control.outposts.left_out import LeftOut
from control.outposts.narrowed import Held, Holding, Step
from control.outposts.needs import WHOLE, View, chained, key
from control.outposts.people import EverythingChanged
from control.outposts.snapshots import News, Snapshots
from control.outposts.told import Told, told_after, view_after
from control.store.interface import LoggedChange, Store, Transaction
from protocols.link import codec
from protocols.link.messages import Delta, Hello
from protocols.link.replica import Standing

MOST_STEPS = 32
"""That are kept for views of which nothing is held: all who follow ask within a moment."""
MOST_CHANGES = 5_000
"""In one that is kept."""


@dataclass(slots=True)
class Stream:
    """What is known of one that follows."""

    told: Told | None = None
    view: View | None = None
    """That it has; None: not known yet."""
    held: Held | None = None


class Newsroom:
    """One of a control process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._holding = Holding()
        self._steps = LoggedSteps()
        self.snapshots = Snapshots(store, self._holding)

    async def news(self, outpost: str, stand: Hello, stream: Stream) -> News:
        """``stand`` is the hello that the outpost would say now. Raises Unavailable."""
        found: News | View | None
        while True:
            async with _locked(stream.held):
                found = await self._store.read(partial(self._since, outpost, stand, stream))
            if not isinstance(found, View):
                break
            stream.view, stream.held = found, self._holding.of(found)
        news = found or await self.snapshots.whole(outpost, stand, stream.view or WHOLE)
        stream.view, stream.held = news.view, news.held
        stream.told = told_after(stream.told, news.changes) if stand.some_providers else None
        return news

    def _since(self, outpost: str, stand: Hello, stream: Stream, tx: Transaction) -> News | View | None:
        with stream.held.working if stream.held is not None else nullcontext():
            return _since(tx, outpost, stand, stream, self._steps)


def _locked(held: Held | None) -> asyncio.Lock | nullcontext[None]:
    return nullcontext() if held is None else held.lock


class LoggedSteps:
    """For views of which nothing has to be held."""

    def __init__(self) -> None:
        self._kept = OrderedDict[tuple[str, str], Step]()
        self._working = threading.Lock()
        """So that each is worked out once: whoever else wants it waits for it."""

    def step(
        self, tx: Transaction, stand: Hello, view: View, log: Sequence[LoggedChange], broken: list[tuple[int, Broken]]
    ) -> Step:
        """Raises EverythingChanged. ``broken`` is filled by whoever works it out."""
        with self._working:
            return self._step(tx, stand, view, log, broken)

    def _step(
        self, tx: Transaction, stand: Hello, view: View, log: Sequence[LoggedChange], broken: list[tuple[int, Broken]]
    ) -> Step:
        revision = tx.revision()
        place = stand.chain, revision.chain
        step = self._kept.get(place)
        if step is None:
            everybody = Everybody(tx)
            changes = tuple(LeftOut(view).of_changes(people.changes(tx, log, everybody)))
            broken += everybody.broken
            after = Standing(tx.incarnation, revision.number, chained(revision.chain, key(view)))
            step = Step(stand.revision, after, changes)
            if len(changes) <= MOST_CHANGES:
                self._kept[place] = step
            while len(self._kept) > MOST_STEPS:
                self._kept.popitem(last=False)
        return step


def _since(tx: Transaction, outpost: str, stand: Hello, stream: Stream, logged: LoggedSteps) -> News | View | None:
    """What has changed; the view that has to be held for that; or None if the store is not the one that the outpost
    stands on, or went back behind it, if its view is another now, or if everything has changed."""
    view = stream.view
    if view is None:
        if stand.incarnation != tx.incarnation or not stand.chain:
            return None
        view = outposts.view_of(tx, outpost)
    if not _stands_on(tx, stand, view):
        return None
    held = stream.held if stream.held is not None and stream.held.view == view else None
    if held is None and not view.follows_log:
        return view
    revision = tx.revision()
    broken: list[tuple[int, Broken]] = []
    if held is not None:
        broken += held.catch_up(tx)
    if revision.number == stand.revision:
        return News((), stand, broken, (), view, held)
    log = tx.changes_since(stand.revision)
    try:
        steps = [logged.step(tx, stand, view, log, broken)] if held is None else held.since(stand.revision)
    except EverythingChanged:
        return None
    if steps is None:
        return None
    narrowed = outposts.EVERYBODY if held is None else held.narrowed(any(step.moved for step in steps))
    configured = outposts.configured(tx, outpost, log, stream.told, narrowed)
    if stand.pins:
        configured += outposts.pins(tx, outpost, log)
    if configured and view_after(view, stream.told, configured) != view:
        return None
    after = replace(stand, revision=revision.number, chain=steps[-1].after.chain)
    if len(steps) == 1 and not configured:
        line = steps[0].line
    else:
        changes = (*configured, *(change for step in steps for change in step.changes))
        line = codec.encode(Delta(stand.revision, revision.number, after.chain, changes))
    return News((line,), after, broken, configured, view, held)


def _stands_on(tx: Transaction, hello: Hello, view: View) -> bool:
    """Has this outpost a revision of this very store, and of this view?"""
    if hello.incarnation != tx.incarnation or not hello.chain:
        return False
    return chained(tx.chain_at(hello.revision) or "", key(view)) == hello.chain
