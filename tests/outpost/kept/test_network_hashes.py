"""Each clause about hashes of network passwords that are remembered: without it, its test here fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from outpost.authentication import Authentication, LinkRevoked
from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.kept import network_hashes
from outpost.kept.credential_cache import GRACE_SECONDS, MOST_SECONDS, CredentialCache, Use
from outpost.kept.network_hashes import MOST_OF_A_NAME, KnownHashes
from outpost.outcome import Chap, Circumstances, Credentials, Decision, MsChapV2, Password
from outpost.throttle import PAIR_FREE, Throttle
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    BindingRecord,
    Change,
    GroupRecord,
    Members,
    NetworkHash,
    ProviderRecord,
    Put,
    RadiusSettings,
    Remove,
    Reuse,
    UserRecord,
)
from protocols.radius import mschapv2 as ms
from protocols.radius.md4 import md4
from rules.reasons import REASONS, Outcome
from tests.fakes import FakeClock, FakeLink, an_identity, run

ALICE = UserRecord(1, "u1", "uid1", "alice", "Alice", "alice@example.com", "internal", True, 1, 1)
STAFF = GroupRecord("staff", "Staff", False, 1, members=(1,))
SWITCHED_ON = RadiusSettings(("127.0.0.0/8",), "hush", remember_network_passwords=True)
BOUND = (BindingRecord("b1", 0, group="staff"),)
PROVIDER = ProviderRecord(7, "wifi", "radius", "app", "App", "a1", "any", SWITCHED_ON, BOUND)
OTHER = replace(PROVIDER, pk=8, name="vpn")
PHONE, LAPTOP = "kqmeyx-wvpnrt-ghabcd-fzsuwa", "another-password-of-hers"
WHERE = Circumstances("radius", "192.0.2.7")
ELSEWHERE = Circumstances("radius", "192.0.2.8")


def proof(password: str = PHONE, turn: int = 1, username: str = "alice", name: str = "") -> MsChapV2:
    """``turn``: each login has challenges of its own."""
    name = name or username
    authenticator, peer = bytes((turn,)) * 16, bytes((turn + 100,)) * 16
    response = ms.nt_response(ms.challenge_hash(peer, authenticator, name), ms.nt_hash(password))
    return MsChapV2(username, name, authenticator, peer, response)


def hash_of(password: str, user: int = 1, until: float | None = None) -> NetworkHash:
    return NetworkHash(user, ms.nt_hash(password).hex().upper(), until)


class Control(FakeLink):
    """Knows alice's network passwords, and hands over their hashes."""

    reuse: Reuse | None = Reuse(600.0)
    revision = 5
    until: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self.good = {PHONE, LAPTOP}
        self.hand: Callable[[str], NetworkHash | None] = lambda password: hash_of(password, until=self.until)

    async def ask(self, question: Authenticate) -> Authenticated:
        self.verdicts.setdefault(question.username, "accepted")
        answer = await super().ask(question)
        if answer.identity is None:
            return answer
        shown = {name: bytes.fromhex(text) for name, text in question.proof.items() if name not in ("kind", "name")}
        name, challenges = question.proof["name"], (shown["peer_challenge"], shown["authenticator_challenge"])
        for password in self.good:
            if ms.verifies(hashed := ms.nt_hash(password), *challenges, name, shown["nt_response"]):
                signed = ms.authenticator_response(md4(hashed), shown["nt_response"], *challenges, name)
                keys = {"authenticator_response": signed, "password_hash_hash": md4(hashed).hex(), "session": password}
                answer = replace(answer, revision=self.revision, reuse=self.reuse, keys=keys)
                return replace(answer, identity=an_identity("alice"), network_hash=self.hand(password))
        return Authenticated(question.id, Outcome.BAD_CREDENTIALS, "wrong_network_password", self.revision)


class Door:
    def __init__(self) -> None:
        self.directory = Directory()
        self.directory.publish(whole(5, (ALICE, STAFF, PROVIDER, OTHER)), Touched(everything=True))
        self.link, self.clock = Control(), FakeClock()
        self.cache = CredentialCache(b"k" * 32, self.directory, self.clock)
        self.hashes = KnownHashes(self.cache, self.directory, self.clock)
        self.throttle = Throttle(b"k" * 32)
        self.authentication = Authentication(
            self.link,
            lambda: "q1",
            lambda _: None,
            self.cache,
            clock=self.clock,
            throttle=self.throttle,
            hashes=self.hashes,
        )

    def change(self, *changes: Change) -> None:
        now = self.directory.current
        self.directory.publish(*changed(now, now.revision + 1, changes))

    def show(self, shown: Credentials | None = None, where: Circumstances = WHERE, provider: int = 7) -> Decision:
        return run(self.authentication.authenticate(shown or proof(), provider, where))

    def leave(self) -> None:
        """Control goes, long after it was asked last."""
        self.clock.advance(MOST_SECONDS)
        self.link.away = True

    @property
    def asked(self) -> int:
        return len(self.link.questions)


