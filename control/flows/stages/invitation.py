"""Only who was invited goes on; what the invitation says is not asked for any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from control.flows.stages.asking import Silent
from control.flows.state import Context, Continue, Deny, FlowServices, Verdict
from control.records import Flow, Invitation
from control.store.interface import Transaction
from control.verbs import system

HINT = "itoken"
"""The parameter of an invitation's link (authentik's)."""
NEEDED = Deny("invitation_needed", "You need an invitation for this. Open the link in it.")
OVER = Deny("invitation_over", "This invitation has been used already, or is too old. Ask for another one.")


class InvitationStage(Silent):
    """Settings: ``continue_flow_without_invitation``; where that is not said, the installation's own setting counts."""

    writes = frozenset({"invitation", "prompt"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        shown = context.hints.get(HINT, "")

        def look(tx: Transaction) -> Verdict:
            if not shown:
                return Continue() if _is_open(tx, settings) else NEEDED
            found = _good(tx, shown, context.flow)
            if found is None:
                return OVER
            return Continue({"invitation": found.pk, "prompt": {**context.prompt, **found.fixed_data}})

        return await services.store.read(look)


def _is_open(tx: Transaction, settings: Mapping[str, Any]) -> bool:
    said = settings.get("continue_flow_without_invitation")
    return system.read(tx).enrollment == "open" if said is None else bool(said)


def _good(tx: Transaction, shown: str, slug: str) -> Invitation | None:
    """Of another flow's, none is good here (CVE-2022-23555)."""
    try:
        found = tx.find(Invitation, pk=str(UUID(shown)))
    except ValueError:
        return None
    if found is None or (found.expires is not None and found.expires <= tx.now):
        return None
    if found.flow is None:
        return found
    flow = tx.find(Flow, pk=found.flow)
    return found if flow is not None and flow.slug == slug else None
