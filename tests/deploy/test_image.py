"""The image: no larger than said; it runs with a root that nobody can write to, as its user, without a capability."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.image import Container, Image
from tests.readme import TREE
from tests.wire.program import LOOPBACK, PASSWORD, SECRET_KEY, TOKEN, until

pytestmark = [pytest.mark.peer, pytest.mark.full, pytest.mark.timeout(900)]

HEALTHY_SECONDS = 60.0
KEY = "0123456789abcdef" * 3
MEBIBYTE = 1 << 20
WRITABLE = """
import os
mounts = [line.split() for line in open("/proc/self/mountinfo")]
tops = {fields[4] for fields in mounts if "ro" not in fields[5].split(",")} - {"/proc"}
folders = {"/", "/outpost/bin", *(f"/{name}" for name in os.listdir("/"))}
print(sorted(place for place in tops | folders if os.path.isdir(place) and os.access(place, os.W_OK)))
"""
ASK = """
from http.client import HTTPConnection
connection = HTTPConnection("127.0.0.1", 9000)
connection.request("GET", "/-/health/ready/")
print(connection.getresponse().status)
"""
SITE = "outposts: {edge: {type: any, token: env://EDGE_TOKEN}}\n"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    made = Image(tmp_path_factory.mktemp("image"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def up(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """What it does unless it is told something else."""
    first = {"OUTPOST_BOOTSTRAP_TOKEN": TOKEN, "OUTPOST_BOOTSTRAP_PASSWORD": PASSWORD, "EDGE_TOKEN": KEY}
    running = Container(image, tmp_path_factory.mktemp("up"), OUTPOST_SECRET_KEY=SECRET_KEY, **first)
    try:
        until(lambda: running.is_healthy, HEALTHY_SECONDS, "its health", pause=0.5)
        yield running
        assert running.stop() == 0, running.output()
    finally:
        running.kill()
    assert "Traceback" not in running.output(), running.output()


def test_it_is_no_larger_than_is_said(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    [said] = re.findall(r"less than (\d+) MiB beyond", (TREE / "docs" / "deploying.md").read_text())
    assert image.size <= int(said) * MEBIBYTE
    with capsys.disabled():
        print(f"\nthe image holds {image.size / MEBIBYTE:.1f} MiB beyond its base")


def test_nothing_but_its_volume_can_be_written(up: Container) -> None:
    assert up.run("python", "-c", WRITABLE).stdout == "['/data']\n"
    status = dict(line.split(":\t") for line in up.run("cat", "/proc/1/status").stdout.splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["1000"] * 4
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Groups"].split()) == ("1", [])


def test_it_opens_its_ports_and_says_how_it_is(up: Container) -> None:
    assert up.is_healthy
    asked = up.run("python", "-c", ASK)
    assert asked.stdout == "200\n", asked.stderr
    assert up.run("outpost", "check-config").returncode == 0


def test_an_outpost_of_it_follows_a_control_of_it(up: Container, image: Image, tmp_path: Path) -> None:
    described = up.run("sh", "-c", f"echo '{SITE}' > /data/site.yml && outpost apply /data/site.yml")
    assert "created outpost edge\n" in described.stdout, described.stderr
    elsewhere = {f"OUTPOST_LISTEN__{name}": LOOPBACK for name in ("HTTP", "HTTPS", "LDAP", "LDAPS", "METRICS")}
    elsewhere |= {f"OUTPOST_LISTEN__{name}": LOOPBACK for name in ("RADIUS", "RADIUS_ACCT", "RADSEC")}
    control = {"OUTPOST_HOST": "http://127.0.0.1:9000", "OUTPOST_TOKEN": KEY}
    running = Container(image, tmp_path, "run", **control, **elsewhere)
    try:
        until(lambda: running.is_healthy, HEALTHY_SECONDS, "its health", pause=0.5)
        assert running.stop() == 0, running.output()
    finally:
        running.kill()
    assert "Traceback" not in running.output(), running.output()
