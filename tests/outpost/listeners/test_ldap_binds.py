"""Binds by other names than a DN, what a provider demands of them, and what becomes of a connection afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from ldap.controls.ppolicy import PasswordPolicyControl

from protocols.link.messages import BindingRecord, Members, PasswordEnd, Put, Remove, Reuse
from tests.outpost.directory.people import ALICE, BASE, BOB, CAROL, NOW, RECORDS, USERS, People, a_provider, a_user
from tests.outpost.listeners.ldap_door import ALICE_DN, BOB_DN, Client, Door
from tests.protocols.ldap import peer

POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"


def a_door(*bindings: BindingRecord, **settings: Any) -> Door:
    """With a provider of these settings."""
    return Door(People((*RECORDS[:-1], a_provider(*bindings, **settings))), tls=object())


def secured(door: Door) -> Client:
    client = door.connect()
    client.connection._session.secure = True
    return client


@pytest.mark.parametrize(
    ("switch", "name"),
    [
        ("bind_by_mail", "bob@example.com"),
        ("bind_by_mail", "BOB@Example.COM"),
        ("bind_by_mail", "bob@ldap.goauthentik.io"),
        ("bind_by_domain", "LDAP\\bob"),
        ("bind_by_domain", "ldap\\bob"),
        ("bind_by_name", "bob"),
    ],
)
def test_other_names_by_switch(switch: str, name: str) -> None:
    client = a_door(**{switch: True}).connect()
    assert client.bind(name, "hunter2") == 0
    assert client.door.link.questions[0].username == "bob"
    assert client.names(peer.search(2, USERS, attributes=["1.1"])) == [USERS, BOB_DN]
    without = Door().connect()
    assert without.bind(name, "hunter2") == 34
    assert without.door.link.questions == []


def test_a_domain_of_its_own_name() -> None:
    client = a_door(bind_by_domain=True, domain_name="CORP").connect()
    assert client.bind("corp\\bob", "hunter2") == 0
    assert client.bind("ldap\\bob", "hunter2") == 34
    assert client.bind("corp\\nobody", "hunter2") == 49


def test_an_address_that_two_people_have_is_nobodys() -> None:
    records = (*RECORDS[:-1], a_user(9, "bobby", email="bob@example.com"), a_provider(bind_by_mail=True))
    assert Door(People(records)).connect().bind("bob@example.com", "hunter2") == 49


@pytest.mark.parametrize(
    ("name", "mailbox"),
    [
        ("ed@ldap.goauthentik.io", "ed@example.com"),
        ("ED@LDAP.goauthentik.io", "ed@example.com"),
        ("ed@example.com", "ed@example.com"),
    ],
)
def test_whoever_has_an_address_for_a_user_name_is_meant_by_it(name: str, mailbox: str) -> None:
    """Not whoever has it for a mailbox, nor whose name is what stands before the at sign."""
    named = a_user(8, name.lower()), a_user(9, "ed", email=mailbox)
    client = Door(People((*RECORDS[:-1], *named, a_provider(bind_by_mail=True)))).connect()
    assert client.bind(name, "wrong") == 49
    assert client.door.link.questions[0].username.lower() == name.lower()


@pytest.mark.parametrize("name", ["bob@example.com", "nobody@example.com", "nobody@ldap.goauthentik.io", "no one@x"])
def test_no_answer_tells_whether_an_address_is_somebodys(name: str) -> None:
    """Nor does time: control is asked either way."""
    client = a_door(bind_by_mail=True).connect()
    (answer,) = client.ask(peer.bind(1, name, "wrong"))
    assert (answer.code, answer.diagnostic) == (49, "Name or password is wrong. (id)")
    assert len(client.door.link.questions) == 1


def test_an_address_follows_the_directory() -> None:
    client = a_door(bind_by_mail=True).connect()
    assert client.bind("bob@example.com", "hunter2") == 0
    client.door.people.change(Put(a_user(BOB, "bob", email="other@example.com")))
    assert client.bind("bob@example.com", "hunter2") == 49
    assert client.bind("other@example.com", "hunter2") == 0


# --- SASL PLAIN ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        ("\0bob\0hunter2", 0),
        ("bob\0bob\0hunter2", 0),
        ("u:bob\0bob\0hunter2", 0),
        ("bob\0u:bob\0hunter2", 0),
        (f"dn:uid=BOB,{USERS}\0bob\0hunter2", 0),
        (f"dn:{BOB_DN}\0dn:uid=bob,{USERS}\0hunter2", 0),
        (f"dn:{ALICE_DN}\0bob\0hunter2", 49),
        ("dn:nonsense\0bob\0hunter2", 34),
        ("u:alice\0bob\0hunter2", 49),
        ("u:\0bob\0hunter2", 49),
        ("nobody\0bob\0hunter2", 49),
        ("\0u:bob\0hunter2", 0),
        (f"\0dn:{BOB_DN}\0hunter2", 0),
        ("\0bob@example.com\0hunter2", 0),
        ("\0bob\0wrong", 49),
        ("\0nobody\0hunter2", 49),
        ("alice\0bob\0hunter2", 49),
        ("\0bob\0", 49),
        ("\0\0hunter2", 49),
        ("bob", 49),
        ("", 49),
        ("\0bob\0hunter2\0", 49),
    ],
)
def test_sasl_plain_over_tls(credentials: str, code: int) -> None:
    client = secured(Door())
    (answer,) = client.ask(peer.sasl_bind(1, "", "PLAIN", credentials))
    assert answer.code == code
    who = client.ask(peer.extended(2, "1.3.6.1.4.1.4203.1.11.3"))[0].value
    assert who == (f"dn:{BOB_DN}".encode() if code == 0 else b"")


@pytest.mark.parametrize(
    "credentials",
    [
        "BOB\0bob\0wrong",
        "NOBODY\0nobody\0wrong",
        "bob@example.com\0bob\0wrong",
        "other@example.com\0bob\0wrong",
        f"dn:uid=Nobody,{USERS}\0u:nobody\0wrong",
        f"dn:{ALICE_DN}\0bob\0wrong",
        "dn:cn=alice,dc=elsewhere\0bob\0wrong",
    ],
)
def test_whom_a_name_stands_for_is_told_to_nobody_without_the_password(credentials: str) -> None:
    client = secured(Door())
    (answer,) = client.ask(peer.sasl_bind(1, "", "PLAIN", credentials))
    assert (answer.code, answer.diagnostic) == (49, "Name or password is wrong. (id)")
    assert len(client.door.link.questions) == 1


@pytest.mark.parametrize("known", [False, True])
def test_nobody_acts_for_somebody_else_by_a_right_password(known: bool) -> None:
    client = secured(Door())
    if known:
        client.ask(peer.sasl_bind(1, "", "PLAIN", "\0bob\0hunter2"))
    (answer,) = client.ask(peer.sasl_bind(1, "", "PLAIN", f"dn:{ALICE_DN}\0bob\0hunter2"))
    assert answer.code == 49
    assert client.door.telemetry.decisions["ldap", "acts_for_another"] == 1
    assert client.ask(peer.extended(2, "1.3.6.1.4.1.4203.1.11.3"))[0].value == b""


def test_sasl_plain_without_tls() -> None:
    client = Door().connect()
    assert client.code(peer.sasl_bind(1, "", "PLAIN", "\0bob\0hunter2")) == 13
    assert client.door.link.questions == []
    entry, _ = client.ask(peer.search(2, "", peer.BASE, attributes=["supportedSASLMechanisms"]))
    assert entry.attributes == {}
    entry, _ = secured(Door()).ask(peer.search(2, "", peer.BASE, attributes=["supportedSASLMechanisms"]))
    assert entry.attributes == {"supportedSASLMechanisms": [b"PLAIN"]}


# --- demands -------------------------------------------------------------------------------------------------------


def test_a_provider_may_take_passwords_over_tls_only() -> None:
    door = a_door(require_tls=True)
    client = door.connect()
    assert client.bind() == 13
    assert door.link.questions == []
    assert door.telemetry.decisions == {("ldap", "tls_required"): 1}
    assert not client.closed
    assert secured(door).bind() == 0


def test_a_name_without_a_password_by_switch() -> None:
    client = a_door(unauthenticated_bind=True).connect()
    client.bind()
    assert client.bind(ALICE_DN, "") == 0
    assert client.ask(peer.extended(2, "1.3.6.1.4.1.4203.1.11.3"))[0].value == b""
    assert client.code(peer.search(2, BASE)) == 50
    assert client.bind("cn=alice,dc=elsewhere", "") == 53
    assert client.bind("nonsense", "") == 53
    assert Door().connect().bind(ALICE_DN, "") == 53


def test_reading_without_a_bind_by_switch() -> None:
    client = a_door(anonymous_search=True).connect()
    assert len(client.names(peer.search(2, USERS, peer.ONE, attributes=["1.1"]))) == 4
    assert client.code(peer.compare(3, BOB_DN, "uid", "bob")) == 6
    assert client.names(peer.search(4, "", filter="(uid=bob)", attributes=["1.1"])) == [BOB_DN]


# --- the password policy control -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "code", "said"),
    [
        ("accepted", 0, None),
        ("wrong_password", 49, None),
        ("unknown_user", 49, None),
        ("password_expired", 49, 0),
        ("inactive", 49, 1),
        ("must_change_password", 49, 2),
    ],
)
def test_why_a_password_is_not_good_any_more(reason: str, code: int, said: int | None) -> None:
    client = Door().connect()
    if reason != "accepted":
        client.door.link.verdicts["bob"] = reason
    (answer,) = client.ask(peer.bind(1, BOB_DN, "hunter2", controls=[(POLICY, False, None)]))
    assert answer.code == code
    response = PasswordPolicyControl()
    response.decodeControlValue(answer.controls[POLICY])
    assert (response.error, response.timeBeforeExpiration, response.graceAuthNsRemaining) == (said, None, None)
    (answer,) = client.ask(peer.bind(2, BOB_DN, "hunter2"))
    assert (answer.code, answer.controls) == (code, {})


@pytest.mark.parametrize(
    ("left", "told"), [(3_601.0, None), (3_600.0, 3_600), (59.9, 59), (0.5, 0), (0.0, None)], ids=str
)
def test_how_long_a_password_is_good_when_little_is_left(left: float, told: int | None) -> None:
    """draft-behera-ldap-password-policy-10 s6.2; and nobody hears of it who has not asked."""
    door = Door()
    client = door.connect()
    door.link.password_end = PasswordEnd(door.now + left, door.now + left - 3_600.0)
    (answer,) = client.ask(peer.bind(1, BOB_DN, "hunter2", controls=[(POLICY, False, None)]))
    assert answer.code == 0
    response = PasswordPolicyControl()
    response.decodeControlValue(answer.controls[POLICY])
    assert (response.error, response.timeBeforeExpiration, response.graceAuthNsRemaining) == (None, told, None)
    (answer,) = client.ask(peer.bind(2, BOB_DN, "hunter2"))
    assert (answer.code, answer.controls) == (0, {})
    (answer,) = client.ask(peer.bind(3, BOB_DN, "wrong", controls=[(POLICY, False, None)]))
    response = PasswordPolicyControl()
    response.decodeControlValue(answer.controls[POLICY])
    assert (answer.code, response.timeBeforeExpiration) == (49, None)


# --- afterwards ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [Put(a_user(BOB, "bob", is_active=False)), Put(a_user(BOB, "bob", credential_version=2)), Remove("user", BOB)],
    ids=["disabled", "another password", "gone"],
)
def test_a_disabled_users_connections_end_at_once(change: Any) -> None:
    door = Door()
    clients = [door.connect() for _ in range(3)]
    clients[0].bind(BOB_DN, "hunter2")
    clients[1].bind(BOB_DN, "hunter2")
    clients[2].bind()
    door.people.change(Put(a_user(CAROL, "carol", is_active=False)))
    assert not any(client.closed for client in clients)
    door.people.change(change)
    assert [client.closed for client in clients] == [True, True, False]
    (notice,) = clients[0].answers()
    assert (notice.message_id, notice.code, notice.oid) == (0, 8, "1.3.6.1.4.1.1466.20036")
    door.people.change(Put(a_user(ALICE, "alice", uuid="another", is_active=True)))
    assert clients[2].closed


def test_a_connection_ends_with_the_password_that_opened_it() -> None:
    """An app password has its day, and so has a policy's yes."""
    door = Door()
    own, app, admitted = (door.connect() for _ in range(3))
    own.bind(ALICE_DN)
    door.link.password_end = PasswordEnd(NOW + 60, NOW)
    app.bind(BOB_DN, "hunter2")
    door.link.password_end, door.link.reuse = None, Reuse(600.0, not_after=NOW + 60)
    admitted.bind(BOB_DN, "hunter2")
    door.now = NOW + 59
    door.clock.pump([0.5] * 3)
    assert [client.closed for client in (own, app, admitted)] == [False] * 3
    assert app.code(peer.search(2, BOB_DN, scope=0)) == 0
    door.now = NOW + 60
    assert app.code(peer.search(3, BOB_DN, scope=0)) == 50
    assert app.code(peer.compare(4, BOB_DN, "cn", "bob")) == 50
    door.clock.pump([0.5] * 2)
    assert [client.closed for client in (own, app, admitted)] == [False, True, True]
    (notice,) = app.answers()
    assert (notice.message_id, notice.code, notice.oid) == (0, 8, "1.3.6.1.4.1.1466.20036")


