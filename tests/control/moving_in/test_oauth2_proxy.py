"""What becomes of the application behind an oauth2-proxy."""

from __future__ import annotations

from typing import Any

import pytest

from control.moving_in import CannotRead
from control.moving_in.oauth2_proxy import read
from control.records import Application, Binding, Provider
from tests.control.apply.places import NOTHING, Place
from tests.control.moving_in.places import bring

HOST = 'redirect_url = "https://wiki.example.com/oauth2/callback"\n'
ANYBODY = 'email_domains = ["*"]\n'
CONFIGURATION = f"""\
http_address = "127.0.0.1:4180"
{HOST}{ANYBODY}upstreams = ["http://127.0.0.1:8080/"]
skip_auth_routes = ["^/public/", "GET=^/feed$", "=^/icons/"]
cookie_expire = "168h30m0s"
allowed_groups = ["staff"]
client_id = "wiki"
client_secret = "a secret of somebody's"
oidc_issuer_url = "https://issuer.example.com"
pass_basic_auth = true
"""


def provider_of(text: str) -> Any:
    return read(text.encode()).sections["providers"]["wiki.example.com"]


def applications_of(text: str) -> list[str]:
    return list(read(text.encode()).sections["applications"])


def test_the_application_and_who_may_use_it_twice(place: Place) -> None:
    done, left = bring(place, "oauth2-proxy", CONFIGURATION)
    assert "created provider wiki.example.com" in done
    assert left == [
        "line 5: 'GET=^/feed$' stays closed; say it in an access rule of the provider",
        "lines 8, 9, 10: who asks for passwords there is a source here; see docs/sources.md",
        "line 11: pass_basic_auth is not taken over",
    ]
    assert "a secret of somebody's" not in str(left)
    provider = place.find(Provider, name="wiki.example.com")
    assert provider.settings["mode"] == "proxy"
    assert provider.settings["internal_host"] == "http://127.0.0.1:8080"
    assert provider.settings["external_host"] == "https://wiki.example.com"
    assert provider.settings["skip_path_regex"] == "^/public/\n^/icons/"
    assert provider.settings["access_token_validity"] == "hours=168;minutes=30"
    application = place.find(Application, slug="wiki-example-com")
    assert place.find(Binding, target=application.pk).group is not None
    assert bring(place, "oauth2-proxy", CONFIGURATION)[0] == NOTHING


@pytest.mark.parametrize(
    "narrowing",
    [
        "",
        'email_domains = ["example.com"]\n',
        'email_domains = ["*"]\nauthenticated_emails_file = "people.txt"\n',
        'email_domains = ["*"]\nallowed_groups = ["staff"]\ngithub_org = "us"\n',
        'email_domains = ["*"]\ngithub_repo = "us/ours"\n',
        'email_domains = ["*"]\ngoogle_group = ["staff@example.com"]\n',
        'email_domains = ["*"]\nentra_id_allowed_tenants = ["ours"]\n',
        'email_domains = ["*"]\nkept_out_by_a_version_to_come = true\n',
        'email_domains = ["*"]\nallowed_groups = [7]\n',
        'email_domains = ["*"]\nallowed_groups = ["staff", ["nested"]]\n',
        "email_domains = []\n",
        "email_domains = [7]\n",
    ],
)
def test_who_could_come_in_for_another_reason_opens_nothing(narrowing: str) -> None:
    assert applications_of(HOST + narrowing) == []
    assert any("gets no application" in line for line in read((HOST + narrowing).encode()).told())
    assert applications_of(HOST + ANYBODY) == ["wiki-example-com"]


def test_without_upstreams_a_proxy_asks_and_a_cookie_domain_is_a_domain() -> None:
    assert provider_of(HOST)["mode"] == "forward_single"
    assert provider_of(HOST + 'upstreams = ["static://202"]')["mode"] == "forward_single"
    domain = HOST + 'cookie_domains = [".example.com"]\nskip_auth_regex = ["example"]'
    assert any("stay closed" in line for line in read(domain.encode()).told())
    assert provider_of(domain) | {"external_host": ""} == {
        "kind": "proxy",
        "mode": "forward_domain",
        "external_host": "",
        "cookie_domain": "example.com",
    }


def test_several_upstreams_are_told() -> None:
    odd = provider_of(HOST + ANYBODY + 'upstreams = ["http://[a/"]')
    assert odd["mode"] == "forward_single"
    text = HOST + ANYBODY + 'upstreams = ["http://a/", "http://b/path"]'
    assert provider_of(text)["mode"] == "forward_single"
    assert any("several kinds or paths" in line for line in read(text.encode()).told())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no redirect_url"),
        ('redirect_url = "/oauth2/callback"', "has no redirect_url"),
        ('redirect_url = "https://[oauth2]/callback"', "has no redirect_url"),
        ("upstreams = [", "is no TOML"),
        ("\xff", "is not UTF-8"),
    ],
)
def test_what_is_no_configuration(text: str, sentence: str) -> None:
    with pytest.raises(CannotRead, match=sentence):
        read(text.encode("latin-1"))


@pytest.mark.parametrize("route", ["GET=^/x", "GET|POST=^/x", "!=^/admin", "^/find[?]name=.*", "get =^/x"])
def test_a_route_with_anything_before_its_equals_sign_opens_nothing(route: str) -> None:
    """There it is a method, which no request has."""
    found = read(f"{HOST}{ANYBODY}skip_auth_routes = ['{route}', '=^/open']\n".encode())
    (provider,) = found.sections["providers"].values()
    assert provider["skip_path_regex"] == "^/open"
    assert found.told() == [f"line 3: {route!r} stays closed; say it in an access rule of the provider"]


@pytest.mark.parametrize("name", ["skip_auth_routes", "skip_auth_regex"])
@pytest.mark.parametrize("pattern", [" ^/x", "^/x ", r"^/x\n^/y", r"^/x\u2028^/y", r"^/x\n"])
def test_nor_does_a_pattern_with_blanks_around_it_or_of_several_lines(name: str, pattern: str) -> None:
    """There no path has them; here each line is a pattern, without what stands around it."""
    (provider,) = read(f'{HOST}{ANYBODY}{name} = ["{pattern}", "^/open me"]\n'.encode()).sections["providers"].values()
    assert provider["skip_path_regex"] == "^/open me"


def test_nor_one_with_blanks_beside_its_equals_sign() -> None:
    found = read(f'{HOST}{ANYBODY}skip_auth_routes = ["= ^/x", " =^/y", "=", "=^/open"]\n'.encode())
    (provider,) = found.sections["providers"].values()
    assert provider["skip_path_regex"] == "^/open"
    assert len(found.told()) == 3
