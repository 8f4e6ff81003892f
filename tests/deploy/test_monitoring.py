"""The dashboard and the rules against what the collectors say; tests/wire asks running programs for the same."""

from __future__ import annotations

from pathlib import Path

import yaml

from outpost.listeners.radius_orders import OUTCOMES
from rules.reasons import Outcome
from settings.table import Listen
from tests.deploy.monitored import FOLDER, expressions, labels, metrics, panels, rules
from tests.readme import TREE

COLLECTORS = (
    "outpost/metrics.py",
    "control/metrics.py",
    "outpost/listeners/door_metrics.py",
    "outpost/listeners/upstream_metrics.py",
    "outpost/workers/parent.py",
)


def test_every_rule_says_what_to_do() -> None:
    assert len(rules()) >= 8
    assert len({rule["alert"] for rule in rules()}) == len(rules())
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith((".", "?", ".)"))


def test_every_panel_asks_something_and_has_a_place_of_its_own() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels()) >= 12
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()}
    assert len(places) == len(panels())
    assert all(metrics(one["expr"]) for panel in panels() for one in panel["targets"])


def test_every_label_is_one_that_a_collector_writes() -> None:
    written = "".join(Path(TREE / name).read_text() for name in COLLECTORS)
    for expression in expressions():
        for label in labels(expression):
            assert f'"{label}"' in written, (label, expression)


def test_every_outcome_that_is_asked_for_is_one() -> None:
    for expression in expressions():
        for part in expression.split('outcome="')[1:]:
            assert part.partition('"')[0] in {*map(str, Outcome), *OUTCOMES}, expression


def test_prometheus_is_told_of_the_job_that_the_rules_ask_for() -> None:
    told = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    [job] = told["scrape_configs"]
    assert f'up{{job="{job["job_name"]}"}} == 0' in expressions()
    assert all((FOLDER / name).exists() for name in told["rule_files"])
    [[target]] = [one["targets"] for one in job["static_configs"]]
    assert target.endswith(f":{Listen().metrics[0].port}")
