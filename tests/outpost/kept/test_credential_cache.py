"""Each clause of D13 and D14 about remembered credentials: without it, its test here fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.kept.credential_cache import GRACE_SECONDS, MOST_SECONDS, CredentialCache, Place, Use, still_admitted
from outpost.outcome import Decision, Identity, Password
from protocols.link.messages import (
    BindingRecord,
    Change,
    Configuration,
    GroupRecord,
    LdapSettings,
    Members,
    Pinned,
    ProviderRecord,
    ProxySettings,
    Put,
    RadiusSettings,
    Record,
    Remove,
    Reuse,
    UserRecord,
)
from rules.reasons import REASONS, Outcome
from tests.fakes import FakeClock, an_identity

ALICE = Password("alice", "right")
WRONG = Password("alice", "wrong")
PROVIDER, PEER, OTHER_PEER = 7, "192.0.2.1", "192.0.2.2"
ANYWHERE = Reuse(3600.0)
USER = UserRecord(1, "u1", "uid1", "alice", "Alice", "alice@example.com", "internal", True, 1, 1)
STAFF = GroupRecord("staff", "Staff", False, 1, members=(1,), attributes={"floor": 3})
BINDINGS = (BindingRecord("b1", 0, group="staff"),)


def provider(*bindings: BindingRecord, mode: Any = "any") -> ProviderRecord:
    return ProviderRecord(PROVIDER, "dir", "ldap", "app", "App", "a1", mode, LdapSettings(), bindings)


class Kept:
    """Records what the cache tells its keeper."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def remembered(self, place: Place, credentials: Password, identity: Identity, grace_until: float) -> None:
        self.told.append(("remembered", place, credentials, identity.user, grace_until))

    def forgotten(self, place: Place) -> None:
        self.told.append(("forgotten", place))

    def emptied(self) -> None:
        self.told.append(("emptied",))


class Bench:
    """A cache over a directory with alice in staff, whose members the provider lets in."""

    def __init__(self, *records: Record, most_entries: int = 100) -> None:
        self.clock = FakeClock()
        self.directory = Directory()
        self.cache = CredentialCache(b"k" * 32, self.directory, self.clock, most_entries)
        self.publish_whole(*(records or (USER, STAFF, provider(*BINDINGS))), revision=5)

    def publish_whole(self, *records: Record, revision: int) -> None:
        self.directory.publish(whole(revision, records), Touched(everything=True))

    def change(self, *changes: Change) -> None:
        now = self.directory.current
        self.directory.publish(*changed(now, now.revision + 1, changes))

    def learn(
        self,
        credentials: Password = ALICE,
        reuse: Reuse | None = ANYWHERE,
        reason: str = "accepted",
        peer: str = PEER,
        revision: int = 5,
        identity: Identity | None = None,
    ) -> None:
        accepted = REASONS[reason].outcome is Outcome.ACCEPTED
        decision = Decision(reason, (identity or an_identity("alice")) if accepted else None, "q")
        self.cache.learn(credentials, PROVIDER, peer, decision, reuse, revision)

    def known(self, credentials: Password = ALICE, peer: str = PEER, at: int = PROVIDER) -> Decision | None:
        return self.cache.known(credentials, at, peer)

    def in_grace(self, credentials: Password = ALICE, peer: str = PEER) -> Decision | None:
        return self.cache.in_grace(credentials, PROVIDER, peer)


@pytest.fixture
def bench() -> Bench:
    """alice has just been accepted."""
    made = Bench()
    made.learn()
    return made


def accepted(decision: Decision | None) -> bool:
    return decision is not None and decision.outcome is Outcome.ACCEPTED


# --- what is remembered ---


def test_nothing_outlives_the_credential_itself() -> None:
    """An app password ends when it ends, also while control is away."""
    bench = Bench()
    bench.learn(reuse=Reuse(600.0, not_after=bench.clock.now() + 10))
    bench.clock.advance(9)
    assert accepted(bench.known())
    bench.clock.advance(1)
    assert bench.known() is None
    assert bench.in_grace() is None


def test_what_was_accepted_is_known(bench: Bench) -> None:
    assert accepted(bench.known())


@pytest.mark.parametrize(
    ("credentials", "at"),
    [(WRONG, PROVIDER), (Password("Alice", "right"), PROVIDER), (Password("bob", "right"), PROVIDER), (ALICE, 8)],
    ids=["another password", "another spelling", "another name", "another provider"],
)
def test_nothing_else_is(bench: Bench, credentials: Password, at: int) -> None:
    assert bench.known(credentials, at=at) is None
    assert bench.cache.in_grace(credentials, at, PEER) is None


