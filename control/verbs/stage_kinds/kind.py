"""What all kinds of stage share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator

from control.records import Record
from control.verbs.fields import Fields, Name


def _one_server(said: bool) -> bool:
    if not said:
        raise ValueError("All mail goes by the one server of System -> Configuration.")
    return said


ByOneServer = Annotated[bool, AfterValidator(_one_server)]
"""authentik's `use_global_settings`."""


class StageFields(Fields):
    name: Name


@dataclass(frozen=True, slots=True)
class Kind:
    """``name`` is that of `control.flows.stages`; the names that authentik gives to app, model and form come of it."""

    name: str
    label: str
    about: str
    """A sentence for whoever chooses."""
    fields: type[StageFields] = StageFields
    path: str = ""
    """Below `/stages/`, where it is not the name."""
    references: Mapping[str, type[Record]] = field(default_factory=dict)
    """Settings that name records, one or many."""
    headless: bool = False
    """Doors without a browser can do it (LDAP, RADIUS)."""
    asks: bool = True
    """It has a page, at which a flow waits for somebody."""
    proves: bool = False
    """Whoever is behind it has shown who they are."""

    @property
    def place(self) -> str:
        return self.path or self.name

    @property
    def title(self) -> str:
        """authentik's class name."""
        return f"{''.join(word.capitalize() for word in self.name.split('_'))}Stage"

    @property
    def app(self) -> str:
        return f"authentik_stages_{self.name}"

    @property
    def model(self) -> str:
        return f"{self.name.replace('_', '')}stage"

    @property
    def component(self) -> str:
        return f"ak-stage-{self.name.replace('_', '-')}-form"
