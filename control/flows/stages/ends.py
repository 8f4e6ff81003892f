"""Stages that end a flow: denied, or sent elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from control.flows.stages.asking import Silent
from control.flows.state import Context, Deny, FlowServices, Leave, Verdict
from control.records import Flow
from control.store.interface import Transaction
from control.targets import is_local, is_web


class DenyStage(Silent):
    """Settings: ``deny_message``."""

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        return Deny("flow_denied", str(settings.get("deny_message") or "Access is denied here."))


class RedirectStage(Silent):
    """Settings: ``mode`` (static, flow), ``target_static`` (a URL or a path here), ``target_flow`` (a flow's pk)."""

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        if settings.get("mode", "static") == "flow":
            flow = await services.store.read(lambda tx: _flow(tx, str(settings.get("target_flow", ""))))
            if flow is not None:
                further = "" if context.next == "/" else f"?{urlencode({'next': context.next})}"
                return Leave(f"/if/flow/{flow.slug}/{further}", flow.slug)
            target = ""
        else:
            target = str(settings.get("target_static", ""))
        if is_local(target) or is_web(target):
            return Leave(target)
        return Deny("flow_denied", "This flow leads to an address that does not exist. Tell the administrator.")


def _flow(tx: Transaction, pk: str) -> Flow | None:
    return tx.find(Flow, pk=pk)
