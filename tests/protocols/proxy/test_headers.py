from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.proxy.headers import (
    MAX_LIST_BYTES,
    MAX_VALUE_BYTES,
    Unwritable,
    auth_request_fields,
    identity_fields,
    meta_fields,
    remote_fields,
)
from protocols.proxy.http1 import field_lines
from tests.fakes import an_identity

NAMES = [
    b"X-Authentik-Username",
    b"X-Authentik-Groups",
    b"X-Authentik-Entitlements",
    b"X-Authentik-Email",
    b"X-Authentik-Name",
    b"X-Authentik-Uid",
]


names = st.lists(st.text("aA%27Cc|, \r\u2028é", min_size=1, max_size=8), min_size=1, max_size=3).map(tuple)


def written(**fields: Any) -> dict[bytes, bytes]:
    username = fields.pop("username", "alice")
    return dict(identity_fields(an_identity(username, **fields)))


def test_somebody() -> None:
    assert identity_fields(
        an_identity("alice", uid="f00", groups=("staff", "wifi users"), entitlements=("read", "write"), name="Alice Ä.")
    ) == [
        (b"X-Authentik-Username", b"alice"),
        (b"X-Authentik-Groups", b"staff|wifi users"),
        (b"X-Authentik-Entitlements", b"read|write"),
        (b"X-Authentik-Email", b"alice@example.com"),
        (b"X-Authentik-Name", "Alice Ä.".encode()),
        (b"X-Authentik-Uid", b"f00"),
    ]


def test_nobody_gets_all_of_them_empty() -> None:
    assert identity_fields(None) == [(name, b"") for name in NAMES]


def test_meta() -> None:
    assert meta_fields("https://a/jwks/", "embedded", "Proxy", "app", "outpost/1") == [
        (b"X-Authentik-Meta-Jwks", b"https://a/jwks/"),
        (b"X-Authentik-Meta-Outpost", b"embedded"),
        (b"X-Authentik-Meta-Provider", b"Proxy"),
        (b"X-Authentik-Meta-App", b"app"),
        (b"X-Authentik-Meta-Version", b"outpost/1"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Al\r\nX-Authentik-Groups: admins", b"Al%0D%0AX-Authentik-Groups: admins"),
        ("nul\0", b"nul%00"),
        ("delete\x7f", b"delete%7F"),
        ("next\x85line\u2028", b"next%C2%85line%E2%80%A8"),
        (" admin", b"%20admin"),
        ("admin\t ", b"admin%09%20"),
        ("admin\u00a0", b"admin%C2%A0"),
        ("é", b"\xc3\xa9"),
        ("a b", b"a b"),
        ("100%", b"100%"),
        ("staff%7Cadmins", b"staff%257Cadmins"),
        ("\ud800", b"\\ud800"),
    ],
)
def test_a_value_stays_one_header_and_differs_from_every_other(name: str, value: bytes) -> None:
    fields = written(username=name)
    assert fields[b"X-Authentik-Username"] == value
    lines = field_lines(fields.items())
    assert lines.count(b"\r\n") == len(NAMES)


def test_one_group_cannot_become_two() -> None:
    fields = written(groups=("staff|admins", "a,b"), entitlements=("x|y",))
    assert fields[b"X-Authentik-Groups"] == b"staff%7Cadmins|a,b"
    assert fields[b"X-Authentik-Entitlements"] == b"x%7Cy"


@given(names, names)
def test_two_people_are_never_written_alike(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Nor two lists of groups, whatever their names hold."""
    for fields in (identity_fields, remote_fields, auth_request_fields):
        ours, theirs = (fields(an_identity("x", groups=groups, name="|".join(groups))) for groups in (one, other))
        assert (ours == theirs) is (one == other)


def test_what_does_not_fit_is_refused_and_not_cut() -> None:
    assert len(written(name="n" * MAX_VALUE_BYTES)[b"X-Authentik-Name"]) == MAX_VALUE_BYTES
    for field in ("username", "name", "email", "uid"):
        with pytest.raises(Unwritable, match=f"X-Authentik-{field.title()}"):
            written(**{field: "n" * (MAX_VALUE_BYTES + 1)})
    groups = tuple("g" * 15 for _ in range(MAX_LIST_BYTES // 16))
    assert written(groups=groups)[b"X-Authentik-Groups"]
    with pytest.raises(Unwritable, match="X-Authentik-Groups"):
        written(groups=(*groups, "g" * 15))