def test_another_password_of_the_same_person_has_its_own_day() -> None:
    door = Door()
    door.link.password_end = PasswordEnd(NOW + 60, NOW)
    later, sooner = door.connect(), door.connect()
    later.bind(BOB_DN, "hunter2")
    door.link.password_end = PasswordEnd(NOW + 30, NOW)
    sooner.bind(BOB_DN, "hunter2")
    door.now = NOW + 30
    door.clock.pump([0.5] * 3)
    assert [later.closed, sooner.closed] == [False, True]


def test_whoever_has_chosen_another_password_stays_when_the_old_one_would_have_ended() -> None:
    door = Door()
    door.link.password_end = PasswordEnd(NOW + 60, NOW)
    client = door.connect()
    client.connection._session.secure = True
    client.bind()
    assert client.code(peer.password_modify(2, old="secret", new="another")) == 0
    door.people.change(Put(a_user(ALICE, "alice", credential_version=2)))
    door.now = NOW + 61
    door.clock.pump([0.5] * 3)
    assert not client.closed
    assert client.code(peer.search(3, ALICE_DN, scope=0)) == 0


def test_whom_a_group_let_in_is_not_kept_by_a_policy_that_was_never_asked() -> None:
    """Whom it did let in, it keeps, until they bind again."""
    bindings = (BindingRecord("b1", 0, policy="p"), BindingRecord("b2", 1, group="g-staff"))
    door = a_door(*bindings)
    carol, bob = door.connect(), door.connect()
    door.people.change(Members("g-sales", removed=(BOB,)))
    carol.bind(f"cn=carol,{USERS}", "carol's")
    bob.bind(BOB_DN, "hunter2")
    assert (carol.code(own(2, "carol")), bob.code(own(2, "bob"))) == (0, 0)
    door.people.change(Members("g-staff", removed=(CAROL,)))
    assert (carol.code(own(3, "carol")), bob.code(own(3, "bob"))) == (50, 0)
    carol.bind(f"cn=carol,{USERS}", "carol's")
    assert carol.code(own(4, "carol")) == 0
    door.people.change(Put(a_provider(*bindings, mode="all")))
    assert (carol.code(own(5, "carol")), bob.code(own(5, "bob"))) == (50, 50)


def own(message_id: int, name: str) -> bytes:
    return peer.search(message_id, f"cn={name},{USERS}", scope=0)
