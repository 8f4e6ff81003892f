"""Log lines on standard error, for both programs: Twisted's events and the standard library's records alike."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from outpost.log_lines import JsonLines, TextLines

OURS = ("outpost", "control", "protocols", "rules", "settings")

LEVELS: dict[str, tuple[int, int]] = {
    "trace": (logging.DEBUG, logging.INFO),
    "debug": (logging.DEBUG, logging.WARNING),
    "info": (logging.INFO, logging.WARNING),
    "warning": (logging.WARNING, logging.WARNING),
    "error": (logging.ERROR, logging.ERROR),
}
"""The setting to the least level of our lines and of libraries'. The latter note every connection and query; at debug
some of them print what they carry, passwords included, so that they are never asked for it."""
NEVER_CHATTY = ("sqlalchemy", "httpx", "httpcore", "asyncio")
"""Already at info these print statements with their values, addresses with their queries, or coroutines."""

_LEVEL_OF = {
    LogLevel.debug: logging.DEBUG,
    LogLevel.info: logging.INFO,
    LogLevel.warn: logging.WARNING,
    LogLevel.error: logging.ERROR,
    LogLevel.critical: logging.CRITICAL,
}


def start_log(level: str, form: str) -> None:
    """For the rest of the process. ``level`` and ``form`` are the settings log.level and log.format."""
    write_to(sys.stderr, level, form)
    globalLogBeginner.beginLoggingTo([ToLogging()], redirectStandardIO=False)


def write_to(stream: TextIO, level: str, form: str) -> None:
    """The standard library's records, and Python's own warnings, go to ``stream``."""
    readable = form == "text" or (form == "auto" and stream.isatty())
    output = logging.StreamHandler(stream)
    output.setFormatter(TextLines() if readable else JsonLines())
    logging.basicConfig(handlers=[output], force=True)
    logging.captureWarnings(True)
    ours, libraries = LEVELS[level]
    logging.getLogger().setLevel(libraries)
    for name in OURS:
        logging.getLogger(name).setLevel(ours)
    for name in NEVER_CHATTY:
        logging.getLogger(name).setLevel(max(libraries, logging.WARNING))


@implementer(ILogObserver)
class ToLogging:
    """Twisted's events as records of the standard library. What our own events are made of becomes their fields."""

    def __call__(self, event: LogEvent) -> None:
        name = event.get("log_namespace") or "twisted"
        level = _LEVEL_OF.get(event.get("log_level", LogLevel.info), logging.INFO)
        logger = logging.getLogger(name)
        if not logger.isEnabledFor(level):
            return
        ours = name.partition(".")[0] in OURS
        fields = {key: value for key, value in event.items() if not key.startswith("log_")} if ours else {}
        record = logger.makeRecord(name, level, "", 0, formatEvent(event), (), None, extra={"fields": fields})
        if "log_time" in event:
            record.created = event["log_time"]
        if (failure := event.get("log_failure")) is not None:
            record.exc_text = failure.getTraceback()
        logger.handle(record)
