"""Outposts: their account and token, the providers that they can serve, and the embedded one."""

from __future__ import annotations

import os
from typing import Any

import pytest

from control.records import Outpost, Token, User
from control.store.sql import SqlStore
from control.verbs import outposts, tokens, users
from control.verbs.fields import NON_FIELD
from tests.control.verbs.do import count, outpost, provider, refused

PROXY = {"external_host": "https://app.example.com", "mode": "forward_single"}


def test_an_outpost_gets_an_account_and_a_token_that_never_ends(store: SqlStore) -> None:
    made = outpost(store, "o")
    assert made.user is not None
    account = store.read_now(lambda tx: tx.get(User, made.user or 0))
    assert account.type == "internal_service_account"
    assert account.username == f"ak-outpost-{made.pk.replace('-', '')}"
    assert (account.path, account.password) == ("goauthentik.io/outposts", None)
    token = store.read_now(lambda tx: tx.find(Token, identifier=f"ak-outpost-{made.pk}-api"))
    assert token is not None
    assert (token.user, token.intent, token.expiring) == (account.pk, "api", False)
    owner = store.read_now(lambda tx: tokens.owner(tx, token.key))
    assert owner is not None
    assert owner.pk == account.pk


def test_account_and_token_go_with_their_outpost(store: SqlStore) -> None:
    made = outpost(store, "o")
    store.write_now(lambda tx: outposts.delete(tx, made.pk))
    assert [count(store, kind) for kind in (Outpost, User, Token)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("type_", "kind", "more", "model"),
    [
        ("ldap", "radius", {}, "RadiusProvider"),
        ("radius", "proxy", PROXY, "ProxyProvider"),
        ("proxy", "ldap", {}, "LDAPProvider"),
    ],
)
def test_the_type_decides_what_it_serves(
    store: SqlStore, type_: str, kind: str, more: dict[str, Any], model: str
) -> None:
    pk = provider(store, kind, **more).pk
    body = {"name": "o", "type": type_, "providers": [pk]}
    assert refused(store, lambda tx: outposts.create(tx, body, os.urandom)) == {
        "providers": [f"Outpost type {type_} can't be used with {model} providers."]
    }
    assert outpost(store, "fits", type=kind, providers=[pk]).providers == (pk,)
    other = outpost(store, "any", providers=[pk])
    assert list(refused(store, lambda tx: outposts.update(tx, other.pk, {"type": type_}))) == ["providers"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"type": "rac"}, "type"),
        ({"providers": [99]}, "providers"),
        ({"config": []}, "config"),
        ({"config": {"refresh_interval": "often"}}, "config"),
        ({"config": {"authentik_host_insecure": "perhaps"}}, "config"),
        ({"name": ""}, "name"),
    ],
)
def test_what_an_outpost_does_not_accept(store: SqlStore, fields: dict[str, Any], wrong: str) -> None:
    body = {"name": "o", "type": "any", **fields}
    assert list(refused(store, lambda tx: outposts.create(tx, body, os.urandom))) == [wrong]


def test_config_has_defaults_and_keeps_what_is_unknown(store: SqlStore) -> None:
    made = outpost(
        store, "o", config={"authentik_host": "https://x", "docker_network": "n", "refresh_interval": "hours=1"}
    )
    assert made.config["log_level"] == "info"
    assert (made.config["authentik_host"], made.config["docker_network"]) == ("https://x", "n")
    assert outposts.refresh_seconds(made) == 3600


def test_the_embedded_outpost_keeps_name_type_and_life(store: SqlStore) -> None:
    body = {"name": "authentik Embedded Outpost", "type": "any"}
    embedded = store.write_now(lambda tx: outposts.create(tx, body, os.urandom, managed=outposts.EMBEDDED))
    assert list(refused(store, lambda tx: outposts.update(tx, embedded.pk, {"name": "mine"}))) == ["name"]
    assert list(refused(store, lambda tx: outposts.update(tx, embedded.pk, {"type": "ldap"}))) == ["type"]
    assert list(refused(store, lambda tx: outposts.delete(tx, embedded.pk))) == [NON_FIELD]
    pk = provider(store, "ldap").pk
    changed = store.write_now(lambda tx: outposts.update(tx, embedded.pk, {"providers": [pk, pk]}))
    assert (changed.providers, changed.managed) == ((pk,), outposts.EMBEDDED)


@pytest.mark.parametrize("field", ["authentik_host", "authentik_host_browser"])
@pytest.mark.parametrize(
    "value", [5, "javascript:alert(1)", "https://a.example.com\r\nX: y", "auth.example.com", ["x"]]
)
def test_an_address_of_control_is_an_address(store: SqlStore, field: str, value: object) -> None:
    made = outpost(store, "o")
    assert list(refused(store, lambda tx: outposts.update(tx, made.pk, {"config": {field: value}}))) == ["config"]


def test_known_settings_are_stored_as_they_were_understood_and_others_as_they_are(store: SqlStore) -> None:
    config = {"authentik_host": "https://auth.example.com", "authentik_host_insecure": "true", "docker_network": 5}
    stored = outpost(store, "o", config=config).config
    assert stored["authentik_host"] == "https://auth.example.com"
    assert stored["authentik_host_insecure"] is True
    assert stored["docker_network"] == 5


def test_nobody_signs_in_with_an_outposts_account(store: SqlStore) -> None:
    account = outpost(store, "o").user or 0
    assert list(refused(store, lambda tx: users.set_password(tx, account, "hash"))) == ["password"]
