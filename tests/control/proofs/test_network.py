"""CHAP and MS-CHAPv2: the RFCs' vectors, and only network passwords."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from control.authentication import STATIC, Proved
from control.proofs import network, proofs
from control.records import Provider, Stage, TokenUse
from control.store.interface import Transaction
from control.verbs import tokens
from protocols.link.messages import Authenticate, NetworkHash
from protocols.radius import mschapv2 as ms
from protocols.radius.md4 import md4
from rules.reasons import REASONS, Outcome
from tests.control.flows.house import House
from tests.stores import run

PEER, AUTHENTICATOR = bytes(range(16)), bytes(range(16, 32))


class Network(House):
    """Asks as the RADIUS door does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.proofs = proofs(self.services)
        self.radius = self.provider()

    def ask(self, username: str, proof: dict[str, Any]) -> Proved:
        question = Authenticate("q", self.radius.pk, username, proof, "radius", "192.0.2.1")
        return run(self.proofs[proof["kind"]](self.radius, question))  # type: ignore[arg-type]


def chap(password: str, challenge: bytes = AUTHENTICATOR, identifier: int = 7) -> dict[str, Any]:
    response = md5(bytes((identifier,)) + password.encode() + challenge, usedforsecurity=False).digest()
    return {"kind": "chap", "identifier": identifier, "challenge": challenge.hex(), "response": response.hex()}


def mschapv2(password: str, name: str = "alice") -> dict[str, Any]:
    response = ms.nt_response(ms.challenge_hash(PEER, AUTHENTICATOR, name), ms.nt_hash(password))
    return {
        "kind": "mschapv2",
        "authenticator_challenge": AUTHENTICATOR.hex(),
        "peer_challenge": PEER.hex(),
        "nt_response": response.hex(),
        "name": name,
    }


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Network]:
    opened = Network(tmp_path)
    yield opened
    opened.close()


def test_rfc_2759_and_the_keys_that_a_door_needs() -> None:
    proof = {
        "kind": "mschapv2",
        "authenticator_challenge": "5B5D7C7D7B3F2F3E3C2C602132262628",
        "peer_challenge": "21402324255E262A28295F2B3A337C7E",
        "nt_response": "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF",
        "name": "User",
    }
    name, matches = network.mschapv2_matches(proof)
    assert name == "User"
    assert matches("clientPass") == {
        "authenticator_response": "S=407A5589115FD0D6209F510FE9C04566932CDA56",
        "password_hash_hash": "41c00c584bd2d91c4017a2a12fa59f3f",
    }
    assert matches("clientpass") is None


def test_rfc_2865_chap() -> None:
    """Section 7.2: flopsy's password is arctangent, and the Request Authenticator is the challenge (RFC 1994, 4.1)."""
    proof = {
        "kind": "chap",
        "identifier": 22,
        "challenge": "2aee86f08d0d55969ca5978e0d3367a2",
        "response": "e97557c316185895f293ff6344077275",
    }
    assert network.chap_matches(proof)("arctangent") == {}
    assert network.chap_matches(proof)("arctangens") is None
    assert network.chap_matches({**proof, "identifier": 23})("arctangent") is None


def test_each_device_has_its_own_and_each_is_good(house: Network) -> None:
    alice = house.user("alice", email="alice@example.com")
    phone = house.token(alice, "network_password", "phone")
    laptop = house.token(alice, "network_password", "laptop")
    for key in (phone.key, laptop.key):
        for proof in (chap(key), mschapv2(key)):
            proved = house.ask("alice", proof)
            assert (proved.reason, proved.user, proved.version, proved.reuse) == ("accepted", alice, 2, STATIC)
    assert house.ask("alice@example.com", mschapv2(phone.key)).user == alice
    assert house.ask("EXAMPLE\\alice", mschapv2(phone.key)).user == alice
    uses = house.sql.read_now(lambda tx: tx.select(TokenUse))
    assert {use.pk for use in uses} == {phone.pk, laptop.pk}


