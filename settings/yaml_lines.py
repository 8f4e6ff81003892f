"""YAML that remembers its lines, so that a complaint can point at one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

import yaml

LARGEST_FILE = 4 * 1024 * 1024
"""Characters: ten times what ten thousand described users take."""
DEEPEST = 20
"""Levels; no file of ours has more than six, and nesting must not exhaust the stack."""

Place = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Plain words mean what YAML 1.2 says: ``no``, ``off`` and ``2001-01-01`` are text, ``007`` too."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  as the base class declares it


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


class YamlFault(Exception):
    """The file is not the YAML that we read; the text is one line that says where."""


@dataclass(frozen=True, slots=True)
class Lines:
    """``value`` is plain Python; ``line`` of a place (keys and indices from the top) counts from 1."""

    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_yaml(text: str) -> Lines:
    """Reads one document of plain values: no tags, no aliases, no key twice. Raises YamlFault."""
    if len(text) > LARGEST_FILE:
        raise YamlFault(f"the file is larger than {LARGEST_FILE} characters")
    try:
        _refuse_what_explodes(text)
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        return Lines(None if node is None else _value(loader, node, (), lines), lines)
    except yaml.MarkedYAMLError as error:
        where = _where(error.problem_mark or error.context_mark)
        raise YamlFault(f"{where}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise YamlFault(str(error).replace("\n", " ")) from None


def _where(mark: Any) -> str:
    return f"line {mark.line + 1}: " if mark else ""


def _refuse_what_explodes(text: str) -> None:
    """Aliases can double a document at every line, and nesting is read by recursion: both end here, in the events. So
    do tags: a number that is none, octets and dates are no values that anything here could be."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise YamlFault(f"{_where(event.start_mark)}aliases (*name) are not supported; write the value again")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            raise YamlFault(f"{_where(event.start_mark)}tags ({event.tag}) are not supported; write the value itself")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise YamlFault(f"{_where(event.start_mark)}nested deeper than {DEEPEST} levels")


def _value(loader: _Loader, node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, (*place, index), lines) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _plain(loader, node, lines[place])
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or (key_node.value == "<<" and key_node.style is None):
            raise YamlFault(f"line {line}: a key must be a plain word")
        key = _plain_text(key_node.value, line)
        if key in result:
            raise YamlFault(f"line {line}: {key!r} is there twice")
        result[key] = _value(loader, value_node, (*place, key), lines)
        lines[(*place, key)] = line
    return result


def _plain(loader: _Loader, node: yaml.Node, line: int) -> Any:
    try:
        value = loader.construct_object(node)
    except ValueError:
        raise YamlFault(f"line {line}: a number of too many digits") from None
    if isinstance(value, float) and not isfinite(value):
        raise YamlFault(f"line {line}: a number of too many digits")
    return _plain_text(value, line) if isinstance(value, str) else value


def _plain_text(text: str, line: int) -> str:
    """Escapes can name what no database keeps, and what is half a character (RFC 3629, 3)."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise YamlFault(f"line {line}: text with a NUL, or with half a character, cannot be kept")
    return text
