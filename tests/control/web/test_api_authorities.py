"""`/crypto/authorities/` and `/crypto/issued/`: who gets a certificate, once, and who loses it."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from starlette.applications import Starlette

from control.authentication import Proved
from control.proofs import proofs
from control.records import Device, Provider, User
from control.web import revocations
from protocols.link.messages import Authenticate
from tests.control.web.api import Api
from tests.stores import run


class Office:
    """An authority of our own, which a RADIUS provider believes."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.alice = api.user("alice")
        self.authority = api.post("/crypto/authorities/", {"name": "Wi-Fi"})["pk"]
        self.provider = api.post("/providers/radius/", {"name": "wifi", "client_authorities": [self.authority]})["pk"]

    def issue(self, **fields: Any) -> dict[str, Any]:
        path = f"/crypto/authorities/{self.authority}/issue/"
        made: dict[str, Any] = self.api.post(path, {"name": "laptop", "password": "secret", **fields})
        return made

    def prove(self, made: dict[str, Any]) -> Proved:
        chain = x509.load_pem_x509_certificates(made["certificate"].encode())
        shown = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain]
        provider = self.api.sql.read_now(lambda tx: tx.get(Provider, self.provider))
        question = Authenticate("q", self.provider, "host", {"kind": "certificate", "chain": shown}, "radius", "::1")
        return run(proofs(self.api.services)["certificate"](provider, question))  # type: ignore[arg-type]

    def device(self, **fields: Any) -> str:
        device = Device("02:00:00:00:00:01", name="printer", **fields)
        return self.api.sql.write_now(lambda tx: tx.insert(device).pk)


@pytest.fixture
def office(api: Api) -> Office:
    return Office(api)


def test_a_persons_certificate_lets_that_person_in(office: Office) -> None:
    made = office.issue(user=office.alice)
    assert "BEGIN PRIVATE KEY" in made["private_key"]
    key, leaf, chain = load_key_and_certificates(base64.b64decode(made["pkcs12"]), b"secret")
    assert key is not None
    assert leaf == x509.load_pem_x509_certificates(made["certificate"].encode())[0]
    assert len(chain) == 1
    proved = office.prove(made)
    assert (proved.reason, proved.user) == ("accepted", office.alice)


@pytest.mark.parametrize(("confirmed", "said"), [(True, ["alice@example.com"]), (False, [])])
def test_a_certificate_says_of_a_confirmed_address_alone(office: Office, confirmed: bool, said: list[str]) -> None:
    alice = office.api.sql.read_now(lambda tx: tx.get(User, office.alice))
    office.api.sql.write_now(lambda tx: tx.update(replace(alice, email="alice@example.com", email_verified=confirmed)))
    (leaf, *_) = x509.load_pem_x509_certificates(office.issue(user=office.alice)["certificate"].encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == said


def test_the_key_is_given_out_once(office: Office) -> None:
    made = office.issue(user=office.alice)
    again = office.api.get(f"/crypto/issued/{made['pk']}/")
    assert again == {
        name: value for name, value in made.items() if name not in ("private_key", "pkcs12", "pkcs12_password")
    }
    assert "PRIVATE KEY" not in str(again)


def test_a_password_is_made_up_where_none_is_given(office: Office) -> None:
    made = office.issue(user=office.alice, password="")
    assert len(made["pkcs12_password"]) >= 16
    load_key_and_certificates(base64.b64decode(made["pkcs12"]), made["pkcs12_password"].encode())


def test_revoked_it_lets_nobody_in_and_others_can_know(office: Office) -> None:
    made = office.issue(user=office.alice)
    assert office.api.post(f"/crypto/issued/{made['pk']}/revoke/", {}, 200)["revoked"] is not None
    assert office.prove(made).reason == "certificate_revoked"
    listed = office.api.call("GET", f"/crypto/authorities/{office.authority}/revocations/?download")
    revoked = x509.load_pem_x509_crl(listed.text)
    assert revoked.get_revoked_certificate_by_serial_number(int(made["serial"], 16)) is not None
    other = office.issue(user=office.alice)
    assert office.prove(other).reason == "accepted"


def test_it_stands_for_the_person_and_not_for_the_name(office: Office) -> None:
    made = office.issue(user=office.alice)
    office.api.call("PATCH", f"/core/users/{office.alice}/", {"username": "alicia"})
    bob = office.api.user("alice")  # somebody else, who is called so now
    assert office.prove(made).user == office.alice
    office.api.call("DELETE", f"/core/users/{office.alice}/")
    assert office.prove(made).reason == "certificate_names_nobody"
    assert bob != office.alice


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({}, "device_of_nobody"), ({"user": 1}, "accepted"), ({"user": 1, "enabled": False}, "device_disabled")],
)
def test_a_devices_certificate_lets_its_user_in(office: Office, fields: dict[str, Any], reason: str) -> None:
    made = office.issue(device=office.device(**fields))
    assert office.prove(made).reason == reason


