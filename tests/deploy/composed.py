"""deploy/ as data: the compose file with its variables filled in, and what the image adds to a service."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.readme import TREE

DEPLOY = TREE / "deploy"
PG_PASS = "qO3/0Xy+5mXwW0JtB2d8t+/Z0z7kq0u1bYw9hTq2Yk5JvQ=="
"""What openssl prints has all of + / = in it."""
ARTICLE = {
    "PG_PASS": PG_PASS,
    "AUTHENTIK_SECRET_KEY": "pZ1+dN4/aR7mK2xQ9vB5tH8cL3sW6yF0gJ1uE4oI7zA=",
}
"""The .env of the walk-through, after its commands were run."""

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^${}]*))?\}")
"""The innermost: what stands for a value may hold another."""


class Missing(Exception):
    """Compose would refuse, with this sentence."""


@dataclass(frozen=True)
class Service:
    command: list[str]
    environment: dict[str, str]
    volumes: dict[str, str]
    """Place in the container to what is mounted there."""
    said: dict[str, Any]


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """As compose does it. Raises Missing."""
    if isinstance(value, dict):
        return {key: filled(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, variables) for one in value]
    while isinstance(value, str) and _VARIABLE.search(value):
        value = _VARIABLE.sub(lambda found: _value(found, variables), value)
    return value


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, how, rest = found.groups()
    if variables.get(name):
        return variables[name]
    if how == "?":
        raise Missing(rest)
    return rest or ""


def compose(variables: Mapping[str, str]) -> dict[str, Any]:
    whole: dict[str, Any] = filled(yaml.safe_load((DEPLOY / "docker-compose.yml").read_text()), variables)
    return whole


def services(variables: Mapping[str, str]) -> dict[str, Service]:
    """Those that are ours."""
    said = {name: one for name, one in compose(variables)["services"].items() if one["image"] == "outpost"}
    image = containerfile()
    return {
        name: Service(
            [*json.loads(image["ENTRYPOINT"]), *one["command"].split()],
            {
                **_environment(image["ENV"]),
                **(variables if one.get("env_file") == [".env"] else {}),
                **one["environment"],
            },
            {where: what for what, where, *_ in (volume.split(":") for volume in one["volumes"])},
            one,
        )
        for name, one in said.items()
    }


def containerfile() -> dict[str, str]:
    """The last of each instruction."""
    return dict(instructions())


def instructions() -> list[tuple[str, str]]:
    """Of the image, and what they say."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def pairs(text: str) -> dict[str, str]:
    """What ENV says."""
    return dict(part.split("=", 1) for part in text.split())


def _environment(text: str) -> dict[str, str]:
    return {name: value for name, value in pairs(text).items() if name.startswith("OUTPOST_")}
