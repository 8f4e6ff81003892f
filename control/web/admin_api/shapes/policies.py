"""Policies and their bindings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from control.policies.judge import Answer
from control.policies.kinds import KINDS
from control.records import Binding, Group, Policy, User
from control.store.interface import Query, Transaction
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk, moment
from control.web.admin_api.shapes.people import groups, users


def bindings(tx: Transaction, records: Sequence[Binding], view: View) -> list[Body]:
    members = users(tx, list(by_pk(tx, User, {line.user for line in records}).values()), view)
    bound = groups(tx, list(by_pk(tx, Group, {line.group for line in records}).values()), view)
    rules = policies(tx, list(by_pk(tx, Policy, {line.policy for line in records}).values()), view)
    people = {body["pk"]: body for body in members}
    crowds = {body["pk"]: body for body in bound}
    told = {body["pk"]: body for body in rules}
    return [
        {
            "pk": line.pk,
            "policy": line.policy,
            "group": line.group,
            "user": line.user,
            "policy_obj": told.get(line.policy),
            "group_obj": crowds.get(line.group),
            "user_obj": people.get(line.user),
            "target": line.target,
            "negate": line.negate,
            "enabled": line.enabled,
            "order": line.order,
            "timeout": line.timeout,
            "failure_result": line.failure_result,
        }
        for line in records
    ]


def policies(tx: Transaction, records: Sequence[Policy], view: View) -> list[Body]:
    """What every kind has."""
    bound = tx.select(Binding, Query(within={"policy": [policy.pk for policy in records]}))
    return [
        {
            "pk": policy.pk,
            "name": policy.name,
            "execution_logging": policy.execution_logging,
            "component": KINDS[policy.kind].component,
            "verbose_name": KINDS[policy.kind].label,
            "verbose_name_plural": KINDS[policy.kind].label.removesuffix("y") + "ies",
            "meta_model_name": f"{KINDS[policy.kind].app}.{KINDS[policy.kind].model}",
            "bound_to": sum(line.policy == policy.pk for line in bound),
        }
        for policy in records
    ]


def whole_policies(tx: Transaction, records: Sequence[Policy], view: View) -> list[Body]:
    """With the settings of their kind."""
    told = policies(tx, records, view)
    return [{**body, **policy.settings} for policy, body in zip(records, told, strict=True)]


def log_of(answers: Iterable[Answer], now: float) -> list[Body]:
    """What policies wrote for the operator, as authentik's log events."""
    return [
        _log_event(one.policy.name, line, level, now)
        for one in answers
        for line, level in (*((line, "info") for line in one.verdict.log), (one.fault, "error"))
        if line
    ]


def _log_event(logger: str, line: str, level: str, now: float) -> Body:
    return {"timestamp": moment(now), "log_level": level, "logger": logger, "event": line, "attributes": {}}
