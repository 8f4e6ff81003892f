"""Who may try how often, and that nobody can lock out anybody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outpost import throttle as module
from outpost.authentication import Authentication
from outpost.directory.snapshot import Snapshot, Touched
from outpost.outcome import Circumstances, Decision, Password
from outpost.throttle import (
    ACCOUNT_BURST,
    BLOCKED_ACCOUNT,
    BLOCKED_ORIGIN,
    BLOCKED_PAIR,
    ORIGIN_BURST,
    PAIR_FREE,
    PAIR_LONGEST_BLOCK,
    PAIR_QUIET,
    Throttle,
    Try,
)
from rules.places import place
from rules.reasons import REASONS, Outcome
from tests.fakes import FakeClock, FakeLink, run
from tests.outpost.directory.people import a_user

HERE, ELSEWHERE = "192.0.2.7", "198.51.100.7"


class Guessing:
    """Tries, with the outcome that they have when control is asked."""

    def __init__(self) -> None:
        self.throttle = Throttle(bytes(32))
        self.now = 1000.0
        self.asked = 0

    def begin(self, password: str, who: str = "alice", peer: str = HERE, station: str = "") -> Try | str:
        proof = {"kind": "password", "password": password}
        return self.throttle.begin(who, proof, peer, station, self.now)

    def guess(self, password: str, *, right: str = "right", **how: str) -> str:
        """The reason why control was not asked, or the outcome."""
        taken = self.begin(password, **how)
        if isinstance(taken, str):
            return taken
        self.asked += 1
        outcome = Outcome.ACCEPTED if password == right else Outcome.BAD_CREDENTIALS
        self.throttle.settle(taken, outcome, self.now)
        return str(outcome)

    def exhaust(self, **how: str) -> None:
        number = 0
        while self.guess(f"guess {number}", **how) == Outcome.BAD_CREDENTIALS:
            number += 1
            assert number < 10_000


@pytest.fixture
def guessing() -> Guessing:
    return Guessing()


def test_no_spelling_makes_another_account_of_a_name(guessing: Guessing) -> None:
    letters = [chr(0x1D41A + 52 * number) for number in range(8)]  # of mathematics: each is an a
    spelt = [f"{' ' * number}{letters[number % 8]}Lice{' ' * number}" for number in range(PAIR_FREE + 2)]
    said = [guessing.guess(f"guess {number}", who=name) for number, name in enumerate(spelt)]
    assert said[-1] == BLOCKED_PAIR
    assert guessing.begin("another") == BLOCKED_PAIR


def test_wrong_tries_are_free_at_first_and_then_wait_ever_longer_up_to_minutes(guessing: Guessing) -> None:
    waits = []
    for number in range(PAIR_FREE + 12):
        began = guessing.now
        while guessing.guess(f"guess {number}") != Outcome.BAD_CREDENTIALS:
            guessing.now += 0.5
        waits.append(guessing.now - began)
    assert waits[: PAIR_FREE + 1] == [0.0] * (PAIR_FREE + 1)
    assert waits[PAIR_FREE + 1 :] == [1, 2, 4, 8, 16, 32, 64, *[PAIR_LONGEST_BLOCK] * 4]


def test_guesses_all_at_once_do_not_pass_as_one(guessing: Guessing) -> None:
    begun = [guessing.begin(f"guess {number}") for number in range(100)]
    assert sum(isinstance(one, Try) for one in begun) == PAIR_FREE + 1


def test_trying_while_blocked_makes_the_block_no_longer(guessing: Guessing) -> None:
    guessing.exhaust()
    for _ in range(50):
        assert guessing.guess("more") == BLOCKED_PAIR
    guessing.now += 1.0
    assert guessing.guess("another") == Outcome.BAD_CREDENTIALS


def test_after_a_quiet_while_it_begins_anew(guessing: Guessing) -> None:
    guessing.exhaust()
    guessing.now += PAIR_QUIET
    assert [guessing.guess(f"later {n}") for n in range(PAIR_FREE + 1)] == [Outcome.BAD_CREDENTIALS] * (PAIR_FREE + 1)


def test_a_program_that_repeats_an_old_password_counts_once(guessing: Guessing) -> None:
    for _ in range(200):
        assert guessing.guess("the old one") == Outcome.BAD_CREDENTIALS
        guessing.now += 1
    assert guessing.guess("right") == Outcome.ACCEPTED


def test_the_right_password_begins_anew(guessing: Guessing) -> None:
    for number in range(PAIR_FREE):
        guessing.guess(f"guess {number}")
    assert guessing.guess("right") == Outcome.ACCEPTED
    assert [guessing.guess(f"again {n}") for n in range(PAIR_FREE + 1)] == [Outcome.BAD_CREDENTIALS] * (PAIR_FREE + 1)


def test_who_guesses_elsewhere_locks_out_nobody_here(guessing: Guessing) -> None:
    guessing.exhaust(peer=ELSEWHERE)
    assert guessing.guess("right") == Outcome.ACCEPTED


def test_who_guesses_at_the_same_place_does_not_lock_out_who_was_right_there(guessing: Guessing) -> None:
    """An application's login page is one place for all who use it."""
    assert guessing.guess("right") == Outcome.ACCEPTED
    guessing.exhaust()
    assert guessing.guess("anything else") == BLOCKED_PAIR
    assert guessing.guess("right") == Outcome.ACCEPTED


