"""What is open through the reverse proxy goes on only as long as it would be let in anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from protocols.link.messages import (
    AccessRule,
    AccessSaid,
    BindingRecord,
    BrowserSessionRecord,
    Configuration,
    EndedSessionRecord,
    Members,
    PasswordEnd,
    PathRule,
    ProxySettings,
    Put,
    Reuse,
    sign_in_of,
)
from tests.outpost.listeners.http_connections import Visitor, get
from tests.outpost.listeners.proxied import HOST, SID, Proxied
from tests.outpost.listeners.test_forward_auth import ALICE as ALICES_CREDENTIALS
from tests.outpost.listeners.test_reverse_proxy import SWITCHED, UPGRADE, is_cut

ADMIN = PathRule("prefix", "/admin")
FOR_STAFF = (AccessRule("sign_in", paths=(ADMIN,), groups=("g-staff",)), AccessRule("deny", paths=(ADMIN,)))
STAFF_OR_POLICY = (BindingRecord("bg", 1, group="g-staff"), BindingRecord("bp", 2, policy="p"))
TOKEN = ("Authorization", "Bearer token")
MINUTE, HOUR = 60.0, 3600.0
Opens = Callable[..., Visitor]


def by_session(proxied: Proxied, target: str = "/ws") -> Visitor:
    return switched(proxied, proxied.ask(target, *UPGRADE))


def by_password(proxied: Proxied, target: str = "/ws") -> Visitor:
    visitor = proxied.visit()
    visitor.send(get(target, ALICES_CREDENTIALS, *UPGRADE, host=HOST))
    return switched(proxied, visitor)


def by_token(proxied: Proxied) -> Visitor:
    """Control says that it is alice's."""
    name = "token-3c469e9d6c5875d3"
    proxied.link.passwords[name] = "token"
    proxied.link.verdicts[name] = "accepted"
    proxied.link.identities[name] = proxied.link.identities["alice"]
    visitor = proxied.visit()
    visitor.send(get("/ws", TOKEN, *UPGRADE, host=HOST))
    return switched(proxied, visitor)


def by_nobody(proxied: Proxied, target: str) -> Visitor:
    visitor = proxied.visit()
    visitor.send(get(target, *UPGRADE, host=HOST))
    return switched(proxied, visitor)


def switched(proxied: Proxied, visitor: Visitor) -> Visitor:
    proxied.applications[-1].say(SWITCHED)
    proxied.pass_time(1)
    assert not is_cut(visitor)
    return visitor


def configure(proxied: Proxied, bindings: tuple[BindingRecord, ...] | None = None, **settings: Any) -> None:
    record = proxied.directory.current.providers[9]
    assert isinstance(record.settings, ProxySettings)
    changed = replace(record, settings=replace(record.settings, **settings))
    proxied.change(Configuration((changed if bindings is None else replace(changed, bindings=bindings),)))


def ends(proxied: Proxied, visitor: Visitor) -> bool:
    """Within a second."""
    proxied.pass_time(1)
    assert len(proxied.watch) == (not is_cut(visitor))
    return is_cut(visitor)


# --- rules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opens", [by_session, by_password])
def test_a_group_that_a_rule_wants_and_that_is_lost(opens: Opens) -> None:
    proxied = Proxied(access_rules=FOR_STAFF)
    configure(proxied, bindings=())
    elsewhere, admin = opens(proxied, "/ws"), opens(proxied, "/admin/ws")
    proxied.change(Members("g-staff", removed=(1,)))
    proxied.pass_time(1)
    assert is_cut(admin)
    assert not is_cut(elsewhere)


@pytest.mark.parametrize("opens", [by_session, by_password])
@pytest.mark.parametrize(
    "rule",
    [
        AccessRule("deny"),
        AccessRule("deny", methods=("GET",)),
        AccessRule("deny", networks=("198.51.100.0/24",)),
        AccessRule("deny", paths=(PathRule("exact", "/ws"),)),
        AccessRule("second_factor", max_age=300),
    ],
    ids=["everything", "method", "network", "path", "second factor"],
)
def test_another_rule_counts_for_what_is_open(opens: Opens, rule: AccessRule) -> None:
    proxied = Proxied()
    visitor = opens(proxied)
    configure(proxied, access_rules=(AccessRule("deny", paths=(ADMIN,)),))
    assert not ends(proxied, visitor)
    configure(proxied, access_rules=(rule,))
    assert ends(proxied, visitor)


