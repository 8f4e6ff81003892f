"""An access token with authentik's scope for it stands for its user towards the API; no other one does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from control.records import PropertyMapping, User
from control.verbs.property_mappings import API, API_SCOPE
from control.web import oidc_api, pages
from control.web.admin_api import routes
from tests.control.oidc.relying import Person, Relying


class Trusted(Relying):
    """Grafana may ask for the scope."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        api = Mount("/api/v3", routes=routes(self.services))
        self.app = Starlette(routes=[*oidc_api.routes(self.services), api, *pages.routes(self.services)])

    def allow(self) -> None:
        mapping = self.sql.read_now(lambda tx: tx.find(PropertyMapping, managed=API))
        assert mapping is not None
        self.set_provider(property_mappings=[*self.provider.property_mappings, mapping.pk])

    def token(self, scope: str | None) -> str:
        person: Person = self.person()
        person.sign_in("alice")
        answer: dict[str, Any] = self.exchange(person.code(scope=scope)).json()
        return str(answer["access_token"])

    def me(self, token: str) -> tuple[int, str]:
        answer = self.call("GET", "/api/v3/core/users/me/", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.json().get("user", {}).get("username", "")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Trusted]:
    made = Trusted(tmp_path)
    made.user("alice")
    yield made
    made.close()


def test_with_the_scope_a_token_is_its_users_key(site: Trusted) -> None:
    site.allow()
    assert site.me(site.token(f"openid {API_SCOPE}")) == (200, "alice")


@pytest.mark.parametrize("scope", ["openid profile", None])
def test_without_it_a_token_opens_nothing_even_where_it_could_have_been_asked_for(
    site: Trusted, scope: str | None
) -> None:
    """Who names no scope is given all but those that have to be asked for by name."""
    site.allow()
    assert site.me(site.token(scope)) == (403, "")


def test_an_application_that_was_not_given_the_scope_cannot_ask_for_it(site: Trusted) -> None:
    assert site.me(site.token(f"openid {API_SCOPE}")) == (403, "")


def test_it_ends_with_the_token_and_the_account(site: Trusted) -> None:
    site.allow()
    token = site.token(f"openid {API_SCOPE}")
    alice = site.sql.read_now(lambda tx: tx.find(User, username="alice"))
    assert alice is not None
    site.sql.write_now(lambda tx: tx.update(replace(alice, is_active=False)))
    assert site.me(token) == (403, "")
    site.sql.write_now(lambda tx: tx.update(replace(tx.get(User, alice.pk), is_active=True)))
    site.clock.advance(3600.0)
    assert site.me(token) == (403, "")
