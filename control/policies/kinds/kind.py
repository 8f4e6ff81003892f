"""What all kinds of policy share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from control.policies.asking import Around, Asking, Verdict
from control.store.interface import Transaction
from control.verbs.fields import Fields, Name
from protocols.link.messages import Reuse

MOST_SECONDS = 600.0
"""A verdict that depends on nothing that changes by itself is asked for again as often as a password (D13)."""
LASTING = Reuse(MOST_SECONDS)
FOR_THIS_PEER = Reuse(MOST_SECONDS, peer_only=True)


class PolicyFields(Fields):
    name: Name
    execution_logging: bool = False


Decide = Callable[[Transaction, Mapping[str, Any], Asking, Around], Verdict]
"""``settings`` are the fields of the kind, as they were checked. Whatever it raises is a failure of the policy."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``name`` stands in paths, and in the names that authentik gives to app, model and form."""

    name: str
    label: str
    about: str
    """A sentence for whoever chooses."""
    fields: type[PolicyFields]
    decide: Decide

    @property
    def title(self) -> str:
        """authentik's class name."""
        words = self.label.split()
        return "".join(words)

    @property
    def app(self) -> str:
        return f"authentik_policies_{self.name}"

    @property
    def model(self) -> str:
        return f"{self.name.replace('_', '')}policy"

    @property
    def component(self) -> str:
        return f"ak-policy-{self.name.replace('_', '-')}-form"
