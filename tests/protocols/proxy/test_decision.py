from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from protocols.proxy.decision import Deny, HostTable, Prove, Show, SignIn, Site, Verdict, decide
from protocols.proxy.forwarded import ForwardedRequest
from protocols.proxy.trust import ForwardingError, by_name


def site(provider: int, external_host: str, **fields: Any) -> Site:
    return Site(
        **{
            "provider": provider,
            "provider_name": f"provider {provider}",
            "application": f"app-{provider}",
            "application_name": f"App {provider}",
            "mode": "forward_single",
            "external_host": external_host,
            **fields,
        }
    )


APP = site(1, "https://app.example.com")
PORT = site(2, "https://port.example.com:8443/path")
DOMAIN = site(3, "https://auth.example.com", mode="forward_domain", cookie_domain=".Example.com")
DEEPER = site(4, "https://auth.deep.example.com", mode="forward_domain", cookie_domain="deep.example.com")
PROXY = site(5, "https://proxied.example.com", mode="proxy")
TABLE = HostTable([APP, PORT, DOMAIN, DEEPER, PROXY])


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("app.example.com", APP),
        ("port.example.com:8443", PORT),
        ("port.example.com", PORT),
        ("auth.example.com", DOMAIN),
        ("example.com", DOMAIN),
        ("other.example.com", DOMAIN),
        ("auth.example.com:8443", DOMAIN),
        ("app.example.com:8443", None),
        ("port.example.com:8444", None),
        ("proxied.example.com:81", None),
        ("a.b.c.example.com:8443", DOMAIN),
        ("deep.example.com", DEEPER),
        ("x.deep.example.com", DEEPER),
        ("notdeep.example.com", DOMAIN),
        ("proxied.example.com", PROXY),
        ("evilexample.com", None),
        ("example.com.evil.test", None),
        ("com", None),
        ("nobody.invalid", None),
        ("[::1]", None),
        ("", None),
    ],
)
def test_who_decides_for_a_host(host: str, found: Site | None) -> None:
    assert TABLE.find(host) is found


def test_an_empty_table_and_a_single_site_serve_no_other_host() -> None:
    assert HostTable([]).find("app.example.com") is None
    assert HostTable([APP]).find("other.example.com") is None


def test_the_older_provider_keeps_a_host_that_two_claim() -> None:
    newer = site(9, "http://APP.example.com.")
    assert HostTable([newer, APP]).find("app.example.com") is APP
    newer_domain = site(9, "https://x.example", mode="forward_domain", cookie_domain="example.com")
    assert HostTable([newer_domain, DOMAIN]).find("other.example.com") is DOMAIN


def test_a_name_without_port_is_nobodys_when_several_ports_have_sites() -> None:
    table = HostTable([PORT, site(6, "https://port.example.com:9443"), DOMAIN])
    assert table.find("port.example.com") is None


@pytest.mark.parametrize(
    "external_host", ["", "app.example.com", "https://", "https://a b/", "https://[::1", "https://a:b"]
)
def test_an_unreadable_external_host_is_told_and_serves_nothing(external_host: str) -> None:
    broken = site(7, external_host)
    table = HostTable([broken, APP])
    assert table.unreadable == [broken]
    assert table.find("app.example.com") is APP


def asked(host: str, *headers: tuple[bytes, bytes], asked_host: str = "", table: HostTable = TABLE) -> Verdict:
    return decide(table, ForwardedRequest("https", host, "/", "GET", asked_host), by_name(headers))


