"""The field's holes of the last years, as data: what may pass without a session, and what must not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outpost.authentication import Authentication
from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners.forward_auth import PREFIX
from protocols.link.messages import OutpostRecord, Record
from tests.deliveries import deliveries
from tests.fakes import FakeLink
from tests.outpost.listeners.forward_auth_door import forward_auth, provider
from tests.outpost.listeners.http_connections import Answer, Listener, RecordingTelemetry, get
from tests.outpost.listeners.test_forward_auth import IDENTITY_HEADERS

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/proxy/decisions.json").read_text())
PEERS = {"trusted": "192.0.2.10", "stranger": "203.0.113.9"}
OPEN = "^/public/\n^/api/[^/]+/status$"


class Door:
    def __init__(self) -> None:
        self.link = FakeLink()
        self.telemetry = RecordingTelemetry()
        directory = Directory()
        records: list[Record] = [
            OutpostRecord("o", "embedded", "any", public_url="https://auth.example.com"),
            provider(7, "https://app.example.com", skip_path_regex=OPEN),
            provider(8, "https://open.example.com", skip_path_regex="^/"),
            provider(9, "https://login.example.org", mode="forward_domain", cookie_domain="example.org"),
        ]
        directory.publish(whole(1, records), Touched(everything=True))
        authentication = Authentication(self.link, lambda: "q1", self.telemetry.fault)
        route = forward_auth(self.link, directory, authentication, self.telemetry)
        self.listener = Listener([(PREFIX, route)], telemetry=self.telemetry, repeated=route.repeated.answer)


def request(vector: dict[str, Any]) -> bytes:
    target = f"/outpost.goauthentik.io/auth/{vector['dialect']}{vector.get('target', '')}"
    return get(target, *((name, value) for name, value in vector["headers"]), host=vector["host"])


def skipped(answer: Answer) -> None:
    assert answer.status == 200
    assert answer.headers.keys() >= IDENTITY_HEADERS
    about_people = [name for name in IDENTITY_HEADERS if "-Meta-" not in name]
    assert [answer.headers[name] for name in about_people] == [""] * len(about_people)


def denied(answer: Answer) -> None:
    assert answer.status in (302, 303, 401)
    assert not IDENTITY_HEADERS & answer.headers.keys()


def bad(answer: Answer) -> None:
    assert answer.status == 400
    assert answer.body.endswith(b".\n"), "it says what to do"


def forbidden(answer: Answer) -> None:
    assert answer.status == 403
    assert not IDENTITY_HEADERS & answer.headers.keys()


EXPECTED = {"skipped": skipped, "denied": denied, "bad": bad, "unknown": forbidden, "untrusted": forbidden}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']} {vector['why']}")
def test_vectors(vector: dict[str, Any]) -> None:
    for delivery in deliveries(request(vector)):
        door = Door()
        for _ in ("first", "again"):
            visitor = door.listener.connect(PEERS[vector["peer"]])
            visitor.send(*delivery.pieces)
            EXPECTED[vector["expect"]](visitor.answers()[0])
        assert not door.telemetry.faults


def test_the_next_request_fares_no_worse() -> None:
    """CVE-2021-32637: one URL that cannot be read must not spoil what comes behind it."""
    door = Door()
    visitor = door.listener.connect(PEERS["trusted"])
    good = next(vector for vector in VECTORS if vector["expect"] == "skipped")
    for vector in VECTORS:
        if vector["peer"] == "trusted" and vector["expect"] == "bad":
            visitor.ask(request(vector))
            skipped(visitor.ask(request(good)))
