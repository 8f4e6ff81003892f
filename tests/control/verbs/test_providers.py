"""Providers: defaults, secrets, and what each kind accepts."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest

from control.records import Application, Flow, Outpost, Provider
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.store.sql.rows import Rows
from control.store.sql.schema import RecordTable
from control.verbs import outposts, provider_kinds, providers
from tests.control.verbs.do import ABSENT, application, bytes_of, outpost, provider, refused, same_bytes

PROXY = {"external_host": "https://app.example.com", "mode": "forward_single"}


def refusal(store: SqlStore, kind: str, **fields: Any) -> dict[str, list[str]]:
    return refused(store, lambda tx: providers.create(tx, kind, {"name": "p", **fields}, same_bytes))


def slug(store: SqlStore, pk: str | None) -> str:
    assert pk is not None
    return store.read_now(lambda tx: tx.get(Flow, pk)).slug


def test_flows_have_defaults_by_kind(store: SqlStore) -> None:
    ldap, proxy = provider(store, "ldap"), provider(store, "proxy", **PROXY)
    assert slug(store, ldap.authorization_flow) == "default-authentication-flow"
    assert slug(store, ldap.invalidation_flow) == "default-invalidation-flow"
    assert slug(store, proxy.authorization_flow) == "default-provider-authorization-implicit-consent"
    assert slug(store, proxy.invalidation_flow) == "default-provider-invalidation-flow"


def test_a_flow_that_is_gone_has_to_be_given(store: SqlStore) -> None:
    def remove(tx: Transaction) -> None:
        flow = tx.find(Flow, slug="default-authentication-flow")
        assert flow is not None
        tx.delete(flow)

    store.write_now(remove)
    assert refusal(store, "ldap") == {"authorization_flow": ["This field is required."]}
    assert refusal(store, "ldap", authorization_flow=ABSENT) == {
        "authorization_flow": [f'Invalid pk "{ABSENT}" - object does not exist.']
    }


def test_secrets_are_made_kept_and_replaced(store: SqlStore) -> None:
    made = provider(store, "radius")
    assert made.secrets == {"shared_secret": bytes_of("radius")(32).hex()}
    assert "shared_secret" not in made.settings
    kept = store.write_now(lambda tx: providers.update(tx, made.pk, {"name": "renamed"}, partial=False))
    assert (kept.name, kept.secrets) == ("renamed", made.secrets)
    changed = store.write_now(lambda tx: providers.update(tx, made.pk, {"shared_secret": "testing123"}))
    assert changed.secrets == {"shared_secret": "testing123"}
    assert list(refused(store, lambda tx: providers.update(tx, made.pk, {"shared_secret": ""}))) == ["shared_secret"]
    proxy = provider(store, "proxy", **PROXY)
    assert set(proxy.secrets) == {
        "client_secret",
        "cookie_secret",
        "cookie_secret_previous",
        "cookie_secret_since",
    }
    assert proxy.settings["client_id"]


def test_a_whole_update_needs_what_has_no_default(store: SqlStore) -> None:
    proxy = provider(store, "proxy", **PROXY)
    assert refused(store, lambda tx: providers.update(tx, proxy.pk, {}, partial=False)) == {
        "name": ["This field is required."],
        "external_host": ["This field is required."],
    }


def test_certificates_and_mappings_must_exist(store: SqlStore) -> None:
    sentence = [f'Invalid pk "{ABSENT}" - object does not exist.']
    assert refusal(store, "ldap", certificate=ABSENT) == {"certificate": sentence}
    assert refusal(store, "ldap", property_mappings=[ABSENT]) == {"property_mappings": sentence}


# --- LDAP ---


@pytest.mark.parametrize(
    "dn", ["DC=example,DC=org", "dc=example, dc=org", "ou=a\\, b,o=x", "o=x+c=de", "2.5.4.10=x", "O=Bücher", "o=a\\2Cb"]
)
def test_base_dns(store: SqlStore, dn: str) -> None:
    assert provider(store, "ldap", base_dn=dn).settings["base_dn"] == dn


@pytest.mark.parametrize(
    "dn", ["", "  ", "example.org", "dc=", "=x", "dc=a,", ",dc=a", "dc=a,,dc=b", "dc=a\\", "d c=a", "o=a;b"]
)
def test_what_is_no_base_dn(store: SqlStore, dn: str) -> None:
    assert list(refusal(store, "ldap", base_dn=dn)) == ["base_dn"]


@pytest.mark.parametrize(
    "fields",
    [{"search_mode": "x"}, {"bind_mode": ""}, {"uid_start_number": -1}, {"gid_start_number": 2**31}],
)
def test_ldap_choices_and_bounds(store: SqlStore, fields: dict[str, Any]) -> None:
    assert list(refusal(store, "ldap", **fields)) == list(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"users_container": "Groups"},
        {"users_container": "our  people", "extra_containers": ["Our people "]},  # one name to LDAP
        {"users_container": "a,b"},
    ],
)
def test_containers_have_names_of_their_own(store: SqlStore, fields: dict[str, Any]) -> None:
    assert list(refusal(store, "ldap", **fields)) == ["users_container"]


# --- RADIUS ---


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("10.0.0.0/8,192.0.2.1", "10.0.0.0/8, 192.0.2.1/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        (" 2001:db8::/32 , ", "2001:db8::/32"),
        ("0.0.0.0/0,::/0", "0.0.0.0/0, ::/0"),
    ],
)
def test_client_networks(store: SqlStore, given: str, stored: str) -> None:
    assert provider(store, "radius", client_networks=given).settings["client_networks"] == stored


@pytest.mark.parametrize(
    "given", ["", ",", "10.0.0.0/33", "host.example", "10.0.0.0/8 192.0.2.0/24", "10.0.0.0/8,10.9.0.0/8"]
)
def test_what_is_no_list_of_networks(store: SqlStore, given: str) -> None:
    assert list(refusal(store, "radius", client_networks=given)) == ["client_networks"]


# --- proxy ---


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://App.Example.com/", "https://app.example.com"),
        ("http://app.example.com:8080", "http://app.example.com:8080"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("http://app", "http://app"),
    ],
)
def test_external_hosts(store: SqlStore, given: str, stored: str) -> None:
    settings = provider(store, "proxy", external_host=given, mode="forward_single").settings
    assert settings["external_host"] == stored


@pytest.mark.parametrize(
    "given",
    [
        "",
        "app.example.com",
        "ftp://app.example.com",
        "javascript:alert(1)",
        "https://user@app.example.com",
        "https://user:password@app.example.com",
        "https://app.example.com/path",
        "https://app.example.com?x",
        "https://app.example.com/#x",
        "https://",
        "https://a b",
        "https://app.example.com:99999",
        "https://-app",
        "https://[::1",
        "https://a\\b",
    ],
)
def test_what_is_no_external_host(store: SqlStore, given: str) -> None:
    assert list(refusal(store, "proxy", external_host=given, mode="forward_single")) == ["external_host"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"mode": "proxy"}, "internal_host"),
        ({"mode": "proxy", "internal_host": "backend:80"}, "internal_host"),
        ({"mode": "proxy", "internal_host": "http://user:pw@backend"}, "internal_host"),
        ({"mode": "auto"}, "mode"),
        ({"basic_auth_enabled": True}, "basic_auth_enabled"),
        ({"basic_auth_enabled": True, "basic_auth_user_attribute": "u"}, "basic_auth_enabled"),
        ({"mode": "forward_domain"}, "cookie_domain"),
        ({"mode": "forward_domain", "cookie_domain": "not a domain"}, "cookie_domain"),
        ({"mode": "forward_domain", "cookie_domain": "example.org"}, "external_host"),
        ({"mode": "forward_domain", "cookie_domain": "ample.com"}, "external_host"),
        ({"skip_path_regex": "^/ok$\n(unclosed"}, "skip_path_regex"),
        ({"skip_path_regex": "x\n" * 201}, "skip_path_regex"),
        ({"access_token_validity": "soon"}, "access_token_validity"),
    ],
)
def test_what_a_proxy_does_not_accept(store: SqlStore, fields: dict[str, Any], wrong: str) -> None:
    assert list(refusal(store, "proxy", **{**PROXY, **fields})) == [wrong]


def test_a_domain(store: SqlStore) -> None:
    settings = provider(store, "proxy", **{**PROXY, "mode": "forward_domain", "cookie_domain": "Example.com"}).settings
    assert settings["cookie_domain"] == "example.com"


def test_the_second_line_of_patterns_is_named(store: SqlStore) -> None:
    (sentence,) = refusal(store, "proxy", **PROXY, skip_path_regex="^/a\n[b")["skip_path_regex"]
    assert sentence.startswith("Line 2 is not a regular expression")


# --- side by side on an outpost ---


@pytest.mark.parametrize(
    ("kind", "one", "other", "field"),
    [
        ("ldap", {"base_dn": "dc=a, dc=b"}, {"base_dn": "DC=A,DC=B"}, "base_dn"),
        ("radius", {"client_networks": "10.0.0.0/8, ::1"}, {"client_networks": "192.0.2.0/24, ::1"}, "client_networks"),
        *(
            ("proxy", PROXY, {**PROXY, "external_host": f"https://{said}"}, "external_host")
            for said in ("APP.example.com", "app.example.com/", "app.example.com:443")
        ),
        ("proxy", PROXY, {**PROXY, "external_host": "http://app.example.com"}, "external_host"),
    ],
)
def test_two_providers_that_want_the_same_are_not_served_together(
    store: SqlStore, kind: str, one: dict[str, Any], other: dict[str, Any], field: str
) -> None:
    first, second = provider(store, kind, "first", **one), provider(store, kind, "second", **other)
    here = outpost(store, "here", providers=[first.pk])
    outpost(store, "there", providers=[second.pk])
    both = {"providers": [first.pk, second.pk]}
    assert list(refused(store, lambda tx: outposts.update(tx, here.pk, both))) == ["providers"]
    free = {"base_dn": "dc=free", "client_networks": "198.51.100.0/24", "external_host": "https://free.example.com"}
    store.write_now(lambda tx: providers.update(tx, second.pk, {field: free[field]}))
    store.write_now(lambda tx: outposts.update(tx, here.pk, both))
    back = {field: other[field]}
    assert list(refused(store, lambda tx: providers.update(tx, second.pk, back))) == [field]


def test_thousands_side_by_side_are_looked_at_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with each would be a hundred million looks at ten thousand applications."""
    many = [
        Provider(f"p{at}", "proxy", pk=at, settings={"external_host": f"https://{at % 999}.test"}) for at in range(1000)
    ]
    looked: list[Provider] = []
    claims = provider_kinds.claims

    def counted(one: Provider) -> frozenset[Hashable]:
        looked.append(one)
        return claims(one)

    monkeypatch.setattr(providers, "claims", counted)
    assert [(one.pk, other.pk, what) for one, other, what in providers.rivals(many)] == [(0, 999, "0.test")]
    assert len(looked) == len(many)


