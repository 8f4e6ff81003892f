"""Traefik's ForwardAuth, by the stand-in that asks as it does; its headers are those of the example's own file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import yaml

from tests.wire import journeys
from tests.wire.directory import Directory
from tests.wire.field_cases import every_case_holds
from tests.wire.fronts import Front, configured
from tests.wire.nginx import Backend
from tests.wire.program import Program
from tests.wire.traefik import traefik

pytestmark = pytest.mark.peer

EXAMPLE = yaml.safe_load((Path(__file__).parents[2] / "examples" / "traefik.yml").read_text())


@pytest.fixture(scope="module")
def front(program: Program, people: Directory, application: Backend) -> Iterator[Front]:
    asked = EXAMPLE["http"]["middlewares"]["outpost"]["forwardAuth"]
    assert asked["address"] == "http://127.0.0.1:9000/outpost.goauthentik.io/auth/traefik"
    copied = tuple(asked["authResponseHeaders"])
    empty, behind = (
        EXAMPLE["http"]["middlewares"][name]["headers"]["customRequestHeaders"]
        for name in ("no-look-alikes", "no-password")
    )
    assert EXAMPLE["http"]["routers"]["app"]["middlewares"] == ["no-look-alikes", "outpost", "no-password"]
    assert not any((*empty.values(), *behind.values()))
    assert set(empty) == {
        spelt
        for name in copied
        for spelt in map("".join, product(*[letter if letter != "-" else "-_." for letter in name]))
    } - set(copied)
    removed, kept_back = (frozenset(map(str.lower, names)) for names in (empty, behind))
    with (
        traefik(program.ports["http"][0], f"127.0.0.1:{application.port}", copied, removed, kept_back) as port,
        configured(program, people, application, port) as found,
    ):
        yield found


def test_a_person_signs_in_and_arrives(front: Front) -> None:
    journeys.a_person_signs_in_and_arrives(front)


def test_nobody_else_arrives(front: Front) -> None:
    journeys.nobody_else_arrives(front)


def test_credentials(front: Front) -> None:
    journeys.credentials_open(front)
    assert "authorization" not in front.last("/basic")


def test_every_numbered_case_holds(front: Front) -> None:
    every_case_holds(front)
