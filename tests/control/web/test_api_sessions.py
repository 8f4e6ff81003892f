"""Browser sessions through the API: listed, and ended, by their owner and by a superuser."""

from __future__ import annotations

from control import sessions
from control.records import Session, User
from control.sessions import COOKIE_BYTES, Caller, fresh
from control.store.interface import Transaction
from tests.control.web.api import Api

SESSIONS = "/core/authenticated_sessions/"


def signed_in(api: Api, user: int, seed: int = 1) -> str:
    """A session of the user's; what the API calls it."""
    new = fresh(bytes([seed]) * 2 * COOKIE_BYTES)

    def verb(tx: Transaction) -> Session:
        version = tx.get(User, user).credential_version
        return sessions.sign_in(tx, None, new, user, version, "password", Caller("192.0.2.9", "Mozilla/5.0"))

    return api.sql.write_now(verb).uuid


def a_stranger(api: Api) -> None:
    api.sql.write_now(lambda tx: sessions.begin(tx, fresh(bytes([9]) * 2 * COOKIE_BYTES), Caller(), {}))


def test_a_superuser_sees_everybodys_and_no_strangers(api: Api) -> None:
    alice, bob = api.user("alice"), api.user("bob")
    first, second = signed_in(api, alice, 1), signed_in(api, bob, 2)
    a_stranger(api)
    found = api.get(SESSIONS)["results"]
    assert {one["uuid"]: one["user"] for one in found} == {first: alice, second: bob}
    assert [one["uuid"] for one in api.get(f"{SESSIONS}?user__username=bob")["results"]] == [second]
    (one,) = api.get(f"{SESSIONS}?user__username=alice")["results"]
    assert (one["last_ip"], one["last_user_agent"]) == ("192.0.2.9", "Mozilla/5.0")
    assert (one["user_agent"]["string"], one["current"]) == ("Mozilla/5.0", False)


def test_a_session_is_not_called_by_its_key(api: Api) -> None:
    uuid = signed_in(api, api.user("alice"))
    (session,) = api.sql.read_now(lambda tx: tx.select(Session))
    assert session.uuid == uuid
    assert session.pk.encode() not in api.call("GET", SESSIONS).text
    assert api.call("GET", f"{SESSIONS}{session.pk}/").status == 404


def test_people_see_and_end_only_their_own(api: Api) -> None:
    alice, bob = api.user("alice"), api.user("bob")
    own, other = signed_in(api, alice, 1), signed_in(api, bob, 2)
    token = api.token(alice)
    assert [one["uuid"] for one in api.get(SESSIONS, token)["results"]] == [own]
    assert api.call("DELETE", f"{SESSIONS}{other}/", token=token).status == 404
    assert api.call("DELETE", f"{SESSIONS}{own}/", token=token).status == 204
    assert [one["uuid"] for one in api.get(SESSIONS)["results"]] == [other]


def test_ending_leaves_an_event_of_whose_it_was(api: Api) -> None:
    uuid = signed_in(api, api.user("alice"))
    api.clock.advance(1)
    assert api.call("DELETE", f"{SESSIONS}{uuid}/").status == 204
    (event,) = api.get("/events/events/?action=logout")["results"]
    assert (event["user"]["username"], event["context"]["session"]) == ("alice", uuid)
