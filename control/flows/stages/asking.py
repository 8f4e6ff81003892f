"""What stages have in common that always ask, or never."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.flows.state import Context, FlowServices, State, Verdict


class Asking:
    """Always asks: there is nothing to find out before."""

    asks = True
    writes: frozenset[str] = frozenset()

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        return None


class Silent:
    """Never asks: `arrive` does it all."""

    asks = False
    writes: frozenset[str] = frozenset()

    async def challenge(self, state: State, settings: Mapping[str, Any], services: FlowServices) -> dict[str, Any]:
        raise AssertionError("this stage asks nothing")

    async def respond(
        self, context: Context, settings: Mapping[str, Any], fields: Mapping[str, str], services: FlowServices
    ) -> Verdict:
        raise AssertionError("this stage asks nothing")
