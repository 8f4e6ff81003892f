"""The units as systemd reads them: commands, variables, users, and that the sockets are those of listeners."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from outpost.__main__ import COMMANDS
from settings import load
from settings.kinds import Address
from tests.deploy.composed import DEPLOY

UNITS = {file.name: file for file in sorted((DEPLOY / "systemd").iterdir())}
SERVICES = sorted(name for name in UNITS if name.endswith(".service"))

Directives = dict[str, list[str]]


def unit(file: Path) -> Directives:
    """Every directive with its values, whatever the section."""
    found: Directives = defaultdict(list)
    for line in file.read_text().splitlines():
        if re.match(r"\w+=", line):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def environment(name: str) -> dict[str, str]:
    return dict(one.split("=", 1) for one in unit(UNITS[name])["Environment"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_a_command_and_says_when_it_is_ready(name: str) -> None:
    said = unit(UNITS[name])
    [start] = said["ExecStart"]
    assert start.split()[0].endswith("/bin/outpost")
    assert start.split()[1] in COMMANDS
    assert said["Type"] == ["notify"]
    assert said["WatchdogSec"] == ["60"]
    assert said["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert load(environment(name)).warnings == ()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_rights_but_its_folder(name: str) -> None:
    said = unit(UNITS[name])
    assert said.get("User", [""])[0] not in ("root", "0")
    assert said.get("User") or said["DynamicUser"] == ["yes"]
    assert said["CapabilityBoundingSet"] == [""]
    assert said["ProtectSystem"] == ["strict"]
    assert str(load(environment(name)).data_dir) == f"/var/lib/{said['StateDirectory'][0]}"


def test_every_socket_is_that_of_a_listener() -> None:
    listen = load(environment("outpost.service")).listen
    streams = {*listen.http, *listen.https, *listen.ldap, *listen.ldaps}
    datagrams = {*listen.radius, *listen.radius_acct}
    socket = unit(UNITS["outpost.socket"])
    assert {_address(text) for text in socket["ListenStream"]} == streams
    assert {_address(text) for text in socket["ListenDatagram"]} == datagrams
    assert socket["BindIPv6Only"] == ["ipv6-only"]
    assert "outpost.socket" in unit(UNITS["outpost.service"])["Requires"]


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port))
