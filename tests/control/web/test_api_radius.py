"""`/radius/rules/` and `/radius/nas/`: what is taken, what is refused with a sentence, and what outposts get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from control.outposts.view import provider_record
from control.records import Provider, RadiusOrder, RadiusPin, RadiusSession
from protocols.link.messages import RadiusSettings, ReplyAttribute
from tests.control.web.api import Api


def a_provider(api: Api) -> int:
    pk: int = api.post("/providers/radius/", {"name": "wifi"})["pk"]
    api.post("/core/applications/", {"name": "Wi-Fi", "slug": "wifi", "provider": pk})
    return pk


def settings(api: Api, pk: int) -> RadiusSettings:
    """As outposts are told."""
    record = api.sql.read_now(lambda tx: provider_record(tx, tx.get(Provider, pk)))
    assert record is not None
    assert isinstance(record.settings, RadiusSettings)
    return record.settings


def test_whether_outposts_remember_network_passwords_is_said_and_no_hash_goes_along(api: Api) -> None:
    pk = a_provider(api)
    made = api.post("/core/tokens/", {"identifier": "phone", "intent": "network_password", "user": 1})
    place = f"/providers/radius/{pk}/"
    for on in (False, True):
        assert settings(api, pk).remember_network_passwords is api.get(place)["remember_network_passwords"] is on
        record = api.sql.read_now(lambda tx: provider_record(tx, tx.get(Provider, pk)))
        assert record is not None
        assert record.network_hashes == ()
        api.patch(place, {"remember_network_passwords": True})
    assert made["intent"] == "network_password"
    assert api.patch(place, {"remember_network_passwords": "sometimes"}, 400).keys() == {"remember_network_passwords"}
    api.sql.write_now(lambda tx: tx.update(replace(tx.get(Provider, pk), settings={"client_networks": "10.0.0.0/8"})))
    assert api.get(place)["remember_network_passwords"] is False, "of one that was stored before there was such a thing"


def a_rule(provider: int, **fields: Any) -> dict[str, Any]:
    attributes = [{"name": "Tunnel-Private-Group-ID", "value": "20", "tag": 1}]
    return {"name": "staff", "provider": provider, "attributes": attributes, **fields}


def test_rules_reach_the_outpost_in_their_order(api: Api) -> None:
    pk = a_provider(api)
    for order, name in ((20, "later"), (10, "sooner")):
        api.post("/radius/rules/", a_rule(pk, name=name, order=order, ssid=name, weekdays=[6, 0]))
    api.post("/radius/rules/", a_rule(pk, name="off", enabled=False))
    found = settings(api, pk).rules
    assert [rule.ssid for rule in found] == ["sooner", "later"]
    assert found[0].attributes == (ReplyAttribute("Tunnel-Private-Group-ID", "20", 1),)
    assert found[0].weekdays == (0, 6)
    assert api.get("/radius/rules/?provider=1")["pagination"]["count"] == 3


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ({"name": "Nonsense", "value": "x"}, "is no RADIUS attribute that an answer can have"),
        ({"name": "Session-Timeout", "value": "an hour"}, "is no value of Session-Timeout. Write a number"),
        ({"name": "Filter-Id", "value": "x", "tag": 1}, "takes no tag"),
        ({"name": "User-Password", "value": "x"}, "is no RADIUS attribute"),
    ],
)
def test_an_attribute_that_cannot_be_sent_is_refused(api: Api, attribute: dict[str, Any], words: str) -> None:
    body = api.post("/radius/rules/", a_rule(a_provider(api), attributes=[attribute]), 400)
    assert words in str(body)


def test_rules_are_for_radius_providers_and_groups_that_exist(api: Api) -> None:
    pk = a_provider(api)
    ldap = api.post("/providers/ldap/", {"name": "ldap"})["pk"]
    assert api.post("/radius/rules/", a_rule(ldap), 400) == {"provider": ["Choose a RADIUS provider."]}
    assert "group" in api.post("/radius/rules/", a_rule(pk, group="0" * 32), 400)
    assert "weekdays" in api.post("/radius/rules/", a_rule(pk, weekdays=[7]), 400)
    large = [{"name": "Filter-Id", "value": "x" * 240}] * 20
    assert "room" in str(api.post("/radius/rules/", a_rule(pk, attributes=large), 400))


def test_a_rule_goes_with_its_group_and_never_widens(api: Api) -> None:
    pk = a_provider(api)
    group = api.post("/core/groups/", {"name": "staff"})["pk"]
    rule = api.post("/radius/rules/", a_rule(pk, group=group))["pk"]
    assert api.patch(f"/radius/rules/{rule}/", {"ssid": "Staff"})["group"] == group
    assert api.call("DELETE", f"/core/groups/{group}/").status == 204
    assert settings(api, pk).rules == ()


def test_nas_have_secrets_of_their_own(api: Api) -> None:
    pk = a_provider(api)
    made = api.post("/radius/nas/", {"name": "ap", "provider": pk, "network": "192.0.2.7"})
    assert made["network"] == "192.0.2.7/32"
    assert len(made["shared_secret"]) == 64
    assert made["warnings"] == []
    short = api.patch(f"/radius/nas/{made['pk']}/", {"shared_secret": "short", "message_authenticator": "required"})
    assert "can be guessed" in short["warnings"][0]
    [nas] = settings(api, pk).nas
    assert (nas.network, nas.shared_secret, nas.message_authenticator) == ("192.0.2.7/32", "short", "required")
    for wrong in ({"shared_secret": ""}, {"network": "here"}, {"message_authenticator": "sometimes"}):
        api.patch(f"/radius/nas/{made['pk']}/", wrong, 400)
    twice = {"name": "other", "provider": pk, "network": "192.0.2.7"}
    api.post("/radius/nas/", twice, 400)
    api.post("/radius/nas/", {**twice, "identifier": "ap-2"})


def test_a_provider_says_which_eap_methods_and_whose_certificates(api: Api) -> None:
    pk = a_provider(api)
    assert settings(api, pk).eap_methods == ("peap", "ttls", "tls", "mschapv2")
    assert settings(api, pk).client_authorities == ""
    pair = api.post("/crypto/certificatekeypairs/generate/", {"common_name": "ca", "alg": "ecdsa"}, 200)["pk"]
    api.patch(f"/providers/radius/{pk}/", {"eap_methods": ["tls"], "client_authorities": [pair]})
    assert settings(api, pk).eap_methods == ("tls",)
    assert settings(api, pk).client_authorities.startswith("-----BEGIN CERTIFICATE-----")
    api.patch(f"/providers/radius/{pk}/", {"eap_methods": ["md5"]}, 400)
    api.patch(f"/providers/radius/{pk}/", {"eap_methods": ["tls", "tls"]}, 400)
    api.patch(f"/providers/radius/{pk}/", {"client_authorities": ["0" * 32]}, 400)


def test_nobody_but_administrators_reads_secrets(api: Api) -> None:
    pk = a_provider(api)
    api.post("/radius/nas/", {"name": "ap", "provider": pk, "network": "192.0.2.7"})
    token = api.token(api.user("alice"))
    for path in ("rules", "nas", "sessions"):
        assert api.call("GET", f"/radius/{path}/", token=token).status == 403


def test_sessions_are_listed_by_whose_they_are_and_whether_they_go_on(api: Api) -> None:
    alice = api.user("alice")
    kept = (
        RadiusSession("192.0.2.7", "ap-7", "1", user=alice, username="alice", started=10.0, input_octets=2**33),
        RadiusSession("192.0.2.7", "ap-7", "2", user=alice, live=False, started=5.0, ended=9.0, cause="User-Request"),
        RadiusSession("192.0.2.8", "ap-8", "3", started=7.0),
    )
    for one in kept:
        api.sql.write_now(lambda tx, one=one: tx.insert(one))  # type: ignore[misc]

    def found(query: str) -> list[str]:
        return [one["session"] for one in api.get(f"/radius/sessions/{query}")["results"]]

    assert found("") == ["1", "3", "2"]
    assert found("?live=true") == ["1", "3"]
    assert found(f"?user={alice}&live=false") == ["2"]
    assert found("?nas=192.0.2.8") == found("?search=ap-8") == ["3"]
    [ended] = api.get("/radius/sessions/?session=2")["results"]
    assert (ended["started"], ended["ended"]) == ("1970-01-01T00:00:05.000000Z", "1970-01-01T00:00:09.000000Z")
    assert api.get("/radius/sessions/?session=1")["results"][0]["input_octets"] == 2**33


def a_session(api: Api, **fields: Any) -> str:
    session = RadiusSession("192.0.2.7", "ap-7", "1", outpost="edge", **fields)
    pk: str = api.sql.write_now(lambda tx: tx.insert(session).pk)
    return pk


def test_an_administrator_ends_and_changes_sessions(api: Api) -> None:
    pk = a_session(api)
    asked = api.post(f"/radius/sessions/{pk}/disconnect/", {}, 202)
    assert (asked["order"], asked["outcome"], asked["why"]) == ("disconnect", "asked", "by_hand")
    vlan = {"attributes": [{"name": "Tunnel-Private-Group-ID", "value": "20", "tag": 1}]}
    api.post(f"/radius/sessions/{pk}/coa/", vlan, 202)
    [order] = api.sql.read_now(lambda tx: tx.select(RadiusOrder))
    assert (order.kind, order.outpost, order.attributes) == ("coa", "edge", tuple(vlan["attributes"]))
    assert "attributes" in api.post(f"/radius/sessions/{pk}/coa/", {}, 400)
    for name in ("Tunnel-Password", "Aruba-MPSK-Passphrase", "Attr-26.65000.1*"):
        secret = {"attributes": [{"name": name, "value": "0x01"}]}
        assert "has no place in an order" in str(api.post(f"/radius/sessions/{pk}/coa/", secret, 400))
    long = {"attributes": [{"name": "Filter-Id", "value": "x" * 250}] * 13}
    assert "there is room for 3000" in str(api.post(f"/radius/sessions/{pk}/coa/", long, 400))
    assert "is no RADIUS attribute" in str(
        api.post(f"/radius/sessions/{pk}/coa/", {"attributes": [{"name": "Nonsense", "value": "x"}]}, 400)
    )


def test_what_has_ended_is_not_ended_again(api: Api) -> None:
    pk = a_session(api, live=False)
    assert "has ended" in str(api.post(f"/radius/sessions/{pk}/disconnect/", {}, 400))
    assert api.sql.read_now(lambda tx: tx.select(RadiusOrder)) == []


def test_the_port_for_orders_reaches_the_outpost(api: Api) -> None:
    pk = a_provider(api)
    assert settings(api, pk).coa_port == 3799
    api.call("PATCH", f"/providers/radius/{pk}/", {"coa_port": 1700})
    api.post("/radius/nas/", {"name": "ap", "provider": pk, "network": "192.0.2.7", "coa_port": 0})
    assert settings(api, pk).coa_port == 1700
    assert [nas.coa_port for nas in settings(api, pk).nas] == [0]


def test_pins_are_seen_beside_their_nas_reach_the_outpost_and_are_forgiven(api: Api) -> None:
    provider = a_provider(api)
    nas = api.post("/radius/nas/", {"name": "ap", "provider": provider, "network": "192.0.2.7"})
    assert nas["pinned"] == []
    for address, of in (("192.0.2.7", nas["pk"]), ("198.51.100.9", None)):
        api.sql.write_now(lambda tx, address=address, of=of: tx.insert(RadiusPin(address, provider, of, created=5.0)))  # type: ignore[misc]
    assert api.get(f"/radius/nas/{nas['pk']}/")["pinned"] == ["192.0.2.7"]
    first, second = api.get("/radius/pins/")["results"]
    assert (first["address"], first["nas"], first["created"]) == ("192.0.2.7", nas["pk"], "1970-01-01T00:00:05.000000Z")
    assert (second["address"], second["nas"], second["provider"]) == ("198.51.100.9", None, provider)
    assert settings(api, provider).pinned == ("192.0.2.7", "198.51.100.9")
    api.call("DELETE", f"/radius/pins/{first['pk']}/")
    assert settings(api, provider).pinned == ("198.51.100.9",)
    assert api.get(f"/radius/nas/{nas['pk']}/")["pinned"] == []


def test_devices_have_one_form_a_key_that_is_not_shown_and_a_user(api: Api) -> None:
    user = api.user("printer")
    made = api.post("/radius/devices/", {"address": "AABB.CCDD.EEFF", "user": user, "vlan": "30", "psk": "12345678"})
    assert (made["address"], made["has_psk"]) == ("aa:bb:cc:dd:ee:ff", True)
    assert "12345678" not in str(made)
    path = f"/radius/devices/{made['pk']}/"
    api.call("PATCH", path, {"name": "upstairs"})
    assert (api.get(path)["name"], api.get(path)["has_psk"]) == ("upstairs", True)
    api.call("PATCH", path, {"psk": ""})
    assert api.get(path)["has_psk"] is False
    assert "address" in api.post("/radius/devices/", {"address": "aabbccddeeff"}, 400)
    assert api.get("/radius/devices/?user=999")["results"] == []


@pytest.mark.parametrize(
    "fields", [{"address": "printer"}, {"user": 99}, {"psk": "short"}, {"psk": "ü" * 8}, {"vlan": "x" * 300}]
)
def test_a_device_that_cannot_be_is_refused(api: Api, fields: dict[str, Any]) -> None:
    api.post("/radius/devices/", {"address": "aabbccddeeff", **fields}, 400)


def test_realms_reach_the_outpost(api: Api) -> None:
    pk = a_provider(api)
    assert settings(api, pk).stripped_realms == ()
    api.call("PATCH", f"/providers/radius/{pk}/", {"stripped_realms": "example.com,  OFFICE,"})
    assert api.get(f"/providers/radius/{pk}/")["stripped_realms"] == "example.com, OFFICE"
    assert settings(api, pk).stripped_realms == ("example.com", "OFFICE")
