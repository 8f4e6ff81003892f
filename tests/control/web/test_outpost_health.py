from __future__ import annotations

from typing import Any

import pytest

from control.outposts import instances
from control.records import Outpost, Token
from control.store.interface import Transaction
from control.verbs import outposts
from control.web.admin_api.outpost_health import numbers
from protocols.link.messages import Hello
from tests.control.web.api import VERSION, Api

AUTHENTIK_FIELDS = {
    "uid",
    "last_seen",
    "version",
    "golang_version",
    "openssl_enabled",
    "openssl_version",
    "fips_enabled",
    "version_should",
    "version_outdated",
    "build_hash",
    "build_hash_should",
    "hostname",
}


def outpost_of(api: Api, name: str) -> Outpost:
    return api.sql.write_now(lambda tx: outposts.create(tx, {"name": name, "type": "any", "config": {}}, api.random))


def see(api: Api, outpost: Outpost, instance: str, version: str = VERSION, revision: int = 0) -> None:
    hello = Hello(instance, f"host-of-{instance}", version)
    api.sql.write_now(lambda tx: instances.seen(tx, outpost.pk, hello, revision))


def token_of(api: Api, outpost: Outpost) -> str:
    def key(tx: Transaction) -> str:
        found = tx.find(Token, identifier=outposts.token_identifier(outpost.pk))
        assert found is not None
        return found.key

    return api.sql.read_now(key)


def health(api: Api, outpost: Outpost) -> Any:
    return api.get(f"/outposts/instances/{outpost.pk}/health/")


def test_each_process_with_authentiks_fields(api: Api) -> None:
    edge, other = outpost_of(api, "edge"), outpost_of(api, "other")
    see(api, other, "elsewhere")
    see(api, edge, "i1", revision=1)
    api.clock.advance(5)
    see(api, edge, "i2", version="0.0.9")
    newest = api.sql.read_now(lambda tx: tx.revision().number)
    second, first = health(api, edge)
    assert set(first) == AUTHENTIK_FIELDS | {"revision", "revision_should"}
    assert (first["uid"], first["hostname"]) == ("i1", "host-of-i1")
    assert first["last_seen"] == "2023-11-14T22:13:20.000000Z"
    assert (first["version"], first["version_should"], first["version_outdated"]) == (VERSION, VERSION, False)
    assert (second["version"], second["version_outdated"]) == ("0.0.9", True)
    assert (first["revision"], first["revision_should"]) == (1, newest)


def test_nobody_was_seen_or_not_for_a_day(api: Api) -> None:
    edge = outpost_of(api, "edge")
    assert health(api, edge) == []
    see(api, edge, "i1")
    assert len(health(api, edge)) == 1
    api.clock.advance(instances.LOST_SECONDS)
    assert health(api, edge) == []


def test_an_outpost_sees_its_own_and_others_nothing(api: Api) -> None:
    edge, other = outpost_of(api, "edge"), outpost_of(api, "other")
    see(api, edge, "i1")
    own, foreign = (f"/outposts/instances/{outpost.pk}/health/" for outpost in (edge, other))
    token = token_of(api, edge)
    assert [one["uid"] for one in api.get(own, token)] == ["i1"]
    assert api.call("GET", foreign, token=token).status == 404
    user = api.token(api.user("bob"))
    assert api.call("GET", own, token=user).status == 403
    assert api.call("GET", own, token=None).status == 403


@pytest.mark.parametrize("key", ["00000000-0000-4000-8000-000000000000", "no-uuid"])
def test_an_unknown_outpost_is_not_found(api: Api, key: str) -> None:
    assert api.call("GET", f"/outposts/instances/{key}/health/").status == 404


def test_it_is_only_read(api: Api) -> None:
    answer = api.call("POST", f"/outposts/instances/{outpost_of(api, 'edge').pk}/health/", {})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_versions_compare_by_number() -> None:
    assert numbers("0.9.1") < numbers("0.10") < numbers("2026.5.0-rc1")
    assert numbers("") == ()
