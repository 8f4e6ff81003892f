"""Where a relying party may be sent, and where it may send people on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control.oidc.clients import Client, find
from tests.control.oidc.relying import Relying

HOST = "https://login.example.com:8443"
Proxied = Callable[..., Client]


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    """Makes a client out of a proxy provider's settings."""
    relying = Relying(tmp_path)

    def made(**settings: Any) -> Client:
        provider = relying.add_provider(
            "proxied", "proxy", external_host=HOST, **{"mode": "forward_single", **settings}
        )
        relying.add_application("app", provider)
        found = relying.sql.read_now(lambda tx: find(tx, provider.client_id or ""))
        assert found is not None
        return found

    yield made
    relying.close()


@pytest.mark.parametrize(
    "path",
    [
        "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true",
        "?X-authentik-auth-callback=true",
        "/oauth2/callback",
    ],
)
def test_an_outpost_takes_the_answer_at_its_places(proxied: Proxied, path: str) -> None:
    client = proxied()
    assert client.knows_redirect(HOST + path)
    assert not client.knows_redirect(f"https://other.example.com{path}")


def test_a_sign_in_for_a_domain_leads_on_to_its_hosts(proxied: Proxied) -> None:
    """The policy of the sign-in page must let it, or browsers end there."""
    assert proxied(mode="forward_domain", cookie_domain=".example.com").landings == [
        "https://example.com:*",
        "https://*.example.com:*",
    ]


def test_any_other_leads_nowhere_else(proxied: Proxied) -> None:
    assert proxied().landings == []