def basic(text: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Basic " + b64encode(text.encode())


def test_nobody_decides_for_an_unknown_host() -> None:
    assert asked("nobody.invalid", basic("alice:secret")) == Deny("unknown_host")


def test_a_site_in_proxy_mode_is_not_open_to_forward_auth() -> None:
    assert asked("proxied.example.com", basic("alice:secret")) == Deny("not_forward_auth")


def test_without_credentials_somebody_has_to_sign_in() -> None:
    assert asked("app.example.com") == SignIn(APP)


def test_basic_credentials_are_to_be_proved() -> None:
    assert asked("app.example.com", basic("alice:se:cret")) == Prove(APP, "alice", "se:cret")


def test_an_access_token_is_to_be_shown() -> None:
    shown = Show(APP, "a.b-c_d.e==")
    assert asked("app.example.com", (b"authorization", b"Bearer a.b-c_d.e==")) == shown
    assert asked("app.example.com", (b"authorization", b"bearer   a.b-c_d.e== ")) == shown
    assert asked("app.example.com", basic("goauthentik.io/token:a.b-c_d.e==")) == shown


def test_credentials_for_the_application_behind_are_left_alone() -> None:
    table = HostTable([site(1, "https://app.example.com", takes_basic=False)])
    assert isinstance(asked("app.example.com", basic("alice:secret"), table=table), SignIn)


@pytest.mark.parametrize("headers", [[(b"authorization", b"Digest x")], [basic("a:b"), basic("a:b")]])
def test_unreadable_credentials_deny(headers: list[tuple[bytes, bytes]]) -> None:
    assert asked("app.example.com", *headers) == Deny("unreadable_credentials", challenge=True)


def test_a_question_from_another_application_contradicts_itself() -> None:
    with pytest.raises(ForwardingError, match="Host and the forwarded address"):
        asked("port.example.com:8443", asked_host="app.example.com")
    with pytest.raises(ForwardingError, match="Host and the forwarded address"):
        asked("other.example.com", asked_host="app.example.com")


@pytest.mark.parametrize("own_name", ["", "outpost.internal:9000", "auth.example.com", "other.example.com"])
def test_a_question_under_our_own_name_does_not(own_name: str) -> None:
    assert asked("app.example.com", asked_host=own_name) == SignIn(APP)


def test_a_question_without_the_port_does_not() -> None:
    assert asked("port.example.com:8443", asked_host="port.example.com") == SignIn(PORT)


def test_a_host_below_a_domain_contradicts_where_host_is_the_browsers() -> None:
    """Caddy serves a host that the domain decides about, and believed a neighbour who named an application's."""
    forwarded = ForwardedRequest("https", "app.example.com", "/", "GET", "wiki.example.com")
    assert TABLE.contradicts(forwarded, host_is_browsers=True)
    assert not TABLE.contradicts(forwarded)


def test_an_applications_name_at_any_port_contradicts_a_neighbours_where_host_is_the_browsers() -> None:
    forwarded = ForwardedRequest("https", "wiki.example.com", "/", "GET", "app.example.com:8443")
    assert TABLE.contradicts(forwarded, host_is_browsers=True)
    below = ForwardedRequest("https", "blog.example.com", "/", "GET", "wiki.example.com")
    assert not TABLE.contradicts(below, host_is_browsers=True)
    own = ForwardedRequest("https", "app.example.com", "/", "GET", "auth.example.com")
    assert not TABLE.contradicts(own, host_is_browsers=True)


def test_one_sign_in_counts_for_a_domain_of_the_same_scheme() -> None:
    inside = site(11, "https://in.example.com", secret="s11", client_id="c11")
    plain = site(12, "http://plain.example.com", secret="s12", client_id="c12")
    apart = site(13, "https://app.example.net:8443", secret="s13", client_id="c13")
    above = site(
        14,
        "https://auth.example.com:8443",
        secret="s14",
        client_id="c14",
        mode="forward_domain",
        cookie_domain=".Example.com",
    )
    table = HostTable([inside, plain, apart, above, APP])
    realms = {each.provider: table.realm(each) for each in (inside, plain, apart, above, APP)}
    assert {provider: realm and realm.provider for provider, realm in realms.items()} == {
        11: 14,
        12: 12,
        13: 13,
        14: 14,
        1: 14,
    }
    assert HostTable([APP]).realm(APP) is None, "without a secret nobody signs in"
    assert table.origin(apart, "app.example.net") == "https://app.example.net:8443"
    assert table.origin(above, "wiki.example.com") == "https://wiki.example.com:8443"
    assert table.origin(above, "wiki.example.com:9443") == "https://wiki.example.com:9443"


def test_a_realm_stays_the_very_same_while_its_site_does() -> None:
    """Or all cookies would have to be opened again after each change of the configuration."""
    above = site(14, "https://auth.example.net", secret="s14", mode="forward_domain", cookie_domain="example.net")
    below, apart = site(15, "https://app.example.net", secret="s15"), site(16, "https://app.example.org", secret="s16")
    before = HostTable([above, below, apart])
    domain, own = before.realm(below), before.realm(apart)
    assert before.realm(above) is domain
    after = HostTable([above, below, apart, APP], before)
    assert (after.realm(above), after.realm(below), after.realm(apart)) == (domain, domain, own)
    assert after.realm(apart) is own
    rotated = replace(above, secret="another", previous_secret="s14")
    after = HostTable([rotated, below, apart], after)
    assert after.realm(below) is not domain
    assert after.realm(below) is after.realm(rotated)
    assert after.realm(apart) is own
    alone = HostTable([below], after).realm(below)
    assert alone is not None
    assert alone.provider == 15, "the domain is gone"
