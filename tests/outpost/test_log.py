from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory
from twisted.logger import Logger, LogLevel, LogPublisher, globalLogPublisher
from twisted.python.failure import Failure

from outpost.log import LEVELS, NEVER_CHATTY, OURS, ToLogging, write_to
from outpost.outcome import Circumstances, Decision
from outpost.telemetry import Telemetry
from settings import Settings
from settings.table import ROWS


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _the_log_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    names = ["", *OURS, *NEVER_CHATTY]
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    outputs = root.handlers[:]
    yield
    root.handlers[:] = outputs
    logging.captureWarnings(False)
    for logger, level in before:
        logger.setLevel(level)


def written(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def logging_at(level: str) -> StringIO:
    stream = StringIO()
    write_to(stream, level, "json")
    return stream


def to_our_log(namespace: str) -> Logger:
    """A Twisted logger whose events come to `ToLogging`."""
    return Logger(namespace, observer=LogPublisher(ToLogging()))


def test_every_level_and_form_of_the_settings_is_known() -> None:
    (row,) = (row for row in ROWS if row.name == "log.level")
    for level in LEVELS:
        assert row.kind.read(level) == level
    with pytest.raises(ValueError, match="trace"):
        row.kind.read("loud")
    assert Settings().log.level in LEVELS
    assert Settings().log.format == "auto"


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", Terminal(), False),
        ("auto", StringIO(), True),
        ("json", Terminal(), True),
        ("text", StringIO(), False),
    ],
)
def test_readable_on_a_terminal_and_json_otherwise(form: str, stream: StringIO, is_json: bool) -> None:
    write_to(stream, "info", form)
    logging.getLogger("control.x").info("hello")
    assert stream.getvalue().startswith("{") is is_json
    assert "hello" in stream.getvalue()


@pytest.mark.parametrize(
    ("level", "ours", "libraries"),
    [
        ("trace", "debug", "info"),
        ("debug", "debug", "warning"),
        ("info", "info", "warning"),
        ("warning", "warning", "warning"),
        ("error", "error", "error"),
    ],
)
def test_levels(level: str, ours: str, libraries: str) -> None:
    stream = logging_at(level)
    for name in ("outpost.x", "control.x", "alembic"):
        for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logging.getLogger(name).log(number, "x")
            twisted = "outpost.y" if name == "outpost.x" else "twisted.y" if name == "alembic" else None
            if twisted is not None:
                to_our_log(twisted).emit(LogLevel.lookupByName(LEVEL_NAMES[number]), "x")
    least: dict[str, list[str]] = {}
    for line in written(stream):
        least.setdefault(line["logger"], []).append(line["level"])
    assert least["outpost.x"][0] == least["control.x"][0] == least["outpost.y"][0] == ours
    assert least["alembic"][0] == least["twisted.y"][0] == libraries
    assert all(said[-1] == "error" for said in least.values())


LEVEL_NAMES = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn", logging.ERROR: "error"}


def test_libraries_that_print_values_are_never_asked_to() -> None:
    stream = logging_at("trace")
    for name in ("sqlalchemy.engine.Engine", "httpx", "httpcore.http11", "asyncio"):
        logging.getLogger(name).info("UPDATE user SET password = %s", "secret")
    assert stream.getvalue() == ""


def test_twisted_says_nothing_of_the_connections_that_it_makes() -> None:
    stream = logging_at("info")
    observer = ToLogging()
    factory = ClientFactory()
    with to_the_publisher(observer):
        factory.doStart()
        factory.doStop()
    assert stream.getvalue() == ""
    stream = logging_at("trace")
    with to_the_publisher(observer):
        factory.doStart()
    assert "Starting factory" in stream.getvalue()


@contextmanager
def to_the_publisher(observer: ToLogging) -> Iterator[None]:
    """Twisted's own events come to ``observer`` meanwhile."""
    globalLogPublisher.addObserver(observer)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observer)


def test_both_programs_write_the_same_shape() -> None:
    stream = logging_at("info")
    refused = Circumstances("radius", "192.0.2.7")
    with to_the_publisher(ToLogging()):
        Telemetry().decided("alice", refused, Decision("wrong_password", id="q1"))
    extra = {"fields": {"event": "login_refused", "id": "q1", "protocol": "radius"}}
    logging.getLogger("control.authentication").info("login refused", extra=extra)
    outpost, control = written(stream)
    for line in (outpost, control):
        assert list(line)[:4] == ["time", "level", "logger", "message"]
        assert line["time"].endswith("Z")
        assert (line["level"], line["id"], line["protocol"]) == ("info", "q1", "radius")
    assert (outpost["event"], outpost["peer"], outpost["reason"], outpost["username"]) == (
        "refused",
        "192.0.2.7",
        "wrong_password",
        "alice",
    )
    assert "wrong_password [q1] The password is wrong." in outpost["message"]


def test_faults_keep_their_traceback() -> None:
    stream = logging_at("error")
    telemetry = Telemetry()
    with to_the_publisher(ToLogging()):
        try:
            raise ValueError("first")
        except ValueError:
            telemetry.fault("ldap")
        deferred: Deferred[None] = Deferred()
        deferred.addErrback(lambda failure: telemetry.failed("the link", failure))
        deferred.errback(Failure(ValueError("second")))
    first, second = written(stream)
    assert (first["message"], first["level"]) == ("fault in ldap", "critical")
    assert first["traceback"].endswith("ValueError: first")
    assert "second" in second["traceback"]
    assert telemetry.fault_count == 2


def test_what_others_put_into_events_becomes_no_field() -> None:
    stream = logging_at("trace")
    to_our_log("twisted.web.client").info("asked", headers={"Authorization": "Bearer secret"})
    (line,) = written(stream)
    assert line["message"] == "asked"
    assert "secret" not in stream.getvalue()


def test_python_warnings_are_lines_too() -> None:
    stream = logging_at("info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("careful", UserWarning, stacklevel=1)
    (line,) = written(stream)
    assert line["level"] == "warning"
    assert "careful" in line["message"]


def test_nothing_but_json_leaves_a_process_that_was_asked_for_it() -> None:
    program = (
        "from outpost.log import start_log; start_log('info', 'json')\n"
        "from twisted.internet.defer import fail; from twisted.logger import Logger; import warnings, logging\n"
        "warnings.warn('careful'); logging.getLogger('control').info('hello'); Logger('outpost').info('there')\n"
        "fail(ValueError('nobody took this')); import gc; gc.collect()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.stdout == ""
    assert [line["level"] for line in lines] == ["warning", "info", "info", "critical", "critical"]
    assert "nobody took this" in lines[-1]["traceback"]