AWAY = Decision("control_away", id="q1")


@pytest.fixture
def door() -> Door:
    """alice's phone has just been let in."""
    made = Door()
    assert made.show().outcome is Outcome.ACCEPTED
    return made


def test_control_is_asked_once_and_each_proof_is_answered_with_its_own_keys(door: Door) -> None:
    for turn in (2, 3):
        shown = proof(turn=turn)
        known = door.show(shown)
        assert (known.outcome, known.identity) == (
            Outcome.ACCEPTED,
            an_identity("alice", attributes={}, groups=("Staff",)),
        )
        assert known.keys == run(door.link.ask(Authenticate("q", 7, "alice", shown.proof, "radius", ""))).keys
    assert door.asked == 3, "by the lines above"
    assert door.cache.uses == {Use(7, 1, False): 2}, "control is told of these afterwards"


def test_ten_minutes_later_control_is_asked(door: Door) -> None:
    door.link.reuse = Reuse(86_400.0)
    door.show(proof(LAPTOP))
    door.clock.advance(MOST_SECONDS)
    door.show(proof(turn=2))
    door.show(proof(LAPTOP, turn=2))
    assert door.asked == 4


def test_the_grace_is_for_while_control_is_away_and_ends(door: Door) -> None:
    door.leave()
    assert door.show(proof(turn=2)).outcome is Outcome.ACCEPTED
    assert door.cache.uses == {Use(7, 1, True): 1}
    door.link.away, door.link.fails = False, LinkRevoked()
    assert door.show(proof(turn=3)) == AWAY, "it was shut out"
    door.link.away, door.link.fails = True, None
    door.clock.advance(GRACE_SECONDS)
    assert door.show(proof(turn=3)) == AWAY
    assert len(door.hashes) == 0, "nor is it in memory any more"


@pytest.mark.parametrize("reason", [code for code, reason in REASONS.items() if reason.outcome is Outcome.UNAVAILABLE])
def test_a_control_that_cannot_decide_is_like_one_away(door: Door, reason: str) -> None:
    door.clock.advance(MOST_SECONDS)
    door.link.verdicts["alice"] = reason
    assert door.show(proof(turn=2)).outcome is Outcome.ACCEPTED
    assert door.show(proof("wrong", turn=2)) == Decision(reason, id="q1")


# --- whose it is, and of what ---


@pytest.mark.parametrize(
    "wrong",
    [
        proof("wrong"),
        proof(LAPTOP),
        replace(proof(), peer_challenge=b"p" * 16),
        replace(proof(), authenticator_challenge=b"a" * 16),
        replace(proof(), name="bob"),
        proof(name="bob"),
        proof(username="bob"),
        proof(username="ALICE"),
    ],
)
def test_what_does_not_fit_is_not_known(door: Door, wrong: MsChapV2) -> None:
    door.leave()
    assert door.show(wrong) == AWAY


@pytest.mark.parametrize("away", [False, True])
def test_the_hash_itself_is_no_password_at_any_door(door: Door, away: bool) -> None:
    """Nor does it answer CHAP, which is made of the password."""
    (door.leave if away else lambda: None)()
    door.link.verdicts["alice"] = "wrong_password"
    told = hash_of(PHONE).nt_hash
    for guess in (told, told.lower(), bytes.fromhex(told).decode("latin-1"), PHONE, ""):
        assert door.show(Password("alice", guess)).outcome is not Outcome.ACCEPTED
    assert door.show(Chap("alice", 1, b"c" * 16, b"r" * 16)).outcome is not Outcome.ACCEPTED


def test_one_provider_is_nothing_to_another(door: Door) -> None:
    door.leave()
    assert door.show(provider=8) == AWAY


def test_a_yes_for_one_peer_is_none_for_another() -> None:
    door = Door()
    door.link.reuse = Reuse(600.0, peer_only=True)
    door.show()
    door.leave()
    assert door.show(proof(turn=2), where=ELSEWHERE) == AWAY
    assert door.show(proof(turn=2)).outcome is Outcome.ACCEPTED


def test_each_of_several_passwords_is_known_and_keeps_its_own_session(door: Door) -> None:
    door.show(proof(LAPTOP))
    door.leave()
    for password in (PHONE, LAPTOP, PHONE):
        assert door.show(proof(password, turn=2)).keys["session"] == password


# --- a wrong proof ---


