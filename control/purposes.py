"""Which flow serves a purpose: by the brand of the host that browsers ask for, or by the provider that a password is
for."""

from __future__ import annotations

from control.brands import serving
from control.records import Brand, Flow, Provider
from control.records.brands import FLOWS
from control.store.interface import NotFound, Query, Transaction


def flow_for(tx: Transaction, purpose: str, host: str = "") -> Flow:
    """The flow that serves this purpose at ``host``, an address that browsers ask for. Raises NotFound."""
    return flow_of(tx, serving(tx, host), purpose)


def flow_of(tx: Transaction, brand: Brand, purpose: str) -> Flow:
    """The flow that the brand names, else `default-<purpose>-flow`, else the first with this designation. Raises
    NotFound."""
    field = f"flow_{purpose}"
    named = getattr(brand, field, None)
    flow = tx.find(Flow, pk=named) if named is not None else None
    flow = flow or tx.find(Flow, slug=f"default-{purpose.replace('_', '-')}-flow")
    if flow is not None and flow.designation == FLOWS.get(field, purpose):
        return flow
    others = tx.select(Flow, Query(equal={"designation": purpose}, ordering=("slug",), limit=1))
    if not others:
        raise NotFound(f"no flow is there for {purpose}")
    return others[0]


def headless_flow(tx: Transaction, provider: Provider) -> Flow:
    """The flow that a password for this provider runs: its authentication flow; else its authorization flow, but only
    if that one authenticates (others have no stage that proves anything); else the default. Raises NotFound."""
    if provider.authentication_flow is not None:
        return tx.get(Flow, provider.authentication_flow)
    if provider.authorization_flow is not None:
        flow = tx.get(Flow, provider.authorization_flow)
        if flow.designation == "authentication":
            return flow
    return flow_for(tx, "authentication")
