"""What a field is called, what is said of it, and what its choices are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Words:
    label: str
    hint: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    example: str = ""

    def option(self, value: str) -> str:
        return self.options.get(value, spoken(value))


def spoken(name: str) -> str:
    """``client_id`` as *Client id*."""
    return name.replace("_", " ").strip().capitalize()
