"""The field's holes of the last years, replayed where we are the proxy: the vector's headers are a visitor's own."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from protocols.proxy.canonical import canonical_path
from tests.outpost.listeners.http_connections import get
from tests.outpost.listeners.proxied import HOST, Proxied
from tests.outpost.listeners.test_forward_auth import IDENTITY_HEADERS
from tests.outpost.listeners.test_forward_auth_vectors import OPEN, VECTORS

ABOUT_PEOPLE = sorted(name.lower() for name in IDENTITY_HEADERS if "-Meta-" not in name)
LOOK_ALIKES = (("X_Authentik_Username", "admin"), ("X.Authentik.Groups", "admins"), ("x-authentik-uid", "1"))


def target_of(vector: dict[str, Any]) -> str:
    """The first that the vector tells of, as the visitor asks for it."""
    said = {name.lower(): value for name, value in reversed(vector["headers"])}
    if "target" in vector:
        return str(vector["target"]) or "/"
    if "x-forwarded-uri" in said:
        return said["x-forwarded-uri"] or "/"
    try:
        url = urlsplit(said.get("x-original-url", "/"))
    except ValueError:
        return "/"
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def request(vector: dict[str, Any], *more: tuple[str, str]) -> bytes:
    headers = [(name, value) for name, value in vector["headers"] if name.lower() != "host"]
    return get(target_of(vector), *headers, *LOOK_ALIKES, *more, host=HOST)


def is_open(target: str) -> bool:
    path = canonical_path(target.partition("?")[0])
    return path is not None and any(re.search(line, path) for line in OPEN.splitlines())


def arrived(proxied: Proxied, target: str) -> dict[str, str] | None:
    """What the application was given, if it was asked at all."""
    if not proxied.applications:
        return None
    application = proxied.application
    assert application.received.partition(b"\r\n")[0].decode("latin-1") == f"GET {target} HTTP/1.1"
    assert not {"admin", "admins", "1"} & set(application.headers.values())
    return application.headers


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']} {vector['why']}")
def test_nobody_is_let_in_but_where_it_is_open(vector: dict[str, Any]) -> None:
    proxied = Proxied(skip_path_regex=OPEN)
    target = target_of(vector)
    visitor = proxied.visit()
    visitor.send(request(vector))
    given = arrived(proxied, target)
    if given is not None:
        assert is_open(target)
        assert [given[name] for name in ABOUT_PEOPLE] == [""] * len(ABOUT_PEOPLE)
        assert given["host"] == given["x-forwarded-host"] == HOST
    else:
        (answer,) = visitor.answers()
        assert answer.status in (302, 400, 401, 414)
        assert not is_open(target) or answer.status in (400, 414)
    if vector["host"] == "app.example.com" and vector["expect"] in ("skipped", "denied"):
        assert (given is not None) is (vector["expect"] == "skipped")
    assert not proxied.telemetry.faults


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']} {vector['why']}")
def test_who_has_signed_in_is_who_they_are(vector: dict[str, Any]) -> None:
    proxied = Proxied(skip_path_regex=OPEN)
    proxied.visit().send(request(vector, ("Cookie", proxied.cookie())))
    given = arrived(proxied, target_of(vector))
    if given is not None:
        assert (given["x-authentik-username"], given["x-authentik-groups"]) == ("alice", "staff")
        assert "cookie" not in given
    assert not proxied.telemetry.faults
