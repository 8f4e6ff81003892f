"""The authorization endpoint asks policies beside the one thread that writes; everything else is looked at once more
there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette

from control.records import AuthorizationCode, Session, User
from control.store.interface import Query, Transaction
from control.verbs import applications, bindings, policies, users
from control.web import oidc_api, pages
from tests.control.oidc.relying import Person, Relying, answered
from tests.control.policies.asking import WRITING, Slow
from tests.control.web.test_oidc_authorize import IMPLICIT, LOGIN, codes


class Meanwhile:
    """alice, whom a policy of the application and one of the authorization flow let in; and what happens while the
    first of them is asked."""

    def __init__(self, relying: Relying) -> None:
        self.relying = relying
        self.alice = relying.user("alice")
        self.changes: list[Callable[[Transaction], object]] = []
        self.judge = Slow(meanwhile=self._happens)
        flow = relying.flow(urlsplit(IMPLICIT).path.split("/")[-2])
        relying.set_provider(authorization_flow=flow)
        self.pks = [self._bound(target) for target in (relying.application.pk, flow)]
        relying.services = replace(relying.services, judge=self.judge)
        relying.app = Starlette(routes=[*oidc_api.routes(relying.services), *pages.routes(relying.services)])
        self.person: Person = relying.person()
        self.person.sign_in("alice")
        self.judge.threads.clear()

    def _bound(self, target: str) -> str:
        def verb(tx: Transaction) -> str:
            made = policies.create(tx, "expression", {"name": target, "expression": "return True"})
            bindings.create(tx, {"target": target, "policy": made.pk})
            return made.pk

        return self.relying.sql.write_now(verb)

    def _happens(self) -> None:
        if self.changes:
            self.relying.sql.write_now(self.changes.pop())


@pytest.fixture
def meanwhile(relying: Relying) -> Meanwhile:
    return Meanwhile(relying)


def test_the_thread_that_writes_does_not_wait_for_policies(relying: Relying, meanwhile: Meanwhile) -> None:
    assert "code" in answered(meanwhile.person.ask())
    assert len(meanwhile.judge.threads) == 2
    assert WRITING not in meanwhile.judge.threads
    assert codes(relying) == 1


def test_what_concerns_nobody_here_is_no_reason_to_refuse(relying: Relying, meanwhile: Meanwhile) -> None:
    meanwhile.changes.append(lambda tx: users.create(tx, {"username": "new", "name": "New"}))
    assert "code" in answered(meanwhile.person.ask())
    assert len(meanwhile.judge.threads) == 4, "all is asked anew"


def _disabled(tx: Transaction, meanwhile: Meanwhile) -> None:
    users.update(tx, meanwhile.alice.pk, {"is_active": False})


def _signed_out(tx: Transaction, meanwhile: Meanwhile) -> None:
    for session in tx.select(Session, Query(equal={"user": meanwhile.alice.pk})):
        tx.delete(session)


def _application_says_no(tx: Transaction, meanwhile: Meanwhile) -> None:
    policies.update(tx, meanwhile.pks[0], {"expression": "return False"})


def _flow_says_no(tx: Transaction, meanwhile: Meanwhile) -> None:
    policies.update(tx, meanwhile.pks[1], {"expression": "return False"})


def _for_somebody_else(tx: Transaction, meanwhile: Meanwhile) -> None:
    applications.update(tx, meanwhile.relying.application.pk, {"policy_engine_mode": "all"})
    akadmin = tx.select(User, Query(equal={"username": "akadmin"}))[0]
    bindings.create(tx, {"target": meanwhile.relying.application.pk, "user": akadmin.pk})


CHANGES = [(_disabled, 302), (_signed_out, 302), (_application_says_no, 403), (_flow_says_no, 403)]


@pytest.mark.parametrize(("change", "status"), [*CHANGES, (_for_somebody_else, 403)])
def test_what_has_changed_meanwhile_counts(
    relying: Relying, meanwhile: Meanwhile, change: Callable[[Transaction, Meanwhile], None], status: int
) -> None:
    meanwhile.changes.append(lambda tx: change(tx, meanwhile))
    page = meanwhile.person.ask()
    assert meanwhile.changes == []
    assert page.status_code == status, page.text
    assert urlsplit(page.headers.get("location", LOGIN)).path == LOGIN
    assert relying.sql.read_now(lambda tx: tx.count(AuthorizationCode)) == 0
