"""/metrics and health of the running programs, on the metrics port."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.monitored import expressions, metrics
from tests.ports import free_port
from tests.wire import processes
from tests.wire.apart import Edge
from tests.wire.program import ANSWER_SECONDS, SOON, Program, until

OUTPOST = {
    "authentik_outpost_info",
    "authentik_outpost_connection",
    "authentik_outpost_last_update",
    "outpost_snapshot_revision",
    "outpost_snapshot_age_seconds",
    "outpost_link_connected",
    "outpost_directory_records",
    "outpost_open_connections",
    "outpost_credential_cache_entries",
    "outpost_ready",
}
CONTROL = {
    "authentik_main_request_duration_seconds_count",
    "authentik_outposts_connected",
    "outpost_control_answers_total",
    "outpost_password_checks_waiting",
    "outpost_store_writes_waiting",
}
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "python_info"}


OF_WORKERS = "outpost_worker_"
"""What begins so is there only where there are workers: test_workers looks for it."""


def scrape(metrics: str) -> dict[str, list[float]]:
    """The values under each name."""
    answer = httpx.get(f"http://{metrics}/metrics", timeout=ANSWER_SECONDS)
    assert answer.status_code == 200
    found: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.value)
    return found


def test_each_program_exposes_its_own(program: Program) -> None:
    program.api("GET", "core/users/me/")
    own = scrape(program.ports["metrics"][0])
    assert own.keys() >= OUTPOST | PROCESS
    assert own["authentik_outpost_connection"] == own["outpost_ready"] == [1]
    assert own["outpost_snapshot_age_seconds"][0] < 60
    control = scrape(program.control.ports["metrics"][0])
    assert control.keys() >= CONTROL | PROCESS
    assert sum(control["authentik_outposts_connected"]) >= 1
    if program.control is not program:
        assert not own.keys() & CONTROL
        assert not control.keys() & OUTPOST


def test_what_dashboard_and_rules_ask_for_is_there(program: Program) -> None:
    """By the types that the pages declare: a family is declared also while it has nothing to count."""
    declared = set()
    for one in program.programs:
        text = httpx.get(f"http://{one.ports['metrics'][0]}/metrics", timeout=ANSWER_SECONDS).text
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                declared |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else {name}
    for expression in expressions():
        asked = {name for name in metrics(expression) if not name.startswith(OF_WORKERS)}
        assert asked <= declared, expression


def test_control_knows_the_instance_that_the_outpost_says_it_is(program: Program) -> None:
    def seen() -> bool:
        outposts = program.api("GET", "outposts/instances/", query={"name__iexact": program.outpost_name})["results"]
        (one,) = program.api("GET", f"outposts/instances/{outposts[0]['pk']}/health/")
        assert not one["version_outdated"]
        text = httpx.get(f"http://{program.ports['metrics'][0]}/metrics", timeout=ANSWER_SECONDS).text
        return f'uuid="{one["uid"]}"' in text

    until(seen, SOON, "the same instance at both ends")


def test_health_on_both_ports(program: Program) -> None:
    for one in program.programs:
        for listener in ("http", "metrics"):
            for place in ("live", "ready"):
                assert (
                    httpx.get(f"http://{one.ports[listener][0]}/-/health/{place}/", timeout=ANSWER_SECONDS).status_code
                    == 200
                )


def test_an_outpost_without_control_says_what_it_lacks(tmp_path: Path) -> None:
    control = Program(tmp_path / "control", "control").start()
    edge = Edge(tmp_path / "run", control)
    control.stop()
    metrics = f"127.0.0.1:{free_port()}"
    edge.environ["OUTPOST_LISTEN__METRICS"] = metrics
    with edge.log.open("wb") as log:
        process = processes.start(
            [sys.executable, "-m", "outpost", "run"], cwd=edge.folder, env=edge.environ, stdout=log, stderr=log
        )
    try:
        until(lambda: answers(metrics, "live") == 200, SOON, "life")
        assert answers(metrics, "ready") == 503
        seen = scrape(metrics)
        assert seen["authentik_outpost_connection"] == seen["outpost_ready"] == [0]
        assert "outpost_snapshot_age_seconds" not in seen
        assert edge.command("healthcheck").returncode == 1
        control.start_again()
        until(lambda: answers(metrics, "ready") == 200, 60, "readiness")
        assert scrape(metrics)["authentik_outpost_connection"] == [1]
        assert edge.command("healthcheck").returncode == 0
    finally:
        assert processes.stop(process) == 0, edge.output()
        control.stop()


def answers(metrics: str, place: str) -> int:
    try:
        return httpx.get(f"http://{metrics}/-/health/{place}/", timeout=ANSWER_SECONDS).status_code
    except httpx.TransportError:
        return 0
