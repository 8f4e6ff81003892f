"""One policy or binding, asked in a store of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from control.policies.asking import Around, Asking, Verdict
from control.policies.judge import NOWHERE, Answer, Decided, Judge
from control.policies.kinds import KINDS
from control.policies.kinds.kind import Kind, PolicyFields
from control.policies.places import Places
from control.records import Application, Binding, Group, Policy, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.verbs import policies
from control.verbs.fields import parse
from tests.control.store.away import go_away

PEER = "192.0.2.9"
WRITING = "store-writer"
"""The name of the thread that writes."""
NOON = 1_700_049_600.0
"""Wednesday, 15 November 2023, 12:00 UTC."""


class House:
    """alice, in the group staff, before an application of the mode that is asked for."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.places: Places = NOWHERE
        self.clock_says = iter(range(1_000_000))
        self.alice, self.staff, self.application = store.write_now(_people)

    def decide_kind(self, kind: str, given: dict[str, Any], **asking: Any) -> Verdict:
        """What a policy with these fields says."""
        fields = parse(KINDS[kind].fields, {"name": "p", **given}).model_dump()
        question = self.asking(**asking)
        return self.store.read_now(
            lambda tx: KINDS[kind].decide(tx, fields, question, Around(lambda: 0.0, 30.0, self.places))
        )

    def asking(self, **fields: Any) -> Asking:
        return Asking(**{"user": self.alice, "now": NOON, "peer": PEER, "identifier": "alice", **fields})

    def expression(self, source: str, **policy: Any) -> str:
        """pk of a new policy."""
        made = Policy(f"p{next(self.clock_says)}", "expression", settings={"expression": source}, **policy)
        return self.store.write_now(lambda tx: tx.insert(made)).pk

    def policy(self, kind: str, **settings: Any) -> str:
        given = {"name": f"p{next(self.clock_says)}", **settings}
        return self.store.write_now(lambda tx: policies.create(tx, kind, given)).pk

    def bind(self, **fields: Any) -> Binding:
        fields.setdefault("order", next(self.clock_says))
        return self.store.write_now(lambda tx: tx.insert(Binding(self.application.pk, **fields)))

    def decide(self, mode: str = "any", judge: Judge | None = None, **asking: Any) -> Decided:
        application = replace(self.application, policy_engine_mode=mode)
        question = self.asking(**asking)
        return self.store.read_now(lambda tx: (judge or Judge(lambda: 0.0)).decide(tx, application, question))


@dataclass(frozen=True)
class Slow(Judge):
    """``meanwhile`` happens when a policy has been asked beside the thread that writes."""

    meanwhile: Callable[[], object] = lambda: None
    threads: list[str] = field(default_factory=list)
    """Where policies were asked."""

    def ask(self, tx: Transaction, binding: Binding, asking: Asking) -> Answer:
        self.threads.append(threading.current_thread().name)
        answer = super().ask(tx, binding, asking)
        if self.threads[-1] != WRITING:
            self.meanwhile()
        return answer


def asking_the_store(is_away: Callable[[], bool] = lambda: True) -> Kind:
    """A kind of policy that the database leaves without an answer; otherwise it passes."""

    def decide(tx: Transaction, *_: object) -> Verdict:
        if is_away():
            go_away(tx)
        return Verdict(True)

    return Kind("asking", "Asking", "It asks the store.", PolicyFields, decide)


def _people(tx: Transaction) -> tuple[User, Group, Application]:
    alice = tx.insert(User("alice", email="alice@example.com"))
    staff = tx.insert(Group("staff", attributes={"team": "blue"}))
    tx.add_members(staff.pk, [alice.pk])
    return alice, staff, tx.insert(Application("App", "app"))
