"""What Prometheus reads of control, after real questions."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry
from sqlalchemy.exc import OperationalError

from control.app import Control
from control.authentication import PROTOCOLS
from control.backlog import KINDS
from control.config import ControlConfig
from control.mail import outbox
from control.metrics import ControlMetrics
from control.outposts.instances import LOST_SECONDS, PRESENT_SECONDS
from control.records import Instance, Knock, LogoutNotice, RadiusSession, Source, User
from control.sources.ldap.syncing import Look
from control.store.interface import Transaction, Unavailable
from control.store.sql.outage import Outage
from protocols.link import codec
from protocols.link.messages import Authenticate, Delta, Hello
from rules.durations import BOUNDS
from rules.reasons import REASONS, Outcome
from settings import Secret
from tests.stores import SECRET_KEY

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(control: Control) -> Series:
    registry = CollectorRegistry()
    registry.register(ControlMetrics(control))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def value(control: Control, name: str, **labels: str) -> float:
    return scrape(control)[name, frozenset(labels.items())]


def with_control(tmp_path: Path, act: Callable[[Control], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        control = await Control.open(ControlConfig(f"sqlite:///{tmp_path / 'control.db'}", Secret(SECRET_KEY)))
        try:
            await act(control)
        finally:
            control.close()

    asyncio.run(run())


async def get(control: Control, path: str) -> int:
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 9000),
    }
    await control.application(scope, receive, send)
    return statuses[0]


def test_every_promised_metric_is_there(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        assert await get(control, "/api/v3/core/users/me/") == 403
        question = Authenticate("q1", 1, "alice", {"kind": "password", "password": "x"}, "ldap", "127.0.0.1")
        await control.link.ask(control.embedded_outpost, codec.encode(question))
        assert value(control, "outpost_control_answers_total", status="4xx") == 1
        assert value(control, "authentik_main_request_duration_seconds_count", dest="core") == 1
        refused = {"protocol": "ldap", "outcome": "not_allowed", "reason": "unknown_provider"}
        assert value(control, "outpost_control_logins_total", **refused) == 1
        assert value(control, "outpost_password_checks_waiting") == 0
        assert value(control, "outpost_store_writes_waiting") == 0

    with_control(tmp_path, act)


def test_what_waits_and_who_is_there(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        outpost = control.embedded_outpost

        def fill(tx: Transaction) -> None:
            outbox.queue(tx, "alice@example.com", "Hello", "text", "test")
            tx.insert(LogoutNotice(1, "sid", created=tx.now - 500.0, due=tx.now + 900.0))
            tx.insert(LogoutNotice(1, "sid-2", created=tx.now - 50.0, due=tx.now + 900.0))
            for number, seen in enumerate((0.0, PRESENT_SECONDS + 5.0, LOST_SECONDS + 5.0)):
                tx.insert(Instance(f"i{number}", outpost, last_seen=tx.now - seen))
            for number in range(2):
                tx.insert(RadiusSession("192.0.2.1", "sw", f"s{number}", live=number == 0, expires=tx.now + 900.0))
            tx.insert(Knock("nas", "192.0.2.7", last=tx.now))
            tx.insert(Knock("nas", "192.0.2.8", last=tx.now, answered=tx.now))
            tx.insert(Source("Directory", "directory", provider_type="ldap"))

        await control.store.write(fill)
        await control.backlog.look()
        now = await control.store.read(lambda tx: tx.now)
        waiting = {kind: value(control, "outpost_waiting", kind=kind) for kind in KINDS}
        assert waiting.items() >= {"letter": 1, "logout_notice": 2, "notification": 0, "radius_order": 0}.items()
        assert value(control, "outpost_waiting_since", kind="logout_notice") == pytest.approx(now - 500.0, abs=60.0)
        assert ("outpost_waiting_since", frozenset({("kind", "notification")})) not in scrape(control)
        assert value(control, "outpost_instances", outpost="authentik Embedded Outpost") == 1
        assert (value(control, "outpost_radius_sessions"), value(control, "outpost_knocks_open")) == (1, 1)
        [source] = await control.store.read(lambda tx: tx.select(Source))
        for status, said in (("done", 1), ("warning", 0), ("error", 0)):
            control.looks[source.pk] = Look(status=status)
            assert value(control, "outpost_source_synced", source="directory") == said

    with_control(tmp_path, act)


def test_an_outpost_that_has_left_is_one_with_nobody_there(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        outpost = control.embedded_outpost
        await control.store.write(
            lambda tx: tx.insert(Instance("i", outpost, last_seen=tx.now - PRESENT_SECONDS - 5.0))
        )
        await control.backlog.look()
        assert value(control, "outpost_instances", outpost="authentik Embedded Outpost") == 0

    with_control(tmp_path, act)


def test_a_database_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(control: Control) -> None:
        await control.backlog.look()
        assert value(control, "outpost_database_up") == 1
        assert value(control, "outpost_store_commit_duration_seconds_count") > 0

        def gone(tx: Transaction) -> None:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise OperationalError("SELECT 1", {}, error)

        monkeypatch.setattr("control.backlog.counted", gone)
        # What else a control process does meanwhile finds the database where it was, and says so.
        monkeypatch.setattr(Outage, "over", lambda outage: None)
        with pytest.raises(Unavailable):
            await control.backlog.look()
        seen = scrape(control)
        assert seen["outpost_database_up", frozenset()] == 0
        assert not [name for name, _ in seen if name == "outpost_waiting"]

    with_control(tmp_path, act)


def test_work_beside_answering(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        await asyncio.sleep(0)
        jobs = {job.what for job in control.repeated}
        seen = scrape(control)
        assert {dict(labels)["work"] for name, labels in seen if name == "outpost_work_failures_total"} == jobs
        control.backlog.work.succeeded, control.backlog.work.failures = 123.0, 4
        assert value(control, "outpost_work_last_success", work="counting what waits") == 123.0
        assert value(control, "outpost_work_failures_total", work="counting what waits") == 4

    with_control(tmp_path, act)


def test_passwords_that_nobody_could_check(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        most = 33 * (os.cpu_count() or 1)
        asked = [asyncio.ensure_future(control.passwords.hash("x")) for _ in range(most + 2)]
        await asyncio.sleep(0)
        assert value(control, "outpost_password_checks_refused_total") == 2
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    with_control(tmp_path, act)


VALUES: dict[str, set[str]] = {
    "dest": {"core"},
    "status": {f"{digit}xx" for digit in range(1, 6)},
    "protocol": {*PROTOCOLS, "other"},
    "outcome": {str(outcome) for outcome in Outcome},
    "reason": set(REASONS),
    "kind": set(KINDS),
    "le": {"+Inf", *map(str, BOUNDS)},
}
"""Every label, with all that it can say; beside it, names in the configuration."""


def test_every_label_says_what_is_in_a_catalogue_or_in_the_configuration(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        for number in range(5):
            proof = {"kind": f"kind-{number}", "password": "x"}
            question = Authenticate(
                f"q{number}", number, f"n{number}", proof, f"protocol-{number}", f"192.0.2.{number}"
            )
            await control.link.ask(control.embedded_outpost, codec.encode(question))
            assert await get(control, f"/api/v3/x{number}/") == 404
        frames = control.link.follow(control.embedded_outpost, codec.encode(Hello("i1", "host", "0.1.0")))
        await asyncio.wait_for(anext(frames), 60)
        await control.backlog.look()
        names = {
            "work": {job.what for job in control.repeated},
            "outpost": {control.embedded_outpost, "authentik Embedded Outpost"},
        }
        for name, labels in scrape(control):
            for label, said in labels:
                assert said in (VALUES | names)[label], (name, label, said)
        await frames.aclose()  # type: ignore[attr-defined]

    with_control(tmp_path, act)


def test_who_follows_and_what_they_were_told(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        outpost = control.embedded_outpost
        following = [control.link.follow(outpost, codec.encode(Hello(f"i{n}", "host", "0.1.0"))) for n in range(2)]
        for frames in following:
            while not codec.decode(await asyncio.wait_for(anext(frames), 60)).last:  # type: ignore[union-attr]
                pass
        assert value(control, "authentik_outposts_connected", outpost=outpost) == 2
        await control.store.write(lambda tx: tx.insert(User(username="alice")))
        assert isinstance(codec.decode(await asyncio.wait_for(anext(following[0]), 60)), Delta)
        assert value(control, "outpost_control_revision") == await control.store.read(lambda tx: tx.revision().number)
        await following[0].aclose()  # type: ignore[attr-defined]
        assert value(control, "authentik_outposts_connected", outpost=outpost) == 1
        await following[1].aclose()  # type: ignore[attr-defined]

    with_control(tmp_path, act)


def test_waiting_hashes_are_seen(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        hashes = [asyncio.ensure_future(control.passwords.hash("a password")) for _ in range(3)]
        await asyncio.sleep(0)
        assert value(control, "outpost_password_checks_waiting") == 3
        await asyncio.gather(*hashes)
        await asyncio.sleep(0)
        assert value(control, "outpost_password_checks_waiting") == 0

    with_control(tmp_path, act)


def test_waiting_writes_are_seen(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        begun, go_on = Event(), Event()

        def slow(tx: Any) -> None:
            begun.set()
            go_on.wait(60)

        first = asyncio.ensure_future(control.store.write(slow))
        await asyncio.sleep(0)
        assert begun.wait(60)
        others = [asyncio.ensure_future(control.store.write(lambda tx: None)) for _ in range(3)]
        await asyncio.sleep(0)
        seen = value(control, "outpost_store_writes_waiting")
        go_on.set()
        await asyncio.gather(first, *others)
        assert seen == 3
        assert value(control, "outpost_store_writes_waiting") == 0

    with_control(tmp_path, act)