@pytest.mark.parametrize("opens", [by_session, by_password])
def test_hours_end_what_is_open(opens: Opens) -> None:
    """It is 22:13:20 UTC."""
    proxied = Proxied(access_rules=(AccessRule("deny", begins=22 * 60 + 20, ends=6 * 60),))
    visitor = opens(proxied)
    proxied.clock.advance(6 * MINUTE)
    assert not ends(proxied, visitor)
    proxied.clock.advance(40)
    assert ends(proxied, visitor)


def test_a_second_factor_grows_too_old() -> None:
    proxied = Proxied(access_rules=(AccessRule("second_factor", max_age=300),))
    proxied.session = {"second_factor": proxied.clock.now()}
    visitor = by_session(proxied)
    proxied.clock.advance(300)
    assert not ends(proxied, visitor)
    proxied.clock.advance(1)
    assert ends(proxied, visitor)


def test_where_nobody_needs_to_sign_in_any_more_and_where_they_do() -> None:
    proxied = Proxied(skip_path_regex="^/public/", access_rules=(AccessRule("bypass", paths=(ADMIN,)),))
    skipped, bypassed = by_nobody(proxied, "/public/ws"), by_nobody(proxied, "/admin/ws")
    configure(proxied, access_rules=())
    proxied.pass_time(1)
    assert is_cut(bypassed)
    assert not is_cut(skipped)
    configure(proxied, skip_path_regex="")
    proxied.pass_time(1)
    assert is_cut(skipped)


def test_what_is_open_to_one_application_ends_when_its_host_is_anothers() -> None:
    proxied = Proxied(skip_path_regex="^/public/")
    visitor = by_nobody(proxied, "/public/ws")
    record = proxied.directory.current.providers[9]
    proxied.change(Configuration((replace(record, pk=8),)))
    assert ends(proxied, visitor)


# --- what credentials stand on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("opens", [by_password, by_token])
def test_what_credentials_opened_ends_with_them(opens: Opens) -> None:
    proxied = Proxied()
    proxied.link.password_end = PasswordEnd(proxied.clock.now() + HOUR, proxied.clock.now())
    visitor = opens(proxied)
    proxied.clock.advance(HOUR - 1)
    assert not ends(proxied, visitor)
    proxied.clock.advance(1)
    assert ends(proxied, visitor)


def test_what_a_token_opened_ends_when_it_is_taken_back() -> None:
    proxied = Proxied()
    proxied.link.ends_with = ("sid", "digest")
    visitors = [by_token(proxied), by_token(proxied)]
    proxied.change(Put(EndedSessionRecord("another", proxied.clock.now() + HOUR)))
    proxied.pass_time(1)
    assert not any(map(is_cut, visitors))
    proxied.change(Put(EndedSessionRecord("digest", proxied.clock.now() + HOUR)))
    proxied.pass_time(1)
    assert all(map(is_cut, visitors))


def test_what_a_session_opened_ends_with_its_sign_in_there() -> None:
    proxied = Proxied()
    visitor = by_session(proxied)
    for provider, cut in ((7, False), (9, True)):
        proxied.change(Put(EndedSessionRecord(sign_in_of(SID, provider), proxied.clock.now() + HOUR)))
        proxied.pass_time(1)
        assert is_cut(visitor) is cut


@pytest.mark.parametrize("opens", [by_session, by_password])
def test_a_policys_yes_ends(opens: Opens) -> None:
    proxied = Proxied()
    configure(proxied, bindings=(BindingRecord("bp", 1, policy="p"),))
    reuse = Reuse(600.0, not_after=proxied.clock.now() + HOUR / 2, words={"bp": True})
    proxied.link.access_said, proxied.link.reuse = AccessSaid("", "accepted", reuse, strict=False), reuse
    visitor = opens(proxied)
    proxied.clock.advance(HOUR / 2 - 1)
    assert not ends(proxied, visitor)
    proxied.clock.advance(1)
    assert ends(proxied, visitor)


