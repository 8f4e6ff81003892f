from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from outpost.log_lines import LONGEST_TEXT, LONGEST_TRACEBACK, JsonLines, TextLines

FORGED = "bob\n2026-11-23 16:34:00 INFO    alice was let in"


def record(message: str, *arguments: Any, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("outpost.telemetry", logging.INFO, "", 0, message, arguments, None)
    made.created = 1_795_451_640.25
    vars(made).update(more)
    return made


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonLines().format(made)
    assert "\n" not in line
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def failing(text: str) -> Any:
    try:
        raise ValueError(text)
    except ValueError:
        return sys.exc_info()


def test_a_json_line_has_the_promised_members() -> None:
    fields = {"protocol": "ldap", "peer": "192.0.2.7", "provider": 5, "reason": None, "ports": {"http": ["a:1"]}}
    assert as_json(record("%s refused", "alice", fields=fields)) == {
        "time": "2026-11-23T16:34:00.250Z",
        "level": "info",
        "logger": "outpost.telemetry",
        "message": "alice refused",
        **fields,
    }


def test_a_field_never_replaces_what_every_line_has() -> None:
    line = as_json(record("true", fields={"message": "forged", "level": "debug", "id": "q1"}))
    assert (line["message"], line["level"], line["id"]) == ("true", "info", "q1")


def test_fields_that_json_does_not_know_become_text() -> None:
    assert as_json(record("x", fields={"where": ValueError("y"), "them": (1, b"z")})) | {} == {
        **as_json(record("x")),
        "where": "y",
        "them": [1, "b'z'"],
    }


def test_a_traceback_is_one_string() -> None:
    line = as_json(record("fault", exc_info=failing("why")))
    assert line["traceback"].startswith("Traceback (most recent call last):\n")
    assert line["traceback"].endswith("ValueError: why")


def test_a_readable_line_and_the_traceback_behind_it() -> None:
    text = TextLines().format(record("fault in %s", "ldap", exc_info=failing("why")))
    first, *rest = text.splitlines()
    assert first.endswith(" INFO    fault in ldap")
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "ValueError: why"


def test_a_block_is_shown_as_it_is_and_json_has_the_sentence() -> None:
    made = record("Outpost is running.", block="\nOutpost is running.\n  http  127.0.0.1:9000\n")
    assert TextLines().format(made) == "\nOutpost is running.\n  http  127.0.0.1:9000\n"
    assert as_json(made)["message"] == "Outpost is running."


@pytest.mark.parametrize("forging", [FORGED, "a\r\nb", "a\x1b[2Jb", "a\u2028b", "a\u202eb", "a\x9b31mb", "a\x00b"])
def test_strangers_forge_no_line_and_reach_no_terminal(forging: str) -> None:
    text = TextLines().format(record("refused %s", forging))
    assert text.isprintable()
    line = JsonLines().format(record("refused %s", forging, fields={"username": forging}))
    assert line.isprintable()
    assert json.loads(line)["username"] == forging


def test_half_a_character_is_written_too() -> None:
    assert as_json(record("x", fields={"username": "a\udc80"}))["username"] == "a\udc80"
    TextLines().format(record("a\udc80")).encode(errors="backslashreplace")


def test_what_strangers_send_fills_no_disk() -> None:
    long = "x" * 1_000_000
    assert len(TextLines().format(record(long))) < LONGEST_TEXT + 100
    assert len(JsonLines().format(record(long, fields={"username": long}))) < 2 * LONGEST_TEXT + 200
    line = as_json(record("fault", exc_text="first\n" + "frame\n" * 100_000 + "ValueError: last"))
    assert len(line["traceback"]) < LONGEST_TRACEBACK + 10
    assert line["traceback"].endswith("ValueError: last")
