"""Log lines on standard error: one a line, readable; tracebacks behind them."""

from __future__ import annotations

import logging
import sys
from typing import Any

from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    STDLibLogObserver,
    globalLogBeginner,
)
from zope.interface import implementer

LEVELS = {"trace": "debug", "warning": "warn"}
"""Settings' names of levels to Twisted's, where they differ."""
FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


def start_log(level: str) -> None:
    """Twisted's events go through the standard library's logging, so that both programs write the same lines."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=FORMAT)
    logging.getLogger().setLevel(_STANDARD.get(level, logging.INFO))
    minimum = LogLevel.lookupByName(LEVELS.get(level, level))
    predicates: list[Any] = [LogLevelFilterPredicate(minimum)]
    if minimum is not LogLevel.debug:
        predicates.append(_NoChatter())
    observer = FilteringLogObserver(STDLibLogObserver(name="outpost"), predicates)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


@implementer(ILogFilterPredicate)
class _NoChatter:
    """Drops Twisted's own notes about every port that opens and closes; the start-up lines say it better."""

    def __call__(self, event: LogEvent) -> Any:
        chatter = event.get("log_namespace") == "log_legacy" and "log_failure" not in event
        return PredicateResult.no if chatter else PredicateResult.maybe


_STANDARD = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
