"""Providers of kind oauth2: what is generated, and what may not be registered."""

from __future__ import annotations

from typing import Any

import pytest

from control.store.sql import SqlStore
from control.verbs import applications, outposts, providers
from control.verbs.applications import launch_url
from tests.control.verbs.do import application, bytes_of, provider, refused, user


def refused_fields(store: SqlStore, **fields: Any) -> list[str]:
    given = {"name": "p", **fields}
    return list(refused(store, lambda tx: providers.create(tx, "oauth2", given, bytes_of("p"))))


def test_client_id_and_secret_are_made_once(store: SqlStore) -> None:
    made = provider(store, "oauth2")
    assert len(str(made.client_id)) == 40
    assert made.settings["client_id"] == made.client_id
    assert len(made.secrets["client_secret"]) == 128
    assert "client_secret" not in made.settings
    assert made.settings["client_type"] == "confidential"
    kept = store.write_now(lambda tx: providers.update(tx, made.pk, {"name": "renamed"}, partial=False))
    assert (kept.client_id, kept.secrets) == (made.client_id, made.secrets)


def test_a_client_id_names_one_provider(store: SqlStore) -> None:
    made = provider(store, "oauth2", "one")
    assert refused_fields(store, client_id=made.client_id) == ["client_id"]
    proxy = provider(store, "proxy", mode="forward_single", external_host="http://app.example.com")
    assert refused_fields(store, client_id=proxy.client_id) == ["client_id"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/login",
        "grafana.example.com/login",
        "https://",
        "https:///login",
        "javascript:alert(1)",
        "data:text/html,x",
        "JavaScript:alert(1)",
        "https://grafana.example.com/#x",
        "https://grafana.example.com/a b",
        "https://grafana.example.com/\n",
        "https://grafana.example.com/ü",
        "https://grafana.example.com\\@evil.example.com/",
        "https://[::1",
        "x" * 3000,
    ],
)
def test_what_no_browser_may_be_sent_to_is_not_registered(store: SqlStore, url: str) -> None:
    assert refused_fields(store, redirect_uris=[{"matching_mode": "strict", "url": url}]) == ["redirect_uris"]


@pytest.mark.parametrize("url", ["(", "(?=x)", r"(a)\1", "[", "a{2000}"])
def test_a_pattern_has_to_be_one_that_cannot_hang(store: SqlStore, url: str) -> None:
    assert refused_fields(store, redirect_uris=[{"matching_mode": "regex", "url": url}]) == ["redirect_uris"]


@pytest.mark.parametrize("uris", ["https://a.example.com", [{}], [{"url": 5}], [{"matching_mode": "x", "url": "a:b"}]])
def test_redirect_uris_are_a_list_of_modes_and_urls(store: SqlStore, uris: Any) -> None:
    assert refused_fields(store, redirect_uris=uris) == ["redirect_uris"]


def test_apps_may_have_schemes_of_their_own(store: SqlStore) -> None:
    uris = [{"matching_mode": "strict", "url": "com.example.app:/callback"}]
    assert provider(store, "oauth2", redirect_uris=uris).settings["redirect_uris"] == [
        {**uris[0], "redirect_uri_type": "authorization"}
    ]


def test_no_outpost_serves_it(store: SqlStore) -> None:
    made = provider(store, "oauth2")
    given = {"name": "o", "type": "any", "providers": [made.pk]}
    assert list(refused(store, lambda tx: outposts.create(tx, given, bytes_of("o")))) == ["providers"]


def test_the_launcher_leads_to_the_site_of_the_first_redirect_uri(store: SqlStore) -> None:
    alice = user(store, "alice")
    uris = [
        {"matching_mode": "regex", "url": "https://x\\.example\\.com/.*"},
        {"matching_mode": "strict", "url": "https://grafana.example.com:8443/login/generic_oauth"},
    ]
    made = provider(store, "oauth2", redirect_uris=uris)
    app = application(store, "grafana", provider=made.pk)
    assert launch_url(app, made, alice) == "https://grafana.example.com:8443"
    given = {"meta_launch_url": "https://elsewhere.example.com"}
    app = store.write_now(lambda tx: applications.update(tx, app.pk, given))
    assert launch_url(app, made, alice) == "https://elsewhere.example.com"
    bare = provider(store, "oauth2", "bare")
    assert launch_url(application(store, "bare", provider=bare.pk), bare, alice) is None
