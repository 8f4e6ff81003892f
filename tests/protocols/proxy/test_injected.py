from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from protocols.proxy.headers import Unwritable
from protocols.proxy.injected import MAX_ADDITIONAL, BasicAttributes, added_names, injected_fields

BASIC = BasicAttributes("app_user", "app_password")


def basic(said: str) -> list[tuple[bytes, bytes]]:
    return [(b"Authorization", b"Basic " + b64encode(said.encode()) if said else b"")]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"app_user": "root", "app_password": "pässword:1"}, "root:pässword:1"),
        ({"app_password": "secret"}, "a@example.com:secret"),
        ({"app_user": 7, "app_password": "secret"}, "a@example.com:secret"),
        ({"app_user": "root"}, ""),
        ({"app_user": "root", "app_password": ""}, ""),
        ({"app_user": "root", "app_password": 7}, ""),
        ({"app_user": "root", "app_password": "x" * 2000}, ""),
        ({}, ""),
    ],
)
def test_the_applications_own_credentials(attributes: dict[str, Any], said: str) -> None:
    """Empty where there are none, so that the browser's own go."""
    assert injected_fields(attributes, "a@example.com", BASIC) == basic(said)


def test_nothing_is_injected_unasked() -> None:
    assert injected_fields({"app_user": "root", "app_password": "secret"}, "a@example.com", None) == []


def test_additional_headers() -> None:
    wanted = {"X-Team": "blue", "X-Level": 7, "X-Bool": True, "X-List": ["a"], "X-None": None, "X-Lines": "a\r\nX-B: c"}
    assert injected_fields({"additionalHeaders": wanted}, "", None) == [
        (b"X-Team", b"blue"),
        (b"X-Level", b"7"),
        (b"X-Lines", b"a%0D%0AX-B: c"),
    ]


def test_names_that_others_have_are_said_empty() -> None:
    attributes = {"additionalHeaders": {"x-team": "blue"}}
    others = ("X-Team", "X-Level", "Authorization", "Set-Cookie")
    assert injected_fields(attributes, "", None, others=others) == [
        (b"x-team", b"blue"),
        (b"X-Level", b""),
        (b"Authorization", b""),
    ]
    assert injected_fields({}, "", BASIC, others=others)[1:] == [(b"X-Team", b""), (b"X-Level", b"")]
    assert added_names({"additionalHeaders": {"X-A": "1", "X-B": None, "Cookie": "c"}}) == ["X-A"]


def test_names_past_the_bound_are_nobodys() -> None:
    attributes = {"additionalHeaders": {"x-team": "blue", "X-Admin": "yes"}}
    assert injected_fields(attributes, "", None, others=("X-Team",), only=True) == [(b"x-team", b"blue")]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Remote-User",
            "X-Auth-Request-Email",
            "X-Forwarded-User",
            "X-Authentik-Username",
            "x-authentik-groups",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
        ),
        *("Set-Cookie", "Location", "X_Team", "X.Team", "X Team", "", "X-Team:", "X-T\r\nX-Authentik-Uid", "Xé"),
    ],
)
def test_names_that_no_attribute_may_say(name: str) -> None:
    assert injected_fields({"additionalHeaders": {name: "admin"}}, "", None) == []


def test_credentials_are_written_once() -> None:
    attributes = {"app_password": "secret", "additionalHeaders": {"Authorization": "Bearer x"}}
    assert injected_fields(attributes, "a", BASIC) == basic("a:secret")
    assert injected_fields(attributes, "a", None) == [(b"Authorization", b"Bearer x")]


def test_bounds() -> None:
    many = {f"X-{n}": "v" for n in range(100)}
    assert len(injected_fields({"additionalHeaders": many}, "", None)) == MAX_ADDITIONAL
    with pytest.raises(Unwritable):
        injected_fields({"additionalHeaders": {"X-Long": "v" * 5000}}, "", None)
    assert injected_fields({"additionalHeaders": "text"}, "", None) == []