@pytest.mark.parametrize("reason", [code for code in REASONS if code != "accepted"])
def test_refusals_are_never_remembered(reason: str) -> None:
    bench = Bench()
    bench.learn(reason=reason)
    assert len(bench.cache) == 0


@pytest.mark.parametrize("reuse", [None, Reuse(0.0), Reuse(-1.0)], ids=["none", "zero", "negative"])
def test_what_may_not_be_reused_is_not_remembered(reuse: Reuse | None) -> None:
    """A password with a one-time code behind it must not replay."""
    bench = Bench()
    bench.learn(reuse=reuse)
    assert len(bench.cache) == 0


def test_what_may_no_more_be_reused_is_forgotten(bench: Bench) -> None:
    bench.learn(reuse=None)
    assert bench.in_grace() is None


def test_passwords_are_not_kept_in_the_clear(bench: Bench) -> None:
    assert "right" not in repr([bench.cache._entries])


def test_the_digest_has_a_key_of_this_process() -> None:
    digests = set()
    for key in (b"k" * 32, b"l" * 32):
        cache = CredentialCache(key, Directory(), FakeClock())
        digests.add(cache._digest(ALICE))
    assert len(digests) == 2


def test_a_password_that_is_no_unicode_is_harmless(bench: Bench) -> None:
    assert bench.known(Password("alice", "\udcff")) is None


# --- until when ---


def test_ten_minutes_and_not_longer(bench: Bench) -> None:
    bench.clock.advance(MOST_SECONDS - 1)
    assert accepted(bench.known())
    bench.clock.advance(1)
    assert bench.known() is None


def test_shorter_if_control_says_so() -> None:
    bench = Bench()
    bench.learn(reuse=Reuse(30.0))
    bench.clock.advance(29)
    assert accepted(bench.known())
    bench.clock.advance(1)
    assert bench.known() is None


def test_using_it_does_not_prolong_it(bench: Bench) -> None:
    bench.clock.advance(MOST_SECONDS - 1)
    assert bench.known()
    bench.clock.advance(2)
    assert bench.known() is None


def test_the_grace_begins_with_the_acceptance_and_ends(bench: Bench) -> None:
    bench.clock.advance(GRACE_SECONDS - 1)
    assert bench.known() is None
    assert accepted(bench.in_grace())
    bench.clock.advance(1)
    assert bench.in_grace() is None


# --- for whom: every hit is admitted again ---


@pytest.mark.parametrize(
    "change",
    [
        Put(replace(USER, credential_version=2)),
        Put(replace(USER, is_active=False)),
        Put(replace(USER, valid_until=1.0)),
        Put(replace(USER, valid_from=4e9)),
        Remove("user", 1),
        Members("staff", removed=(1,)),
        Remove("group", "staff"),
        Put(provider(BindingRecord("b1", 0, user=2))),
        Put(provider(BindingRecord("b1", 0, group="staff", negate=True))),
        Put(provider(*BINDINGS, BindingRecord("b2", 1, user=2), mode="all")),
        Put(provider(*BINDINGS, BindingRecord("b2", 1, policy="p"), mode="all")),
    ],
    ids=[
        "another credential",
        "inactive",
        "expired",
        "not yet valid",
        "removed",
        "left the group",
        "group removed",
        "bound to another",
        "bound against",
        "bound to more",
        "a policy decides too",
    ],
)
def test_a_change_takes_the_credential_away(bench: Bench, change: Change) -> None:
    """Published as if it were harmless, so that not emptying the cache but admitting again is what is tested."""
    bench.directory.publish(changed(bench.directory.current, 6, [change])[0], Touched())
    assert len(bench.cache) == 1
    assert bench.known() is None
    assert bench.in_grace() is None


POLICIES = (BindingRecord("b1", 0, user=2), BindingRecord("b2", 1, policy="p", negate=True))


@pytest.mark.parametrize(("said", "known"), [({"b2": False}, True), ({"b2": True}, False), ({}, False)])
def test_what_a_policy_said_lets_in_again_and_nothing_else(said: dict[str, bool], known: bool) -> None:
    bench = Bench(USER, STAFF, provider(*POLICIES))
    bench.learn(reuse=Reuse(600.0, words=said))
    assert accepted(bench.known()) is known
    assert accepted(bench.in_grace()) is known


def test_another_configuration_makes_what_policies_said_void() -> None:
    bench = Bench(USER, STAFF, provider(*POLICIES))
    bench.learn(reuse=Reuse(600.0, words={"b2": False}))
    bench.change(Configuration((provider(*POLICIES),)))
    assert bench.known() is None
    assert bench.in_grace() is None


