"""deploy/monitoring as data: the questions that rules and dashboard ask Prometheus."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from tests.deploy.composed import DEPLOY

FOLDER = DEPLOY / "monitoring"
_METRIC = re.compile(r"\b(?:outpost|authentik|process)_[a-z_]+\b")
_LABELS = re.compile(r"by \(([^)]*)\)|(\w+)(?:=~|!=|=)\"")
PROMETHEUS = {"instance", "job", "le"}
"""Labels that it adds, or that a histogram has."""


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return found


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [one["expr"] for panel in panels() for one in panel["targets"]]


def metrics(expression: str) -> set[str]:
    return set(_METRIC.findall(expression))


def labels(expression: str) -> set[str]:
    named = {name.strip() for group, one in _LABELS.findall(expression) for name in (group or one).split(",")}
    return named - PROMETHEUS
