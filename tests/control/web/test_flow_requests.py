"""What policies of flows and applications see of the request that a browser sends: all but what opens a door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.records import Application, Binding, Flow, Policy
from control.store.interface import Transaction
from tests.control.web.browsing import LOGIN, USER, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.administrator()
    yield made
    made.close()


def bind(site: Site, source: str, kind: type[Flow] | type[Application], slug: str) -> None:
    def verb(tx: Transaction) -> None:
        target = next(one for one in tx.select(kind) if one.slug == slug)
        policy = tx.insert(Policy("p", "expression", settings={"expression": source}))
        tx.insert(Binding(target.pk, policy=policy.pk))

    site.sql.write_now(verb)


def test_a_flow_may_look_at_the_program_that_asks(site: Site) -> None:
    site.user("alice")
    source = (
        "return http_request.headers['user-agent'] != 'Old/1' and 'Old' not in http_request.META['HTTP_USER_AGENT']"
    )
    bind(site, source, Flow, "default-authentication-flow")
    old = site.browser()
    old.client.headers["User-Agent"] = "Old/1"
    assert "This flow is not for you." in old.get(LOGIN, follow=True).text
    browser = site.browser()
    browser.sign_in("alice")
    assert browser.get(USER).status_code == 200


def test_a_flow_sees_path_query_and_method_and_no_credentials(site: Site) -> None:
    site.user("alice")
    source = (
        "hidden = [name for name in http_request.headers if name.lower() in ('cookie', 'authorization')]\n"
        "where = http_request.path, http_request.method, http_request.GET.get('next', '')\n"
        "ak_message(f'{where} {hidden} {\"HTTP_COOKIE\" in http_request.META} {http_request.get_host()}')\n"
        "return False"
    )
    bind(site, source, Flow, "default-authentication-flow")
    browser = site.browser()
    browser.get("/if/flow/default-password-change/")  # a session, and so a cookie
    browser.client.headers["Authorization"] = "Basic YWxpY2U6eA=="
    text = browser.get(f"{LOGIN}?next=/x", follow=True).text
    assert "(&#39;/if/flow/default-authentication-flow/&#39;, &#39;GET&#39;, &#39;/x&#39;) [] False" in text
