"""Bindings of flows and of their stages: who may start a flow, and which of its stages they walk through.

A stage whose bindings do not pass is left out. One that cannot be decided ends the flow: leaving out what was to ask
for more would let in whom it was to stop (CVE-2024-47070).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from control import people
from control.expression.http import HttpFacts
from control.expression.people import Facts
from control.flows.state import Context, FlowStore
from control.policies.asking import Asking
from control.policies.judge import Decided, Judge, Target, events
from control.records import Event, Flow, StageBinding, User
from control.store.interface import Actor, Transaction

NOT_DECIDED = "A rule of this flow cannot be decided. Tell the administrator."


class NotForYou(Exception):
    """The flow may not be started like this. The text is a sentence for the person; ``reason`` is for the operator."""

    def __init__(self, text: str, reason: str = "flow_denied") -> None:
        super().__init__(text)
        self.reason = reason
        self.further: str | None = None
        """Where to go on instead, by the flow's ``denied_action``."""
        self.silently = False
        """Without a word."""


@dataclass(slots=True)
class Deciding:
    """With what is decided, from where somebody comes, and what came of it."""

    judge: Judge
    peer: str = ""
    http: HttpFacts | None = None
    asked: bool = False
    """A policy was: what is proved in this flow need not be enough another time, or from elsewhere."""
    traces: list[Event] = field(default_factory=list)
    """To be kept."""

    def decide(self, tx: Transaction, target: Target, context: Context) -> Decided:
        asking = replace(_asking(tx, context, self.peer), http=self.http)
        found = self.judge.decide(tx, target, asking)
        self.asked |= bool(found.answers)
        self.traces += events(found, asking)
        return found

    def check(self, tx: Transaction, flow: Flow, context: Context) -> None:
        """May they start it? Raises NotForYou."""
        found = self.decide(tx, flow, context)
        if not found.passing:
            raise NotForYou(" ".join(found.messages) or "This flow is not for you.", found.reason)

    def walks_through(self, tx: Transaction, line: StageBinding, context: Context) -> bool:
        """Raises NotForYou where nobody can say."""
        found = self.decide(tx, line, context)
        if found.reason == "policy_failed":
            raise NotForYou(NOT_DECIDED, "policy_failed")
        return found.passing


def _asking(tx: Transaction, context: Context, peer: str) -> Asking:
    """About the person whose name was typed, once there is one; until then, about who has signed in."""
    whose = context.pending_user if context.uid is not None else context.requester
    user = tx.find(User, pk=whose) if whose is not None else None
    told = {"protocol": context.door or "http"}
    return Asking(user, tx.now, peer, context.uid or "", told, _told(tx, context, user))


def telling(
    tx: Transaction, context: Context, peer: str, prompt: Mapping[str, Any] | None = None
) -> tuple[Asking, Mapping[str, Any]]:
    """What the expressions of a flow's stages are told: the question, and ``context``; ``prompt``: what was just
    typed, instead of what is known already."""
    asking = _asking(tx, context, peer)
    data = dict(context.prompt if prompt is None else prompt)
    told = {**asking.context, "prompt_data": data, **data} if data else dict(asking.context)
    return replace(asking, context=told), told


def _told(tx: Transaction, context: Context, user: User | None) -> Mapping[str, Any]:
    """authentik's names. There is a ``pending_user`` from the moment that somebody is named."""
    found: dict[str, Any] = {"is_sso": False, "prompt_data": dict(context.prompt), "auth_method": context.method}
    found["auth_method_args"] = {"mfa_devices": list(context.factors)}
    if context.uid is not None:
        found["pending_user_identifier"] = context.uid
    if context.uid is not None and user is not None:
        found["pending_user"] = people.person_facts(tx, user)
    if context.authorization:
        fields = {"pk": context.authorization.get("application"), "name": context.authorization.get("name")}
        found["application"] = Facts("Application", fields)
    return {**found, "flow_plan": Facts("FlowPlan", {"context": found})}


async def keep(store: FlowStore, traces: list[Event]) -> None:
    if traces:
        await store.write(lambda tx: [tx.insert(trace) for trace in traces])


def peer_of(origin: str) -> str:
    """The address in `FlowServices.origin`, which is a door and an address."""
    return origin.partition(" ")[2]


def doer(context: Context, origin: str) -> Actor:
    """For what is changed of an account: who has proved in this run who they are, else who was signed in before."""
    whose = context.requester if context.proved is None else context.proved
    return Actor({"pk": whose, "username": context.uid or ""} if whose is not None else {}, peer_of(origin))
