"""What a policy costs, in this process: one expression by itself, and bindings with policies over a store.

The same expressions under CPython's own compiler stand beside them: that is what interpreting over a whitelist costs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from types import SimpleNamespace
from typing import Any

from benchmarks.harness.bench import Bench, Table, say
from control.expression.environment import Asked
from control.expression.evaluation import evaluate
from control.expression.people import GroupFacts, PersonFacts
from control.policies.asking import Asking
from control.policies.judge import Judge
from control.records import Application, Binding, Group, Policy, User
from control.store.interface import Transaction
from control.store.sql import SqlStore

RUNS = 2_000
"""Of one round."""
STAFF = GroupFacts("1", "staff")
ALICE = PersonFacts(1, {"username": "alice", "email": "alice@example.com", "attributes": {}}, (STAFF,), (STAFF,))
PEER = "192.0.2.9"
TYPICAL = (
    "if not ak_is_group_member(request.user, name='staff'):\n"
    "    ak_message('Only for staff.')\n"
    "    return False\n"
    "return ak_client_ip in ip_network('192.0.2.0/24') or request.user.email.endswith('@example.com')"
)
LOOP = "total = 0\nfor number in range(200):\n    total += number if number % 3 else 1\nreturn total > 100"
COLUMNS = ("what", "µs", "steps", "CPython µs", "ratio")


def measure(bench: Bench) -> list[Table]:
    table = Table(
        "Policies, in this process",
        COLUMNS,
        note="Each figure is the middle of rounds of many runs. CPython: the same text, compiled once, with exec and "
        "without any bounds.",
    )
    say("policies")
    for name, source in (("a typical expression", TYPICAL), ("a loop of 200 turns", LOOP)):
        steps = evaluate(source, Asked(ALICE, PEER), time.monotonic).steps
        ours = _middle(bench, lambda source=source: evaluate(source, Asked(ALICE, PEER), time.monotonic))  # type: ignore[misc]
        native = _middle(bench, _natively(source))
        table.add(name, ours, steps, native, ours / native)
    table.add("users and groups alone", _middle(bench, _bound(bench, "static")), "", "", "")
    table.add("the same, and a typical expression", _middle(bench, _bound(bench, "judged", TYPICAL)), "", "", "")
    return [table]


def _middle(bench: Bench, run: Callable[[], Any]) -> float:
    """Microseconds of CPU for one run."""
    rounds = []
    for _ in range(bench.budget.rounds):
        began = time.process_time()
        for _ in range(RUNS):
            run()
        rounds.append((time.process_time() - began) / RUNS * 1e6)
    return statistics.median(rounds)


def _natively(source: str) -> Callable[[], Any]:
    text = "def policy():\n" + "\n".join(f"    {line}" for line in source.splitlines())
    group = SimpleNamespace(name="staff")
    user = SimpleNamespace(username="alice", email="alice@example.com", groups=[group])
    given: dict[str, Any] = {
        "request": SimpleNamespace(user=user),
        "ak_is_group_member": lambda user, name: any(group.name == name for group in user.groups),
        "ak_client_ip": ip_address(PEER),
        "ak_message": lambda text: None,
        "ip_network": ip_network,
    }
    exec(compile(text, "policy", "exec"), given)
    policy: Callable[[], Any] = given["policy"]
    return policy


def _bound(bench: Bench, name: str, source: str = "") -> Callable[[], Any]:
    """One application's bindings, decided in a transaction of their own."""
    store = SqlStore(f"sqlite:///{bench.folder / name}.sqlite3", ["a key for the benchmark, and nothing else"])

    def furnish(tx: Transaction) -> tuple[Application, User]:
        user, group = tx.insert(User("alice", email="alice@example.com")), tx.insert(Group("staff"))
        tx.add_members(group.pk, [user.pk])
        application = tx.insert(Application("App", "app"))
        tx.insert(Binding(application.pk, group=group.pk))
        if source:
            policy = tx.insert(Policy("p", "expression", settings={"expression": source}))
            tx.insert(Binding(application.pk, policy=policy.pk, order=1))
        return application, user

    application, user = store.write_now(furnish)
    asked = replace(application, policy_engine_mode="all")
    judge = Judge()
    return lambda: store.read_now(lambda tx: judge.decide(tx, asked, Asking(user, tx.now, PEER, "alice")))
