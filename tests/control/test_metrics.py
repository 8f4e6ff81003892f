"""What Prometheus reads of control, after real questions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from threading import Event
from typing import Any

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from control.app import Control
from control.config import ControlConfig
from control.metrics import ControlMetrics
from control.records import User
from protocols.link import codec
from protocols.link.messages import Authenticate, Delta, Hello
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


def test_who_follows_and_what_they_were_told(tmp_path: Path) -> None:
    async def act(control: Control) -> None:
        outpost = control.embedded_outpost
        following = [control.link.follow(outpost, codec.encode(Hello(f"i{n}", "host", "0.1.0"))) for n in range(2)]
        for frames in following:
            while not codec.decode(await asyncio.wait_for(anext(frames), 10)).last:  # type: ignore[union-attr]
                pass
        assert value(control, "authentik_outposts_connected", outpost=outpost) == 2
        await control.store.write(lambda tx: tx.insert(User(username="alice")))
        assert isinstance(codec.decode(await asyncio.wait_for(anext(following[0]), 10)), Delta)
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
            go_on.wait(10)

        first = asyncio.ensure_future(control.store.write(slow))
        await asyncio.sleep(0)
        assert begun.wait(10)
        others = [asyncio.ensure_future(control.store.write(lambda tx: None)) for _ in range(3)]
        await asyncio.sleep(0)
        seen = value(control, "outpost_store_writes_waiting")
        go_on.set()
        await asyncio.gather(first, *others)
        assert seen == 3
        assert value(control, "outpost_store_writes_waiting") == 0

    with_control(tmp_path, act)
