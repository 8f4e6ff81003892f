"""Puts the settings together: defaults, then the file, then the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from rules.secret_key import check_secret_key
from settings.references import resolve
from settings.secret import Secret
from settings.table import ROWS, WITHOUT_EFFECT, Row, Settings, refused, without_effect
from settings.yaml_lines import Lines, Place, YamlFault, read_yaml

T = TypeVar("T")

PREFIXES = ("OUTPOST_", "AUTHENTIK_")
"""In order of precedence."""

NEAR = 0.85
"""How alike (difflib's ratio) two names are when one is taken for a slip of the other."""

INJECTED_NAME = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$")
INJECTED_VALUE = re.compile(r"^(tcp|udp|sctp)://")
"""Kubernetes gives every pod such variables for every service, ours among them."""

PASTED = re.compile(r"\s*(\$\(.*\)|`.*`)\s*", re.DOTALL)
"""A whole value that a shell would have replaced."""

KNOWN: Mapping[str, Row] = {name: row for row in ROWS for name in row.names}
SECTIONS = frozenset(name.rpartition(".")[0] for name in KNOWN if "." in name)
SQUASHED: Mapping[str, str] = {re.sub(r"[._]", "", name): name for name in KNOWN}


class SettingsError(Exception):
    """The settings cannot be used; ``lines`` say why, one line a fault."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(slots=True)
class _Findings:
    given: dict[str, tuple[object, str]] = field(default_factory=dict)
    """Name in the table to (raw value, where it came from)."""
    faults: list[str] = field(default_factory=list)
    unused: dict[str, list[str]] = field(default_factory=dict)
    """Why it has no effect to the names as they were written."""
    injected: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def warnings(self) -> tuple[str, ...]:
        lines = [f"{', '.join(names)}: accepted without effect; {why}." for why, names in self.unused.items()]
        if self.injected:
            lines.append(f"{', '.join(self.injected)}: ignored; Kubernetes sets such variables for a service.")
        return (*lines, *self.unknown)


def load(environ: Mapping[str, str], path: Path | None = None) -> Settings:
    """Reads ``path`` (none: no file) and ``environ``. Raises SettingsError with every fault found at once."""
    findings = _Findings()
    if path is not None:
        _read_file(path, findings)
    _read_environment(environ, findings)
    settings = Settings()
    for row in ROWS:
        if row.name in findings.given:
            settings = _with(settings, row.path, _value(row, environ, findings))
    if findings.faults:
        raise SettingsError(findings.faults)
    sources = {name: source for name, (_, source) in findings.given.items()}
    return replace(settings, sources=MappingProxyType(sources), warnings=findings.warnings())


def env_name(name: str) -> str:
    """``listen.http`` to ``OUTPOST_LISTEN__HTTP``."""
    return "OUTPOST_" + name.upper().replace(".", "__")


# --- the file ------------------------------------------------------------------------------------------------------


def _read_file(path: Path, findings: _Findings) -> None:
    try:
        document = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        findings.faults.append(f"{path}: cannot be read: {error.strerror}")
        return
    except UnicodeDecodeError:
        findings.faults.append(f"{path}: is not UTF-8 text")
        return
    except YamlFault as fault:
        findings.faults.append(f"{path}: {fault}")
        return
    if document.value is None:
        return
    if not isinstance(document.value, dict):
        findings.faults.append(f"{path}: must hold names and values, such as 'data_dir: ./data'")
        return
    for place, value in _leaves(document, ()):
        _take_key(path, ".".join(map(str, place)), value, document.line(place), findings)


def _leaves(document: Lines, place: Place) -> Iterator[tuple[Place, Any]]:
    value = document.value
    for part in place:
        value = value[part]
    if isinstance(value, dict) and (value or not place) and ".".join(map(str, place)) not in KNOWN:
        for key in value:
            yield from _leaves(document, (*place, key))
    else:
        yield place, value


def _take_key(path: Path, name: str, value: object, line: int, findings: _Findings) -> None:
    where = f"{path}: line {line}"
    if row := KNOWN.get(name):
        if row.name in findings.given:
            _, before = findings.given[row.name]
            findings.faults.append(f"{where}: {name!r} is said already, {before.removeprefix(f'{path} ')}")
        elif value is not None:
            findings.given[row.name] = (value, f"{path} line {line}")
    elif why := refused(name, value):
        findings.faults.append(f"{where}: {name} cannot be {value!r}: {why}")
    elif name in SECTIONS:
        if value not in (None, {}):
            findings.faults.append(f"{where}: {name!r} is a section; write its settings below it, indented")
    elif why := _without_effect(name):
        findings.unused.setdefault(why, []).append(name)
    else:
        near = _nearest(name)
        findings.faults.append(f"{where}: unknown setting {name!r}" + (f"; did you mean {near!r}?" if near else ""))


# --- the environment -----------------------------------------------------------------------------------------------


def _read_environment(environ: Mapping[str, str], findings: _Findings) -> None:
    for prefix in reversed(PREFIXES):
        for row in ROWS:
            for name in reversed(row.names):
                variable = prefix + name.upper().replace(".", "__")
                # Compose files pass ${X:-}: set but empty means not set.
                if value := environ.get(variable):
                    findings.given[row.name] = (value, variable)
    for variable in sorted(environ):
        if variable.startswith(PREFIXES):
            _judge_variable(variable, environ[variable], findings)


def _judge_variable(variable: str, value: str, findings: _Findings) -> None:
    prefix = next(prefix for prefix in PREFIXES if variable.startswith(prefix))
    name = variable.removeprefix(prefix).lower().replace("__", ".")
    if name in KNOWN and variable.isupper():
        return
    if why := refused(name, value):
        findings.faults.append(f"{variable} cannot be {value!r}: {why}")
    elif why := _without_effect(name):
        findings.unused.setdefault(why, []).append(variable)
    elif INJECTED_NAME.search(variable) or INJECTED_VALUE.search(value):
        findings.injected.append(variable)
    elif near := _nearest(name):
        line = f"{variable} is not a setting; did you mean {env_name(near)}?"
        (findings.faults if prefix == "OUTPOST_" else findings.unknown).append(line)
    else:
        findings.unknown.append(f"{variable} is not a setting and is ignored.")


def _without_effect(name: str) -> str | None:
    """`without_effect`, but for a slip of the pen: ``web`` and its like stand for whole sections, in which ours are."""
    broadly = name not in WITHOUT_EFFECT and name.partition(".")[0] in WITHOUT_EFFECT
    return None if broadly and _nearest(name) is not None else without_effect(name)


def _nearest(name: str) -> str | None:
    close = get_close_matches(re.sub(r"[._]", "", name), SQUASHED, n=1, cutoff=NEAR)
    return SQUASHED[close[0]] if close else None


# --- values --------------------------------------------------------------------------------------------------------


def _value(row: Row, environ: Mapping[str, str], findings: _Findings) -> object:
    raw, source = findings.given[row.name]
    try:
        value: object = row.kind.read(resolve(raw, environ))
    except ValueError as error:
        named = source if source.startswith(PREFIXES) else f"{source}: {row.name}"
        findings.faults.append(f"{named} {error}")
        return None
    if row.name == "secret_key" and isinstance(value, Secret) and (fault := check_secret_key(value.reveal())):
        findings.faults.append(f"{source}: {fault}")
    elif isinstance(value, Secret) and PASTED.fullmatch(value.reveal()):
        findings.faults.append(
            f"{source} is a command, $(...), that no shell has run: whoever knows the page that it was copied from "
            "knows this secret. Run `openssl rand -base64 36` and put its output there."
        )
    return value


def _with(holder: T, path: tuple[str, ...], value: object) -> T:
    """``holder`` with the value at that path of attributes."""
    inner = value if len(path) == 1 else _with(getattr(holder, path[0]), path[1:], value)
    changed: T = replace(holder, **{path[0]: inner})  # type: ignore[type-var]
    return changed
