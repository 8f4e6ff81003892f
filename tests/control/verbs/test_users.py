"""Users: what ends remembered credentials and sessions, who may be what, and what goes with them."""

from __future__ import annotations

from typing import Any

import pytest

from control.records import Application, Binding, Login, Outpost, Session, Token, User
from control.store.interface import NotFound, Query
from control.store.sql import SqlStore
from control.verbs import tokens, users
from control.verbs.fields import NON_FIELD
from tests.control.verbs.do import application, binding, count, group, outpost, refused, same_bytes, user


def change(store: SqlStore, pk: int, **fields: Any) -> User:
    return store.write_now(lambda tx: users.update(tx, pk, fields))


def test_a_user_has_authentiks_defaults(store: SqlStore) -> None:
    alice = user(store, "alice")
    assert (alice.is_active, alice.type, alice.path, alice.password) == (True, "internal", "users", None)
    assert alice.uuid
    assert alice.ordinal == alice.pk == 1


def test_deactivating_disbelieves_credentials_and_sessions(store: SqlStore) -> None:
    before = user(store, "alice")
    after = change(store, before.pk, is_active=False)
    assert after.credential_version == before.credential_version + 1
    assert after.sessions_not_before == after.last_updated > 0
    again = change(store, before.pk, is_active=True)
    assert (again.credential_version, again.sessions_not_before) == (
        after.credential_version,
        after.sessions_not_before,
    )


def test_a_new_name_disbelieves_what_was_remembered_under_the_old_one(store: SqlStore) -> None:
    before = user(store, "alice")
    after = change(store, before.pk, username="alicia")
    assert after.credential_version == before.credential_version + 1
    assert change(store, before.pk, name="Alicia").credential_version == after.credential_version
    by_email = change(store, before.pk, email="alicia@example.com")
    assert by_email.credential_version == after.credential_version + 1


def test_a_new_password_disbelieves_the_old_one_and_ends_sessions(store: SqlStore) -> None:
    before = user(store, "alice")
    after = store.write_now(lambda tx: users.set_password(tx, before.pk, "$argon2id$hash"))
    assert after.password == "$argon2id$hash"
    assert after.credential_version == before.credential_version + 1
    assert after.password_change_date == after.sessions_not_before > 0
    with pytest.raises(NotFound):
        store.write_now(lambda tx: users.set_password(tx, 99, "x"))


def test_groups_given_replace_memberships_and_absent_ones_keep_them(store: SqlStore) -> None:
    one, two = group(store, "one"), group(store, "two")
    alice = user(store, "alice", groups=[one.pk])
    change(store, alice.pk, groups=[two.pk])
    assert store.read_now(lambda tx: tx.groups_of([alice.pk])) == {alice.pk: [two.pk]}
    change(store, alice.pk, name="A")
    assert store.read_now(lambda tx: tx.groups_of([alice.pk])) == {alice.pk: [two.pk]}
    change(store, alice.pk, groups=[])
    assert store.read_now(lambda tx: tx.groups_of([alice.pk])) == {alice.pk: []}


def test_a_whole_update_needs_the_required_fields_and_keeps_the_others(store: SqlStore) -> None:
    alice = user(store, "alice", email="a@example.com")
    assert refused(store, lambda tx: users.update(tx, alice.pk, {"name": "A"}, partial=False)) == {
        "username": ["This field is required."]
    }
    body = {"username": "alice", "name": "A"}
    assert store.write_now(lambda tx: users.update(tx, alice.pk, body, partial=False)).email == "a@example.com"


def test_internal_service_accounts_are_made_by_outposts_only(store: SqlStore) -> None:
    sentence = {"type": ["Setting a user to internal service account is not allowed."]}
    body = {"username": "x", "name": "", "type": "internal_service_account"}
    assert refused(store, lambda tx: users.create(tx, body)) == sentence
    alice = user(store, "alice")
    assert refused(store, lambda tx: users.update(tx, alice.pk, {"type": "internal_service_account"})) == sentence
    account = outpost(store, "o").user
    assert account is not None
    assert refused(store, lambda tx: users.update(tx, account, {"type": "internal"})) == {
        "type": ["Can't change internal service account to other user type."]
    }


def test_the_last_valid_moment_comes_after_the_first(store: SqlStore) -> None:
    body = {"username": "x", "name": "", "valid_from": "2024-01-02", "valid_until": "2024-01-02T00:00:00Z"}
    assert list(refused(store, lambda tx: users.create(tx, body))) == ["valid_until"]


@pytest.mark.parametrize("path", ["/a", "a/", "a//b", ""])
def test_paths_have_no_empty_segments(store: SqlStore, path: str) -> None:
    assert list(refused(store, lambda tx: users.create(tx, {"username": "x", "name": "", "path": path}))) == ["path"]


def test_a_taken_name_is_refused(store: SqlStore) -> None:
    user(store, "alice")
    bob = user(store, "bob")
    sentence = {"username": ["This field must be unique."]}
    assert refused(store, lambda tx: users.create(tx, {"username": "alice", "name": ""})) == sentence
    assert refused(store, lambda tx: users.update(tx, bob.pk, {"username": "alice"})) == sentence


@pytest.mark.parametrize(
    "name", ["ALICE Doe", "alice  doe", "al\u200bice doe", "\u00a0alice doe", "\ufeffAlice\u2003doe"]
)
def test_nobody_chooses_a_name_that_ldap_takes_for_anothers(store: SqlStore, name: str) -> None:
    alice = user(store, "alice doe")
    assert store.write_now(lambda tx: users.is_taken(tx, name))
    assert not store.write_now(lambda tx: users.is_taken(tx, name, alice.pk))
    assert not store.write_now(lambda tx: users.is_taken(tx, name + "x"))


def test_what_belongs_to_a_user_goes_with_them(store: SqlStore) -> None:
    staff = group(store, "staff")
    alice = user(store, "alice", groups=[staff.pk])
    app = application(store, "app")
    binding(store, app.pk, group=staff.pk)
    binding(store, app.pk, user=alice.pk)
    store.write_now(lambda tx: tokens.create(tx, alice.pk, "t", same_bytes))
    store.write_now(lambda tx: (tx.insert(Session("s", user=alice.pk)), tx.insert(Login(alice.pk, 1.0))))
    store.write_now(lambda tx: users.delete(tx, alice.pk))
    for kind in (User, Token, Session, Login):
        assert count(store, kind) == 0
    assert [line.group for line in store.read_now(lambda tx: tx.select(Binding))] == [staff.pk]
    assert store.read_now(lambda tx: tx.members_of([staff.pk])) == {staff.pk: []}


def test_deleting_a_user_opens_no_application(store: SqlStore) -> None:
    alice, bob = user(store, "alice"), user(store, "bob")
    app = application(store, "app")
    only = binding(store, app.pk, user=alice.pk)
    binding(store, app.pk, user=bob.pk, enabled=False)
    (sentence,) = refused(store, lambda tx: users.delete(tx, alice.pk))[NON_FIELD]
    assert "“app”" in sentence
    store.write_now(lambda tx: tx.delete(only))
    store.write_now(lambda tx: users.delete(tx, alice.pk))
    assert store.read_now(lambda tx: tx.count(Application, Query(equal={"slug": "app"}))) == 1


def test_the_account_of_an_outpost_stays(store: SqlStore) -> None:
    account = outpost(store, "o").user
    assert account is not None
    assert list(refused(store, lambda tx: users.delete(tx, account))) == [NON_FIELD]
    assert store.read_now(lambda tx: tx.count(Outpost)) == 1