def test_what_fits_no_hash_is_controls_to_judge_and_changes_nothing(door: Door) -> None:
    assert door.show(proof("wrong")).reason == "wrong_network_password"
    assert door.show(proof(LAPTOP)).outcome is Outcome.ACCEPTED, "the sibling, which was never shown before"
    assert door.asked == 3
    door.show(proof(turn=2))
    assert door.asked == 3


def test_a_wrong_proof_counts_once(door: Door) -> None:
    for turn in range(PAIR_FREE):
        assert door.show(proof("wrong", turn=turn)).reason == "wrong_network_password"
    assert door.asked == 1 + PAIR_FREE
    assert door.show(proof("wrong", turn=50)).reason == "wrong_network_password", "not one more than was tried"
    assert door.show(proof("wrong", turn=51)).reason == "too_many_tries"
    assert door.show(proof(turn=52)).outcome is Outcome.ACCEPTED, "whoever is known never waits"


def test_what_control_refuses_is_refused_although_it_was_known(door: Door) -> None:
    door.clock.advance(MOST_SECONDS)
    door.link.verdicts["alice"] = "no_binding"
    assert door.show(proof(turn=2)).reason == "no_binding"
    assert len(door.hashes) == 0
    door.link.away = True
    assert door.show(proof(turn=3)) == AWAY


def test_a_control_that_is_asked_too_often_says_nothing_of_it(door: Door) -> None:
    door.clock.advance(MOST_SECONDS)
    door.link.verdicts["alice"] = "too_many_tries"
    assert door.show(proof(turn=2)).reason == "too_many_tries"
    door.link.away = True
    assert door.show(proof(turn=3)).outcome is Outcome.ACCEPTED


def test_a_yes_without_a_hash_ends_what_was_known(door: Door) -> None:
    door.clock.advance(MOST_SECONDS)
    door.link.hand = lambda password: None
    assert door.show(proof(turn=2)).outcome is Outcome.ACCEPTED
    assert len(door.hashes) == 0


# --- what ends it ---


def _gone(door: Door) -> None:
    door.change(Remove("user", 1))


def _disabled(door: Door) -> None:
    door.change(Put(replace(ALICE, is_active=False)))


def _another_password(door: Door) -> None:
    """The account's, or that a password of a device was changed or deleted."""
    door.change(Put(replace(ALICE, credential_version=2)))


def _reconfigured(door: Door) -> None:
    """A policy, a binding, a flow, or anything else of a provider."""
    door.change(Put(replace(PROVIDER, application_name="Another")))


def _switched_off(door: Door) -> None:
    door.change(Put(replace(PROVIDER, settings=replace(SWITCHED_ON, remember_network_passwords=False))))


def _another_store(door: Door) -> None:
    door.directory.publish(whole(5, (ALICE, STAFF, PROVIDER)), Touched(everything=True))


ENDS = [_gone, _disabled, _another_password, _reconfigured, _switched_off, _another_store]


@pytest.mark.parametrize("end", ENDS)
def test_it_is_forgotten_at_once(door: Door, end: Callable[[Door], None]) -> None:
    door.link.away = True
    end(door)
    assert len(door.hashes) == 0, "nothing of it is left in memory"
    assert door.show(proof(turn=2)) == AWAY


def test_with_any_change_goes_what_nobody_has_asked_for_any_more(door: Door) -> None:
    door.clock.advance(GRACE_SECONDS)
    assert len(door.hashes) == 1
    door.change(Put(replace(ALICE, pk=2, username="bob")))
    assert len(door.hashes) == 0


def test_others_and_other_changes_leave_it(door: Door) -> None:
    door.change(Put(replace(ALICE, name="Alice A.")), Put(replace(ALICE, pk=2, username="bob", is_active=False)))
    known = door.show(proof(turn=2))
    assert (door.asked, known.identity and known.identity.name) == (1, "Alice A.")


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        Members("staff", removed=(1,)),
        Put(replace(ALICE, valid_until=1_700_000_000.0 - 1)),
        Put(replace(ALICE, valid_from=1_800_000_000.0)),
    ],
)
def test_whom_the_snapshot_does_not_admit_is_not_known(door: Door, change: Change, away: bool) -> None:
    door.change(change)
    door.link.verdicts["alice"] = "no_binding"
    door.link.away = away
    assert door.show(proof(turn=2)).outcome is not Outcome.ACCEPTED
    assert len(door.hashes) == 0


def test_an_answer_from_before_the_newest_configuration_is_not_remembered() -> None:
    door = Door()
    door.change(Put(PROVIDER))
    door.show()
    assert len(door.hashes) == 0
    door.link.revision = 6
    door.show()
    assert len(door.hashes) == 1


