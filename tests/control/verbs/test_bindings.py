"""Bindings: one subject, an existing target."""

from __future__ import annotations

from typing import Any

import pytest

from control.records import Flow
from control.store.sql import SqlStore
from control.verbs import bindings
from control.verbs.fields import NON_FIELD
from tests.control.verbs.do import ABSENT, application, binding, group, refused, user

NOBODY = {NON_FIELD: ["One of 'policy', 'group', 'user' must be set."]}
SEVERAL = {NON_FIELD: ["Only one of 'policy', 'group', 'user' can be set."]}
GONE = f'Invalid pk "{ABSENT}" - object does not exist.'


def test_exactly_one_subject(store: SqlStore) -> None:
    app, staff, alice = application(store, "app").pk, group(store, "staff").pk, user(store, "alice").pk
    assert refused(store, lambda tx: bindings.create(tx, {"target": app})) == NOBODY
    both = {"target": app, "group": staff, "user": alice}
    assert refused(store, lambda tx: bindings.create(tx, both)) == SEVERAL
    line = binding(store, app, group=staff)
    assert refused(store, lambda tx: bindings.update(tx, line.pk, {"user": alice})) == SEVERAL
    assert refused(store, lambda tx: bindings.update(tx, line.pk, {"group": None})) == NOBODY
    moved = store.write_now(lambda tx: bindings.update(tx, line.pk, {"group": None, "user": alice}))
    assert (moved.group, moved.user) == (None, alice)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"target": ABSENT}, {"target": [GONE]}),
        ({"target": "app"}, {"target": ["“app” is not a valid UUID."]}),
        ({"group": ABSENT}, {"group": [GONE]}),
        ({"group": None, "user": 99}, {"user": ['Invalid pk "99" - object does not exist.']}),
        ({"group": None, "policy": ABSENT}, {"policy": [GONE]}),
        ({"timeout": -1}, {"timeout": ["Ensure this value is greater than or equal to 0."]}),
    ],
)
def test_what_is_named_must_exist(store: SqlStore, fields: dict[str, Any], expected: dict[str, list[str]]) -> None:
    given = {"target": application(store, "app").pk, "group": group(store, "staff").pk, **fields}
    assert refused(store, lambda tx: bindings.create(tx, given)) == expected


def test_flows_may_be_bound_too(store: SqlStore) -> None:
    flow = store.read_now(lambda tx: tx.find(Flow, slug="initial-setup"))
    assert flow is not None
    assert binding(store, flow.pk, group=group(store, "staff").pk, order=-5).order == -5
