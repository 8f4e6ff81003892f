"""One log record as one line: readable, or a JSON object. Both programs write through these.

A record may carry ``fields``, a dict of what its sentence says, for machines; and ``block``, what a terminal shows
instead of the line. Whoever logs gives them as ``extra={"fields": {...}}``.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

LONGEST_TEXT = 4096
"""Characters of a message or field. What strangers send is quoted in refusals, and must not fill a disk."""
LONGEST_TRACEBACK = 32 * 1024
"""Characters: some 200 frames, the rest repeats itself."""
CUT = " (cut)"

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""Line ends, terminal escapes and changes of direction: with them a stranger's name could forge a line."""


class TextLines(logging.Formatter):
    """``2026-11-23 16:34:00 INFO    sentence``, in local time; a traceback follows on its own lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        block: str | None = getattr(record, "block", None)
        if block is not None:
            return block
        record.message = printable(record.getMessage())
        record.asctime = self.formatTime(record, self.datefmt)
        trace = traceback_of(record)
        return self.formatMessage(record) + (f"\n{trace}" if trace else "")


class JsonLines(logging.Formatter):
    """One object: time (RFC 3339, UTC), level, logger, message, the record's fields, traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": cut(record.getMessage()),
        }
        fields: dict[str, Any] = getattr(record, "fields", {})
        line |= {name: plain(value) for name, value in fields.items() if name not in line}
        if trace := traceback_of(record):
            line["traceback"] = trace
        return json.dumps(line)


def traceback_of(record: logging.LogRecord) -> str:
    """ "" without one. The end is what matters: it says what went wrong."""
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    text = (record.exc_text or "").rstrip("\n")
    return text if len(text) <= LONGEST_TRACEBACK else f"(cut) {text[-LONGEST_TRACEBACK:]}"


def plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return cut(str(value))


def cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + CUT


def printable(text: str) -> str:
    return cut(text).translate(_CONTROLS)
