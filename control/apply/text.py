"""An export as text: YAML that `settings.yaml_lines` reads back as the same values."""

from __future__ import annotations

from decimal import Decimal
from math import inf
from typing import Any

import yaml

from control.apply.export import Exported

LONGEST_LINE = 80
"""A list of short words stands in one line up to here."""


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, short lists in a line, numbers without exponents."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))


def _style(value: str) -> str | None:
    """What is not all printable is escaped: YAML has more line ends than people do."""
    if value.isprintable():
        return None
    lines = value.split("\n")
    return "|" if all(map(str.isprintable, lines)) and not value[0].isspace() else '"'


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    short = not any(isinstance(item, dict | list) for item in value) and len(str(value)) <= LONGEST_LINE
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    digits = format(Decimal(repr(value)), "f")
    return dumper.represent_scalar("tag:yaml.org,2002:float", digits if "." in digits else f"{digits}.0")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(float, _float)


def as_text(exported: Exported, command: str) -> str:
    """``command`` is what wrote it."""
    head = [f"# Written by `{command}`. `outpost apply FILE` makes the same of an empty installation."]
    if exported.variables:
        head += ["#", "# These variables must hold the secrets, or write file:///path in their place:"]
        head += [f"#   {name}" for name in exported.variables]
    return "\n".join(head) + "\n\n" + written(exported.document)


def written(document: Any) -> str:
    """No line is broken, however long it is."""
    text: str = yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=inf)
    return text
