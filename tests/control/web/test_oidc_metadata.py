"""Where applications look for the issuer, beside its own address: RFC 8414 and RFC 7033."""

from __future__ import annotations

import pytest

from control import brands as looks
from control.store.interface import Transaction
from control.verbs import brands
from tests.control.oidc.relying import ISSUER, OWN, Relying

WEBFINGER = "/.well-known/webfinger"
RELATION = "http://openid.net/specs/connect/1.0/issuer"


@pytest.mark.parametrize("end", ["", "/"])
def test_the_metadata_of_an_authorization_server_is_the_discovery_document(relying: Relying, end: str) -> None:
    found = relying.call("GET", f"/.well-known/oauth-authorization-server{OWN}{end}")
    assert found.status_code == 200
    assert found.json() == relying.call("GET", f"{OWN}/.well-known/openid-configuration").json()
    assert found.json()["issuer"] == ISSUER


def test_of_no_application_there_is_none(relying: Relying) -> None:
    found = relying.call("GET", "/.well-known/oauth-authorization-server/application/o/nobody/")
    assert (found.status_code, found.json()["error"]) == (404, "not_found")


def of_the_default_application(relying: Relying) -> None:
    def verb(tx: Transaction) -> None:
        brand = looks.serving(tx, "")
        brands.update(tx, brand.pk, {"default_application": relying.application.pk}, True)

    relying.sql.write_now(verb)


def test_everybodys_issuer_is_that_of_the_default_application(relying: Relying) -> None:
    asked = {"resource": "acct:alice@example.com"}
    assert relying.call("GET", WEBFINGER, params=asked).json()["links"] == []
    of_the_default_application(relying)
    found = relying.call("GET", WEBFINGER, params={**asked, "rel": RELATION})
    assert found.headers["content-type"] == "application/jrd+json"
    assert found.headers["access-control-allow-origin"] == "*"
    assert found.json() == {"subject": asked["resource"], "links": [{"rel": RELATION, "href": ISSUER}]}
    assert relying.call("GET", WEBFINGER, params={**asked, "rel": "avatar"}).json()["links"] == []


@pytest.mark.parametrize("asked", [{}, {"resource": ""}, {"resource": "x" * 3000}])
def test_a_question_about_nobody_is_refused(relying: Relying, asked: dict[str, str]) -> None:
    found = relying.call("GET", WEBFINGER, params=asked)
    assert (found.status_code, found.json()["error"]) == (400, "invalid_request")
