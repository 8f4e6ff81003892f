"""Cookie secrets are replaced in time, and outposts are told the one before as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from control.outposts import view as outposts
from control.outposts.cookie_secrets import EVERY, CookieSecrets
from control.records import Provider
from control.verbs import providers
from protocols.link.messages import ProviderRecord, ProxySettings
from tests.control.oidc.test_proxied import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def secrets(world: World) -> dict[str, str]:
    return world.sql.read_now(lambda tx: tx.get(Provider, world.proxy.pk)).secrets


def look(world: World) -> None:
    world.runner.run(CookieSecrets(world.services.store, world.random).look())


def test_it_is_replaced_when_it_is_old_and_the_one_before_is_kept(world: World) -> None:
    first = secrets(world)["cookie_secret"]
    world.clock.advance(EVERY - 1)
    look(world)
    assert secrets(world)["cookie_secret"] == first
    world.clock.advance(1)
    look(world)
    second = secrets(world)
    assert second["cookie_secret"] != first
    assert second["cookie_secret_previous"] == first
    look(world)
    assert secrets(world) == second
    told = world.sql.read_now(lambda tx: outposts.configuration(tx, world.outpost))
    (settings,) = [
        record.settings
        for record in told
        if isinstance(record, ProviderRecord) and isinstance(record.settings, ProxySettings)
    ]
    assert (settings.cookie_secret, settings.cookie_secret_previous) == (second["cookie_secret"], first)


def test_whoever_sets_it_by_hand_signs_everybody_out(world: World) -> None:
    world.clock.advance(EVERY)
    look(world)
    world.sql.write_now(lambda tx: providers.update(tx, world.proxy.pk, {"name": "renamed"}))
    assert secrets(world)["cookie_secret_previous"]
    world.sql.write_now(lambda tx: providers.update(tx, world.proxy.pk, {"cookie_secret": "chosen"}))
    assert (secrets(world)["cookie_secret"], secrets(world)["cookie_secret_previous"]) == ("chosen", "")


def test_what_a_file_says_stays(world: World) -> None:
    def own(tx: object) -> None:
        provider = tx.get(Provider, world.proxy.pk)  # type: ignore[attr-defined]
        tx.update(replace(provider, managed="outpost.yml"))  # type: ignore[attr-defined]

    world.sql.write_now(own)
    before = secrets(world)
    world.clock.advance(2 * EVERY)
    look(world)
    assert secrets(world) == before
