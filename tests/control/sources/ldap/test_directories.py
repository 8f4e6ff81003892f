"""A password is tried at a directory: who may, what is said before, and what counts as no answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.passwords.hashing import Busy
from control.sources.ldap import connection, directories
from control.sources.ldap.connection import Away
from control.sources.ldap.described import Directory, directory, identifier, octets, servers
from control.sources.ldap.directories import MOST_AT_ONCE, MOST_OF_HOST, Directories
from control.verbs import certificates
from protocols.ldap import messages
from protocols.ldap.filter import And, Equality
from tests.certificates import issue
from tests.control.sources.ldap.abroad import BASE, SERVICE, Abroad, made, make
from tests.fakes import counted_random
from tests.stores import open_store

ALICE = "id-of-alice"


@pytest.fixture
def abroad() -> Abroad:
    found = Abroad()
    found.person("alice", "right")
    return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Directory]:
    store = open_store(tmp_path)
    yield store.write_now(made)
    store.close()


def ask(abroad: Abroad, house: Directory, whose: str | None, password: str) -> bool:
    return asyncio.run(Directories(counted_random(), abroad.dial).accepts(house, whose, password))


def test_a_right_password(abroad: Abroad, house: Directory) -> None:
    assert ask(abroad, house, ALICE, "right")
    assert abroad.said == ["starttls", "bind", "search", "bind"]
    assert abroad.bound[-1] == (f"uid=alice,{BASE}", b"right")
    assert abroad.closed == 1


def test_whoever_trusted_one_authority_does_not_trust_every_other_when_it_is_deleted(
    abroad: Abroad, tmp_path: Path
) -> None:
    store = open_store(tmp_path)
    pem = issue("authority", authority=True).pem
    trusted = store.write_now(lambda tx: certificates.create(tx, {"name": "theirs", "certificate_data": pem}))
    source = store.write_now(lambda tx: make(tx, peer_certificate=trusted.pk))
    assert ask(abroad, store.read_now(lambda tx: directory(tx, source)), ALICE, "right")
    before = list(abroad.said)
    store.write_now(lambda tx: certificates.delete(tx, trusted.pk))
    with pytest.raises(Away, match="certificate"):
        ask(abroad, store.read_now(lambda tx: directory(tx, source)), ALICE, "right")
    assert abroad.said == before
    store.close()


@pytest.mark.parametrize(
    ("whose", "password"),
    [(ALICE, "wrong"), ("id-of-nobody", "right"), (None, "right"), (ALICE, ""), (ALICE, "right\0"), (ALICE, "\udc80")],
)
def test_every_refusal_costs_the_directory_the_same(
    abroad: Abroad, house: Directory, whose: str | None, password: str
) -> None:
    assert not ask(abroad, house, whose, password)
    assert abroad.said == ["starttls", "bind", "search", "bind"]


@pytest.mark.parametrize("password", ["", "\0", "\0right", "right\0"])
def test_no_password_is_never_sent_as_one(abroad: Abroad, house: Directory, password: str) -> None:
    """An unauthenticated bind succeeds everywhere (RFC 4513, 5.1.2), and so does what C takes for one."""
    assert not ask(abroad, house, ALICE, password)
    for name, sent in abroad.bound:
        assert name != f"uid=alice,{BASE}"
        assert sent
        assert b"\0" not in sent


def test_nobody_who_binds_after_all_is_nobody(abroad: Abroad, house: Directory) -> None:
    """A directory that lets everything bind proves nothing of whom it does not know."""
    abroad.bind_result = 0
    assert not ask(abroad, house, None, "right")
    assert not ask(abroad, house, "id-of-nobody", "right")
    assert not ask(abroad, house, ALICE, "")


def test_names_are_values_and_never_parts_of_a_filter(abroad: Abroad, house: Directory) -> None:
    assert not ask(abroad, house, "*)(uid=*", "right")
    (asked,) = abroad.filters
    assert isinstance(asked, And)
    assert asked.parts[1] == Equality("entryUUID", b"*)(uid=*")


def test_without_starttls_nothing_secret_is_said(abroad: Abroad, house: Directory) -> None:
    abroad.takes_tls = False
    with pytest.raises(Away, match="StartTLS was refused"):
        ask(abroad, house, ALICE, "right")
    assert abroad.said == ["starttls"]


@pytest.mark.parametrize("code", [1, 7, 8, 13, 51, 52, 80])
def test_a_result_that_says_nothing_of_the_password_is_no_answer(abroad: Abroad, house: Directory, code: int) -> None:
    abroad.bind_result = code
    with pytest.raises(Away, match=f"a bind ended with result {code}"):
        ask(abroad, house, ALICE, "right")


@pytest.mark.parametrize("code", [19, 32, 48, 49, 50, 53])
def test_a_result_that_refuses(abroad: Abroad, house: Directory, code: int) -> None:
    abroad.bind_result = code
    assert not ask(abroad, house, ALICE, "right")


def test_a_refused_service_account_is_told_without_its_password(abroad: Abroad, house: Directory) -> None:
    with pytest.raises(Away, match="bind_cn and bind_password were refused with result 49") as told:
        ask(abroad, replace(house, bind_password="another"), ALICE, "right")
    assert "another" not in str(told.value)
    assert "another" not in repr(replace(house, bind_password="another"))


def test_an_identifier_of_two_people_proves_nothing(abroad: Abroad, house: Directory) -> None:
    abroad.person("alice2", "right", entryUUID=ALICE)
    with pytest.raises(Away, match="more than 1 entries"):
        ask(abroad, house, ALICE, "right")


def reference(message_id: int) -> bytes:
    return messages.encode_message(message_id, b"\x73\x10\x04\x0eldap://other/x")


def test_references_are_not_followed(abroad: Abroad, house: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = []

    async def dial(server: Any, trust: Any) -> Any:
        dialled.append(server.host)
        return await abroad.dial(server, trust)

    before = abroad._search
    monkeypatch.setattr(abroad, "_search", lambda number, asked: reference(number) + before(number, asked))
    assert asyncio.run(Directories(counted_random(), dial).accepts(house, ALICE, "right"))
    assert dialled == ["directory.example.org"]


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x30\x84\x7f\xff\xff\xff",
        b"\x30\x80\x00\x00",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x0c\x02\x01\x09\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
        b"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00",
        reference(1) * 2000,
    ],
)
def test_what_is_no_answer(abroad: Abroad, house: Directory, octets: bytes) -> None:
    abroad.answers = lambda asked: octets
    with pytest.raises(Away):
        ask(abroad, house, ALICE, "right")


def test_a_directory_that_says_nothing(abroad: Abroad, house: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "CHECK_SECONDS", 0.01)
    abroad.answers = lambda asked: b""
    with pytest.raises(Away, match="no answer in time"):
        ask(abroad, house, ALICE, "right")


def test_the_second_server_when_the_first_is_away(abroad: Abroad, house: Directory) -> None:
    async def dial(server: Any, trust: Any) -> Any:
        if server.host == "first.example.org":
            raise ConnectionRefusedError("nobody listens")
        return await abroad.dial(server, trust)

    both = replace(house, servers=servers("ldap://first.example.org, ldap://directory.example.org"))
    assert asyncio.run(Directories(counted_random(), dial).accepts(both, ALICE, "right"))


def test_an_outage_is_logged_once_and_its_end_too(
    abroad: Abroad, house: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Directories(counted_random(), abroad.dial)

    async def look() -> None:
        for is_away in (True, True, False, False):
            abroad.is_away = is_away
            try:
                await asked.accepts(house, ALICE, "right")
            except Away:
                assert is_away

    with caplog.at_level(logging.INFO):
        asyncio.run(look())
    assert [one.message.partition(":")[0] for one in caplog.records if one.name == directories.__name__] == [
        "the directory house is away",
        "the directory house answers again",
    ]
    assert "right" not in caplog.text
    assert "reader-password" not in caplog.text


def test_one_host_leaves_places_to_others(abroad: Abroad, house: Directory) -> None:
    """With all the addresses that it has."""
    asked = Directories(counted_random(), abroad.dial)
    abroad.answers = lambda octets: b""

    async def crowd() -> None:
        guesses = [
            asyncio.ensure_future(asked.accepts(house, None, "x", f"2001:db8::{number:x}"))
            for number in range(MOST_AT_ONCE)
        ]
        await asyncio.sleep(0)
        abroad.answers = None
        assert await asked.accepts(house, ALICE, "right", "192.0.2.7")
        for one in guesses:
            one.cancel()
        told = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(one, Busy) for one in told) == MOST_AT_ONCE - MOST_OF_HOST
        assert await asked.accepts(house, ALICE, "right", "2001:db8::1")

    asyncio.run(crowd())


def test_only_so_many_at_once(abroad: Abroad, house: Directory) -> None:
    asked = Directories(counted_random(), abroad.dial)
    abroad.answers = lambda octets: b""

    async def crowd() -> None:
        waiting = [asyncio.ensure_future(asked.accepts(house, ALICE, "right")) for _ in range(MOST_AT_ONCE)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await asked.accepts(house, ALICE, "right")
        for one in waiting:
            one.cancel()
        assert all(isinstance(one, BaseException) for one in await asyncio.gather(*waiting, return_exceptions=True))
        abroad.answers = None
        assert await asked.accepts(house, ALICE, "right")

    asyncio.run(crowd())


def test_a_directory_is_read_in_pages_up_to_a_bound(
    abroad: Abroad, house: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        abroad.person(f"person{number}", "right")
    asked = Directories(counted_random(), abroad.dial)
    found = asyncio.run(asked.people(house, ["uid", "distinguishedName", "uid"]))
    assert len(found) == 8
    assert found[0].attributes == {"uid": (b"alice",)}
    monkeypatch.setattr(directories, "MOST_ENTRIES", 7)
    with pytest.raises(Away, match="more than 7 entries"):
        asyncio.run(asked.people(house, ["uid"]))


def test_the_service_account_is_asked_for_nothing_without_a_name(abroad: Abroad, house: Directory) -> None:
    assert ask(abroad, replace(house, bind_name=""), ALICE, "right")
    assert SERVICE not in [name for name, _ in abroad.bound]


@pytest.mark.parametrize(
    "value", [b"plain", b"S-1-5-21", b"\x01\x05\x00\xff", "schön".encode(), b"back\\slash", b"a\nb", b"\\5c"]
)
def test_identifiers_survive_being_text(value: bytes) -> None:
    assert octets(identifier(value)) == value
    assert identifier(value).isprintable()


def test_two_values_are_never_one_identifier() -> None:
    values = [b"\\00", b"\x00", b"\\5c00", b"\\", b"\\5c"]
    assert len({identifier(value) for value in values}) == len(values)


def test_a_message_is_read_to_its_end_and_no_further() -> None:
    async def read() -> list[bytes]:
        reader = asyncio.StreamReader()
        one = messages.encode_message(1, b"\x61\x82\x01\x00" + b"x" * 256)
        reader.feed_data(one + one)
        reading = connection.Connection(reader, None)  # type: ignore[arg-type]
        return [await reading._message(), await reading._message()]

    first, second = asyncio.run(read())
    assert first == second
