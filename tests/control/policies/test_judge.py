"""Bindings with policies: order, negation, failures, time-outs, what is left behind, and what may be reused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from control.policies.judge import Judge, events, narrowest, recalled
from control.policies.kinds.kind import LASTING
from control.records import Policy
from control.store.interface import Unavailable
from protocols.link.messages import Reuse
from tests.control.policies.asking import NOON, House


def test_users_and_groups_alone_ask_no_policy(house: House) -> None:
    house.bind(policy=house.expression("return 1 / 0"))
    house.bind(group=house.staff.pk)
    found = house.decide("any")
    assert (found.passing, found.answers, found.reuse) == (True, (), LASTING)
    house.bind(user=house.alice.pk, negate=True)
    found = house.decide("all")
    assert (found.passing, found.reason, found.answers) == (False, "no_binding", ())


def test_policies_are_asked_in_their_order_until_one_settles_it(house: House) -> None:
    for order, source in ((30, "return 1 / 0"), (10, "return False"), (20, "return True")):
        house.bind(policy=house.expression(source), order=order)
    found = house.decide("any")
    assert [one.word for one in found.answers] == [False, True]
    assert house.decide("all").reason == "policy_denied"
    assert len(house.decide("all").answers) == 1


@pytest.mark.parametrize(("negate", "passing"), [(False, False), (True, True)])
def test_a_no_can_be_negated(house: House, negate: bool, passing: bool) -> None:
    house.bind(policy=house.expression("return False"), negate=negate)
    assert house.decide().passing is passing


@pytest.mark.parametrize("negate", [False, True])
@pytest.mark.parametrize("failure_result", [False, True])
@pytest.mark.parametrize("mode", ["any", "all"])
def test_a_failure_is_what_the_binding_says_and_is_never_negated(
    house: House, mode: str, failure_result: bool, negate: bool
) -> None:
    policy = house.expression("ak_message('Oh.')\nreturn 1 / 0")
    house.bind(policy=policy, negate=negate, failure_result=failure_result)
    found = house.decide(mode)
    assert found.passing is failure_result
    assert found.reason == ("accepted" if failure_result else "policy_failed")
    assert found.reuse is None
    (event,) = events(found, house.asking())
    assert (event.action, event.client_ip, event.user["username"]) == ("policy_exception", "192.0.2.9", "alice")
    assert event.context["message"] == "Line 2, column 8: ZeroDivisionError: division by zero"


def test_a_kind_that_nobody_knows_is_a_failure(house: House) -> None:
    policy = house.store.write_now(lambda tx: tx.insert(Policy("odd", "telepathy")))
    house.bind(policy=policy.pk)
    assert house.decide().reason == "policy_failed"


def test_a_database_that_went_away_is_no_failure_of_the_policy(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.bind(policy=house.expression("return True"), failure_result=True)

    def gone(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(Judge, "consult", gone)
    with pytest.raises(Unavailable):
        house.decide()


def ticking(step: float) -> Iterator[float]:
    return (step * number for number in count())


def test_an_expression_without_end_is_stopped_when_its_binding_says(house: House) -> None:
    house.bind(policy=house.expression("while True:\n    pass"), timeout=2)
    seconds = ticking(0.05)
    found = house.decide(judge=Judge(lambda: next(seconds)))
    assert found.reason == "policy_failed"
    assert "longer" in found.answers[0].fault or "steps" in found.answers[0].fault


def test_whatever_took_longer_than_its_binding_allows_has_failed(house: House) -> None:
    house.bind(policy=house.policy("network", networks=["0.0.0.0/0"]), timeout=30)
    seconds = ticking(31.0)
    found = house.decide(judge=Judge(lambda: next(seconds)))
    assert found.answers[0].fault == "It took longer than the 30 seconds that its binding allows."
    assert not found.passing
    assert house.decide().passing


def test_an_event_for_each_time_where_that_is_wanted(house: House) -> None:
    house.bind(policy=house.expression("return True", execution_logging=True))
    (event,) = events(house.decide(), house.asking())
    assert (event.action, event.context["result"]) == ("policy_execution", True)


def test_only_who_is_kept_out_hears_why(house: House) -> None:
    house.bind(policy=house.expression("ak_message('Not on Wednesdays.')\nreturn False"))
    assert house.decide().messages == ("Not on Wednesdays.",)
    house.bind(policy=house.expression("ak_message('Welcome.')\nreturn True"))
    assert house.decide().messages == ("Not on Wednesdays.",)


def test_what_it_says_is_bounded(house: House) -> None:
    house.bind(policy=house.expression("for n in range(1000):\n    ak_message('x' * 90000)\nreturn False"))
    (answer,) = house.decide().answers
    assert len(answer.verdict.messages) <= 20
    assert all(len(text) < 300 for text in answer.verdict.messages)


def test_nobody_has_signed_in(house: House) -> None:
    house.bind(policy=house.expression("return request.user.is_anonymous"))
    assert house.decide(user=None).passing


# --- reuse ---------------------------------------------------------------------------------------------------------


def test_of_any_the_policy_that_let_in_says_how_long_that_holds(house: House) -> None:
    network = house.bind(policy=house.policy("network", networks=["192.0.2.0/24"]))
    house.bind(policy=house.expression("return True"))
    assert house.decide("any").reuse == Reuse(600.0, peer_only=True, words={network.pk: True})
    assert house.decide("all").reuse is None


def test_of_all_each_has_its_say(house: House) -> None:
    network = house.bind(policy=house.policy("network", networks=["192.0.2.0/24"]))
    hours = house.bind(policy=house.policy("time", weekdays=[], begins=600, ends=840, timezone="UTC"))
    expected = Reuse(600.0, True, NOON + 7200.0, {network.pk: True, hours.pk: True})
    assert house.decide("all").reuse == expected


def test_the_narrowest_of_several() -> None:
    assert narrowest([]) == LASTING
    assert narrowest([Reuse(5.0), None]) is None
    assert narrowest([Reuse(5.0, not_after=9.0), Reuse(7.0, True, 8.0)]) == Reuse(5.0, True, 8.0)


def test_what_was_said_at_a_sign_in_holds_until_the_policy_changes(house: House) -> None:
    policy = house.expression("return True")
    house.bind(policy=policy)
    words = house.decide().words

    def still(said: dict[str, bool], since: float = NOON) -> bool:
        return house.store.read_now(lambda tx: recalled(tx, house.application, house.alice.pk, said, since))

    assert still(words)
    assert not still({})
    assert not still(dict.fromkeys(words, False))
    assert not still(words, since=NOON - 1)
    house.store.write_now(lambda tx: tx.update(replace(tx.get(Policy, policy), name="another")))
    assert still(words)