def test_a_yes_with_an_end_holds_no_longer_not_even_in_the_grace() -> None:
    bench = Bench(USER, STAFF, provider(*POLICIES))
    bench.learn(reuse=Reuse(600.0, not_after=bench.clock() + 60.0, words={"b2": False}))
    bench.clock.advance(59.0)
    assert accepted(bench.known())
    bench.clock.advance(1.0)
    assert bench.known() is None
    assert bench.in_grace() is None


def test_an_account_that_ends_between_two_revisions_ends(bench: Bench) -> None:
    bench.change(Put(replace(USER, valid_until=bench.clock() + 60)))
    assert bench.known()
    bench.clock.advance(60)
    assert bench.known() is None


def test_a_harmless_change_leaves_it(bench: Bench) -> None:
    bench.change(Put(replace(USER, name="Alice L.")), Put(replace(STAFF, pk="other", name="Other", members=())))
    assert accepted(bench.known())


def test_an_inherited_binding_counts_as_long_as_the_parent_holds() -> None:
    parent = GroupRecord("all", "All", False, 2)
    child = replace(STAFF, parents=("all",))
    bench = Bench(USER, parent, child, provider(BindingRecord("b1", 0, group="all")))
    bench.learn()
    assert accepted(bench.known())
    bench.change(Put(replace(child, parents=(), members=None)))
    assert bench.known() is None


def test_what_control_says_of_a_newer_credential_waits_for_the_snapshot() -> None:
    bench = Bench()
    bench.learn(identity=an_identity("alice", credential_version=2))
    assert bench.known() is None
    bench.change(Put(replace(USER, credential_version=2)))
    assert accepted(bench.known())


def test_names_groups_and_attributes_follow_the_snapshot(bench: Bench) -> None:
    boss = GroupRecord("boss", "Bosses", True, 2, members=(1,), attributes={"floor": 9, "car": True})
    bench.change(
        Put(boss), Put(replace(USER, name="Dr Alice", email="dr@example.com", attributes={"car": False})), Put(STAFF)
    )
    decision = bench.known()
    assert decision is not None
    identity = decision.identity
    assert identity is not None
    assert (identity.name, identity.email, identity.groups) == ("Dr Alice", "dr@example.com", ("Bosses", "Staff"))
    assert identity.attributes == {"floor": 3, "car": False}
    assert identity.is_superuser
    bench.change(Members("boss", removed=(1,)))
    decision = bench.known()
    assert decision is not None
    assert decision.identity is not None
    assert not decision.identity.is_superuser
    assert decision.identity.attributes == {"floor": 3, "car": False}


# --- when everything is forgotten ---


def test_another_configuration_empties_it(bench: Bench) -> None:
    """The provider may now run a flow that asks for more than a password."""
    bench.change(Configuration((provider(*BINDINGS),)))
    assert len(bench.cache) == 0


def test_what_a_nas_has_shown_is_no_other_configuration() -> None:
    """Whoever holds the secret of one NAS could else have everybody forgotten before control goes away."""
    bench = Bench(USER, STAFF, replace(provider(*BINDINGS), protocol="radius", settings=RadiusSettings((), "hush")))
    bench.learn()
    bench.change(Pinned(PROVIDER, ("192.0.2.7",)))
    assert bench.directory.current.providers[PROVIDER].settings == RadiusSettings((), "hush", pinned=("192.0.2.7",))
    assert accepted(bench.known())


def test_a_whole_snapshot_empties_it(bench: Bench) -> None:
    """A restored database counts credential versions again from an older one."""
    bench.publish_whole(USER, STAFF, provider(*BINDINGS), revision=3)
    assert len(bench.cache) == 0


def test_an_answer_older_than_the_configuration_is_not_remembered(bench: Bench) -> None:
    bench.change(Configuration((provider(*BINDINGS),)))
    bench.learn(revision=5)
    assert len(bench.cache) == 0
    bench.learn(revision=6)
    assert accepted(bench.known())


# --- from where ---


def test_one_peer_only() -> None:
    bench = Bench()
    bench.learn(reuse=Reuse(600.0, peer_only=True))
    assert accepted(bench.known())
    assert bench.known(peer=OTHER_PEER) is None
    assert bench.in_grace(peer=OTHER_PEER) is None


def test_without_a_scope_every_peer(bench: Bench) -> None:
    assert accepted(bench.known(peer=OTHER_PEER))


def test_a_wrong_guess_takes_nothing_from_others(bench: Bench) -> None:
    bench.learn(WRONG, None, "wrong_password", peer=OTHER_PEER)
    assert accepted(bench.known())


