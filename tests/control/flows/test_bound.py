"""Bindings of flows and of their stages: who may start one, and which stages are walked through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.authentication import STATIC
from control.flows import executor
from control.flows.planning import plan
from control.flows.state import Challenge, Denied, Done, Step
from control.purposes import flow_for
from control.records import Binding, Event, Flow, Policy, StageBinding
from control.store.interface import Query, Transaction
from tests.control.flows.house import House
from tests.fakes import run

INSIDE = "return ak_client_ip in ip_network('192.0.2.0/24')"
OUTSIDE = f"return not ({INSIDE.removeprefix('return ')})"


class Bound(House):
    """A house where bindings are made to a flow, or to one of its stages."""

    def bind(self, target: str, source: str = "", **fields: Any) -> None:
        def verb(tx: Transaction) -> None:
            if source:
                made = Policy(f"p{tx.count(Policy)}", "expression", settings={"expression": source})
                fields["policy"] = tx.insert(made).pk
            tx.insert(Binding(target, **fields))

        self.sql.write_now(verb)

    def line(self, flow: Flow, number: int, **changes: Any) -> str:
        """pk of the flow's stage binding."""

        def verb(tx: Transaction) -> str:
            every = tx.select(StageBinding, Query(equal={"flow": flow.pk}, ordering=("order",)))
            return tx.update(replace(every[number], **changes)).pk

        return self.sql.write_now(verb)

    def start(self, flow: Flow, user: int | None = None, peer: str = "192.0.2.1") -> Step:
        state = self.sql.read_now(lambda tx: plan(tx, flow, user))
        return run(executor.start(state, self.services.on_behalf(f"http {peer}")))

    def answer(self, step: Step, peer: str = "192.0.2.1", **fields: str) -> Step:
        assert isinstance(step, Challenge)
        return run(executor.answer(step.state, fields, self.services.on_behalf(f"http {peer}")))

    def events(self, action: str) -> list[Event]:
        return self.sql.read_now(lambda tx: tx.select(Event, Query(equal={"action": action})))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Bound]:
    made = Bound(tmp_path)
    yield made
    made.close()


def component(step: Step) -> str:
    return str(step.component["component"]) if isinstance(step, Challenge) else type(step).__name__


# --- flows ---------------------------------------------------------------------------------------------------------


def test_a_policy_decides_who_may_start_a_flow(house: Bound) -> None:
    house.user("alice")
    house.bind(house.default().pk, "return context['protocol'] == 'ldap'")
    assert house.prove("alice", "right").reason == "accepted"
    assert house.prove("alice", "right", door="radius").reason == "policy_denied"


def test_a_broken_policy_of_a_flow_lets_nobody_start_it(house: Bound) -> None:
    house.user("alice")
    house.bind(house.default().pk, "return 1 / 0")
    assert house.prove("alice", "right").reason == "policy_failed"
    assert len(house.events("policy_exception")) == 1


def test_what_a_policy_had_a_say_in_is_not_remembered(house: Bound) -> None:
    """Elsewhere the same password might not be enough."""
    house.user("alice")
    assert house.prove("alice", "right").reuse == STATIC
    house.bind(house.default().pk, "return True")
    assert house.prove("alice", "right").reuse is None


# --- stages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("peer", "asked"), [("192.0.2.1", "Done"), ("198.51.100.1", "ak-stage-password")])
def test_a_stage_is_left_out_where_its_policy_does_not_pass(house: Bound, peer: str, asked: str) -> None:
    flow = house.flow("password", designation="stage_configuration")
    house.bind(house.line(flow, 0), OUTSIDE)
    assert component(house.start(flow, peer=peer)) == asked


def test_a_stage_is_asked_about_when_the_flow_comes_there_and_about_whom_it_is(house: Bound) -> None:
    flow = house.flow("identification", "password")
    source = (
        "return context['pending_user'].username == request.user.username == 'alice'\\\n"
        "  and context['pending_user_identifier'] == 'alice'"
    )
    house.bind(house.line(flow, 1), source)
    for name in ("alice", "bob"):
        house.user(name)
    asked = house.answer(house.start(flow), uid_field="alice")
    assert component(asked) == "ak-stage-password"
    assert component(house.answer(house.start(flow), uid_field="bob")) == "Done"


