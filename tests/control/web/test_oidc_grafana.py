"""The article's Grafana block as printed signs people in, with the role that their groups give them."""

from __future__ import annotations

from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import jmespath
import pytest

from tests.control.oidc.relying import CALLBACK, Relying

INI = Path(__file__).parents[2] / "vectors" / "oidc" / "grafana.ini"
ROLES = {"ada": "Admin", "eve": "Editor", "vic": "Viewer", "solo": "Viewer"}


@pytest.fixture
def relying(tmp_path: Path) -> Iterator[Relying]:
    """Everything as the article's steps leave it: the client ID and secret are generated, the key is the default."""
    opened = Relying(tmp_path)
    people = {name: opened.user(name, email=f"{name}@example.com") for name in ROLES}
    opened.add_group("grafana-admins", people["ada"])
    opened.add_group("grafana-editors", people["ada"], people["eve"])
    opened.add_group("grafana-viewers", people["vic"])
    yield opened
    opened.close()


@pytest.mark.parametrize("username", ROLES)
@pytest.mark.parametrize("in_header", [True, False], ids=["basic", "post"])
def test_sign_in_as_printed(relying: Relying, username: str, in_header: bool) -> None:
    config = ConfigParser(interpolation=None)
    text = INI.read_text(encoding="utf-8")
    config.read_string(
        text.replace("<client-id>", relying.client_id).replace("<client-secret>", relying.secret), source=str(INI)
    )
    grafana = config["auth.generic_oauth"]

    browser = relying.person()
    asked = {
        "client_id": grafana["client_id"],
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": grafana["scopes"],
        "state": "a/state+with=signs&more",
    }
    browser.get(f"{grafana['auth_url']}?{urlencode(asked)}", follow=True)
    assert browser.page.url.path == "/if/flow/default-authentication-flow/"
    page = browser.enter(username)
    assert page.text == "arrived"
    answer = {name: values[0] for name, values in parse_qs(urlsplit(str(page.url)).query).items()}
    assert answer["state"] == asked["state"]

    client = {"client_id": grafana["client_id"], "client_secret": grafana["client_secret"]}
    token = relying.call(
        "POST",
        grafana["token_url"],
        auth=tuple(client.values()) if in_header else None,
        data={
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": CALLBACK,
            **({} if in_header else client),
        },
    )
    assert token.status_code == 200, token.text
    assert token.json()["token_type"] == "Bearer"
    profile = relying.call(
        "GET", grafana["api_url"], headers={"Authorization": f"Bearer {token.json()['access_token']}"}
    ).json()
    assert jmespath.search(grafana["role_attribute_path"], profile) == ROLES[username]
    assert (profile["preferred_username"], profile["email"]) == (username, f"{username}@example.com")
    assert profile["email_verified"] is True
    assert isinstance(profile["groups"], list)
    in_token = relying.verified(token.json()["id_token"])
    assert jmespath.search(grafana["role_attribute_path"], in_token) == ROLES[username]
