"""What policies that are bound to flows, or to their stages, say about everybody's password.

Those about *new* passwords are asked when one is chosen; one about their age makes the account's password too old, as
the settings' longest age does. None of them has a say in who may enter the flow.
"""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Binding, Flow, Policy, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import system
from control.verbs.fields import seconds

CHANGE_FLOW = "default-password-change"
"""What is bound to this flow or to its stages counts wherever a password is set; what is bound to another one, in that
flow."""
OF_NEW_PASSWORDS = frozenset({"password", "unique_password"})
"""Kinds of policy."""
OF_AGE = "password_expiry"
DAY = 86_400.0


def choosing(tx: Transaction, flow: str) -> list[tuple[Binding, Policy]]:
    """The bindings, with their policies, that are asked about a password which is chosen in the flow of this slug;
    "": in none."""
    flows = [one.pk for one in tx.select(Flow, Query(within={"slug": sorted({CHANGE_FLOW, flow})}))]
    stages = [line.pk for line in tx.select(StageBinding, Query(within={"flow": flows}))]
    lines = tx.select(
        Binding, Query(equal={"enabled": True}, within={"target": [*flows, *stages]}, ordering=("order",))
    )
    policies = {policy.pk: policy for policy in tx.select(Policy, _policies_of(lines))}
    found = [(line, policies[line.policy]) for line in lines if line.policy is not None]
    return [(line, policy) for line, policy in found if policy.kind in OF_NEW_PASSWORDS]


def entering(tx: Transaction, lines: Sequence[Binding]) -> list[Binding]:
    """Of the bindings of a flow or stage, those that decide about who enters."""
    policies = {policy.pk: policy for policy in tx.select(Policy, _policies_of(lines))}
    return [line for line in lines if line.policy is None or not _stands_aside(policies[line.policy])]


def longest_age(tx: Transaction) -> float:
    """Seconds that passwords are good: by the settings, or by a policy, whichever is less; 0: for ever."""
    ages = [seconds(system.read(tx).password_max_age)]
    aging = tx.select(Policy, Query(equal={"kind": OF_AGE}))
    if aging:
        enabled = Query(equal={"enabled": True, "negate": False}, within={"policy": [policy.pk for policy in aging]})
        lines = tx.select(Binding, enabled)
        bound = {line.policy for line in lines if line.target in _flows_and_stages(tx, lines)}
        ages += [
            policy.settings["days"] * DAY for policy in aging if policy.pk in bound and not policy.settings["deny_only"]
        ]
    return min((age for age in ages if age), default=0.0)


def remembered(tx: Transaction) -> int:
    """How many passwords of each person, the present one among them, somebody may ask about."""
    asking = tx.select(Policy, Query(equal={"kind": "unique_password"}))
    return max([system.read(tx).password_history, *(int(one.settings["num_historical_passwords"]) for one in asking)])


def _stands_aside(policy: Policy) -> bool:
    return policy.kind in OF_NEW_PASSWORDS or (policy.kind == OF_AGE and not policy.settings["deny_only"])


def _policies_of(lines: Sequence[Binding]) -> Query:
    return Query(within={"pk": sorted({line.policy for line in lines if line.policy is not None})})


def _flows_and_stages(tx: Transaction, lines: Sequence[Binding]) -> frozenset[str]:
    targets = Query(within={"pk": sorted({line.target for line in lines})})
    flows, stages = tx.select(Flow, targets), tx.select(StageBinding, targets)
    return frozenset([one.pk for one in flows] + [one.pk for one in stages])
