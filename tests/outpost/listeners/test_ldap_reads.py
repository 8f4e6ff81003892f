"""Searches with controls, compares and the schema, as a connection asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from ldap.controls.libldap import SimplePagedResultsControl
from ldap.controls.sss import SSSRequestControl
from ldap.controls.vlv import VLVRequestControl, VLVResponseControl

from protocols.ldap import paging
from protocols.ldap.schema import CANCEL
from protocols.link.messages import Members, Put
from tests.outpost.directory.people import ALICE, BASE, GROUPS, RECORDS, USERS, People, a_provider, a_user, short
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, Client, Door
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer

PAGED, SORT, SORTED = "1.2.840.113556.1.4.319", "1.2.840.113556.1.4.473", "1.2.840.113556.1.4.474"
VLV, VIEWED = "2.16.840.1.113730.3.4.9", "2.16.840.1.113730.3.4.10"
MANY = 700


@pytest.fixture
def client() -> Client:
    client = Door(People((*RECORDS, *(a_user(pk, f"user{pk}") for pk in range(100, 100 + MANY))))).connect()
    assert client.bind() == 0
    return client


def paged(size: int, cookie: bytes = b"", critical: bool = True) -> tuple[str, bool, bytes]:
    value = SimplePagedResultsControl(True, size=size, cookie="").encodeControlValue()
    inner = value[2:-2]  # without its empty cookie
    body = inner + bytes((4, len(cookie))) + cookie
    return PAGED, critical, bytes((0x30, len(body))) + body


def sort(*rules: str, critical: bool = True) -> tuple[str, bool, bytes]:
    return SORT, critical, SSSRequestControl(ordering_rules=list(rules)).encodeControlValue()


def page(
    client: Client, *controls: tuple[str, bool, bytes | None], filter: str = "(objectClass=user)", size_limit: int = 0
) -> list[Answer]:
    client.send(peer.search(9, USERS, filter=filter, attributes=["uid"], controls=controls, size_limit=size_limit))
    for _ in range(20):
        client.turn()
    return client.answers()


def cookie_of(done: Answer) -> bytes:
    response = SimplePagedResultsControl()
    response.decodeControlValue(done.controls[PAGED])
    assert response.size == 0
    return bytes(response.cookie)


# --- pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("size", [1, 100, 352, 704, 1000])
def test_a_walk_over_pages_finds_everybody_once(client: Client, size: int, critical: bool) -> None:
    names, cookie, pages = [], b"", 0
    wanted = "(objectClass=user)" if size > 1 else "(|(uid=alice)(uid=bob)(uid=carol))"
    there = 4 + MANY if size > 1 else 3
    while True:
        *entries, done = page(client, paged(size, cookie, critical), filter=wanted)
        assert done.code == 0
        assert len(entries) <= size
        names += [entry.text for entry in entries]
        pages += 1
        cookie = cookie_of(done)
        if not cookie:
            break
    assert len(names) == len(set(names)) == there
    assert pages == -(-there // size)


def test_pages_see_one_revision(client: Client) -> None:
    *first, done = page(client, paged(2), filter="(|(uid=alice)(uid=bob)(uid=carol)(uid=late))")
    client.door.people.change(Put(a_user(900, "late")), Put(a_user(2, "bob", is_active=False)))
    *rest, done = page(client, paged(9, cookie_of(done)), filter="(|(uid=alice)(uid=bob)(uid=carol)(uid=late))")
    assert sorted(short(entry.text) for entry in first + rest) == ["user:alice", "user:bob", "user:carol"]
    assert cookie_of(done) == b""


def test_pages_end_with_the_right_to_see_them(client: Client) -> None:
    *_, done = page(client, paged(2))
    client.door.people.change(Members("g-admins", removed=(ALICE,)))
    assert [answer.code for answer in page(client, paged(2, cookie_of(done)))] == [2]
    client.door.people.change(Put(a_user(ALICE, "alice", valid_until=1.0)))
    assert [answer.code for answer in page(client, paged(2, cookie_of(done)))] == [50]


def test_a_page_may_have_another_size_than_the_one_before(client: Client) -> None:
    *_, done = page(client, paged(2))
    *entries, done = page(client, paged(5, cookie_of(done)))
    assert (len(entries), done.code) == (5, 0)


def test_size_0_is_the_end(client: Client) -> None:
    (done,) = page(client, paged(0))
    assert (done.code, cookie_of(done)) == (0, b"")
    *_, done = page(client, paged(2))
    cookie = cookie_of(done)
    (done,) = page(client, paged(0, cookie))
    assert (done.code, cookie_of(done)) == (0, b"")
    assert [answer.code for answer in page(client, paged(2, cookie))] == [2]
    assert len(client.door.factory.reads.open_sets) == 0


def test_a_cookie_that_was_never_given(client: Client) -> None:
    assert [answer.code for answer in page(client, paged(2, b"bogus"))] == [2]
    assert not client.closed


def test_a_cookie_of_another_connection(client: Client) -> None:
    *_, done = page(client, paged(2))
    other = client.door.connect()
    other.bind()
    assert [answer.code for answer in page(other, paged(2, cookie_of(done)))] == [2]


def test_a_cookie_of_another_question(client: Client) -> None:
    *_, done = page(client, paged(2))
    assert [answer.code for answer in page(client, paged(2, cookie_of(done)), filter="(uid=*)")] == [2]


@pytest.mark.parametrize("other", ["cn", "-uid"])
def test_a_cookie_of_another_order(client: Client, other: str) -> None:
    *_, done = page(client, sort("uid"), paged(2))
    assert [answer.code for answer in page(client, sort(other), paged(2, cookie_of(done)))] == [2]
    *_, done = page(client, paged(2))
    assert [answer.code for answer in page(client, sort(other), paged(2, cookie_of(done)))] == [2]


def test_who_does_not_name_the_order_again_goes_on_in_it(client: Client) -> None:
    *_, done = page(client, sort("uid"), paged(3))
    *second, _ = page(client, paged(3, cookie_of(done)))
    assert [short(entry.text) for entry in second] == ["user:dora", "user:user100", "user:user101"]


def test_a_cookie_of_another_person(client: Client) -> None:
    *_, done = page(client, paged(2))
    client.bind(BOB_DN, "hunter2")
    assert [answer.code for answer in page(client, paged(2, cookie_of(done)))] == [2]


def test_garbage_in_the_control(client: Client) -> None:
    assert [answer.code for answer in page(client, (PAGED, True, b"garbage"))] == [2]
    assert [answer.code for answer in page(client, (PAGED, False, b"garbage"))] == [2]
    assert [answer.code for answer in page(client, paged(2), paged(2))] == [2]
    assert not client.closed


def test_open_sets_are_bounded(client: Client) -> None:
    cookies = [cookie_of(page(client, paged(1))[-1]) for _ in range(paging.MAX_OPEN_SETS + 4)]
    assert len(client.door.factory.reads.open_sets) == paging.MAX_OPEN_SETS
    assert [answer.code for answer in page(client, paged(1, cookies[0]))] == [2]
    assert page(client, paged(1, cookies[-1]))[-1].code == 0
    client.connection.connectionLost()
    assert len(client.door.factory.reads.open_sets) == 0


def test_the_size_limit_counts_over_all_pages(client: Client) -> None:
    *entries, done = page(client, paged(2), size_limit=3)
    assert (len(entries), done.code) == (2, 0)
    *entries, done = page(client, paged(2, cookie_of(done)), size_limit=3)
    assert (len(entries), done.code, cookie_of(done)) == (1, 4, b"")


def test_the_time_limit_of_a_page(client: Client) -> None:
    client.send(peer.search(9, USERS, time_limit=5, controls=[paged(1000)]))
    client.door.now += 5
    for _ in range(20):
        client.turn()
    *entries, done = client.answers()
    assert (done.code, cookie_of(done)) == (3, b"")
    assert 0 < len(entries) < MANY


def test_the_root_dse_in_pages(client: Client) -> None:
    entry, done = client.ask(peer.search(9, "", peer.BASE, controls=[paged(10)]))
    assert (entry.text, done.code, cookie_of(done)) == ("", 0, b"")


# --- order ---------------------------------------------------------------------------------------------------------


def test_sorted(client: Client) -> None:
    *entries, done = page(client, sort("-uidNumber"))
    numbers = [int(entry.text.removeprefix("cn=user").split(",")[0]) for entry in entries if "cn=user" in entry.text]
    assert numbers == sorted(numbers, reverse=True)
    assert len(entries) == 4 + MANY
    assert done.controls[SORTED] == bytes.fromhex("30030a0100")


def test_sorted_and_in_pages(client: Client) -> None:
    *first, done = page(client, sort("uid"), paged(3))
    *second, done = page(client, sort("uid"), paged(3, cookie_of(done)))
    assert [short(entry.text) for entry in first + second] == [
        f"user:{name}" for name in ("alice", "bob", "carol", "dora", "user100", "user101")
    ]
    assert set(done.controls) == {PAGED, SORTED}


@pytest.mark.parametrize(
    ("rule", "said"), [("unheard", 16), ("uid:integerOrderingMatch", 18), ("jpegPhoto", 18), ("memberUid", 18)]
)
def test_what_cannot_be_sorted(client: Client, rule: str, said: int) -> None:
    (done,) = page(client, sort(rule))
    assert done.code == 12
    assert done.controls[SORTED][2:5] == bytes((0x0A, 1, said))
    *entries, done = page(client, sort(rule, critical=False), filter="(uid=bob)")
    assert (len(entries), done.code) == (1, 0)
    assert done.controls[SORTED][2:5] == bytes((0x0A, 1, said))


def test_more_than_are_sorted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.ldap.sorting.MAX_SORTED", 10)
    (done,) = page(client, sort("uid"))
    assert (done.code, done.controls[SORTED]) == (11, bytes.fromhex("30030a010b"))


# --- windows -------------------------------------------------------------------------------------------------------


def view(**wanted: object) -> tuple[str, bool, bytes]:
    return VLV, True, VLVRequestControl(**wanted).encodeControlValue()


def test_a_window(client: Client) -> None:
    *entries, done = page(client, sort("uid"), view(before_count=1, after_count=1, offset=3, content_count=0))
    assert [short(entry.text) for entry in entries] == ["user:bob", "user:carol", "user:dora"]
    response = VLVResponseControl()
    response.decodeControlValue(done.controls[VIEWED])
    assert (response.targetPosition, response.contentCount, response.virtualListViewResult) == (3, 4 + MANY, 0)
    *entries, done = page(client, sort("uid"), view(before_count=0, after_count=1, greater_than_or_equal="user2"))
    assert [short(entry.text) for entry in entries] == ["user:user200", "user:user201"]


def test_a_window_needs_an_order(client: Client) -> None:
    asked = view(before_count=0, after_count=1, offset=1, content_count=0)
    (done,) = page(client, asked)
    assert (done.code, done.controls[VIEWED]) == (60, bytes.fromhex("30090201000201000a013c"))
    assert [answer.code for answer in page(client, asked, sort("uid"), paged(2))] == [53]
    assert [answer.code for answer in page(client, (VLV, True, b"x"), sort("uid"))] == [2]


def test_a_window_beyond_the_end(client: Client) -> None:
    asked = view(before_count=5, after_count=1, offset=5 + MANY, content_count=0)
    (done,) = page(client, sort("uid"), asked)
    response = VLVResponseControl()
    response.decodeControlValue(done.controls[VIEWED])
    assert (done.code, SORTED in done.controls) == (76, True)
    assert (response.targetPosition, response.contentCount, response.virtualListViewResult) == (0, 4 + MANY, 61)


# --- cancel --------------------------------------------------------------------------------------------------------


def test_a_long_search_is_cancelled(client: Client) -> None:
    client.send(peer.search(9, BASE))
    client.send(peer.extended(10, CANCEL, bytes.fromhex("3003020109")))
    for _ in range(20):
        client.turn()
    *entries, ended, cancelled = client.answers()
    assert [(ended.message_id, ended.code), (cancelled.message_id, cancelled.code)] == [(9, 118), (10, 0)]
    assert len(entries) < MANY


# --- compare -------------------------------------------------------------------------------------------------------

SALES = f"cn=Sales\\, EMEA,{GROUPS}"


@pytest.mark.parametrize(
    ("name", "attribute", "value", "code"),
    [
        (BOB_DN, "uid", "BOB", 6),
        (BOB_DN, "uid", "alice", 5),
        (f" UID = bob , {USERS.upper()}", "0.9.2342.19200300.100.1.1", "bob", 6),
        (SALES, "member", BOB_DN, 6),
        (SALES, "member", f"UID=Bob, {USERS.lower()}", 6),
        (SALES, "uniqueMember", BOB_DN, 6),
        (SALES, "member", ALICE_DN, 5),
        (SALES, "memberUid", "bob", 6),
        (SALES, "memberUid", "Bob", 5),
        (SALES, "objectClass", "groupOfUniqueNames", 6),
        (SALES, "objectClass", "groupOfURLs", 21),
        (BOB_DN, "memberOf", f"cn=staff,{GROUPS}", 6),
        (BOB_DN, "uidNumber", "2002", 6),
        (BOB_DN, "department", "emea", 6),
        (f"cn=carol,{USERS}", "mail", "carol@example.com", 16),
        (BOB_DN, "member", ALICE_DN, 16),
        (BOB_DN, "unheard", "x", 17),
        (BOB_DN, "userPassword", "hunter2", 50),
        (BOB_DN, "uidNumber", "abc", 21),
        (SALES, "member", "nonsense", 21),
        (BOB_DN, "jpegPhoto", "x", 18),
        (f"cn=nobody,{USERS}", "uid", "x", 32),
        ("dc=elsewhere", "dc", "elsewhere", 32),
        ("nonsense", "uid", "x", 34),
        ("", "supportedLDAPVersion", "3", 6),
        ("cn=subschema", "cn", "SUBSCHEMA", 6),
        (USERS, "ou", "users", 6),
    ],
)
def test_compare(client: Client, name: str, attribute: str, value: str, code: int) -> None:
    (answer,) = client.ask(peer.compare(2, name, attribute, value))
    assert (answer.operation, answer.code) == ("compareResponse", code)
    assert not client.closed


def test_a_missing_entry_names_the_one_above(client: Client) -> None:
    (answer,) = client.ask(peer.compare(2, f"cn=nobody,{USERS}", "uid", "x"))
    assert answer.text == USERS


def test_others_compare_what_they_see(client: Client) -> None:
    client.bind(BOB_DN, "hunter2")
    assert client.code(peer.compare(2, BOB_DN, "uid", "bob")) == 6
    assert client.code(peer.compare(3, ALICE_DN, "uid", "alice")) == 32
    assert client.code(peer.compare(4, SALES, "member", f"cn=dora,{USERS}")) == 5
    assert client.code(peer.compare(5, SALES, "member", BOB_DN)) == 6
    anonymous = client.door.connect()
    assert anonymous.code(peer.compare(2, BOB_DN, "uid", "bob")) == 50


def test_an_exception_in_a_compare_answers_other(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.door.factory.reads, "_place", None)
    assert client.code(peer.compare(2, BOB_DN, "uid", "bob")) == 80
    assert client.door.telemetry.faults == ["ldap compare"]


# --- the schema ----------------------------------------------------------------------------------------------------


def test_everything_that_is_returned_is_described(client: Client) -> None:
    described: set[str] = set()
    entry, done = client.ask(peer.search(2, "cn=Subschema", peer.BASE, "(objectClass=subschema)", ["*", "+"]))
    assert done.code == 0
    for text in entry.attributes["attributeTypes"]:
        described |= {part.decode().strip("'").lower() for part in text.split(b" SYNTAX")[0].split(b"NAME")[1].split()}
    classes = b" ".join(entry.attributes["objectClasses"]).decode()
    for base, scope in (("", peer.BASE), ("cn=Subschema", peer.BASE), (BASE, peer.SUB)):
        client.send(peer.search(3, base, scope, attributes=["*", "+"]))
        for _ in range(20):
            client.turn()
        for answer in client.answers()[:-1]:
            assert {name.lower() for name in answer.attributes} <= described, answer.text
            assert all(f"NAME '{name.decode()}'" in classes for name in answer.attributes["objectClass"])


def test_strangers_read_the_schema_without_what_people_added() -> None:
    client = Door().connect()
    entry, _ = client.ask(peer.search(2, "cn=subschema", peer.BASE, attributes=["attributeTypes"]))
    assert "'department'" not in str(entry.attributes)
    client.bind()
    entry, _ = client.ask(peer.search(2, "cn=subschema", peer.BASE, attributes=["attributeTypes"]))
    assert "'department'" in str(entry.attributes)


def test_the_root_dse_says_what_is_served(client: Client) -> None:
    entry, _ = client.ask(peer.search(2, "", peer.BASE, attributes=["+"]))
    assert {PAGED.encode(), SORT.encode(), VLV.encode()} <= set(entry.attributes["supportedControl"])
    assert CANCEL.encode() in entry.attributes["supportedExtension"]
    assert entry.attributes["subschemaSubentry"] == [b"cn=Subschema"]


KEYS_OF_ACTIVE_DIRECTORY = {
    "supportedCapabilities": [f"1.2.840.113556.1.4.{number}" for number in (800, 1670, 1791, 1935, 2080, 2237)],
    "rootDomainNamingContext": [BASE],
    "domainFunctionality": ["7"],
    "forestFunctionality": ["7"],
    "domainControllerFunctionality": ["7"],
    "dnsHostName": ["ldap.example.com"],
}


def test_the_root_dse_of_active_directory_by_switch() -> None:
    """What [MS-ADTS] 3.1.1.3.2 has, as far as clients look there for whom they speak to."""
    asked = [*KEYS_OF_ACTIVE_DIRECTORY, "defaultNamingContext"]

    def told(**settings: Any) -> dict[str, list[str]]:
        records = (*RECORDS[:-1], a_provider(tls_server_name="ldap.example.com", **settings))
        entry, _ = Door(People(records)).connect().ask(peer.search(2, "", peer.BASE, attributes=asked))
        return {name: [value.decode() for value in values] for name, values in entry.attributes.items()}

    assert told() == {"defaultNamingContext": [BASE]}
    assert told(active_directory=True) == {"defaultNamingContext": [BASE], **KEYS_OF_ACTIVE_DIRECTORY}