def test_groups_and_users_decide_about_stages_too(house: Bound) -> None:
    alice = house.user("alice")
    flow = house.flow("password", designation="stage_configuration")
    house.bind(house.line(flow, 0), user=alice, negate=True)
    assert component(house.start(flow, alice)) == "Done"
    assert component(house.start(flow, house.user("bob"))) == "ak-stage-password"


@pytest.mark.parametrize(
    ("on_plan", "again", "asked"),
    [
        (True, False, "Done"),
        (True, True, "Done"),
        (False, True, "ak-stage-password"),
        (False, False, "ak-stage-password"),
    ],
)
def test_when_it_is_asked_is_the_bindings_choice(house: Bound, on_plan: bool, again: bool, asked: str) -> None:
    """The policy passes for somebody who was named: at the beginning, nobody is."""
    house.user("alice")
    flow = house.flow("identification", "password")
    line = house.line(flow, 1, evaluate_on_plan=on_plan, re_evaluate_policies=again)
    house.bind(line, "return 'pending_user' in context")
    assert component(house.answer(house.start(flow), uid_field="alice")) == asked


def test_what_is_never_to_be_asked_is_not(house: Bound) -> None:
    flow = house.flow("password", designation="stage_configuration")
    house.bind(house.line(flow, 0, re_evaluate_policies=False), "return False")
    assert component(house.start(flow)) == "ak-stage-password"


@pytest.mark.parametrize("on_plan", [False, True])
def test_a_stage_that_cannot_be_decided_ends_the_flow(house: Bound, on_plan: bool) -> None:
    """CVE-2024-47070: a policy that broke had the password stage left out."""
    house.user("alice")
    flow = house.default()
    house.bind(house.line(flow, 1, evaluate_on_plan=on_plan), "return context['nothing']")
    assert house.prove("alice", "right").reason == "policy_failed"
    assert house.prove("alice", "wrong").reason == "policy_failed"
    assert len(house.events("policy_exception")) == 2


def test_without_the_password_stage_nobody_is_signed_in(house: Bound) -> None:
    house.user("alice")
    house.bind(house.line(house.default(), 1), "return False")
    proved = house.prove("alice", "anything")
    assert (proved.reason, proved.reuse) == ("flow_proved_nothing", STATIC)


def test_a_second_factor_only_for_those_outside_is_no_password_to_remember(house: Bound) -> None:
    house.user("alice")
    flow = house.default()
    house.bind(house.line(flow, 2), OUTSIDE)
    proved = house.prove("alice", "right")
    assert (proved.reason, proved.reuse) == ("accepted", None)
    done = house.answer(house.answer(house.start(flow), uid_field="alice"), password="right")
    assert isinstance(done, Done)
    assert done.context.judged


def test_a_stage_that_is_gone_when_the_flow_comes_there_ends_it(house: Bound) -> None:
    flow = house.flow("identification", "password")
    house.bind(house.line(flow, 1), "return True")
    asked = house.start(flow)
    house.sql.write_now(lambda tx: tx.delete(tx.get(StageBinding, house_line(tx, flow))))
    assert isinstance(house.answer(asked, uid_field="alice"), Denied)


def house_line(tx: Transaction, flow: Flow) -> str:
    return tx.select(StageBinding, Query(equal={"flow": flow.pk}, ordering=("order",)))[1].pk


def test_authentiks_own_policy_of_its_default_flow_runs_unchanged(house: Bound) -> None:
    """It asks for a password unless a backend has vouched for the person before."""
    source = (
        "flow_plan = request.context.get('flow_plan')\n"
        "if not flow_plan:\n    return True\n"
        "return not hasattr(flow_plan.context.get('pending_user'), 'backend')"
    )
    house.user("alice")
    house.bind(house.line(house.default(), 1), source)
    assert house.prove("alice", "right").reason == "accepted"
    assert house.prove("alice", "wrong").reason == "wrong_password"


def test_flows_for_everybody_stay_so(house: Bound) -> None:
    assert house.sql.read_now(lambda tx: plan(tx, flow_for(tx, "authentication"), None)).context.judged is False