@pytest.mark.parametrize(("password", "policy"), [(60.0, None), (None, 60.0), (60.0, 90.0), (90.0, 60.0)])
def test_not_even_the_grace_outlives_the_password_or_a_policys_yes(
    password: float | None, policy: float | None
) -> None:
    door = Door()
    now = door.clock.now()
    door.link.until = now + password if password else None
    door.link.reuse = Reuse(600.0, not_after=now + policy if policy else None)
    door.show()
    door.clock.advance(59.0)
    assert door.show(proof(turn=2)).outcome is Outcome.ACCEPTED
    assert door.asked == 1
    door.clock.advance(1.0)
    door.link.away = True
    assert door.show(proof(turn=3)) == AWAY
    assert len(door.hashes) == 0


# --- what is not taken ---


@pytest.mark.parametrize(
    "handed",
    [
        None,
        hash_of(PHONE, user=2),
        hash_of(LAPTOP),
        NetworkHash(1, ""),
        NetworkHash(1, "no hash"),
        NetworkHash(1, "00" * 17),
    ],
)
def test_only_the_hash_that_has_just_been_proved_is_kept_and_a_wrong_one_keeps_nobody_out(
    handed: NetworkHash | None,
) -> None:
    door = Door()
    door.link.hand = lambda password: handed
    assert door.show().outcome is Outcome.ACCEPTED
    assert len(door.hashes) == 0


@pytest.mark.parametrize("reuse", [None, Reuse(0.0)])
def test_what_control_does_not_let_be_reused_is_not(reuse: Reuse | None) -> None:
    """Where policies and mappings are asked each time, where sessions are counted, and after a one-time code."""
    door = Door()
    door.link.reuse = reuse
    assert door.show().outcome is Outcome.ACCEPTED
    assert len(door.hashes) == 0


def test_unless_the_provider_says_so_none_is_kept_whatever_control_hands_over() -> None:
    door = Door()
    _switched_off(door)
    door.link.revision = door.directory.current.revision
    assert door.show().outcome is Outcome.ACCEPTED
    assert len(door.hashes) == 0


def test_nothing_of_it_reaches_what_is_kept_on_disk_or_shown(door: Door) -> None:
    class Keeper:
        def remembered(self, *told: object) -> None:
            raise AssertionError(told)

        forgotten = remembered

        def emptied(self) -> None:
            raise AssertionError

    door.cache.keeper = Keeper()
    decision = door.show(proof(LAPTOP))
    (owner,) = door.hashes._owners.values()
    for password in (PHONE, LAPTOP):
        plain = ms.nt_hash(password)
        shown = repr((decision, owner, hash_of(password), door.hashes))
        assert plain.hex() not in shown.lower()
        assert repr(plain)[2:-1] not in shown
    assert len(door.cache) == 0


# --- bounds ---


def test_of_one_name_there_are_only_so_many_and_the_one_used_longest_ago_goes() -> None:
    door = Door()
    passwords = [f"password {number}" for number in range(MOST_OF_A_NAME + 1)]
    door.link.good = set(passwords)
    for password in passwords[:-1]:
        door.show(proof(password))
    door.show(proof(passwords[0], turn=2))
    door.show(proof(passwords[-1]))
    assert len(door.hashes) == MOST_OF_A_NAME
    door.leave()
    known = [door.show(proof(password, turn=3)).outcome is Outcome.ACCEPTED for password in passwords]
    assert known == [True, False, *[True] * (MOST_OF_A_NAME - 1)]


def test_there_are_only_so_many_names_and_the_one_learned_longest_ago_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_hashes, "MOST_NAMES", 3)
    door = Door()
    names = [f"alice{number}" for number in range(4)]
    for name in names:
        door.show(proof(username=name))
    assert len(door.hashes) == 3
    door.leave()
    known = [door.show(proof(username=name, turn=2)).outcome is Outcome.ACCEPTED for name in names]
    assert known == [False, True, True, True]


def test_the_same_password_shown_again_takes_no_further_place(door: Door) -> None:
    door.clock.advance(MOST_SECONDS)
    door.show(proof(turn=2))
    assert (door.asked, len(door.hashes)) == (2, 1)


def test_a_name_that_stands_for_somebody_else_now_takes_nothing_along(door: Door) -> None:
    bob = replace(ALICE, pk=2, uuid="u2", uid="uid2", username="bob")
    door.change(Put(bob), Members("staff", added=(2,)))
    learn = door.hashes.learn
    keys = {"password_hash_hash": md4(ms.nt_hash(LAPTOP)).hex()}
    yes = Decision("accepted", an_identity("bob", user=2), keys=keys, reuse=Reuse(600.0))
    learn(proof(LAPTOP), 7, WHERE.peer, yes, hash_of(LAPTOP, user=2), door.directory.current.revision)
    door.leave()
    assert door.show(proof(PHONE, turn=2)) == AWAY
    assert door.show(proof(LAPTOP, turn=2)).outcome is Outcome.ACCEPTED