def test_who_guesses_from_everywhere_does_not_lock_out_places_that_were_right(guessing: Guessing) -> None:
    assert guessing.guess("right") == Outcome.ACCEPTED
    for number in range(ACCOUNT_BURST * 2):
        guessing.guess(f"guess {number}", peer=f"10.0.{number}.1")
    assert guessing.guess("right", peer="203.0.113.1") == BLOCKED_ACCOUNT
    assert guessing.guess("mistyped") == Outcome.BAD_CREDENTIALS
    assert guessing.guess("right") == Outcome.ACCEPTED
    guessing.now += module.ACCOUNT_SECONDS
    assert guessing.guess("right", peer="203.0.113.1") == Outcome.ACCEPTED


def test_one_place_cannot_try_one_password_on_everybody(guessing: Guessing) -> None:
    said = [guessing.guess("summer2026", who=f"user{number}") for number in range(ORIGIN_BURST + 100)]
    assert said.count(BLOCKED_ORIGIN) == 100
    assert guessing.guess("summer2026", who="someone", peer=ELSEWHERE) == Outcome.BAD_CREDENTIALS


def test_a_place_where_most_are_right_is_never_blocked(guessing: Guessing) -> None:
    for number in range(ORIGIN_BURST * 3):
        assert guessing.guess("right" if number % 4 == 0 else "wrong", who=f"user{number}") != BLOCKED_ORIGIN


def test_devices_behind_one_nas_count_for_themselves(guessing: Guessing) -> None:
    guessing.exhaust(station="02-00-00-00-00-01")
    assert guessing.guess("x", station="02-00-00-00-00-01") == BLOCKED_PAIR
    assert guessing.guess("right", station="02-00-00-00-00-02") == Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.200", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("unix", "unix", True),
    ],
)
def test_a_place_is_what_one_subscriber_gets(one: str, other: str, same: bool) -> None:
    assert (place(one) == place(other)) is same


def test_names_that_nobody_has_count_like_all_others_whatever_their_case(guessing: Guessing) -> None:
    guessing.exhaust(who="Nobody")
    assert guessing.guess("x", who="nobody") == BLOCKED_PAIR


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.CHALLENGED, Outcome.NOT_ALLOWED, Outcome.THROTTLED])
def test_where_nobody_said_that_it_was_wrong_nothing_has_happened(guessing: Guessing, outcome: Outcome) -> None:
    for number in range(PAIR_FREE * 3):
        taken = guessing.begin(f"try {number}")
        assert isinstance(taken, Try)
        guessing.throttle.settle(taken, outcome, guessing.now)
    # It did not make a place good either: a provider that nobody serves is "not allowed" without any proof.
    guessing.exhaust()
    assert guessing.guess(f"try {PAIR_FREE * 3 - 1}") == BLOCKED_PAIR


def test_a_second_factor_is_not_guessed_with_right_passwords_in_between(guessing: Guessing) -> None:
    wrong = 0
    for number in range(200):
        password = guessing.begin("right")
        code = guessing.begin(f"right;{number}")
        if isinstance(password, Try):
            guessing.throttle.settle(password, Outcome.CHALLENGED, guessing.now)
        if isinstance(code, Try):
            guessing.throttle.settle(code, Outcome.BAD_CREDENTIALS, guessing.now)
            wrong += 1
    assert wrong <= PAIR_FREE + 2


def test_what_was_right_and_is_not_any_more_counts(guessing: Guessing) -> None:
    assert guessing.guess("right") == Outcome.ACCEPTED
    assert guessing.guess("right", right="another") == Outcome.BAD_CREDENTIALS
    guessing.exhaust(right="another")
    assert guessing.guess("right", right="another") == BLOCKED_PAIR


