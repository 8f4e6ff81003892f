"""Changes of one's own password at the door: of whom, with what, and what becomes of the connection."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ldap.controls.ppolicy import PasswordPolicyControl

from protocols.ldap import ber
from protocols.link.messages import Put
from tests.outpost.directory.people import BOB, RECORDS, USERS, VIRTUAL, People, a_provider
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, Client, Door
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer

BOBS = "hunter2"


@pytest.fixture
def door() -> Door:
    return Door(tls=object())


@pytest.fixture
def bob(door: Door) -> Client:
    """Over TLS."""
    client = door.connect()
    client.connection._session.secure = True
    assert client.bind(BOB_DN, BOBS) == 0
    return client


def asked(client: Client, message: bytes) -> Answer:
    (answer,) = client.ask(message)
    return answer


OWN = [None, BOB_DN, f"uid=bob,{USERS}", f"dn:{BOB_DN.upper()}", "u:bob", "U:BOB", "bob", "bob@example.com"]


@pytest.mark.parametrize("name", OWN)
def test_one_changes_ones_own(bob: Client, name: str | None) -> None:
    answer = asked(bob, peer.password_modify(2, name, BOBS, "another one"))
    assert (answer.operation, answer.code, answer.value) == ("extendedResp", 0, None)
    (change,) = bob.door.link.changes
    assert (change.user, change.provider, change.old, change.new) == (BOB, 5, BOBS, "another one")
    assert (change.protocol, change.peer) == ("ldap", "127.0.0.1")
    assert bob.bind(BOB_DN, BOBS) == 49
    assert bob.bind(BOB_DN, "another one") == 0


def test_who_is_renamed_changes_it_under_the_new_name(door: Door, bob: Client) -> None:
    door.people.change(Put(replace(door.people.directory.current.users[BOB], username="rob")))
    assert asked(bob, peer.password_modify(2, BOB_DN, BOBS, "another one")).code == 50
    assert asked(bob, peer.password_modify(3, f"cn=rob,{USERS}", BOBS, "another one")).code == 0
    assert door.link.changes[-1].user == BOB


def test_a_password_is_made_if_none_is_given(bob: Client) -> None:
    answer = asked(bob, peer.password_modify(2, old=BOBS))
    assert (answer.code, answer.value) == (0, b"\x30\x06\x80\x04made")


@pytest.mark.parametrize("name", OWN)
def test_ones_own_name_is_taken_in_every_form_whatever_forms_bind(name: str | None) -> None:
    door = Door(People((*RECORDS[:-1], a_provider(bind_by_name=True))), tls=object())
    client = door.connect(secure=True)
    assert client.bind(BOB_DN, BOBS) == 0
    assert asked(client, peer.password_modify(2, name, BOBS, "another one")).code == 0


ANOTHER = [
    *(ALICE_DN, f"cn=nobody,{USERS}", "u:alice", "cn=bob,dc=elsewhere", "nonsense", "dn:nonsense", "dn:", "u:"),
    *(f"cn=bob,{VIRTUAL}", "cn=bob"),
]


@pytest.mark.parametrize("name", ANOTHER)
def test_another_ones_stays_as_it_is(bob: Client, name: str) -> None:
    assert asked(bob, peer.password_modify(2, name, BOBS, "another one")).code == 50
    assert asked(bob, peer.modify(3, name, (2, "userPassword", ["another one"]))).code == 50
    assert bob.door.link.changes == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("wrong", "another one", 49), (None, "another one", 53), (BOBS, "unfit", 19)],
)
def test_what_is_refused(bob: Client, old: str | None, new: str, code: int) -> None:
    answer = asked(bob, peer.password_modify(2, None, old, new))
    assert answer.code == code
    assert answer.diagnostic
    assert bob.door.link.passwords["bob"] == BOBS
    assert bob.names(peer.search(3, BOB_DN, attributes=["1.1"])) == [BOB_DN]


def test_what_the_new_one_lacks_is_said(bob: Client) -> None:
    assert asked(bob, peer.password_modify(2, None, BOBS, "unfit")).diagnostic == "Use a longer one."


def test_passwords_that_are_no_text(bob: Client) -> None:
    assert asked(bob, peer.extended(2, "1.3.6.1.4.1.4203.1.11.1", b"\x30\x06\x81\x01\xff\x82\x01x")).code == 19


def test_control_away(bob: Client) -> None:
    bob.door.link.away = True
    assert asked(bob, peer.password_modify(2, None, BOBS, "another one")).code == 52


def test_an_exception_refuses(bob: Client) -> None:
    bob.door.link.fails = RuntimeError("broken")
    assert asked(bob, peer.password_modify(2, None, BOBS, "another one")).code == 52
    assert bob.door.telemetry.faults


def test_the_root_dse_is_nobody_whose_password_could_be_changed(bob: Client) -> None:
    assert asked(bob, peer.modify(2, "", (2, "userPassword", ["another one"]))).code == 53
    assert bob.door.link.changes == []


def test_a_modify_means_the_password_that_was_shown(bob: Client) -> None:
    answer = asked(bob, peer.modify(2, BOB_DN, (2, "userPassword", ["another one"])))
    assert (answer.operation, answer.code) == ("modifyResponse", 0)
    assert bob.door.link.changes[-1].old == BOBS
    assert asked(bob, peer.modify(3, BOB_DN, (2, "userPassword", ["a third"]))).code == 0
    assert bob.door.link.changes[-1].old == "another one"
    given = peer.modify(4, BOB_DN, (1, "userPassword", ["wrong"]), (0, "userPassword", ["a fourth"]))
    assert asked(bob, given).code == 49


HASHES = ["{SSHA}x", "{sha}x", "{SMD5}x", "{CRYPT}$6$x", "{SSHA512}x", "{PBKDF2-SHA256}1$x", "{ARGON2}$argon2id$x"]


@pytest.mark.parametrize("new", HASHES)
def test_a_hash_does_not_become_the_password(bob: Client, new: str) -> None:
    """Programs that hash for a directory which keeps userPassword as it comes would lock the person out."""
    for changes in [(2, "userPassword", [new])], [(1, "userPassword", [BOBS]), (0, "userPassword", [new])]:
        answer = asked(bob, peer.modify(2, BOB_DN, *changes))
        assert (answer.code, answer.diagnostic[:27]) == (19, "Send the password itself. A")
    assert bob.door.link.changes == []


@pytest.mark.parametrize("new", ["{SSHA}", "{words} in braces", "x{SSHA}x"])
def test_braces_alone_make_no_hash(bob: Client, new: str) -> None:
    assert asked(bob, peer.modify(2, BOB_DN, (2, "userPassword", [new]))).code == 0


def test_the_connection_goes_on_and_others_of_the_account_end(door: Door, bob: Client) -> None:
    other = door.connect()
    assert other.bind(BOB_DN, BOBS) == 0
    assert asked(bob, peer.password_modify(2, None, BOBS, "another one")).code == 0
    record = door.people.directory.current.users[BOB]
    door.people.change(Put(replace(record, credential_version=record.credential_version + 1)))
    assert not bob.closed
    assert bob.names(peer.search(3, BOB_DN, attributes=["1.1"])) == [BOB_DN]
    assert other.closed


def test_a_password_that_was_shown_is_in_no_representation(bob: Client) -> None:
    assert BOBS not in repr(bob.connection._session.identity)


# --- the password policy control -----------------------------------------------------------------------------------

POLICY: list[tuple[str, bool, bytes | None]] = [("1.3.6.1.4.1.42.2.27.8.5.1", True, None)]


def said(answer: Answer) -> int | None:
    """The error of the response's control, which has to be there."""
    response = PasswordPolicyControl()
    response.decodeControlValue(answer.controls[POLICY[0][0]])
    return None if response.error is None else int(response.error)


