"""Client credentials: the application's policies are asked beside the one thread that writes, and what they said holds
only if nothing has changed since."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest
from starlette.applications import Starlette

from control.policies.asking import Asking
from control.policies.judge import Decided, Judge, Target
from control.records import AccessToken, Binding, Policy, Token, TokenUse, User
from control.store.interface import Query, Transaction
from control.verbs import applications, bindings, policies, tokens, users
from control.web import oidc_api
from tests.control.oidc.relying import Relying

OWN_ACCOUNT = "ak-grafana-client_credentials"


@dataclass(frozen=True)
class Slow(Judge):
    """``meanwhile`` happens when it has decided, before anybody hears of that."""

    meanwhile: Callable[[], object] = lambda: None
    threads: list[int] = field(default_factory=list)

    def decide(self, tx: Transaction, target: Target, asking: Asking) -> Decided:
        self.threads.append(threading.get_ident())
        decided = super().decide(tx, target, asking)
        self.meanwhile()
        return decided


def judged_by(relying: Relying, judge: Judge) -> None:
    relying.services = replace(relying.services, judge=judge)
    relying.app = Starlette(routes=oidc_api.routes(relying.services))


def ask(relying: Relying, **fields: str) -> httpx.Response:
    return relying.exchange("", code=None, redirect_uri=None, grant_type="client_credentials", **fields)


def refused(relying: Relying, answer: httpx.Response, reason: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), answer.text
    assert relying.sql.read_now(lambda tx: tx.count(AccessToken, Query())) == 0
    assert [event.context["reason"] for event in relying.events("login_failed")] == [reason]


def bind_policy(relying: Relying, expression: str, **more: bool) -> Policy:
    def verb(tx: Transaction) -> Policy:
        made = policies.create(tx, "expression", {"name": "asked", "expression": expression, **more})
        bindings.create(tx, {"target": relying.application.pk, "policy": made.pk})
        return made

    return relying.sql.write_now(verb)


def test_the_thread_that_writes_does_not_wait_for_policies(relying: Relying) -> None:
    writing = relying.sql.write_now(lambda tx: threading.get_ident())
    judge = Slow()
    judged_by(relying, judge)
    assert [ask(relying).status_code for _ in range(2)] == [200, 200]
    assert len(judge.threads) == 2
    assert writing not in judge.threads


def _disabled(tx: Transaction, relying: Relying, user: User) -> None:
    users.update(tx, user.pk, {"is_active": False})


def _deleted(tx: Transaction, relying: Relying, user: User) -> None:
    users.delete(tx, user.pk)


def _another_credential(tx: Transaction, relying: Relying, user: User) -> None:
    tx.update(replace(user, credential_version=user.credential_version + 1))


def _application_gone(tx: Transaction, relying: Relying, user: User) -> None:
    applications.delete(tx, relying.application.pk)


def _bound_to_somebody_else(tx: Transaction, relying: Relying, user: User) -> None:
    akadmin = tx.select(User, Query(equal={"username": "akadmin"}))[0]
    bindings.create(tx, {"target": relying.application.pk, "user": akadmin.pk})


Change = Callable[[Transaction, Relying, User], None]
CHANGES = [
    (_disabled, "bad_token"),
    (_deleted, "bad_token"),
    (_another_credential, "credential_changed"),
    (_application_gone, "no_binding"),
    (_bound_to_somebody_else, "no_binding"),
]


@pytest.mark.parametrize("named", ["alice", OWN_ACCOUNT])
@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_what_has_changed_meanwhile_counts(relying: Relying, named: str, change: Change, reason: str) -> None:
    shown = _app_password(relying) if named == "alice" else {}

    def changed(tx: Transaction) -> None:
        (user,) = tx.select(User, Query(equal={"username": named}))
        change(tx, relying, user)

    judged_by(relying, Slow(meanwhile=lambda: relying.sql.write_now(changed)))
    refused(relying, ask(relying, **shown), reason)


def test_an_app_password_that_ends_meanwhile_opens_nothing(relying: Relying) -> None:
    shown = _app_password(relying, ends=relying.clock.now() + 1)
    judged_by(relying, Slow(meanwhile=lambda: relying.clock.advance(2)))
    refused(relying, ask(relying, **shown), "bad_token")


def test_an_app_password_that_is_taken_back_meanwhile_opens_nothing(relying: Relying) -> None:
    shown = _app_password(relying)
    judged_by(relying, Slow(meanwhile=lambda: relying.sql.write_now(_take_back)))
    refused(relying, ask(relying, **shown), "bad_token")


def test_a_policy_that_is_another_meanwhile_has_not_let_anybody_in(relying: Relying) -> None:
    made = bind_policy(relying, "return True")

    def changed() -> None:
        relying.clock.advance(1)
        relying.sql.write_now(lambda tx: policies.update(tx, made.pk, {"expression": "return False"}))

    judged_by(relying, Slow(meanwhile=changed))
    refused(relying, ask(relying), "no_binding")


def test_a_no_stays_one_whatever_would_let_them_in_by_now(relying: Relying) -> None:
    bind_policy(relying, "return False")

    def unbound(tx: Transaction) -> None:
        for line in tx.select(Binding, Query(equal={"target": relying.application.pk})):
            tx.delete(line)

    judged_by(relying, Slow(meanwhile=lambda: relying.sql.write_now(unbound)))
    refused(relying, ask(relying), "policy_denied")


def test_the_use_of_an_app_password_is_remembered(relying: Relying) -> None:
    assert ask(relying, **_app_password(relying)).status_code == 200
    (use,) = relying.sql.read_now(lambda tx: tx.select(TokenUse))
    assert use.last_used == relying.clock.now()


def test_policies_leave_their_traces(relying: Relying) -> None:
    bind_policy(relying, "return True", execution_logging=True)
    assert ask(relying).status_code == 200
    (trace,) = relying.events("policy_execution")
    assert (trace.context["passing"], trace.user["username"]) == (True, OWN_ACCOUNT)


def test_an_operator_hears_of_a_policy_that_breaks(relying: Relying) -> None:
    bind_policy(relying, "return 1 / 0")
    refused(relying, ask(relying), "policy_failed")
    (trace,) = relying.events("policy_exception")
    assert "asked" in trace.context["name"]


def _app_password(relying: Relying, ends: float | None = None) -> dict[str, str]:
    user = relying.user("alice")

    def verb(tx: Transaction) -> str:
        return tokens.create(tx, user.pk, "alice-app", relying.random, intent="app_password", expires=ends).key

    return {"username": "alice", "password": relying.sql.write_now(verb)}


def _take_back(tx: Transaction) -> None:
    (token,) = tx.select(Token, Query(equal={"identifier": "alice-app"}))
    tokens.delete(tx, token.pk)
