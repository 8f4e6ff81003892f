"""Prove, then admit: who gets in, and why not; whatever goes wrong denies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from control import authentication as control_authentication
from control import reputation, tries
from control.authentication import AT_ONCE, ONE_PAGE, STATIC, Authentication, Proved
from control.passwords.hashing import Busy
from control.policies.judge import Judge
from control.policies.kinds import KINDS
from control.radius.sessions import DOUBTED_SECONDS
from control.records import (
    Application,
    Binding,
    Event,
    Group,
    Login,
    Outpost,
    Policy,
    PropertyMapping,
    Provider,
    RadiusSession,
    User,
)
from control.store.interface import Query, Transaction, Unavailable
from control.store.sql import SqlStore, writer
from control.verbs import system
from protocols.link.messages import (
    AccessSaid,
    AskAccess,
    Authenticate,
    Authenticated,
    Challenge,
    IdentityRecord,
    NetworkHash,
    PasswordEnd,
    ReplyAttribute,
)
from rules.reasons import Outcome
from tests.control.policies.asking import asking_the_store
from tests.fakes import FakeClock
from tests.stores import open_store


class World:
    """alice is in engineering, a part of staff, to whom the application is bound; carol is in nothing."""

    def __init__(self, store: SqlStore, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        self.proved = Proved("accepted")
        self.fails: Exception | None = None
        self.questions: list[tuple[str, Authenticate]] = []
        self.authentication = Authentication(store, {"password": self._prove}, clock)
        store.write_now(self._populate)

    def _populate(self, tx: Transaction) -> None:
        alice = tx.insert(User(username="alice", name="Alice", attributes={"a": {"x": 1}, "b": 2}))
        carol = tx.insert(User(username="carol"))
        staff = tx.insert(Group(name="staff", attributes={"a": {"x": 0, "y": 0}}, is_superuser=True))
        engineering = tx.insert(Group(name="engineering", parents=(staff.pk,)))
        tx.add_members(engineering.pk, [alice.pk])
        provider = tx.insert(Provider("p", "ldap"))
        orphan = tx.insert(Provider("orphan", "ldap"))
        application = tx.insert(Application("app", "app", provider=provider.pk))
        tx.insert(Binding(application.pk, group=staff.pk))
        self.users = {"alice": alice.pk, "carol": carol.pk}
        self.provider, self.orphan, self.application = provider.pk, orphan.pk, application.pk
        self.outpost = tx.insert(Outpost("o", "any", providers=(provider.pk, orphan.pk))).pk
        self.other_outpost = tx.insert(Outpost("p", "any")).pk

    async def _prove(self, provider: Provider, question: Authenticate) -> Proved:
        self.questions.append((provider.name, question))
        if self.fails is not None:
            raise self.fails
        return self.proved

    def ask(self, user: str | None = "alice", **fields: Any) -> Authenticated:
        if user is not None and self.proved == Proved("accepted"):
            self.proved = Proved("accepted", self.users[user], 1)
        question = Authenticate(
            **{
                "id": "q1",
                "provider": self.provider,
                "username": user or "",
                "proof": {"kind": "password", "password": "hush"},
                "protocol": "ldap",
                "peer": "127.0.0.1",
                **fields,
            }
        )
        outpost = fields.pop("outpost", self.outpost)
        return asyncio.run(self.authentication.answer(outpost, question))

    def change(self, user: str, **fields: Any) -> None:
        self.store.write_now(lambda tx: tx.update(replace(tx.get(User, self.users[user]), **fields)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = FakeClock()
    store = open_store(tmp_path, clock)
    yield World(store, clock)
    store.close()


def test_a_proved_and_bound_user_is_accepted_with_an_identity(world: World) -> None:
    answer = world.ask()
    assert (answer.id, answer.outcome, answer.reason) == ("q1", Outcome.ACCEPTED, "accepted")
    assert answer.identity is not None
    assert answer.identity.username == "alice"
    assert answer.identity.groups == ("engineering",)
    assert answer.identity.is_superuser
    assert answer.identity.attributes == {"a": {"x": 1, "y": 0}, "b": 2}
    assert answer.revision == world.store.read_now(lambda tx: tx.revision().number)
    assert len(world.questions) == 1


@pytest.mark.parametrize(("confirmed", "told"), [(True, "boss@example.com"), (False, "")])
def test_applications_are_told_of_a_confirmed_address_alone(world: World, confirmed: bool, told: str) -> None:
    world.change("alice", email="boss@example.com", email_verified=confirmed)
    answer = world.ask()
    assert answer.identity is not None
    assert answer.identity.email == told


def test_whom_no_binding_lets_in_is_not_allowed(world: World) -> None:
    assert world.ask("carol").reason == "no_binding"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"is_active": False}, "inactive"),
        ({"valid_from": 1_700_000_001.0}, "not_yet_valid"),
        ({"valid_until": 1_700_000_000.0}, "expired"),
    ],
)
def test_a_right_password_of_a_bad_account_is_bad_credentials(
    world: World, fields: dict[str, Any], reason: str
) -> None:
    world.change("alice", **fields)
    answer = world.ask()
    assert (answer.outcome, answer.reason, answer.identity) == (Outcome.BAD_CREDENTIALS, reason, None)


def test_what_a_proof_gives_reaches_the_door_only_with_its_outcome(world: World) -> None:
    given = {"reuse": None, "keys": {"password_hash_hash": "00"}, "challenge": Challenge("s", "Code?")}
    world.proved = Proved("accepted", world.users["alice"], 1, **given)  # type: ignore[arg-type]
    accepted = world.ask()
    assert (accepted.reuse, accepted.keys, accepted.challenge) == (None, {"password_hash_hash": "00"}, None)
    world.change("alice", is_active=False)
    refused = world.ask()
    assert (refused.reason, refused.keys, refused.challenge) == ("inactive", {}, None)
    world.proved = replace(world.proved, reason="code_needed")
    challenged = world.ask()
    assert (challenged.identity, challenged.keys, challenged.challenge) == (None, {}, Challenge("s", "Code?"))


def test_only_whoever_is_let_in_hears_with_what_that_ends(world: World) -> None:
    world.proved = Proved("accepted", world.users["alice"], 1, ends_with=("sid", "digest"))
    assert world.ask().ends_with == ("sid", "digest")
    world.change("alice", is_active=False)
    assert world.ask().ends_with == ()


def test_whoever_is_let_in_hears_when_their_password_ends(world: World) -> None:
    end = world.clock.now() + 30 * 86_400
    world.proved = Proved("accepted", world.users["alice"], 1, ends=end)
    assert world.ask().password_end == PasswordEnd(end, end - 14 * 86_400)
    world.store.write_now(lambda tx: system.change(tx, {"password_warning": "days=0"}))
    assert world.ask().password_end == PasswordEnd(end, end)
    world.change("alice", is_active=False)
    assert world.ask().password_end is None
    world.change("alice", is_active=True)
    world.proved = replace(world.proved, ends=None)
    assert world.ask().password_end is None


def test_an_account_expires_while_nobody_changes_it(world: World) -> None:
    world.change("alice", valid_until=world.clock.now() + 10)
    assert world.ask().reason == "accepted"
    world.clock.advance(10)
    assert world.ask().reason == "expired"


@pytest.mark.parametrize("reason", ["wrong_password", "unknown_user", "flow_needs_browser"])
def test_what_was_not_proved_is_not_admitted(world: World, reason: str) -> None:
    world.proved = Proved(reason, world.users["alice"])
    answer = world.ask()
    assert (answer.reason, answer.identity) == (reason, None)


def test_acceptance_that_names_nobody_is_refused(world: World) -> None:
    assert world.ask(None).outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize("name", ["", "bob\0", "\ud800", "x" * 100_000])
def test_a_name_that_nobody_can_have_is_refused_and_written_down_short(world: World, name: str) -> None:
    answer = world.ask(username=name, attributes={"path": "/" * 100_000, **{str(n): "x" for n in range(100)}})
    assert (answer.outcome, answer.reason) == (Outcome.BAD_CREDENTIALS, "impossible_name")
    assert world.questions == []
    (event,) = world.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "login_failed"})))
    assert len(repr(event)) < 2500


@pytest.mark.parametrize("version", [0, 2])
def test_a_password_changed_while_the_old_one_was_checked_is_not_accepted(world: World, version: int) -> None:
    world.proved = Proved("accepted", world.users["alice"], version)
    answer = world.ask()
    assert (answer.outcome, answer.reason, answer.identity, answer.reuse) == (
        Outcome.BAD_CREDENTIALS,
        "credential_changed",
        None,
        None,
    )


def test_a_user_deleted_meanwhile_is_unknown(world: World) -> None:
    world.proved = Proved("accepted", world.users["alice"], 1)
    world.store.write_now(lambda tx: tx.delete(tx.get(User, world.users["alice"])))
    assert world.ask().outcome is not Outcome.ACCEPTED


def test_an_outpost_asks_only_for_what_it_serves(world: World) -> None:
    for outpost, provider in ((world.outpost, world.orphan), (world.outpost, 99), ("nobody", world.provider)):
        assert ask_through(world, outpost, provider).reason == "unknown_provider"
    assert ask_through(world, world.other_outpost, world.provider).reason == "unknown_provider"
    assert world.questions == []


def ask_through(world: World, outpost: str, provider: int) -> Authenticated:
    question = Authenticate("q", provider, "alice", {"kind": "password", "password": "x"}, "ldap", "127.0.0.1")
    return asyncio.run(Authentication(world.store, {"password": world._prove}, world.clock).answer(outpost, question))


@pytest.mark.parametrize("proof", [{}, {"kind": "telepathy"}, {"kind": ["password"]}, {"kind": None}])
def test_an_unknown_proof_is_refused(world: World, proof: dict[str, Any]) -> None:
    assert world.ask(proof=proof).reason == "unsupported_proof"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Busy("queue"), "busy"), (RuntimeError("bug"), "internal_error"), (KeyError(), "internal_error")],
)
def test_any_exception_denies(world: World, error: Exception, reason: str) -> None:
    world.fails = error
    answer = world.ask()
    assert (answer.outcome, answer.reason, answer.identity) == (Outcome.UNAVAILABLE, reason, None)


def test_every_answer_leaves_an_event_and_none_a_revision(world: World) -> None:
    revision = world.store.read_now(lambda tx: tx.revision())
    world.ask()
    world.proved = Proved("wrong_password", world.users["alice"])
    world.ask()
    events = world.store.read_now(lambda tx: tx.select(Event, Query(within={"action": ["login", "login_failed"]})))
    assert sorted(event.context["reason"] for event in events) == ["accepted", "wrong_password"]
    assert all(event.user["username"] == "alice" and event.context["request_id"] == "q1" for event in events)
    assert "hush" not in repr(events)
    assert world.store.read_now(lambda tx: tx.revision()) == revision


def test_the_last_login_is_remembered(world: World) -> None:
    for _ in range(2):
        world.clock.advance(60)
        world.ask()
    (login,) = world.store.read_now(lambda tx: tx.select(Login))
    assert (login.pk, login.last_login) == (world.users["alice"], world.clock.now())
    assert [(one["time"], one["peer"]) for one in login.recent] == [
        (world.clock.now(), "127.0.0.1"),
        (world.clock.now() - 60, "127.0.0.1"),
    ]


def test_a_refusal_is_logged_with_the_outposts_id_and_without_the_password(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.ask()
    assert caplog.records == []
    world.proved = Proved("wrong_password", world.users["alice"])
    world.ask(id="q7", protocol="radius", peer="192.0.2.7")
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.INFO,
        "login of 'alice' over radius refused: wrong_password [q7]",
    )
    fields = vars(record)["fields"]
    assert fields == {
        "event": "login_refused",
        "id": "q7",
        "protocol": "radius",
        "peer": "192.0.2.7",
        "username": "alice",
        "provider": world.provider,
        "outpost": world.outpost,
        "reason": "wrong_password",
    }
    assert "hush" not in caplog.text + repr(vars(record))


def test_a_fault_is_logged_with_its_traceback_and_the_id(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.fails = RuntimeError("bug")
    world.ask(id="q8")
    fault = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert fault.exc_info is not None
    assert "q8" in fault.getMessage()
    assert "hush" not in caplog.text


def test_answers_are_counted_under_no_words_but_ours(world: World) -> None:
    world.ask()
    for protocol in ("ldap", "forged-1", "forged-2"):
        world.proved = Proved("wrong_password")
        world.ask(protocol=protocol)
    assert world.authentication.logins == {
        ("ldap", "accepted", "accepted"): 1,
        ("ldap", "bad_credentials", "wrong_password"): 1,
        ("other", "bad_credentials", "wrong_password"): 2,
    }


# --- wrong tries -----------------------------------------------------------------------------------------------------


def test_guessing_through_doors_is_held_up_before_anything_is_checked(world: World) -> None:
    world.proved = Proved("wrong_password", world.users["alice"])
    for _ in range(tries.FREE + 1):
        assert world.ask().reason == "wrong_password"
    asked = len(world.questions)
    answer = world.ask()
    assert (answer.outcome, answer.reason) == (Outcome.THROTTLED, "too_many_tries")
    assert len(world.questions) == asked
    assert world.ask(peer="198.51.100.1").reason == "wrong_password"  # somebody else, elsewhere
    assert world.ask(protocol="radius", attributes={"calling_station": "02-01"}).reason == "wrong_password"
    world.clock.advance(1)
    world.proved = Proved("accepted")
    assert world.ask().reason == "accepted"


def test_names_that_nobody_has_are_held_up_like_all_others(world: World) -> None:
    world.proved = Proved("unknown_user")
    said = [world.ask(None, username="nobody").reason for _ in range(tries.FREE + 2)]
    assert said == ["unknown_user"] * (tries.FREE + 1) + ["too_many_tries"]


def test_credentials_that_an_outpost_knows_are_not_held_up_by_others(world: World) -> None:
    assert world.ask().reason == "accepted"
    world.proved = Proved("wrong_password", world.users["alice"])
    for _ in range(tries.FREE + 2):
        world.ask()
    world.proved = Proved("accepted")
    assert world.ask().reason == "too_many_tries"
    assert world.ask(known_good=True).reason == "accepted"


def test_a_program_that_repeats_a_wrong_password_tries_but_once(world: World) -> None:
    world.proved = Proved("wrong_password", world.users["alice"])
    for _ in range(tries.FREE * 2):
        assert world.ask(again=True).reason == "wrong_password"


@pytest.mark.parametrize("said", ["again", "known_good"])
def test_an_outpost_cannot_say_of_guesses_that_they_are_none(world: World, said: str) -> None:
    """Its token may be stolen; and the place is one where the account was right."""
    assert world.ask().reason == "accepted"
    world.proved = Proved("wrong_password", world.users["alice"])
    guesses = [{"kind": "password", "password": f"guess {number}"} for number in range(tries.FREE + 3)]
    claims: dict[str, Any] = {said: True}
    reasons = [world.ask(proof=guess, **claims).reason for guess in guesses]
    assert reasons == ["wrong_password"] * (tries.FREE + 1) + ["too_many_tries"] * 2


def test_every_login_counts_for_reputation(world: World) -> None:
    world.proved = Proved("wrong_password", world.users["alice"])
    world.ask()
    world.ask()
    assert world.store.read_now(lambda tx: reputation.score(tx, "", "127.0.0.1")) == 0
    assert world.store.read_now(lambda tx: reputation.score(tx, "alice", "127.0.0.1")) == -2


# --- property mappings of a RADIUS provider ------------------------------------------------------------------------


def map_radius(world: World, expression: str, on_failure: str = "omit") -> None:
    """The provider is a RADIUS one from here on, with one mapping."""

    def verb(tx: Transaction) -> None:
        made = tx.insert(PropertyMapping("vlan", "radius", expression, on_failure=on_failure))
        provider = tx.get(Provider, world.provider)
        tx.update(replace(provider, kind="radius", property_mappings=(made.pk,)))

    world.store.write_now(verb)


def test_mappings_write_into_the_answer_what_the_request_and_the_person_are(world: World) -> None:
    map_radius(
        world,
        "if ak_is_group_member(user, name='staff') and context['nas'] == 'ap-7':\n"
        "  packet['Filter-Id'] = str(user.group_attributes()['b']) + f'@{ak_client_ip}'",
    )
    answer = world.ask(protocol="radius", attributes={"nas": "ap-7"})
    assert answer.reply == (ReplyAttribute("Filter-Id", "2@127.0.0.1"),)
    assert answer.reuse is None  # another NAS, or another group, gets another answer
    assert world.ask(protocol="radius", attributes={"nas": "ap-8"}).reply == ()
    world.proved = Proved("accepted")
    assert world.ask("carol", protocol="radius", attributes={"nas": "ap-7"}).reply == ()


BASIC = {"basic_auth_enabled": True, "basic_auth_user_attribute": "n", "basic_auth_password_attribute": "App/Password"}


def passwords_for_an_application(world: World, own: bool) -> None:
    """alice and *staff* have one, for a proxy: for the one that is asked about (``own``), or for another."""

    def verb(tx: Transaction) -> None:
        if tx.find(Provider, name="wiki") is None:
            tx.insert(Provider("wiki", "proxy", settings=BASIC))
        alice = tx.get(User, world.users["alice"])
        tx.update(replace(alice, attributes={"app-password": "alice@app", "b": 2}))
        for staff in tx.select(Group):
            tx.update(replace(staff, attributes={"App/Password": f"{staff.name}@app", "b": 2}))
        provider = tx.get(Provider, world.provider)
        settings = BASIC if own else {**BASIC, "basic_auth_password_attribute": "another"}
        tx.update(replace(provider, kind="proxy", settings=settings))

    world.store.write_now(verb)


def test_an_answer_has_no_password_for_an_application_but_for_its_own(world: World) -> None:
    def told() -> dict[str, Any]:
        identity = world.ask(protocol="proxy").identity
        assert identity is not None
        return identity.attributes

    passwords_for_an_application(world, own=False)
    assert told() == {"b": 2}
    passwords_for_an_application(world, own=True)
    assert told() == {"app-password": "alice@app", "App/Password": "staff@app", "b": 2}
    off = {**BASIC, "basic_auth_enabled": False}
    world.store.write_now(lambda tx: tx.update(replace(tx.get(Provider, world.provider), settings=off)))
    assert told() == {"b": 2}


def test_mappings_of_radius_see_no_password_for_an_application(world: World) -> None:
    passwords_for_an_application(world, own=False)
    seen = "user.attributes, user.group_attributes(), [one.attributes for one in user.all_groups()]"
    map_radius(world, f"packet['Reply-Message'] = str([{seen}])")
    (told,) = world.ask(protocol="radius").reply
    assert "'b': 2" in str(told.value)
    assert "@app" not in str(told.value)


def test_of_a_broken_mapping_nothing_is_said_and_an_event_tells(world: World) -> None:
    map_radius(world, "packet['Filter-Id'] = 'x'\npacket['Session-Timeout'] = 'soon'")
    answer = world.ask(protocol="radius")
    assert (answer.reason, answer.reply) == ("accepted", ())
    (event,) = world.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "property_mapping_exception"})))
    assert event.user["username"] == "alice"
    assert "Line 2, column 1: ValueError: “soon” is no value of Session-Timeout" in event.context["message"]


def test_a_broken_mapping_that_must_not_fail_lets_nobody_in(world: World) -> None:
    map_radius(world, "return user.nothing", "refuse")
    answer = world.ask(protocol="radius")
    assert (answer.outcome, answer.reason, answer.identity) == (Outcome.NOT_ALLOWED, "mapping_failed", None)
    world.proved = Proved("accepted")
    assert world.ask("carol", protocol="radius").reason == "no_binding"  # who is not let in anyway hears of that


def test_where_a_proxys_mapping_sends_somebody_is_told_and_complained_of_when_it_leads_nowhere(world: World) -> None:
    """The outpost refuses them there (`rules.reasons`: misdirected)."""

    def say(host: str) -> IdentityRecord:
        def verb(tx: Transaction) -> None:
            expression = f"return {{'ak_proxy': {{'host_header': '{host}', 'backend_override': 'http://theirs'}}}}"
            made = tx.insert(PropertyMapping(f"to {host}", "scope", expression, settings={"scope_name": "x"}))
            proxy = replace(tx.get(Provider, world.provider), kind="proxy", settings={"mode": "proxy"})
            tx.update(replace(proxy, property_mappings=(made.pk,)))

        world.store.write_now(verb)
        answer = world.ask(protocol="proxy")
        assert answer.identity is not None
        assert answer.identity.backend_override == "http://theirs"
        return answer.identity

    def complaints() -> list[str]:
        found = world.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "property_mapping_exception"})))
        return [event.context["mapping"]["name"] for event in found]

    assert (say("inner:81").host_header, complaints()) == ("inner:81", [])
    assert (say("in ner").host_header, complaints()) == ("in ner", ["to in ner"])


def test_a_mapping_that_never_ends_is_ended(world: World) -> None:
    map_radius(world, "while True:\n  pass", "refuse")
    assert world.ask(protocol="radius").reason == "mapping_failed"


# --- policies ------------------------------------------------------------------------------------------------------


def bind_policy(world: World, source: str, kind: str = "expression", **fields: Any) -> None:
    def verb(tx: Transaction) -> None:
        policy = tx.insert(Policy("p", kind, settings={"expression": source}))
        tx.insert(Binding(world.application, policy=policy.pk, **fields))
        tx.update(replace(tx.get(Application, world.application), policy_engine_mode="all"))

    world.store.write_now(verb)


def test_a_policy_is_asked_about_the_request_and_its_no_is_explained(world: World) -> None:
    source = "ak_message('No guests.')\nreturn context['ssid'] != 'Guests' and context['protocol'] == 'radius'"
    bind_policy(world, source)
    answer = world.ask(protocol="radius", attributes={"ssid": "Guests"})
    assert (answer.outcome, answer.reason, answer.identity) == (Outcome.NOT_ALLOWED, "policy_denied", None)
    (event,) = world.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "login_failed"})))
    (told,) = event.context["policies"]
    assert (told["name"], told["passing"], told["messages"]) == ("p", False, ["No guests."])
    answer = world.ask(protocol="radius", attributes={"ssid": "Staff"})
    assert (answer.reason, answer.reuse) == ("accepted", None)


def test_a_broken_policy_denies_and_leaves_an_event(world: World) -> None:
    bind_policy(world, "return context['ssid']")
    assert world.ask().reason == "policy_failed"
    (event,) = world.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "policy_exception"})))
    assert event.context["message"] == "Line 1, column 8: There is no item 'ssid'."


@pytest.fixture
def left_without_an_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy during which the database goes away, and whose failure would let in."""
    monkeypatch.setitem(KINDS, "asking", asking_the_store())
    bind_policy(world, "", "asking", failure_result=True)


