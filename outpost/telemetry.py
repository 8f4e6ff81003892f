"""What the doors tell the operator: counted decisions and discards, and faults with a traceback.

The only file that knows how an event is written down. What is counted stands in plain dicts, since that costs a door
little; `outpost.metrics` reads them when Prometheus asks.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from outpost.outcome import Circumstances, Decision
from rules.discards import DISCARDS
from rules.names import shown
from rules.reasons import REASONS

MAX_TOLD = 1000  # discards told at info level; peers are easily forged, and must not fill a disk


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
        self.discards: Counter[tuple[str, str]] = Counter()
        """(protocol, reason) of input that got no answer, or only a farewell."""
        self.fault_count = 0
        self._told: set[tuple[str, str, str]] = set()

    def decided(self, username: str, circumstances: Circumstances, decision: Decision) -> None:
        if decision.identity is not None:
            self.accepted(circumstances.protocol)
            return
        self.decisions[circumstances.protocol, decision.reason] += 1
        if self._may_tell():
            self.log.info(
                "{protocol}: refused {username!r} from {peer}: {reason} [{id}] {sentence}",
                event="refused",
                protocol=circumstances.protocol,
                username=shown(username),
                peer=circumstances.peer,
                reason=decision.reason,
                id=decision.id,
                sentence=REASONS[decision.reason].operator,
            )

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

    def discarded(self, protocol: str, peer: str, reason: str) -> None:
        """Silence puzzles whoever waits for an answer: the first for each peer and reason is told, the rest counted."""
        self.discards[protocol, reason] += 1
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
            sentence=DISCARDS.get(reason, ""),
        )

    def noted(self, sentence: str) -> None:
        """Something in the configuration that an operator should change."""
        self.log.warn("{sentence}", event="noted", sentence=sentence)

    def detail(self, protocol: str, peer: str, text: str) -> None:
        """More about a refusal that has just been told of."""
        if text:
            self.log.debug("{protocol}: {peer}: {text}", event="detail", protocol=protocol, peer=peer, text=text)

    def fault(self, where: str) -> None:
        """Call inside an ``except``: logs the traceback."""
        self.fault_count += 1
        self.log.failure("fault in {where}", event="fault", where=where)

    def failed(self, where: str, failure: Failure) -> None:
        """As `fault`, for what a Deferred ended with."""
        self.fault_count += 1
        self.log.failure("fault in {where}", failure, event="fault", where=where)
