"""What the doors tell the operator: counted decisions and discards, and faults with a traceback.

The only file that knows how an event is written down. What is counted stands in plain dicts, since that costs a door
little; `outpost.metrics` reads them when Prometheus asks.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from outpost.outcome import Circumstances, Decision
from rules.discards import DISCARDS
from rules.knocks import KNOCK, KNOCK_ANSWERED, OF_DISCARD, OF_REFUSAL, THROTTLED, Knock, Knocks
from rules.names import shown
from rules.reasons import REASONS

MAX_TOLD = 1000  # discards told at info level in an hour; peers are easily forged, and must not fill a disk
TOLD_AGAIN = 3600.0
"""Seconds after which the same is told once more: what was mended may have broken again."""

MOST_REFUSALS_TOLD = 50
"""Lines about refusals in one second; the rest are counted. A flood of wrong passwords must not fill a disk."""


class Telemetry:
    """``clock`` only counts seconds."""

    log = Logger()

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = -1
        self._told_in_second = 0
        self.decisions: Counter[tuple[str, str]] = Counter()
        """(protocol, reason) to how often."""
        self.refusals: Counter[tuple[str, str]] = Counter()
        """The same for requests of whoever is in already, or need not be."""
        self.taken: Counter[tuple[str, str]] = Counter()
        """(protocol, what it was) to how often: other requests than logins, answered or refused."""
        self.discards: Counter[tuple[str, str]] = Counter()
        """(protocol, reason) of input that got no answer, or only a farewell."""
        self.fault_count = 0
        self.knocks = Knocks()
        """Who was refused for being unknown."""
        self.holds = Knocks()
        """Who was held up by the throttle; their kind is the reason."""
        self.report: Callable[[str, dict[str, Any]], None] = _to_nobody
        """Takes what control is to keep; `outpost.link.reporting` puts itself here."""
        self._told: set[tuple[str, str, str]] = set()
        self._told_since = clock()

    def decided(self, username: str, circumstances: Circumstances, decision: Decision, text: str = "") -> None:
        """``text``: what the reason's sentence leaves open, for the operator."""
        if decision.identity is not None:
            self.accepted(circumstances.protocol)
            return
        self.decisions[circumstances.protocol, decision.reason] += 1
        self._tell_refusal("refused", username, circumstances, decision, text)
        if decision.reason in OF_REFUSAL:
            kind, attribute = OF_REFUSAL[decision.reason]
            what = circumstances.attributes.get(attribute) or circumstances.peer
            self.knocked(kind, what, peer=circumstances.peer)

    def refused(self, username: str, circumstances: Circumstances, decision: Decision) -> None:
        """A request, not a login; ``username`` is empty if nobody has said who they are."""
        self.refusals[circumstances.protocol, decision.reason] += 1
        self._tell_refusal("request_refused", username, circumstances, decision)

    def _tell_refusal(
        self, event: str, username: str, circumstances: Circumstances, decision: Decision, text: str = ""
    ) -> None:
        if self._may_tell():
            self.log.info(
                "{protocol}: refused {username!r} from {peer}: {reason} [{id}] {sentence}",
                event=event,
                protocol=circumstances.protocol,
                username=shown(username),
                peer=circumstances.peer,
                reason=decision.reason,
                id=decision.id,
                sentence=with_detail(REASONS[decision.reason].operator, text),
            )

    def knocked(self, kind: str, what: str, **detail: str) -> None:
        """Somebody was refused because ``what`` is unknown here; ``kind`` is one of `rules.knocks.KINDS`."""
        if (knock := self.knocks.knock(kind, what, self._clock(), detail)) is not None:
            self._tell(knock)

    def answered(self, kind: str, what: str) -> None:
        """It is known now. Cheap for whoever asks ``knocks.open`` first."""
        if self.knocks.answered(kind, what):
            self.report(KNOCK_ANSWERED, {"kind": kind, "what": what})

    def nas_answered(self, circumstances: Circumstances, reason: str) -> None:
        """A NAS was understood; for RADIUS' door, if ``knocks.open``. ``reason`` is that of the decision."""
        self.answered("nas", circumstances.peer)
        if reason not in OF_REFUSAL:
            self.answered("nas_secret", circumstances.peer)
            self.answered("mac", circumstances.attributes.get("calling_station", ""))

    def held_up(self, username: str, circumstances: Circumstances, reason: str) -> None:
        """Somebody tried too often, and control was not asked: it hears of it, but not of every try."""
        peer, protocol = circumstances.peer, circumstances.protocol
        detail = {"username": username, "peer": peer, "protocol": protocol}
        if (hold := self.holds.knock(reason, f"{peer} {username}", self._clock(), detail)) is not None:
            self._tell_hold(hold)

    def tell_knocks(self) -> None:
        """Those that went on; once a minute."""
        for knock in self.knocks.due(self._clock()):
            self._tell(knock)
        for hold in self.holds.due(self._clock()):
            self._tell_hold(hold)

    def _tell_hold(self, hold: Knock) -> None:
        self.report(THROTTLED, {"reason": hold.kind, "count": hold.count, **hold.detail})

    def _tell(self, knock: Knock) -> None:
        self.report(KNOCK, {"kind": knock.kind, "what": knock.what, "count": knock.count, **knock.detail})

    def accepted(self, protocol: str) -> None:
        """As `decided`, for doors that let in somebody known."""
        self.decisions[protocol, "accepted"] += 1

    def _may_tell(self) -> bool:
        second = int(self._clock())
        if second != self._second:
            untold = self._told_in_second - MOST_REFUSALS_TOLD
            self._second, self._told_in_second = second, 0
            if untold > 0:
                self.log.warn("{count} further refusals were only counted", event="refusals_untold", count=untold)
        self._told_in_second += 1
        return self._told_in_second <= MOST_REFUSALS_TOLD

    def discarded(self, protocol: str, peer: str, reason: str, text: str = "") -> None:
        """Silence puzzles whoever waits for an answer: the first for each peer and reason in an hour is told, the rest
        counted.

        ``text``: as of `decided`.
        """
        self.discards[protocol, reason] += 1
        if reason in OF_DISCARD:
            self.knocked(OF_DISCARD[reason], peer)
        if self._clock() >= self._told_since + TOLD_AGAIN:
            self._told_since = self._clock()
            self._told.clear()
        first = (protocol, peer, reason) not in self._told and len(self._told) < MAX_TOLD
        if first:
            self._told.add((protocol, peer, reason))
        self.log.emit(
            LogLevel.info if first else LogLevel.debug,
            "{protocol}: no answer to {peer}: {reason} {sentence}",
            event="discarded",
            protocol=protocol,
            peer=peer,
            reason=reason,
            sentence=with_detail(DISCARDS.get(reason, ""), text),
        )

    def noted(self, sentence: str) -> None:
        """Something in the configuration that an operator should change."""
        self.log.warn("{sentence}", event="noted", sentence=sentence)

    def fault(self, where: str) -> None:
        """Call inside an ``except``: logs the traceback."""
        self.fault_count += 1
        self.log.failure("fault in {where}", event="fault", where=where)

    def failed(self, where: str, failure: Failure) -> None:
        """As `fault`, for what a Deferred ended with."""
        self.fault_count += 1
        self.log.failure("fault in {where}", failure, event="fault", where=where)


def with_detail(sentence: str, text: str) -> str:
    """``text``: what the sentence of a reason leaves open; perhaps nothing."""
    return f"{sentence} ({shown(text)})" if text else sentence


def _to_nobody(kind: str, body: dict[str, Any]) -> None:
    """Before there is an outbox."""