def test_a_change_that_claims_nothing_new_looks_at_nobody_else(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ten thousand beside it, that takes a second."""
    pks = [provider(store, "ldap", f"p{at}", base_dn=f"dc=p{at}").pk for at in range(2)]
    outpost(store, "o", providers=pks)
    looked: list[object] = []
    monkeypatch.setattr(providers, "_refuse_rivals", lambda tx, changed: looked.append(changed))
    store.write_now(lambda tx: providers.update(tx, pks[0], {"name": "other", "base_dn": "DC=p0"}))
    assert looked == []
    store.write_now(lambda tx: providers.update(tx, pks[0], {"base_dn": "dc=p2"}))
    assert len(looked) == 1


def test_of_a_new_host_only_its_rivals_are_looked_at(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand records take a second to read."""
    found = [provider(store, "proxy", f"p{at}", **{**PROXY, "external_host": f"https://p{at}.test"}) for at in range(9)]
    outpost(store, "o", providers=[one.pk for one in found])
    read: list[str] = []
    record = Rows.record

    def counted(rows: Rows, kept: RecordTable, values: dict[str, Any]) -> Any:
        read.append(kept.table.name)
        return record(rows, kept, values)

    monkeypatch.setattr(Rows, "record", counted)
    store.write_now(lambda tx: providers.update(tx, found[0].pk, {"external_host": "https://new.test"}))
    assert read.count("provider") <= 2
    rival = {"external_host": "HTTP://New.Test:80"}
    assert list(refused(store, lambda tx: providers.update(tx, found[1].pk, rival))) == ["external_host"]
    elsewhere = {"external_host": "https://new.test:8443"}
    store.write_now(lambda tx: providers.update(tx, found[1].pk, elsewhere))


def test_wider_and_narrower_networks_go_together(store: SqlStore) -> None:
    """The longest prefix wins."""
    wide = provider(store, "radius", "wide", client_networks="10.0.0.0/8").pk
    narrow = provider(store, "radius", "narrow", client_networks="10.1.0.0/16").pk
    outpost(store, "o", providers=[wide, narrow])


def test_a_deleted_provider_is_served_no_more(store: SqlStore) -> None:
    pk = provider(store, "ldap").pk
    application(store, "app", provider=pk)
    outpost(store, "o", providers=[pk])
    store.write_now(lambda tx: providers.delete(tx, pk))
    assert store.read_now(lambda tx: tx.count(Provider)) == 0
    assert [app.provider for app in store.read_now(lambda tx: tx.select(Application))] == [None]
    assert [one.providers for one in store.read_now(lambda tx: tx.select(Outpost))] == [()]