@pytest.mark.usefixtures("left_without_an_answer")
def test_a_database_that_goes_away_while_a_policy_is_asked_is_no_word_of_the_policy(world: World) -> None:
    """Whoever asks hears that control cannot answer (`outpost.up`, `control.web.outposts_api`), and no event says
    otherwise."""
    for ask in (world.ask, partial(ask_access, world)):
        with pytest.raises(Unavailable):
            ask()
    asked = Query(within={"action": ["policy_exception", "login_failed"]})
    assert world.store.read_now(lambda tx: tx.count(Event, asked)) == 0


def test_who_changed_while_policies_were_asked_is_not_let_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy may take a second, and an account can be shut meanwhile."""
    bind_policy(world, "return True")
    conclude = Authentication._conclude

    def late(self: Authentication, tx: Transaction, *rest: Any) -> Authenticated:
        tx.update(replace(tx.get(User, world.users["alice"]), is_active=False))
        return conclude(self, tx, *rest)

    monkeypatch.setattr(Authentication, "_conclude", late)
    answer = world.ask()
    assert (answer.reason, answer.identity, answer.reuse) == ("inactive", None, None)


# --- people who have signed in at a proxy --------------------------------------------------------------------------


def ask_access(world: World, outpost: str | None = None, **fields: Any) -> AccessSaid:
    asked = {"provider": world.provider, "user": world.users["alice"], "peer": "127.0.0.1", **fields}
    question = AskAccess("a1", **asked)
    return asyncio.run(world.authentication.access(outpost or world.outpost, question))


def test_who_has_signed_in_is_judged_anew(world: World) -> None:
    bind_policy(world, "return context['path'] != '/admin' and context['protocol'] == 'proxy'")
    yes = ask_access(world, attributes={"path": "/"})
    assert (yes.id, yes.reason, yes.strict, yes.reuse) == ("a1", "accepted", True, ONE_PAGE)
    no = ask_access(world, attributes={"path": "/admin"})
    assert (no.reason, no.reuse) == ("policy_denied", AT_ONCE)


def test_a_yes_that_lasts_says_how_long(world: World) -> None:
    assert ask_access(world) == AccessSaid("a1", "accepted", STATIC, strict=False)


@pytest.mark.parametrize(
    ("fields", "account"),
    [({"provider": 4711}, {}), ({"user": 4711}, {}), ({}, {"is_active": False}), ({}, {"valid_until": 1.0})],
)
def test_nobody_is_let_in_who_is_not_there(world: World, fields: dict[str, Any], account: dict[str, Any]) -> None:
    world.change("alice", **account)
    assert ask_access(world, **fields).reason == "no_binding"


def test_an_outpost_asks_about_providers_that_it_serves(world: World) -> None:
    assert ask_access(world, world.other_outpost).reason == "no_binding"


def test_a_broken_policy_keeps_out_who_has_signed_in(world: World) -> None:
    bind_policy(world, "return 1 / 0")
    assert ask_access(world).reason == "policy_failed"
    assert world.store.read_now(lambda tx: tx.count(Event, Query(equal={"action": "policy_exception"}))) == 1


def test_too_many_writes_are_no_fault_of_ours(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bind_policy(world, "return 1 / 0")
    ask_access(world)
    monkeypatch.setattr(writer, "MOST_WAITING", 0)
    assert ask_access(world).reason == "busy"
    assert [record.exc_info for record in caplog.records if record.exc_info] == []


def test_any_exception_keeps_out_who_has_signed_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Judge, "decide", None)
    assert ask_access(world).reason == "internal_error"


def test_groups_above_are_told_of_where_the_provider_says_so(world: World) -> None:
    def nest(tx: Transaction) -> None:
        tx.update(replace(tx.get(Provider, world.provider), settings={"nested_groups": True}))

    world.store.write_now(nest)
    answer = world.ask()
    assert answer.identity is not None
    assert answer.identity.groups == ("engineering", "staff")


def test_a_device_has_what_no_mapping_says_otherwise(world: World) -> None:
    map_radius(world, "packet['Filter-Id'] = 'mapped'")
    mine = (ReplyAttribute("filter-id", "of the device"), ReplyAttribute("Tunnel-Private-Group-ID", "30", 1))
    world.proved = Proved("accepted", world.users["alice"], 1, reply=mine)
    answer = world.ask(protocol="radius")
    assert answer.reply == (ReplyAttribute("Filter-Id", "mapped"), ReplyAttribute("Tunnel-Private-Group-ID", "30", 1))


# --- the hash of a network password --------------------------------------------------------------------------------


def handing_over(world: World, user: str = "alice") -> NetworkHash:
    """As after a right answer to MS-CHAPv2."""
    told = NetworkHash(world.users[user], "AB" * 16)
    world.proved = Proved("accepted", world.users[user], 1, network_hash=told)
    return told


def test_whoever_is_let_in_and_may_be_remembered_brings_the_hash_of_their_network_password(world: World) -> None:
    told = handing_over(world)
    answer = world.ask(protocol="radius")
    assert (answer.reason, answer.network_hash) == ("accepted", told)
    assert told.nt_hash not in repr(answer)


def test_whoever_is_not_let_in_brings_none(world: World) -> None:
    handing_over(world, "carol")
    assert (world.ask("carol").reason, world.ask("carol").network_hash) == ("no_binding", None)
    handing_over(world)
    for provider in (world.orphan, 4711):
        assert world.ask(provider=provider).network_hash is None
    other = Authenticate("q1", world.provider, "alice", {"kind": "password"}, "radius", "127.0.0.1")
    assert asyncio.run(world.authentication.answer(world.other_outpost, other)).network_hash is None
    world.change("alice", is_active=False)
    assert (world.ask().reason, world.ask().network_hash) == ("inactive", None)
    world.change("alice", is_active=True, credential_version=7)
    assert (world.ask().reason, world.ask().network_hash) == ("credential_changed", None)


def test_where_control_has_to_be_asked_each_time_there_is_no_hash(world: World) -> None:
    handing_over(world)
    settings = {"session_limit": 9}
    at = world.store.read_now(lambda tx: tx.get(Provider, world.provider))
    world.store.write_now(lambda tx: tx.update(replace(at, kind="radius", settings=settings)))
    assert (world.ask(protocol="radius").reason, world.ask(protocol="radius").network_hash) == ("accepted", None)
    world.store.write_now(lambda tx: tx.update(at))
    bind_policy(world, "return True")
    assert (world.ask().reason, world.ask().network_hash) == ("accepted", None)


# --- how many sessions a user may have -----------------------------------------------------------------------------


def test_sessions_at_once_are_limited_where_the_provider_says_so(world: World) -> None:
    def limited(tx: Transaction) -> None:
        tx.update(replace(tx.get(Provider, world.provider), kind="radius", settings={"session_limit": 2}))
        for number, live in enumerate((True, True, False)):
            session = RadiusSession("192.0.2.7", "ap", str(number), provider=world.provider, live=live)
            told: dict[str, Any] = {
                "user": world.users["alice"],
                "calling_station": f"02-{number}",
                "last_told": tx.now,
            }
            tx.insert(replace(session, **told))

    def asked(station: str) -> Authenticated:
        return world.ask(protocol="radius", attributes={"calling_station": station})

    assert asked("02-9").reason == "accepted"
    world.store.write_now(limited)
    full = asked("02-9")
    assert (full.outcome, full.reason, full.identity) == (Outcome.NOT_ALLOWED, "too_many_sessions", None)
    again = asked("02-1")  # it has one of the two places
    assert (again.reason, again.reuse) == ("accepted", None)
    assert world.ask(protocol="radius").reason == "too_many_sessions"
    world.store.write_now(lambda tx: tx.delete(tx.select(RadiusSession, Query(equal={"session": "0"}))[0]))
    assert asked("02-9").reason == "accepted"


def test_a_device_that_roams_to_a_nas_of_another_maker_takes_no_further_place(world: World) -> None:
    def limited(tx: Transaction) -> None:
        tx.update(replace(tx.get(Provider, world.provider), kind="radius", settings={"session_limit": 1}))
        here = RadiusSession("192.0.2.7", "ap", "1", provider=world.provider, user=world.users["alice"])
        tx.insert(replace(here, last_told=tx.now, calling_station="02-00-00-00-00-A1"))

    world.store.write_now(limited)
    for station, reason in (("0200.0000.00a1", "accepted"), ("02:00:00:00:00:A2", "too_many_sessions")):
        assert world.ask(protocol="radius", attributes={"calling_station": station}).reason == reason


def test_a_session_whose_end_was_lost_keeps_nobody_out_for_ever(world: World) -> None:
    def limited(tx: Transaction) -> None:
        tx.update(replace(tx.get(Provider, world.provider), kind="radius", settings={"session_limit": 1}))
        old = RadiusSession("192.0.2.7", "ap", "1", provider=world.provider, user=world.users["alice"])
        tx.insert(replace(old, last_told=tx.now))

    world.store.write_now(limited)
    assert world.ask(protocol="radius").reason == "too_many_sessions"
    world.clock.advance(DOUBTED_SECONDS)
    assert world.ask(protocol="radius").reason == "accepted"


@pytest.mark.parametrize(
    ("shown_whole", "asked", "heard"),
    [
        (False, "carol", "unknown_user"),
        (False, "alice", "wrong_password"),
        (True, "carol", "wrong_password"),
    ],
)
def test_a_thief_of_a_token_hears_nothing_of_whom_the_outpost_does_not_know(
    world: World, shown_whole: bool, asked: str, heard: str
) -> None:
    settings = {"show_only_admitted": not shown_whole}
    world.store.write_now(lambda tx: tx.update(replace(tx.get(Provider, world.provider), settings=settings)))
    world.proved = Proved("wrong_password", world.users[asked])
    question = Authenticate("q1", world.provider, asked, {"kind": "password"}, "ldap", "127.0.0.1")
    for remote in (True, False):
        answer = asyncio.run(world.authentication.answer(world.outpost, question, remote))
        expected = heard if remote else "wrong_password"
        assert (answer.outcome, answer.reason) == (Outcome.BAD_CREDENTIALS, expected)
    events = world.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "login_failed"})))
    assert {event.context["reason"] for event in events} == {"wrong_password"}


def test_whose_password_is_right_hears_that_they_may_not(world: World) -> None:
    """Also where the outpost does not know them: not allowed is another answer than a wrong password."""
    settings = {"show_only_admitted": True}
    world.store.write_now(lambda tx: tx.update(replace(tx.get(Provider, world.provider), settings=settings)))
    world.proved = Proved("accepted", world.users["carol"], 1)
    question = Authenticate("q1", world.provider, "carol", {"kind": "password"}, "ldap", "127.0.0.1")
    answer = asyncio.run(world.authentication.answer(world.outpost, question, remote=True))
    assert (answer.outcome, answer.reason, answer.identity) == (Outcome.NOT_ALLOWED, "no_binding", None)


def test_where_it_cannot_be_found_out_whom_an_outpost_knows_it_hears_least(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> bool:
        raise ValueError("a fault")

    monkeypatch.setattr(control_authentication, "knows", failing)
    world.proved = Proved("wrong_password", world.users["alice"])
    question = Authenticate("q1", world.provider, "alice", {"kind": "password"}, "ldap", "127.0.0.1")
    answer = asyncio.run(world.authentication.answer(world.outpost, question, remote=True))
    assert (answer.outcome, answer.reason) == (Outcome.BAD_CREDENTIALS, "unknown_user")
