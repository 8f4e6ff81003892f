"""Policy bindings: who may use an application or a flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from control.records import (
    Application,
    Binding,
    Entitlement,
    Flow,
    Group,
    NotificationRule,
    Policy,
    StageBinding,
    User,
)
from control.store.interface import NotFound, Query, Transaction
from control.verbs.composing import OF_EVENTS
from control.verbs.fields import (
    MAX_INTEGER,
    NON_FIELD,
    Count,
    Fields,
    Integer,
    Invalid,
    Uuid,
    existing,
    missing,
    overlaid,
    parse,
    unique,
)
from control.verbs.password_terms import OF_NEW_PASSWORDS

Target = Application | Flow | StageBinding | NotificationRule | Entitlement
TARGETS: tuple[type[Target], ...] = (Application, Flow, StageBinding, NotificationRule, Entitlement)
NOBODYS = (NotificationRule, Entitlement)
"""What nobody gets without a binding."""
SUBJECTS = ("policy", "group", "user")
NOT_THERE = "This policy is about new passwords, and nobody chooses one here. Bind it to a flow, or to a stage of one."

NO_EVENT = "This policy is about events, and there is none here: it would never pass. Bind it to a notification rule."


class BindingFields(Fields):
    target: Uuid
    policy: Uuid | None = None
    group: Uuid | None = None
    user: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    order: Integer = 0
    enabled: bool = True
    negate: bool = False
    timeout: Count = 30
    failure_result: bool = False


def create(tx: Transaction, given: Mapping[str, Any]) -> Binding:
    """Raises Invalid."""
    fields = parse(BindingFields, given)
    _check(tx, fields)
    with unique():
        return tx.insert(Binding(**fields.model_dump()))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Binding:
    """Raises Invalid, NotFound."""
    binding = tx.get(Binding, pk)
    fields = overlaid(BindingFields, current(binding), given, partial)
    _check(tx, fields)
    with unique():
        return tx.update(replace(binding, **fields.model_dump()))


def current(binding: Binding) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {name: getattr(binding, name) for name in BindingFields.model_fields}


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound."""
    tx.delete(tx.get(Binding, pk))


def refuse_opening(tx: Transaction, subject: str, pk: int | str) -> None:
    """Raises Invalid when an application or flow is bound to nothing but this user, group or policy, to be deleted.

    Their bindings go with them, and what has no enabled binding is open to everyone, but for `NOBODYS`.
    """
    doomed = tx.select(Binding, Query(equal={subject: pk}))
    for target in sorted({binding.target for binding in doomed if binding.enabled}):
        left = [line for line in tx.select(Binding, Query(equal={"target": target})) if line not in doomed]
        if not any(line.enabled for line in left) and not any(_exists(tx, kind, target) for kind in NOBODYS):
            raise Invalid({NON_FIELD: [_would_open(tx, target, subject)]})


def _would_open(tx: Transaction, target: str, subject: str) -> str:
    application = tx.find(Application, pk=target)
    name = f"The application “{application.name}”" if application else "A flow"
    return (
        f"{name} is bound to nobody but this {subject} and would be open to everyone. Bind somebody else or delete the "
        "binding first."
    )


def _check(tx: Transaction, fields: BindingFields) -> None:
    chosen = [name for name in SUBJECTS if getattr(fields, name) is not None]
    if len(chosen) != 1:
        rule = "One of {} must be set." if not chosen else "Only one of {} can be set."
        raise Invalid({NON_FIELD: [rule.format(", ".join(f"'{name}'" for name in SUBJECTS))]})
    if not any(_exists(tx, kind, fields.target) for kind in TARGETS):
        raise Invalid({"target": [missing(fields.target)]})
    if fields.policy is not None and _exists(tx, Entitlement, fields.target):
        raise Invalid({"policy": ["Entitlements are bound to users and groups alone."]})
    if fields.policy is not None:
        (policy,) = existing(tx, Policy, "policy", [fields.policy])
        if policy.kind in OF_NEW_PASSWORDS and not _has_stages(tx, fields.target):
            raise Invalid({"policy": [NOT_THERE]})
        if policy.kind == OF_EVENTS and not _exists(tx, NotificationRule, fields.target):
            raise Invalid({"policy": [NO_EVENT]})
    if fields.group is not None:
        existing(tx, Group, "group", [fields.group])
    if fields.user is not None:
        existing(tx, User, "user", [fields.user])


def _has_stages(tx: Transaction, target: str) -> bool:
    return _exists(tx, Flow, target) or _exists(tx, StageBinding, target)


def _exists(tx: Transaction, kind: type[Target], pk: str) -> bool:
    try:
        tx.get(kind, pk)
    except NotFound:
        return False
    return True