def with_policy(octets: bytes) -> bytes:
    """The same message with the control."""
    _, start, _ = ber.header(octets, 0, len(octets))
    control = ber.tlv(0x30, ber.tlv(0x04, POLICY[0][0].encode()) + b"\x01\x01\xff")
    return ber.tlv(0x30, octets[start:] + ber.tlv(0xA0, control))


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "error"),
    [
        (None, BOBS, "another one", 0, None),
        (None, BOBS, "unfit", 19, 5),
        (None, None, "another one", 53, 4),
        (ALICE_DN, BOBS, "another one", 50, 3),
        (None, "wrong", "another one", 49, None),
    ],
)
def test_the_policy_control_says_what_is_wrong(
    bob: Client, name: str | None, old: str | None, new: str, code: int, error: int | None
) -> None:
    answer = asked(bob, with_policy(peer.password_modify(2, name, old, new)))
    assert (answer.code, said(answer)) == (code, error)
    assert asked(bob, peer.password_modify(3, ALICE_DN, old, new)).controls == {}


def test_the_policy_control_in_the_answer_to_a_modify(bob: Client) -> None:
    answer = asked(bob, with_policy(peer.modify(2, BOB_DN, (2, "userPassword", ["unfit"]))))
    assert (answer.operation, answer.code, said(answer)) == ("modifyResponse", 19, 5)