@pytest.mark.parametrize("reason", ["wrong_password", "no_binding", "inactive"])
def test_a_refusal_of_these_very_credentials_forgets_them(bench: Bench, reason: str) -> None:
    bench.learn(ALICE, None, reason)
    assert bench.in_grace() is None


def test_a_refusal_to_one_peer_forgets_that_peers() -> None:
    bench = Bench()
    bench.learn(reuse=Reuse(600.0, peer_only=True))
    bench.learn(ALICE, None, "wrong_password", peer=OTHER_PEER)
    assert accepted(bench.known())
    bench.learn(ALICE, None, "wrong_password", peer=PEER)
    assert bench.in_grace() is None


def test_control_that_cannot_decide_forgets_nothing(bench: Bench) -> None:
    bench.learn(ALICE, None, "busy")
    assert accepted(bench.known())


# --- what stands on it ---


def standing(bench: Bench, credentials: Password = ALICE, peer: str = PEER) -> Callable[[], bool]:
    """Of credentials that are known."""
    assert accepted(bench.known(credentials, peer))
    still = bench.cache.standing(credentials, PROVIDER, peer)
    assert still is not None
    assert still()
    return still


def _learn_again(reason: str) -> Callable[[Bench], None]:
    return lambda bench: bench.learn(reason=reason)


@pytest.mark.parametrize(
    "happens",
    [
        lambda bench: bench.clock.advance(MOST_SECONDS),
        lambda bench: bench.change(Members("staff", removed=(1,))),
        lambda bench: bench.change(Put(replace(USER, is_active=False))),
        lambda bench: bench.change(Put(replace(USER, credential_version=2))),
        lambda bench: bench.change(Put(replace(USER, name="Another"))),
        lambda bench: bench.change(Put(provider())),
        _learn_again("wrong_password"),
        _learn_again("policy_denied"),
        _learn_again("accepted"),
        lambda bench: bench.learn(reuse=None),
        lambda bench: [bench.learn(Password(f"bob{number}", "pw")) for number in range(100)],
    ],
)
def test_what_stands_on_known_credentials_falls_with_them(bench: Bench, happens: Callable[[Bench], object]) -> None:
    still = standing(bench)
    happens(bench)
    assert not still()


def test_what_stands_on_known_credentials_ends_when_the_account_does() -> None:
    bench = Bench()
    bench.change(Put(replace(USER, valid_until=bench.clock.now() + 60)))
    bench.learn(revision=6)
    still = standing(bench)
    bench.clock.advance(59)
    assert still()
    bench.clock.advance(1)
    assert not still()


def test_what_is_forgotten_while_it_had_no_room_is_over() -> None:
    """It would be let in as long as control had not been heard to refuse it."""
    bench = Bench(most_entries=1)
    bench.learn()
    still = standing(bench)
    bench.learn(Password("bob", "pw"))
    bench.learn(reason="wrong_password")
    assert not still()


def test_nothing_stands_on_what_is_not_known(bench: Bench) -> None:
    assert bench.cache.standing(WRONG, PROVIDER, PEER) is None
    assert bench.cache.standing(ALICE, PROVIDER + 1, PEER) is None


def test_to_stand_on_it_is_to_use_it(bench: Bench) -> None:
    still = standing(bench)
    before = bench.cache.uses[Use(PROVIDER, 1, False)], bench.cache.hits[False]
    assert still()
    assert (bench.cache.uses[Use(PROVIDER, 1, False)], bench.cache.hits[False]) == (before[0] + 1, before[1] + 1)
    bench.clock.advance(MOST_SECONDS)
    assert not still()
    assert bench.cache.hits[False] == before[1] + 1


def test_what_is_stood_on_while_it_is_crowded_stays() -> None:
    bench = Bench(most_entries=6)
    bench.learn()
    still = standing(bench)
    for number in range(10):
        bench.learn(Password(f"bob{number}", "pw"))
        assert still()


# --- how much ---


def test_whoever_is_used_while_it_is_crowded_stays() -> None:
    bench = Bench(most_entries=6)
    for number in range(4):
        bench.learn(Password(f"bob{number}", "pw"))
    assert bench.known(Password("bob0", "pw")), "from now on the others are older"
    for number in range(4, 7):
        bench.learn(Password(f"bob{number}", "pw"))
    assert [bool(bench.known(Password(f"bob{number}", "pw"))) for number in range(7)] == [True, False] + [True] * 5


