"""How an outpost and an application behind it know each other: what is taken, and what outposts get."""

from __future__ import annotations

from typing import Any

import pytest

from control.outposts import view as outposts
from protocols.link.messages import CertificateRecord, ProviderRecord, ProxySettings
from tests.certificates import Issued, issue
from tests.control.web.api import Api

PROXY = {
    "name": "p",
    "mode": "proxy",
    "external_host": "https://app.example.com",
    "internal_host": "https://inner.example.com",
}


@pytest.fixture(scope="module")
def authority() -> Issued:
    return issue("Inner CA", authority=True)


def keypair(api: Api, name: str, issued: Issued, key: bool = True) -> str:
    body = {"name": name, "certificate_data": issued.pem, "key_data": issued.key_pem if key else ""}
    made: str = api.post("/crypto/certificatekeypairs/", body)["pk"]
    return made


def delivered(api: Api, provider: Any) -> tuple[ProxySettings, list[CertificateRecord]]:
    embedded = api.get("/outposts/instances/")["results"][0]["pk"]
    api.patch(f"/outposts/instances/{embedded}/", {"providers": [provider["pk"]]})
    records = api.sql.read_now(lambda tx: outposts.snapshot(tx, embedded))
    (record,) = [one for one in records if isinstance(one, ProviderRecord)]
    assert isinstance(record.settings, ProxySettings)
    return record.settings, [one for one in records if isinstance(one, CertificateRecord)]


def test_an_outpost_gets_what_it_believes_and_what_it_shows(api: Api, authority: Issued) -> None:
    shown = issue("outpost", authority)
    trusted, own = keypair(api, "ca", authority, key=False), keypair(api, "own", shown)
    chosen = {"internal_host_authorities": [trusted], "internal_host_certificate": own}
    provider = api.post("/providers/proxy/", {**PROXY, **chosen})
    assert (provider["internal_host_authorities"], provider["internal_host_certificate"]) == ([trusted], own)
    api.post("/core/applications/", {"name": "a", "slug": "a", "provider": provider["pk"]})
    settings, certificates = delivered(api, provider)
    assert settings.internal_host_authorities.strip() == authority.pem.strip()
    assert settings.internal_host_certificate.strip() == shown.pem.strip()
    assert settings.internal_host_key.strip() == shown.key_pem.strip()
    assert shown.key_pem not in repr(settings)
    assert not [one for one in certificates if one.pk in (trusted, own)], "shown to nobody else"


def test_authorities_that_are_gone_are_not_the_systems(api: Api, authority: Issued) -> None:
    trusted = keypair(api, "ca", authority)
    provider = api.post("/providers/proxy/", {**PROXY, "internal_host_authorities": [trusted]})
    api.post("/core/applications/", {"name": "a", "slug": "a", "provider": provider["pk"]})
    api.call("DELETE", f"/crypto/certificatekeypairs/{trusted}/")
    settings, _ = delivered(api, provider)
    assert settings.internal_host_authorities
    assert "BEGIN CERTIFICATE" not in settings.internal_host_authorities


def test_what_cannot_be_used_is_refused(api: Api, authority: Issued) -> None:
    without_key = keypair(api, "ca", authority, key=False)
    for field, value in (
        ("internal_host_authorities", ["0" * 32]),
        ("internal_host_certificate", "0" * 32),
        ("internal_host_certificate", without_key),
    ):
        assert field in api.post("/providers/proxy/", {**PROXY, field: value}, 400)


def test_a_certificate_that_is_deleted_is_not_shown_any_more(api: Api, authority: Issued) -> None:
    own = keypair(api, "own", authority)
    provider = api.post("/providers/proxy/", {**PROXY, "internal_host_certificate": own})
    api.call("DELETE", f"/crypto/certificatekeypairs/{own}/")
    assert api.get(f"/providers/proxy/{provider['pk']}/")["internal_host_certificate"] is None
