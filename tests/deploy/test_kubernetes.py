"""The manifests against Kubernetes' own schemas, and what is in them against the program."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from outpost.__main__ import COMMANDS
from settings import load
from tests.deploy.composed import ARTICLE, DEPLOY

SECRETS = {
    "secret-key": ARTICLE["AUTHENTIK_SECRET_KEY"],
    "postgresql-password": ARTICLE["PG_PASS"],
    "token": "their-token",
}
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "outpost.yaml").read_text()))
PODS = {
    one["metadata"]["name"]: one["spec"]["template"]
    for one in MANIFESTS
    if one["kind"] in ("Deployment", "StatefulSet")
}
HEALTH = {"startupProbe": "ready", "readinessProbe": "ready", "livenessProbe": "live"}


def container(pod: str) -> dict[str, Any]:
    [only] = PODS[pod]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def environment(pod: str) -> dict[str, str]:
    said = container(pod)["env"]
    return {one["name"]: one.get("value") or SECRETS[one["valueFrom"]["secretKeyRef"]["key"]] for one in said} | {
        "OUTPOST_DATA_DIR": "/data"
    }


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_each_fits_its_schema(manifest: dict[str, Any]) -> None:
    import kubernetes_validate  # it reads its schemas when it is loaded

    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_the_schema_refuses_what_is_misspelt() -> None:
    import kubernetes_validate

    broken = yaml.safe_load(yaml.safe_dump(MANIFESTS[0]))
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("pod", sorted(PODS))
def test_each_pod_starts_a_command_with_settings_that_are_settings(pod: str) -> None:
    [command] = container(pod)["args"]
    assert command in COMMANDS
    settings = load(environment(pod))
    assert settings.warnings == ()
    assert bool(settings.postgresql.host) is (command != "run")
    assert bool(settings.host and settings.token) is (command == "run")


@pytest.mark.parametrize("pod", sorted(PODS))
def test_each_pod_is_asked_how_it_is_where_it_answers(pod: str) -> None:
    ports = {one["name"]: one["containerPort"] for one in container(pod)["ports"]}
    for probe, place in HEALTH.items():
        asked = container(pod)[probe]["httpGet"]
        assert asked["path"] == f"/-/health/{place}/"
        assert ports[asked["port"]] == load(environment(pod)).listen.metrics[0].port


@pytest.mark.parametrize("pod", sorted(PODS))
def test_each_pod_may_do_nothing_but_what_it_must(pod: str) -> None:
    spec = PODS[pod]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    locked = container(pod)["securityContext"]
    assert locked["readOnlyRootFilesystem"] is True
    assert locked["capabilities"] == {"drop": ["ALL"]}
    assert [one["mountPath"] for one in container(pod)["volumeMounts"]] == [str(load(environment(pod)).data_dir)]


def test_each_service_finds_pods_and_their_ports() -> None:
    for service in (one for one in MANIFESTS if one["kind"] == "Service"):
        wanted = service["spec"]["selector"].items()
        found = [name for name, pod in PODS.items() if wanted <= pod["metadata"]["labels"].items()]
        assert len(found) == 1, service["metadata"]["name"]
        ports = {(one["name"], one.get("protocol", "TCP")) for one in container(found[0])["ports"]}
        for port in service["spec"]["ports"]:
            assert (port["targetPort"], port.get("protocol", "TCP")) in ports


def test_radius_sees_the_addresses_of_nas() -> None:
    [radius] = [one for one in MANIFESTS if one["metadata"]["name"] == "radius"]
    assert radius["spec"]["externalTrafficPolicy"] == "Local"
    assert radius["spec"]["sessionAffinity"] == "ClientIP"