def test_an_administrator_who_changes_the_user_releases_them(guessing: Guessing) -> None:
    guessing.exhaust()
    assert guessing.guess("right") == BLOCKED_PAIR
    snapshot = Snapshot(users={5: a_user(5, "Alice")})  # type: ignore[arg-type]  # only looked up
    guessing.throttle.follow(snapshot, Touched(users=frozenset({5, 6})))
    assert guessing.guess("right") == Outcome.ACCEPTED


def test_a_flood_of_names_and_places_fills_no_memory(guessing: Guessing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BUCKETS", 50)
    for number in range(500):
        guessing.guess("x", who=f"user{number}", peer=f"10.{number % 200}.{number}.1")
        guessing.guess("right", who=f"user{number}", peer=f"10.{number % 200}.{number}.1")
    kept: Any = guessing.throttle
    assert max(map(len, (kept._pairs, kept._accounts, kept._origins, kept._good))) <= 50
    for number in range(module.MOST_PLACES + 50):
        guessing.now += 10
        guessing.guess("x", who="alice", station=f"02-{number}")
    assert len(kept._pairs["alice"]) <= module.MOST_PLACES


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "right", "c", "d"]),
            st.sampled_from([HERE, ELSEWHERE]),
            st.sampled_from([0.0, 0.1, 1.0, 60.0, 1000.0]),
        ),
        max_size=60,
    )
)
def test_whatever_happens_a_right_password_gets_in_within_minutes(tries: list[tuple[str, str, float]]) -> None:
    guessing = Guessing()
    for password, peer, pause in tries:
        guessing.guess(password, peer=peer)
        guessing.now += pause
    guessing.now += PAIR_LONGEST_BLOCK
    assert guessing.guess("right") == Outcome.ACCEPTED


# --- in front of control -------------------------------------------------------------------------------------------


def test_control_is_not_asked_while_somebody_is_blocked() -> None:
    link, clock = FakeLink({"alice": "right"}), FakeClock()
    held_up: list[tuple[str, str, str]] = []
    authentication = Authentication(
        link,
        lambda: "q",
        lambda _: None,
        clock=clock,
        throttle=Throttle(bytes(32)),
        held_up=lambda username, where, reason: held_up.append((username, where.peer, reason)),
    )

    def bind(password: str, protocol: str = "ldap", **attributes: str) -> Decision:
        where = Circumstances(protocol, HERE, attributes)
        return run(authentication.authenticate(Password("alice", password), 7, where))

    for number in range(50):
        said = bind(f"guess {number}")
    assert said == Decision(BLOCKED_PAIR, id="q")
    assert said.outcome is Outcome.THROTTLED
    assert len(link.questions) == PAIR_FREE + 1
    assert held_up == [("alice", HERE, BLOCKED_PAIR)] * (50 - PAIR_FREE - 1)
    assert bind("right", "radius", calling_station="02-00-00-00-00-01").outcome is Outcome.ACCEPTED
    clock.advance(1)
    assert bind("right").outcome is Outcome.ACCEPTED


def test_control_is_told_what_comes_again_and_what_was_right_the_last_time() -> None:
    link = FakeLink({"alice": "right"})
    authentication = Authentication(link, lambda: "q", lambda _: None, clock=FakeClock(), throttle=Throttle(bytes(32)))
    for password in ("wrong", "wrong", "right", "right", "other"):
        run(authentication.authenticate(Password("alice", password), 7, Circumstances("ldap", HERE)))
    assert [(question.again, question.known_good) for question in link.questions] == [
        (False, False),
        (True, False),
        (False, False),
        (False, True),
        (False, False),
    ]


@pytest.mark.parametrize("breaks", ["away", "fails"])
def test_what_control_could_not_decide_is_given_back(breaks: str) -> None:
    link = FakeLink({"alice": "right"})
    throttle = Throttle(bytes(32))
    authentication = Authentication(link, lambda: "q", lambda _: None, clock=FakeClock(), throttle=throttle)
    setattr(link, breaks, True if breaks == "away" else RuntimeError("injected"))
    for number in range(PAIR_FREE * 2):
        said = run(authentication.authenticate(Password("alice", str(number)), 7, Circumstances("ldap", HERE)))
        assert said.outcome is Outcome.UNAVAILABLE
    assert len(link.questions) == PAIR_FREE * 2


def test_every_block_is_in_the_catalogue() -> None:
    for code in (BLOCKED_PAIR, BLOCKED_ACCOUNT, BLOCKED_ORIGIN):
        assert REASONS[code].outcome is Outcome.THROTTLED
