"""Policies about people who are signed in at a proxy: asked at control, used again as far as its answer says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from protocols.link.messages import (
    AccessSaid,
    AskAccess,
    BindingRecord,
    Configuration,
    Members,
    OutpostRecord,
    Put,
    Reuse,
)
from tests.fakes import FakeClock
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.http_connections import Answer
from tests.outpost.listeners.test_sign_in import ALICE, APP, CONTROL, FOR_STAFF, PROXY, Outpost, Visitor

POLICY = BindingRecord("bp", 1, policy="p")
PAGE = f"{APP}/page"


class Bound(Outpost):
    """An outpost whose application at APP a policy decides about."""

    def __init__(self, *bindings: BindingRecord, mode: Any = "any") -> None:
        super().__init__()
        self.bind(*bindings, mode=mode)
        self.visitor = Visitor(self)
        self.says("accepted", Reuse(600.0), strict=False)
        self.visitor.sign_in()

    def bind(self, *bindings: BindingRecord, mode: Any = "any") -> None:
        record = replace(provider(7, APP), bindings=bindings, policy_engine_mode=mode)
        self.change(Configuration((OutpostRecord("o", "embedded", "any", public_url=CONTROL), record)))

    def says(self, reason: str, reuse: Reuse, strict: bool = True) -> None:
        self.link.access_said = AccessSaid("", reason, reuse, strict)

    def open(self, **headers: str) -> Answer:
        return self.visitor.open(PAGE, **headers)

    @property
    def asked(self) -> int:
        return len(self.link.access_asked)


def test_who_has_signed_in_is_let_in_when_policies_say_so() -> None:
    outpost = Bound(POLICY)
    answer = outpost.open()
    assert (answer.status, answer.headers["X-Authentik-Username"]) == (200, "alice")
    (question,) = outpost.link.access_asked
    assert (question.provider, question.user, question.peer) == (7, 1, PROXY)
    assert question.attributes == {"host": "app.example.com", "path": "/page", "method": "GET"}


def test_a_no_keeps_out_and_is_asked_about_again_soon() -> None:
    outpost = Bound(POLICY)
    outpost.says("policy_denied", Reuse(2.0))
    assert (outpost.open().status, outpost.open().status, outpost.asked) == (403, 403, 1)
    assert "X-Authentik-Username" not in outpost.open().headers
    assert outpost.telemetry.decisions["proxy", "policy_denied"] == 3
    outpost.says("accepted", Reuse(30.0))
    outpost.clock.advance(2.0)
    assert outpost.open().status == 200


def test_a_yes_is_used_again_for_as_long_as_it_says() -> None:
    outpost = Bound(POLICY)
    outpost.says("accepted", Reuse(30.0))
    for _ in range(3):
        assert outpost.open().status == 200
    assert outpost.asked == 1
    outpost.clock.advance(30.0)
    outpost.says("policy_denied", Reuse(2.0))
    assert (outpost.open().status, outpost.asked) == (403, 2)


def test_a_yes_ends_with_its_hours() -> None:
    outpost = Bound(POLICY)
    outpost.says("accepted", Reuse(600.0, not_after=outpost.clock.now() + 60.0), strict=False)
    assert outpost.open().status == 200
    outpost.clock.advance(60.0)
    outpost.says("policy_denied", Reuse(2.0))
    assert outpost.open().status == 403


def test_a_yes_for_one_address_is_none_for_another() -> None:
    outpost = Bound(POLICY)
    outpost.says("accepted", Reuse(600.0, peer_only=True), strict=False)
    assert outpost.open().status == 200
    outpost.says("policy_denied", Reuse(2.0))
    assert outpost.open(**{"X-Forwarded-For": "198.51.100.7"}).status == 403
    assert [question.peer for question in outpost.link.access_asked] == [PROXY, "198.51.100.7"]


def test_a_yes_to_one_page_is_none_to_another_where_policies_may_have_looked_at_it() -> None:
    outpost = Bound(POLICY)
    outpost.says("accepted", Reuse(30.0))
    assert outpost.open().status == 200
    outpost.says("policy_denied", Reuse(2.0))
    assert outpost.visitor.open(f"{APP}/admin").status == 403
    assert outpost.visitor.open(PAGE, **{"X-Forwarded-Method": "POST"}).status == 403
    assert (outpost.open().status, outpost.asked) == (200, 3)


def test_policies_see_what_the_visitor_sent_but_nothing_that_opens_a_door() -> None:
    outpost = Bound(POLICY)
    hidden = {
        "Authorization": "Negotiate x",
        "X-Authentik-Username": "root",
        "X-Long": "x" * 2000,
    }
    assert outpost.open(**{"User-Agent": "Browser/7"}, **hidden).status == 200
    visitor = outpost.link.access_asked[-1].visitor
    assert visitor is not None
    assert visitor.scheme == "https"
    assert visitor.headers["User-Agent"] == "Browser/7"
    assert not {"Cookie", *hidden} & visitor.headers.keys()


def test_a_yes_to_one_browser_is_none_to_other_header_lines() -> None:
    """A policy may have looked at them, and the cookie may be in other hands."""
    outpost = Bound(POLICY)
    outpost.says("accepted", Reuse(30.0))
    assert outpost.open(**{"User-Agent": "Browser/7"}).status == 200
    outpost.says("policy_denied", Reuse(2.0))
    assert outpost.open(**{"User-Agent": "curl/8"}).status == 403
    assert (outpost.open(**{"User-Agent": "Browser/7"}).status, outpost.asked) == (200, 2)


def test_a_yes_that_lasts_is_one_to_every_page() -> None:
    outpost = Bound(POLICY)
    assert outpost.open().status == 200
    outpost.says("policy_denied", Reuse(2.0))
    assert outpost.visitor.open(f"{APP}/admin").status == 200
    assert outpost.asked == 1


def test_answers_for_single_pages_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outpost.browsers.policies.MOST_SAID", 3)
    outpost = Bound(POLICY)
    outpost.says("accepted", Reuse(30.0))
    for number in range(4):
        assert outpost.visitor.open(f"{APP}/{number}").status == 200
    assert outpost.visitor.open(f"{APP}/3").status == 200
    assert outpost.asked == 4
    assert (outpost.visitor.open(f"{APP}/0").status, outpost.asked) == (200, 5)


@pytest.mark.parametrize(("reason", "status"), [("accepted", 200), ("policy_denied", 403), ("fails", 500)])
def test_the_same_question_asked_at_once_is_one(reason: str, status: int) -> None:
    """A page that is opened in many tabs, or whose parts are asked for by a proxy at once."""
    outpost = Bound(POLICY)
    answering: list[Deferred[AccessSaid]] = []

    def thinking(question: AskAccess) -> Deferred[AccessSaid]:
        outpost.link.access_asked.append(question)
        answering.append(Deferred())
        return answering[-1]

    outpost.link.access = thinking  # type: ignore[assignment,method-assign]
    pending = [outpost.visitor.begin(page) for page in (PAGE, PAGE, PAGE, f"{APP}/other")]
    assert [question.attributes["path"] for question in outpost.link.access_asked] == ["/page", "/other"]
    for question, deferred in zip(outpost.link.access_asked, answering, strict=True):
        if reason == "fails":
            deferred.errback(RuntimeError("boom"))
        else:
            deferred.callback(AccessSaid(question.id, reason, Reuse(30.0)))
    assert [one().status for one in pending] == [status] * 4
    assert outpost.asked == 2


def test_whom_users_and_groups_decide_about_nobody_asks() -> None:
    outpost = Bound(*FOR_STAFF, POLICY)
    assert (outpost.open().status, outpost.asked) == (200, 0)
    outpost.change(Members("g-staff", (), (1,)))
    assert (outpost.open().status, outpost.asked) == (200, 1)
    outpost = Bound(BindingRecord("b2", 0, user=2), POLICY, mode="all")
    assert (outpost.open().status, outpost.asked) == (403, 0)


def test_what_was_said_does_not_outlive_the_directory_that_it_was_said_of() -> None:
    outpost = Bound(POLICY)
    assert (outpost.open().status, outpost.asked) == (200, 1)
    outpost.change(Put(replace(ALICE, name="Another")))
    outpost.says("policy_denied", Reuse(2.0))
    assert (outpost.open().status, outpost.asked) == (403, 2)


@pytest.mark.parametrize(
    ("reuse", "strict", "status"),
    [
        (Reuse(600.0), False, 200),
        (Reuse(30.0, peer_only=True), True, 503),
        (Reuse(600.0, not_after=1_700_000_000.0 + 700.0), False, 503),
    ],
)
def test_while_control_is_away_a_yes_holds_that_need_not_be_asked_for_each_time(
    reuse: Reuse, strict: bool, status: int
) -> None:
    outpost = Bound(POLICY)
    outpost.says("accepted", reuse if reuse.not_after is None else replace(reuse, not_after=outpost.clock.now() + 700))
    outpost.link.access_said = replace(outpost.link.access_said, strict=strict)
    assert outpost.open().status == 200
    outpost.link.away = True
    outpost.clock.advance(701.0)
    assert outpost.open().status == status
    outpost.clock.advance(5 * 3600.0)
    assert outpost.open().status == 503


def test_a_no_stays_one_while_control_is_away() -> None:
    outpost = Bound(POLICY)
    outpost.says("policy_denied", Reuse(2.0))
    assert outpost.open().status == 403
    outpost.link.away = True
    outpost.clock.advance(3.0)
    assert outpost.open().status == 503


def test_any_exception_denies() -> None:
    outpost = Bound(POLICY)
    outpost.link.fails = RuntimeError("boom")
    assert outpost.open().status == 500


def test_who_signs_out_while_control_is_asked_stays_out() -> None:
    outpost = Bound(POLICY)
    outpost.visitor.direct(f"{APP}/outpost.goauthentik.io/sign_out")
    assert outpost.open().status == 302


def test_a_directory_that_never_stands_still_keeps_out() -> None:
    outpost = Bound(POLICY)
    answer = outpost.link.access

    async def late(question: Any) -> Any:
        outpost.change(Put(replace(ALICE, name=f"Alice {outpost.asked}")))
        return await answer(question)

    outpost.link.access = late  # type: ignore[method-assign]
    assert outpost.open().status == 503
    assert outpost.asked == 3


def test_the_clock_of_these_tests() -> None:
    assert Bound(POLICY).clock.now() == FakeClock().now()
