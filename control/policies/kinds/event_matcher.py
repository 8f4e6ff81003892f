"""Events: is the one in the context of this action, app, model and address? Without an event it never passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import LASTING, Kind, PolicyFields
from control.records import Event
from control.store.interface import Transaction
from control.verbs.fields import Text


class EventMatcherFields(PolicyFields):
    action: Text | None = None
    app: Text | None = None
    model: Text | None = None
    client_ip: Text | None = None


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    event = asking.context.get("event")
    if not isinstance(event, Event):
        return Verdict(False, reuse=LASTING, log=("There is no event to match.",))
    told = event.context.get("model")
    model = told if isinstance(told, dict) else {}  # an outpost's report may have any field, of text
    found = {
        "action": event.action,
        "app": event.app,
        "model": f"{model.get('app')}.{model.get('model_name')}",
        "client_ip": event.client_ip,
    }
    wanted = {name: settings[name] for name in found if settings[name] is not None}
    log = tuple(f"{name} is {found[name]!r}, wanted is {value!r}." for name, value in wanted.items())
    return Verdict(all(found[name] == value for name, value in wanted.items()), log=log)


KIND = Kind(
    "event_matcher",
    "Event Matcher Policy",
    "Passes for events with certain traits.",
    EventMatcherFields,
    decide,
)
