"""Control's end of the link: what one outpost is told, and what it is answered (DESIGN D5 to D7).

Bytes of `protocols.link.codec` in and out; whoever carries them, HTTP or a call in the same process, is not known here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Protocol

from control.authentication import Authentication, served_provider
from control.mappings.answers import Broken, leave_events
from control.outposts import instances
from control.outposts.audit import OutpostAudit
from control.outposts.news import Newsroom, Stream
from control.radius import orders as radius_orders
from control.store.interface import Store
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.messages import (
    AskAccess,
    Authenticate,
    ChangePassword,
    CodeRedeemed,
    EndSession,
    Heartbeat,
    Hello,
    PasswordChanged,
    RedeemCode,
    RenewSession,
    Reports,
    ReportsTaken,
    SessionEnded,
    SessionRenewed,
)
from rules.names import shown

HEARTBEAT_SECONDS = 15.0
"""Silence for longer than this means that the connection is dead."""
MOST_STREAMS = 256
"""Of one outpost, at one control process: each worker of a large machine, and as many that it has not noticed to be
gone. A token that is stolen, or used in a loop, must not take every connection."""


MOST_SERVED = 10_000
"""Pairs of outpost and provider that are remembered for the record of what is asked."""
MOST_COMPLAINTS = 1_000
"""Broken mappings that are remembered as told of."""


class TooManyStreams(Exception):
    """This outpost follows as often as it may."""


class SignIns(Protocol):
    """Browser sign-ins at outposts. Both raise Unavailable."""

    def redeem(self, outpost: str, asked: RedeemCode) -> Awaitable[CodeRedeemed]: ...

    def renew(self, outpost: str, asked: RenewSession) -> Awaitable[SessionRenewed]: ...

    def end(self, outpost: str, asked: EndSession) -> Awaitable[SessionEnded]: ...


class PasswordChanges(Protocol):
    """Raises Unavailable."""

    def answer(self, outpost: str, asked: ChangePassword) -> Awaitable[PasswordChanged]: ...


class Link:
    """Serves every outpost; one instance a control process."""

    def __init__(
        self,
        store: Store,
        authentication: Authentication,
        sign_ins: SignIns | None = None,
        password_changes: PasswordChanges | None = None,
        audit: OutpostAudit | None = None,
    ) -> None:
        self.followers: Counter[str] = Counter()
        """Outpost's pk to how many of its processes follow."""
        self.newest = 0
        """The newest revision that we have heard of."""
        self._store = store
        self._authentication = authentication
        self._sign_ins = sign_ins
        self._password_changes = password_changes
        self._audit = audit
        self._served: dict[tuple[str, int], bool] = {}
        """By outpost and provider, at the revision ``_served_at``."""
        self._served_at = -1
        self._newsroom = Newsroom(store)
        self._complained: set[tuple[str, int, str]] = set()
        self._changed = asyncio.Condition()
        self._wakes = 0
        self._wakers: set[asyncio.Task[None]] = set()
        store.follow(self._wake)

    def _wake(self, revision: int) -> None:
        self.newest = max(self.newest, revision)
        self._wakes += 1
        task = asyncio.ensure_future(self._notify())
        self._wakers.add(task)
        task.add_done_callback(self._wakers.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def ask(self, outpost: str, question: bytes, address: str = "") -> bytes:
        """The answer to one question, or to reports. ``address``: where it comes from; empty: from this process.

        Raises RemoteProtocolError when it is neither; Unavailable.
        """
        frame = codec.decode(question)
        if address and self._audit is not None:
            await self._record(self._audit, outpost, frame, address)
        match frame:
            case Authenticate():
                return codec.encode(await self._authentication.answer(outpost, frame, remote=bool(address)))
            case AskAccess():
                return codec.encode(await self._authentication.access(outpost, frame))
            case ChangePassword() if self._password_changes is not None:
                return codec.encode(await self._password_changes.answer(outpost, frame))
            case RedeemCode() if self._sign_ins is not None:
                return codec.encode(await self._sign_ins.redeem(outpost, frame))
            case RenewSession() if self._sign_ins is not None:
                return codec.encode(await self._sign_ins.renew(outpost, frame))
            case EndSession() if self._sign_ins is not None:
                return codec.encode(await self._sign_ins.end(outpost, frame))
            case Reports():
                number = await self._store.write(lambda tx: instances.take(tx, outpost, frame))
                return codec.encode(ReportsTaken(number))
            case _:
                raise RemoteProtocolError(f"{type(frame).__name__} is not a question")

    async def _record(self, audit: OutpostAudit, outpost: str, frame: object, address: str) -> None:
        kind, provider = type(frame).__name__, getattr(frame, "provider", None)
        if provider is not None and not await self._serves(outpost, provider):
            why = f"The outpost does not serve the provider {shown(str(provider))}."
            await audit.refused(outpost, address, kind, why)
        else:
            await audit.asked(outpost, address, kind)

    async def _serves(self, outpost: str, provider: int) -> bool:
        """Looked up once for each revision that we have heard of: whoever answers looks again."""
        if self._served_at != self.newest or len(self._served) > MOST_SERVED:
            self._served, self._served_at = {}, self.newest
        place = outpost, provider
        if place not in self._served:
            found = await self._store.read(lambda tx: served_provider(tx, outpost, provider))
            self._served[place] = found is not None
        return self._served[place]

    async def follow(self, outpost: str, hello: bytes) -> AsyncIterator[bytes]:
        """Frames without end: a snapshot unless the outpost stands where the log begins, then changes as they come.

        Raises RemoteProtocolError, TooManyStreams; Unavailable.
        """
        frame = codec.decode(hello)
        if not isinstance(frame, Hello):
            raise RemoteProtocolError(f"{type(frame).__name__} is not a hello")
        if self.followers[outpost] >= MOST_STREAMS:
            raise TooManyStreams(f"{MOST_STREAMS} processes of this outpost follow already")
        self.followers[outpost] += 1
        try:
            async for line in self._frames(outpost, frame):
                yield line
        finally:
            self.followers[outpost] -= 1

    async def _frames(self, outpost: str, stand: Hello) -> AsyncIterator[bytes]:
        """``stand`` is the hello that the outpost would say now."""
        await self._store.write(lambda tx: instances.seen(tx, outpost, stand, stand.revision))
        begun, carried, stream = False, frozenset[str](), Stream()
        while True:
            wakes = self._wakes
            before = stand
            news = await self._newsroom.news(outpost, before, stream)
            stand = news.stand
            await self._complain(news.broken)
            for line in news.lines:
                yield line
            del news  # a whole snapshot is kept no longer than somebody is being sent it
            self.newest = max(self.newest, stand.revision)
            orders = await self._store.read(lambda tx: radius_orders.pending(tx, outpost, stand.instance))  # noqa: B023
            for order in orders:
                if order.pk not in carried:
                    yield codec.encode(order)
            carried = frozenset(order.pk for order in orders)
            # The first heartbeat comes at once: silence would leave it in doubt, and keep HTTP's status line back.
            if stand is before and (not begun or not await self._woken_since(wakes)):
                await self._store.write(lambda tx: instances.seen(tx, outpost, stand, stand.revision))  # noqa: B023
                yield codec.encode(Heartbeat(stand.revision))
            begun = True

    async def _complain(self, broken: Sequence[tuple[int, Broken]]) -> None:
        """Once about each mapping as it is written now: every change of the directory asks it again."""
        for provider, one in broken:
            about = (one.mapping.pk, provider, one.mapping.expression)
            if about not in self._complained:
                self._complained = {*list(self._complained)[-MOST_COMPLAINTS:], about}
                await self._store.write(lambda tx: leave_events(tx, [one], "outpost", provider, None, ""))  # noqa: B023

    async def _woken_since(self, wakes: int) -> bool:
        """Waits until the store has changed; False when a heartbeat is due first."""
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._wakes != wakes)
        except TimeoutError:
            return False
        return True
