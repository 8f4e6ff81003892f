"""Samba's attributes are for readers of the whole directory; hashes of network passwords for those alone, over TLS, by
name, and where somebody has switched it on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocols.link.messages import Configuration, NetworkHash
from tests.outpost.directory.people import ALICE, BASE, BOB, DORA, NOW, RECORDS, USERS, People, a_provider
from tests.outpost.listeners.ldap_door import BOB_DN, PASSWORDS, Client, Door
from tests.protocols.ldap import peer

HASH, SPENT = "8846F7EAEE8FB117AD06BDD830B7586C", "0CB6948805F797BF2A82807973B89537"
WANTED = ("sambaNTPassword", "sambaSID")


def samba(hashes: bool = True, **settings: Any) -> Door:
    provider = replace(
        a_provider(samba=True, samba_password_hashes=hashes, **settings),
        network_hashes=(NetworkHash(BOB, HASH), NetworkHash(ALICE, SPENT, NOW - 1), NetworkHash(DORA, HASH)),
    )
    return Door(People((*RECORDS[:-1], provider)))


def bound(door: Door, name: str = "alice", secure: bool = True) -> Client:
    client = door.connect()
    client.connection._session.secure = secure
    assert client.bind(f"cn={name},{USERS}", PASSWORDS[name]) == 0
    return client


def seen(client: Client, name: str = BOB_DN, wanted: tuple[str, ...] = WANTED) -> set[str]:
    entry, done = client.ask(peer.search(2, name, peer.BASE, attributes=wanted))
    assert done.code == 0
    return set(entry.attributes)


def test_who_may_read_everything_reads_hashes_over_tls_by_name() -> None:
    client = bound(samba())
    for _ in range(2):  # nothing is remembered from one answer to the next
        entry, _done = client.ask(peer.search(2, BOB_DN, peer.BASE, attributes=["sambantpassword"]))
        assert entry.attributes == {"sambaNTPassword": [HASH.encode()]}
    (alice, bob, carol, dora), _end = seen_by_all(client)
    assert (alice, bob, carol, dora) == (None, HASH.encode(), None, None), "neither ended ones nor disabled people's"
    for wanted in ((), ("*",), ("+",), ("*", "+"), ("1.1",), ("@sambaDomain",)):
        assert "sambaNTPassword" not in seen(client, wanted=wanted)


def seen_by_all(client: Client) -> tuple[list[bytes | None], int | None]:
    *entries, done = client.ask(peer.search(2, USERS, peer.ONE, attributes=["sambaNTPassword"]))
    return [entry.attributes.get("sambaNTPassword", [None])[0] for entry in entries], done.code


def test_a_hash_is_gone_at_its_end() -> None:
    door = samba()
    provider = door.people.directory.current.providers[5]
    ending = replace(provider, network_hashes=(NetworkHash(BOB, HASH, NOW + 60),))
    door.people.change(Configuration((ending,)))
    client = bound(door)
    assert "sambaNTPassword" in seen(client)
    door.now += 60
    assert "sambaNTPassword" not in seen(client)


def test_nobody_else_reads_hashes() -> None:
    assert seen(bound(samba(), secure=False)) == {"sambaSID"}, "in the clear"
    assert seen(bound(samba(hashes=False))) == {"sambaSID"}, "not switched on"
    assert seen(bound(samba(), "bob")) == set(), "one's own entry"
    anybody = samba(anonymous_search=True).connect()
    anybody.connection._session.secure = True
    assert seen(anybody) == set(), "without a bind"


def test_no_filter_and_no_comparison_finds_a_hash() -> None:
    client = bound(samba())
    for text in ("(sambaNTPassword=*)", f"(sambaNTPassword={HASH})", "(sambaNTPassword=8*)", "(!(sambaNTPassword=0))"):
        assert client.names(peer.search(2, BASE, filter=text)) == []
    assert client.code(peer.compare(3, BOB_DN, "sambaNTPassword", HASH)) == 50


def test_without_the_right_an_entry_has_no_samba_at_all() -> None:
    client = bound(samba(), "bob")
    (entry, _) = client.ask(peer.search(2, BOB_DN, peer.BASE))
    assert b"sambaSamAccount" not in entry.attributes["objectClass"]
    assert client.names(peer.search(3, BASE, filter="(objectClass=sambaSamAccount)")) == []
    assert client.names(peer.search(3, BASE, filter="(sambaSID=*)")) == []
    assert len(bound(samba()).names(peer.search(3, BASE, filter="(objectClass=sambaSamAccount)"))) == 4


def test_what_one_reader_is_shown_is_not_kept_for_another() -> None:
    door = samba(anonymous_search=True)
    alice, anybody = bound(door), door.connect()
    for _ in range(3):
        assert "sambaSID" in seen(alice, wanted=())
        assert "sambaSID" not in seen(anybody, wanted=())


def test_the_operator_hears_of_it_once() -> None:
    door = samba()
    door.people.change(Configuration(tuple(door.people.directory.current.providers.values())))
    (said,) = door.telemetry.notes
    assert "NT hashes" in said
    assert "samba_password_hashes" in said
    assert samba(hashes=False).telemetry.notes == []