def test_the_one_unused_for_longest_makes_room() -> None:
    bench = Bench(most_entries=2)
    first, second, third = (Password("alice" + " " * n, "right") for n in range(3))
    bench.learn(first)
    bench.learn(second)
    assert bench.known(first)
    bench.learn(third)
    assert len(bench.cache) == 2
    assert bench.known(second) is None
    assert bench.known(first)
    assert bench.known(third)


# --- what is told ---


def test_uses_are_counted_apart_from_those_while_control_is_away(bench: Bench) -> None:
    bench.known()
    bench.known()
    bench.in_grace()
    bench.known(WRONG)
    assert bench.cache.uses == {Use(PROVIDER, 1, away=False): 2, Use(PROVIDER, 1, away=True): 1}


def test_entitlements_that_a_mapping_says_no_more_are_nobodys() -> None:
    settings = ProxySettings("forward_single", "https://app.example.com", mapped=True)
    proxy = replace(provider(*BINDINGS), protocol="proxy", settings=settings)
    identity = replace(an_identity("alice", 1), entitlements=("edit",))
    told = still_admitted(identity, PROVIDER, whole(1, (USER, STAFF, proxy)))
    assert told is not None
    assert told.entitlements == ()


def test_the_keeper_is_told() -> None:
    bench = Bench()
    kept = bench.cache.keeper = Kept()
    bench.learn(reuse=Reuse(600.0, peer_only=True))
    place = (PROVIDER, "alice", PEER)
    assert kept.told == [("remembered", place, ALICE, 1, bench.clock() + GRACE_SECONDS)]
    bench.learn(ALICE, None, "wrong_password")
    assert kept.told[1:] == [("forgotten", place)]
    bench.change(Configuration(()))
    assert kept.told[2:] == [("emptied",)]


def test_what_is_recalled_counts_in_the_grace_alone() -> None:
    bench = Bench()
    identity = an_identity("alice")
    until = bench.clock() + 100
    decision = bench.cache.recall((PROVIDER, "alice", ""), ALICE, identity, until)
    assert accepted(decision)
    assert decision is not None
    assert decision.grounds.not_after == until, "whoever stays in by it stays no longer"
    assert bench.cache.uses == {Use(PROVIDER, 1, away=True): 1}
    assert bench.known() is None
    assert accepted(bench.in_grace())
    bench.clock.advance(100)
    assert bench.in_grace() is None
    assert bench.cache.recall((PROVIDER, "alice", ""), ALICE, identity, until) is None


def test_what_is_recalled_is_admitted_again() -> None:
    bench = Bench()
    bench.change(Members("staff", removed=(1,)))
    assert bench.cache.recall((PROVIDER, "alice", ""), ALICE, an_identity("alice"), bench.clock() + 100) is None


def test_a_proxys_mappings_say_what_is_told_but_not_who_it_is() -> None:
    claims = {
        "name": "Shown",
        "groups": ["mapped"],
        "entitlements": ["edit"],
        "preferred_username": "root",
        "is_superuser": True,
        "ak_proxy": {"user_attributes": {"additionalHeaders": {"X-Floor": "3"}}, "is_superuser": True},
    }
    user = replace(USER, mapped={str(PROVIDER): claims})
    settings = ProxySettings("forward_single", "https://app.example.com", mapped=True)
    proxy = replace(provider(*BINDINGS), protocol="proxy", settings=settings)
    snapshot = whole(1, (user, STAFF, proxy))
    told = still_admitted(an_identity("alice", 1), PROVIDER, snapshot)
    assert told is not None
    assert (told.username, told.is_superuser) == ("alice", False)
    assert (told.name, told.groups, told.entitlements) == ("Shown", ("mapped",), ("edit",))
    assert told.attributes == {"additionalHeaders": {"X-Floor": "3"}}
    unmapped = replace(proxy, settings=replace(settings, mapped=False))
    plain = still_admitted(an_identity("alice", 1), PROVIDER, whole(1, (user, STAFF, unmapped)))
    assert plain is not None
    assert (plain.name, plain.groups) == ("Alice", ("Staff",))


def test_groups_above_are_told_of_where_the_provider_says_so() -> None:
    below = GroupRecord("below", "Below", False, 2, ("staff",), (1,))
    staff = replace(STAFF, members=())
    settings = ProxySettings("forward_single", "https://app.example.com", nested_groups=True)
    nested = replace(provider(*BINDINGS), protocol="proxy", settings=settings)
    flat = replace(nested, settings=replace(settings, nested_groups=False))
    for record, names in ((nested, ("Below", "Staff")), (flat, ("Below",))):
        told = still_admitted(an_identity("alice", 1), PROVIDER, whole(1, (USER, staff, below, record)))
        assert told is not None
        assert told.groups == names