@pytest.mark.parametrize("opens", [by_session, by_password])
def test_whom_a_group_let_in_is_not_kept_by_a_policy_that_was_never_asked(opens: Opens) -> None:
    proxied = Proxied()
    configure(proxied, bindings=STAFF_OR_POLICY)
    visitor = opens(proxied)
    proxied.change(Members("g-staff", removed=(1,)))
    assert ends(proxied, visitor)


@pytest.mark.parametrize("opens", [by_session, by_password])
def test_whom_a_policy_let_in_stays_when_a_group_changes(opens: Opens) -> None:
    proxied = Proxied()
    configure(proxied, bindings=(BindingRecord("bp", 1, policy="p"), BindingRecord("bg", 2, group="g-none")))
    reuse = Reuse(600.0, words={"bp": True})
    proxied.link.access_said, proxied.link.reuse = AccessSaid("", "accepted", reuse, strict=False), reuse
    visitor = opens(proxied)
    proxied.change(Members("g-staff", removed=(1,)))
    assert not ends(proxied, visitor)


def test_what_a_policy_said_at_the_login_counts_when_the_group_is_gone() -> None:
    proxied = Proxied()
    configure(proxied, bindings=STAFF_OR_POLICY)
    proxied.link.reuse = Reuse(600.0, words={"bp": True})
    stays = by_password(proxied)
    proxied.link.reuse = Reuse(600.0, words={"bp": False})
    goes = by_password(proxied)
    proxied.change(Members("g-staff", removed=(1,)))
    proxied.pass_time(1)
    assert not is_cut(stays)
    assert is_cut(goes)


# --- what a session stands on --------------------------------------------------------------------------------------


def lasting(proxied: Proxied, seconds: float) -> BrowserSessionRecord:
    """Control's word that the session counts for so long."""
    now = proxied.clock.now()
    return BrowserSessionRecord(SID, 1, now - 60, now + 10 * HOUR, "", until=now + seconds)


def opened_for(proxied: Proxied, seconds: float) -> Visitor:
    now = proxied.clock.now()
    proxied.session = {"expires": now + 10 * HOUR, "until": now + 10}
    proxied.link.renewed = lasting(proxied, seconds)
    visitor = by_session(proxied)
    proxied.link.renewals.clear()
    return visitor


def test_control_is_asked_before_its_last_word_has_run_out() -> None:
    proxied = Proxied()
    visitor = opened_for(proxied, HOUR / 2)
    proxied.clock.advance(HOUR / 2 - 301)
    assert not ends(proxied, visitor)
    assert proxied.link.renewals == []
    proxied.link.renewed = lasting(proxied, HOUR / 2)
    proxied.clock.advance(2)
    proxied.pass_time(5)
    assert len(proxied.link.renewals) == 1
    proxied.clock.advance(HOUR / 2 - 310)
    assert not ends(proxied, visitor)


def test_what_control_says_no_to_ends() -> None:
    proxied = Proxied()
    visitor = opened_for(proxied, HOUR / 2)
    proxied.link.renewed = "session_over"
    proxied.clock.advance(HOUR / 2 - 200)
    proxied.pass_time(1)
    assert ends(proxied, visitor)


def test_while_control_is_away_its_last_word_counts_and_no_longer() -> None:
    proxied = Proxied()
    visitor = opened_for(proxied, HOUR / 2)
    proxied.link.away = True
    proxied.clock.advance(HOUR / 2 - 10)
    assert not ends(proxied, visitor)
    assert len(proxied.link.renewals) == 1
    proxied.clock.advance(10)
    proxied.pass_time(1)
    assert ends(proxied, visitor)


def test_a_fault_in_asking_ends_it() -> None:
    proxied = Proxied()
    visitor = opened_for(proxied, HOUR / 2)
    proxied.link.fails = RuntimeError("injected")
    proxied.clock.advance(HOUR / 2 - 10)
    proxied.pass_time(1)
    assert ends(proxied, visitor)
    assert proxied.telemetry.faults == ["watch"]