@pytest.mark.parametrize("fields", [{}, {"user": 1, "device": "0" * 32}, {"user": 99}, {"device": "0" * 32}])
def test_it_is_for_one_that_there_is(office: Office, fields: dict[str, Any]) -> None:
    office.api.post(f"/crypto/authorities/{office.authority}/issue/", {"name": "x", **fields}, 400)


def test_what_is_no_authority_issues_nothing(office: Office) -> None:
    pair = office.api.post("/crypto/certificatekeypairs/generate/", {"common_name": "c", "alg": "ecdsa"}, 200)["pk"]
    refused = office.api.post(f"/crypto/authorities/{pair}/issue/", {"name": "x", "user": office.alice}, 400)
    assert "not an authority" in str(refused)
    assert office.api.call("GET", f"/crypto/authorities/{pair}/revocations/").status == 404


def test_an_authority_signs_the_servers_certificate_too(office: Office) -> None:
    asked = {"common_name": "radius.example.com", "authority": office.authority, "alg": "ecdsa"}
    pair = office.api.post("/crypto/certificatekeypairs/generate/", asked, 200)
    pem = office.api.get(f"/crypto/certificatekeypairs/{pair['pk']}/view_certificate/")["data"]
    leaf, above = x509.load_pem_x509_certificates(pem.encode())
    leaf.verify_directly_issued_by(above)
    assert pair["private_key_available"]


def test_nobody_but_administrators_issues_or_revokes(office: Office) -> None:
    made = office.issue(user=office.alice)
    token = office.api.token(office.alice)
    for path in ("authorities/", f"authorities/{office.authority}/issue/", f"issued/{made['pk']}/revoke/"):
        assert office.api.call("POST", f"/crypto/{path}", {}, token=token).status == 403
    assert office.api.call("GET", "/crypto/issued/", token=token).status == 403


# --- where the list is found ---------------------------------------------------------------------------------------


def listed_at(made: dict[str, Any]) -> list[str]:
    leaf = x509.load_pem_x509_certificates(made["certificate"].encode())[0]
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    return [name.value for point in points for name in point.full_name or ()]


def fetched(office: Office, pk: str) -> httpx.Response:
    async def get() -> httpx.Response:
        face = httpx.ASGITransport(Starlette(routes=revocations.routes(office.api.services)))
        async with httpx.AsyncClient(transport=face, base_url="http://testserver") as client:
            return await client.get(f"/crypto/revocations/{pk}.crl")

    return asyncio.run(get())


def test_certificates_say_where_the_list_is_and_there_it_is(office: Office) -> None:
    before = office.issue(user=office.alice)
    with pytest.raises(x509.ExtensionNotFound):
        listed_at(before)
    office.api.call("PATCH", "/admin/settings/", {"base_url": "https://auth.example.com"})
    made = office.issue(user=office.alice)
    path = f"/crypto/revocations/{office.authority}.crl"
    assert listed_at(made) == [f"https://auth.example.com{path}"]
    office.api.post(f"/crypto/issued/{made['pk']}/revoke/", {}, 200)
    answer = fetched(office, office.authority)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pkix-crl")
    found = x509.load_der_x509_crl(answer.content)
    authority = x509.load_pem_x509_certificates(made["certificate"].encode())[1]
    assert found.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    assert found.get_revoked_certificate_by_serial_number(int(made["serial"], 16)) is not None


def test_the_servers_certificate_says_so_too(office: Office) -> None:
    office.api.call("PATCH", "/admin/settings/", {"base_url": "https://auth.example.com"})
    asked = {"common_name": "radius.example.com", "authority": office.authority, "alg": "ecdsa"}
    pair = office.api.post("/crypto/certificatekeypairs/generate/", asked, 200)
    pem = office.api.get(f"/crypto/certificatekeypairs/{pair['pk']}/view_certificate/")["data"]
    assert listed_at({"certificate": pem}) == [f"https://auth.example.com/crypto/revocations/{office.authority}.crl"]


def test_there_is_no_list_of_what_is_no_authority(office: Office) -> None:
    pair = office.api.post("/crypto/certificatekeypairs/generate/", {"common_name": "c", "alg": "ecdsa"}, 200)["pk"]
    assert [fetched(office, pk).status_code for pk in (pair, "0" * 32, "x")] == [404, 404, 404]