@pytest.fixture(params=["must_change_password", "password_expired"])
def must(request: pytest.FixtureRequest, door: Door) -> Client:
    """Bob over TLS, whose password is right and must be changed."""
    door.link.verdicts["bob"] = request.param
    client = door.connect()
    client.connection._session.secure = True
    answer = asked(client, peer.bind(1, BOB_DN, BOBS, controls=POLICY))
    assert (answer.code, said(answer)) == (0, 2)
    return client


@pytest.mark.parametrize(
    "message",
    [
        peer.search(2, BOB_DN),
        peer.search(2, "", peer.BASE),
        peer.compare(2, BOB_DN, "uid", "bob"),
        peer.extended(2, "1.3.6.1.4.1.4203.1.11.3"),
    ],
)
def test_who_must_change_their_password_may_do_nothing_else(must: Client, message: bytes) -> None:
    answer = asked(must, message)
    assert (answer.code, answer.diagnostic, answer.controls) == (50, "Change your password first.", {})
    assert must.door.telemetry.refusals == {("ldap", "must_change_password"): 1}
    assert said(asked(must, with_policy(message))) == 2


def test_who_must_change_their_password_does_and_goes_on(must: Client) -> None:
    assert asked(must, with_policy(peer.password_modify(2, None, BOBS, "unfit"))).code == 19
    assert asked(must, peer.search(3, BOB_DN)).code == 50
    assert asked(must, peer.modify(4, ALICE_DN, (2, "userPassword", ["another one"]))).code == 50
    answer = asked(must, with_policy(peer.password_modify(5, None, BOBS, "another one")))
    assert (answer.code, said(answer)) == (0, None)
    assert must.names(peer.search(6, BOB_DN, attributes=["1.1"])) == [BOB_DN]


def test_another_bind_ends_what_was_to_be_done_first(must: Client) -> None:
    assert must.bind(BOB_DN, BOBS) == 49  # without the control success would be taken for a login
    assert must.bind() == 0
    assert must.names(peer.search(3, BOB_DN, attributes=["1.1"])) == [BOB_DN]
    must.door.link.verdicts["alice"] = "must_change_password"
    assert asked(must, peer.bind(4, ALICE_DN, "secret", controls=POLICY)).code == 0
    assert asked(must, peer.search(5, "", peer.BASE)).code == 50
    assert asked(must, peer.bind(5, "", "")).code == 0
    assert must.names(peer.search(6, "", peer.BASE, attributes=["1.1"])) == [""]


def test_without_tls_there_is_nothing_to_bind_for(door: Door) -> None:
    door.link.verdicts["bob"] = "must_change_password"
    client = door.connect()
    answer = asked(client, peer.bind(1, BOB_DN, BOBS, controls=POLICY))
    assert (answer.code, said(answer)) == (49, 2)
    assert client.connection._session.identity is None
