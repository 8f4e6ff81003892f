"""Access rules of a proxy provider: what is taken, what is refused with a sentence, and what outposts get."""

from __future__ import annotations

from typing import Any

import pytest

from control.outposts import view as outposts
from protocols.link.messages import AccessRule, PathRule, ProviderRecord, ProxySettings
from tests.control.web.api import Api

PROXY = {"name": "p", "mode": "forward_single", "external_host": "https://app.example.com"}


def made(api: Api, *rules: dict[str, Any], status: int = 201) -> Any:
    return api.post("/providers/proxy/", {**PROXY, "access_rules": list(rules)}, status)


def test_an_outpost_gets_them_in_their_order(api: Api) -> None:
    group = api.post("/core/groups/", {"name": "guests"})["pk"]
    provider = made(
        api,
        {"level": "bypass", "paths": [{"path": "/public"}, {"match": "pattern", "path": r"/v\d/health"}]},
        {"level": "deny", "groups": [group], "networks": ["192.0.2.0/24"], "weekdays": [6, 5], "begins": 60},
    )
    assert [rule["level"] for rule in provider["access_rules"]] == ["bypass", "deny"]
    api.post("/core/applications/", {"name": "a", "slug": "a", "provider": provider["pk"]})
    embedded = api.get("/outposts/instances/")["results"][0]["pk"]
    api.patch(f"/outposts/instances/{embedded}/", {"providers": [provider["pk"]]})
    records = api.sql.read_now(lambda tx: outposts.snapshot(tx, embedded))
    (record,) = [one for one in records if isinstance(one, ProviderRecord)]
    assert isinstance(record.settings, ProxySettings)
    assert record.settings.access_rules == (
        AccessRule("bypass", (PathRule("prefix", "/public"), PathRule("pattern", r"/v\d/health"))),
        AccessRule("deny", groups=(group,), networks=("192.0.2.0/24",), weekdays=(5, 6), begins=60),
    )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"level": "open"}, "access_rules"),
        ({}, "required"),
        ({"level": "deny", "paths": [{"path": "/a/../b"}]}, "Leave out dots"),
        ({"level": "deny", "paths": [{"path": "//a"}]}, "Write “/a”."),
        ({"level": "deny", "paths": [{"path": "a"}]}, "no path"),
        ({"level": "deny", "paths": [{"match": "pattern", "path": "("}]}, "regular expression"),
        ({"level": "deny", "methods": ["get"]}, "in capitals"),
        ({"level": "deny", "networks": ["here"]}, "not a network"),
        ({"level": "deny", "weekdays": [7]}, "weekday"),
        ({"level": "bypass", "groups": ["00000000-0000-4000-8000-000000000001"]}, "before they sign in"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, rule: dict[str, Any], said: str) -> None:
    assert said in str(made(api, rule, status=400))


def test_the_rest_stays_when_they_change(api: Api) -> None:
    provider = made(api, {"level": "deny"})
    changed = api.patch(f"/providers/proxy/{provider['pk']}/", {"name": "q"})
    assert changed["access_rules"] == provider["access_rules"]
    assert api.patch(f"/providers/proxy/{provider['pk']}/", {"access_rules": []})["access_rules"] == []
