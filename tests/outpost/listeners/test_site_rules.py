"""Access rules at the forward-auth door: what is open, what takes a sign-in, and what is closed, and to whom."""

from __future__ import annotations

import pytest

from outpost.directory.draft import whole
from outpost.directory.snapshot import Touched
from protocols.link.messages import AccessRule, GroupRecord, Members, PathRule
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.test_forward_auth import ALICE, IDENTITY_HEADERS, Door, basic
from tests.outpost.listeners.test_sign_in import APP, Outpost, Visitor, _bound, records

ADMIN = PathRule("prefix", "/admin")
PUBLIC = PathRule("prefix", "/public")
PREFLIGHT = (
    ("X-Original-Method", "OPTIONS"),
    ("Origin", "https://other.example.com"),
    ("Access-Control-Request-Method", "PUT"),
)


def door(*rules: AccessRule) -> Door:
    return Door(provider(7, APP, access_rules=rules))


def status(asked: Door, path: str, *headers: tuple[str, str]) -> int:
    return asked.ask(*headers, url=f"{APP}{path}").status


def test_a_path_that_needs_no_sign_in_says_nobody() -> None:
    open_here = door(AccessRule("bypass", paths=(PUBLIC,)))
    answer = open_here.ask(url=f"{APP}/public/x")
    assert answer.status == 200
    assert {answer.headers[name] for name in IDENTITY_HEADERS if "Meta" not in name} == {""}
    assert status(open_here, "/private") == 401
    assert status(open_here, "/publicity") == 401


@pytest.mark.parametrize("path", ["/public/..%2fadmin", "/public/../admin", "/public;x/admin", "/public%2fadmin"])
def test_what_could_be_another_path_is_closed_to_everybody(path: str) -> None:
    asked = door(AccessRule("bypass", paths=(PUBLIC,)))
    assert status(asked, path) == 403
    assert status(asked, path, ALICE) == 403
    assert asked.telemetry.decisions["proxy", "ambiguous_path"] == 2


def test_a_denied_path_is_closed_to_everybody() -> None:
    asked = door(AccessRule("deny", paths=(ADMIN,)))
    for headers in ((), (ALICE,), (basic("alice", "wrong"),)):
        assert status(asked, "/admin/users", *headers) == 403
    assert status(asked, "/adm%69n/users", ALICE) == 403
    assert status(asked, "/", ALICE) == 200


def test_methods_networks_and_hours() -> None:
    """It is Tuesday, 22:13 UTC."""
    assert status(door(AccessRule("deny", methods=("DELETE",))), "/", ALICE, ("X-Original-Method", "DELETE")) == 403
    assert status(door(AccessRule("deny", methods=("DELETE",))), "/", ALICE) == 200
    here = (("X-Forwarded-For", "198.51.100.9"), ALICE)
    assert status(door(AccessRule("deny", networks=("198.51.100.0/24",))), "/", *here) == 403
    assert status(door(AccessRule("deny", networks=("203.0.113.0/24",))), "/", *here) == 200
    assert status(door(AccessRule("deny", weekdays=(1,), begins=22 * 60, ends=6 * 60)), "/", ALICE) == 403
    assert status(door(AccessRule("deny", weekdays=(2,))), "/", ALICE) == 200


def test_a_preflight_passes_only_when_it_is_one() -> None:
    asked = door(AccessRule("bypass", preflight=True))
    assert status(asked, "/api", *PREFLIGHT) == 200
    for missing in PREFLIGHT:
        assert status(asked, "/api", *(header for header in PREFLIGHT if header is not missing)) == 401
    method, origin, wanted = PREFLIGHT
    assert status(asked, "/api", method, ("Origin", ""), wanted) == 401
    assert status(asked, "/api", method, origin, ("Access-Control-Request-Method", "")) == 401
    assert status(asked, "/api", *PREFLIGHT, ("Cookie", "a=b")) == 401
    assert status(asked, "/api", *PREFLIGHT, ("Content-Length", "0")) == 200


@pytest.mark.parametrize(
    "more",
    [
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("x_http_method", "DELETE"),
        ("X.Method-Override", "DELETE"),
    ],
)
def test_a_preflight_brings_nothing_and_means_no_other_method(more: tuple[str, str]) -> None:
    assert status(door(AccessRule("bypass", preflight=True)), "/api", *PREFLIGHT, more) == 401


def test_rules_for_groups_hold_for_sessions_and_follow_the_directory() -> None:
    outpost = Outpost()
    visitor = Visitor(outpost)
    rules = (AccessRule("deny", paths=(ADMIN,), groups=("g-guests",)), AccessRule("sign_in"))
    changed = [_bound(provider(7, APP, access_rules=rules)) if getattr(one, "pk", 0) == 7 else one for one in records()]
    guests = GroupRecord("g-guests", "guests", is_superuser=False, ordinal=9)
    outpost.directory.publish(whole(2, [*changed, guests]), Touched(everything=True))
    visitor.sign_in(f"{APP}/")
    assert visitor.open(f"{APP}/admin").status == 200
    outpost.change(Members("g-guests", (1,), ()))
    assert visitor.open(f"{APP}/admin").status == 403
    assert visitor.open(f"{APP}/").status == 200
    outpost.change(Members("g-guests", (), (1,)))
    assert visitor.open(f"{APP}/admin").status == 200