def test_its_use_is_written_once_a_minute(house: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    key = house.token(house.user("alice"), "network_password").key
    written: list[str] = []
    used = tokens.used

    def counted(tx: Transaction, pk: str) -> None:
        written.append(pk)
        used(tx, pk)

    monkeypatch.setattr(tokens, "used", counted)
    for seconds, often in ((0.0, 1), (tokens.USE_SECONDS - 1, 1), (1.0, 2), (0.0, 2)):
        house.clock.advance(seconds)
        assert house.ask("alice", mschapv2(key)).reason == "accepted"
        assert len(written) == often


def test_mschapv2_gives_keys_and_chap_none(house: Network) -> None:
    key = house.token(house.user("alice"), "network_password").key
    assert house.ask("alice", chap(key)).keys.keys() == {"session"}
    keys = house.ask("alice", mschapv2(key)).keys
    assert keys["password_hash_hash"] == md4(ms.nt_hash(key)).hex()
    assert keys["authenticator_response"].startswith("S=")


@pytest.mark.parametrize("proof", [chap, mschapv2])
def test_no_other_secret_of_the_user_is_good(house: Network, proof: Any) -> None:
    alice = house.user("alice", password="right")
    app = house.token(alice, "app_password", "app").key
    for secret in ("right", app, network.DUMMY):
        assert house.ask("alice", proof(secret)) == Proved("needs_network_password", alice)
    house.token(alice, "network_password", "phone")
    for secret in ("right", app, network.DUMMY):
        assert house.ask("alice", proof(secret)) == Proved("wrong_network_password", alice)


def test_another_ones_password_is_not_good_whatever_name_was_hashed(house: Network) -> None:
    bobs = house.token(house.user("bob"), "network_password", "bobs").key
    alice = house.user("alice")
    house.token(alice, "network_password", "hers")
    assert house.ask("alice", mschapv2(bobs)) == Proved("wrong_network_password", alice)
    assert house.ask("alice", mschapv2(bobs, name="bob")) == Proved("wrong_network_password", alice)
    assert house.ask("nobody", chap(bobs)) == Proved("unknown_user")


def test_it_ends_at_once_when_it_expires_or_is_taken_back(house: Network) -> None:
    alice = house.user("alice")
    token = house.token(alice, "network_password", expires=house.clock.now() + 10)
    assert house.ask("alice", mschapv2(token.key)).reason == "accepted"
    house.clock.advance(10)
    for proof in (mschapv2, chap):
        assert house.ask("alice", proof(token.key)) == Proved("device_password_expired", alice)
        assert house.ask("alice", proof("never one of hers")) == Proved("needs_network_password", alice)
    endless = house.token(alice, "network_password", "endless")
    assert house.ask("alice", mschapv2(endless.key)).reason == "accepted"
    house.sql.write_now(lambda tx: tokens.delete(tx, endless.pk))
    assert house.ask("alice", mschapv2(endless.key)) == Proved("needs_network_password", alice)


# --- what an outpost is told of it ---


def remembering(house: Network, kind: str = "radius", on: bool = True) -> None:
    house.radius = replace(house.radius, kind=kind, settings={"remember_network_passwords": on})


def test_whoever_has_shown_it_hears_its_hash_where_outposts_remember_it(house: Network) -> None:
    remembering(house)
    alice = house.user("alice")
    ends = house.clock.now() + 100
    phone = house.token(alice, "network_password", "phone", expires=ends)
    laptop = house.token(alice, "network_password", "laptop")
    for token, until in ((phone, ends), (laptop, None)):
        proved = house.ask("alice", mschapv2(token.key))
        assert proved.network_hash == NetworkHash(alice, ms.nt_hash(token.key).hex().upper(), until)
        assert proved.network_hash.nt_hash not in repr(proved)


@pytest.mark.parametrize(("kind", "on"), [("radius", False), ("ldap", True), ("proxy", True)])
def test_unless_the_provider_says_so_nobody_hears_it(house: Network, kind: str, on: bool) -> None:
    remembering(house, kind, on)
    key = house.token(house.user("alice"), "network_password").key
    proved = house.ask("alice", mschapv2(key))
    assert (proved.reason, proved.network_hash) == ("accepted", None)


def test_nothing_but_a_right_answer_by_a_network_password_brings_a_hash(house: Network) -> None:
    """Above all not the main password's: of that there is none to tell."""
    remembering(house)
    alice = house.user("alice", password="right")
    app = house.token(alice, "app_password", "app").key
    bobs = house.token(house.user("bob"), "network_password", "bobs").key
    for name in ("phone", "laptop"):
        for wrong in ("right", app, bobs, network.DUMMY):
            proved = house.ask("alice", mschapv2(wrong))
            assert (REASONS[proved.reason].outcome, proved.network_hash) == (Outcome.BAD_CREDENTIALS, None)
        assert house.ask("nobody", mschapv2(bobs)).network_hash is None
        phone = house.token(alice, "network_password", name, expires=house.clock.now() + 10)
    assert house.ask("alice", {"kind": "password", "password": "right"}) == Proved("accepted", alice, 2)
    for proof in (chap(phone.key), {"kind": "password", "password": phone.key}):
        proved = house.ask("alice", proof)
        assert (proved.reason, proved.network_hash) == ("accepted", None), "these are known without"
    house.clock.advance(10)
    assert house.ask("alice", mschapv2(phone.key)).network_hash is None


def test_a_name_is_who_the_providers_flow_says(house: Network) -> None:
    key = house.token(house.user("alice", email="a@example.com"), "network_password").key
    flow = house.flow("identification", "password")

    def only_by_address(tx: Transaction) -> Provider:
        stage = tx.find(Stage, name="own-0")
        assert stage is not None
        tx.update(type(stage)(stage.name, stage.kind, stage.pk, {"user_fields": ["email"]}))
        return tx.update(type(house.radius)("p", "ldap", house.radius.pk, authentication_flow=flow.pk))

    house.radius = house.sql.write_now(only_by_address)
    assert house.ask("a@example.com", chap(key)).reason == "accepted"
    assert house.ask("alice", chap(key)).reason == "unknown_user"


def test_a_upn_is_a_name_where_the_providers_flow_says_so(house: Network) -> None:
    upn = "alice@corp.example.com"
    key = house.token(house.user("alice", "right", attributes={"upn": upn}), "network_password").key
    flow = house.flow("identification", "password")
    assert house.ask(upn, chap(key)).reason == "unknown_user"

    def by_upn(tx: Transaction) -> Provider:
        stage = tx.find(Stage, name="own-0")
        assert stage is not None
        tx.update(type(stage)(stage.name, stage.kind, stage.pk, {"user_fields": ["upn"]}))
        return tx.update(type(house.radius)("p", "ldap", house.radius.pk, authentication_flow=flow.pk))

    house.radius = house.sql.write_now(by_upn)
    assert house.ask(upn, chap(key)).reason == "accepted"
    assert house.ask("alice", chap(key)).reason == "unknown_user"
    assert house.ask(upn, {"kind": "password", "password": "right"}).reason == "accepted"


@pytest.mark.parametrize(
    "wrong",
    [
        {"response": "00" * 15},
        {"response": "zz" * 16},
        {"response": 7},
        {"identifier": 256},
        {"identifier": True},
        {"identifier": "7"},
        {"challenge": ""},
        {"challenge": "00" * 300},
    ],
)
def test_a_chap_response_with_wrong_parts_is_malformed(house: Network, wrong: dict[str, Any]) -> None:
    key = house.token(house.user("alice"), "network_password").key
    assert house.ask("alice", chap(key) | wrong) == Proved("malformed_proof")


@pytest.mark.parametrize(
    "wrong",
    [
        {"peer_challenge": "00" * 15},
        {"authenticator_challenge": "00" * 17},
        {"nt_response": "00" * 16},
        {"nt_response": None},
        {"name": ["alice"]},
        {"name": "x" * 1000},
    ],
)
def test_an_mschapv2_response_with_wrong_parts_is_malformed(house: Network, wrong: dict[str, Any]) -> None:
    key = house.token(house.user("alice"), "network_password").key
    assert house.ask("alice", mschapv2(key) | wrong) == Proved("malformed_proof")
