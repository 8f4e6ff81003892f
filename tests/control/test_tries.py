"""Wrong tries, counted at control for all doors, outposts and pages together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from control import reputation, tries
from control.flows.stages import identification
from control.records import Event, Reputation, Tries, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.tries import (
    ACCOUNT_FREE,
    ACCOUNT_SECONDS,
    EVERYWHERE,
    FREE,
    LONGEST_BLOCK,
    NO_GUESSES,
    QUIET,
    RIGHT_SECONDS,
)
from rules.reasons import REASONS, Outcome
from tests.fakes import FakeClock
from tests.stores import open_store

T = TypeVar("T")
HERE, ELSEWHERE = "192.0.2.0/24", "198.51.100.0/24"


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.store: SqlStore = open_store(folder, self.clock)

    def refusal(self, who: str = "alice", place: str = HERE, known_good: bool = False) -> str | None:
        return self.store.read_now(lambda tx: tries.refusal(tx, who, place, known_good))

    def wrong(self, times: int = 1, who: str = "alice", place: str = HERE) -> None:
        def verb(tx: Transaction) -> None:
            for _ in range(times):
                tries.wrong(tx, who, place)

        self.store.write_now(verb)

    def right(self, who: str = "alice", place: str = HERE) -> None:
        self.store.write_now(lambda tx: tries.right(tx, who, place))

    def take_back(self, place: str) -> None:
        self.store.write_now(lambda tx: tries.take_back(tx, "Alice", place))

    @property
    def sum(self) -> int:
        """Of all places."""
        line = self.store.read_now(lambda tx: tx.find(Tries, account="alice", place=EVERYWHERE))
        return line.wrong if line is not None else 0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_some_are_free_and_then_every_one_waits_longer_up_to_minutes(bench: Bench) -> None:
    bench.wrong(FREE)
    assert bench.refusal() is None
    for seconds in (1, 2, 4, 8, 16, 32, 64, LONGEST_BLOCK, LONGEST_BLOCK):
        bench.wrong()
        assert bench.refusal() == "too_many_tries"
        bench.clock.advance(seconds - 0.01)
        assert bench.refusal() == "too_many_tries"
        bench.clock.advance(0.01)
        assert bench.refusal() is None


def test_they_survive_a_restart(bench: Bench) -> None:
    bench.wrong(FREE + 1)
    bench.store.close()
    bench.store = open_store(bench.folder, bench.clock)
    assert bench.refusal() == "too_many_tries"


def test_somebody_else_elsewhere_is_not_held_up(bench: Bench) -> None:
    bench.wrong(FREE + 1)
    assert bench.refusal(place=ELSEWHERE) is None
    assert bench.refusal(who="bob") is None
    assert bench.refusal(who="ALICE") == "too_many_tries"


SPELT = [" alice", "  ALICE  ", "Alice" + " " * 200, "\uff41\uff4c\uff49\uff43\uff45", "\U0001d41alice", "ali\u217de"]


@pytest.mark.parametrize("spelt", SPELT)
def test_no_spelling_makes_another_account_of_a_name(bench: Bench, spelt: str) -> None:
    """Whichever finds it: names are kept without case and compatibility variants."""
    alice = bench.store.write_now(lambda tx: tx.insert(User("alice")))
    assert bench.store.read_now(lambda tx: identification.named(tx, {}, spelt.strip())) == alice
    bench.wrong(FREE)
    bench.wrong(who=spelt)
    assert bench.refusal() == bench.refusal(who=spelt) == "too_many_tries"
    assert bench.store.write_now(lambda tx: tries.clear(tx, spelt)) == 2
    assert bench.refusal() is None


def test_a_quiet_while_and_a_right_one_begin_anew(bench: Bench) -> None:
    resets: list[Callable[[], object]] = [lambda: bench.clock.advance(QUIET), bench.right]
    for begin_anew in resets:
        bench.wrong(FREE + 1)
        begin_anew()
        assert bench.refusal() is None
        bench.wrong(FREE)
        assert bench.refusal() is None
        bench.clock.advance(QUIET)


def test_guessing_from_everywhere_is_slowed_but_not_where_it_was_right_before(bench: Bench) -> None:
    bench.right(place=HERE)
    for number in range(ACCOUNT_FREE):
        bench.wrong(place=f"10.0.{number}.0/24")
    assert bench.refusal(place=ELSEWHERE) == "too_many_tries_for_account"
    assert bench.refusal(place=HERE) is None
    bench.clock.advance(ACCOUNT_SECONDS + 1)
    assert bench.refusal(place=ELSEWHERE) is None


def test_the_sum_grows_while_time_goes_on_and_one_is_forgotten_every_few_seconds(bench: Bench) -> None:
    for number in range(ACCOUNT_FREE + 1):
        bench.clock.advance(ACCOUNT_SECONDS / 1000)
        bench.wrong(place=f"10.0.{number}.0/24")
    assert bench.refusal(place=ELSEWHERE) == "too_many_tries_for_account"
    for _ in range(5):
        bench.clock.advance(ACCOUNT_SECONDS)
        bench.wrong(place=ELSEWHERE)
        assert bench.refusal(place="203.0.113.0/24") == "too_many_tries_for_account"
    bench.clock.advance(2 * ACCOUNT_SECONDS)
    assert bench.refusal(place="203.0.113.0/24") is None


def test_guesses_where_it_was_right_before_slow_nobody_elsewhere(bench: Bench) -> None:
    """A program with an old password, at home, is no reason to keep its owner out on a journey."""
    bench.right(place=HERE)
    bench.wrong(ACCOUNT_FREE + 5, place=HERE)
    assert bench.refusal(place=HERE) == "too_many_tries"
    assert bench.refusal(place=ELSEWHERE) is None


def test_what_was_right_here_the_last_time_is_let_through_if_it_was_right_for_us_too(bench: Bench) -> None:
    bench.wrong(FREE + 1)
    assert bench.refusal(known_good=True) == "too_many_tries"
    bench.right()
    bench.wrong(FREE + 1)
    assert bench.refusal(known_good=True) is None
    bench.clock.advance(RIGHT_SECONDS)
    bench.wrong(FREE + 1)
    assert bench.refusal(known_good=True) == "too_many_tries"


@pytest.mark.parametrize("code", REASONS)
def test_what_counts(bench: Bench, code: str) -> None:
    def verb(tx: Transaction) -> None:
        for _ in range(FREE + 1):
            tries.count(tx, "alice", HERE, code)

    bench.store.write_now(verb)
    counts = REASONS[code].outcome is Outcome.BAD_CREDENTIALS and code not in NO_GUESSES
    assert (bench.refusal() is not None) is counts


def test_a_program_that_repeats_itself_counts_once(bench: Bench) -> None:
    def verb(tx: Transaction) -> None:
        tries.count(tx, "alice", HERE, "wrong_password")
        for _ in range(FREE * 2):
            tries.count(tx, "alice", HERE, "wrong_password", again=True)

    bench.store.write_now(verb)
    assert bench.refusal() is None
    assert {line.wrong for line in bench.store.read_now(lambda tx: tx.select(Tries))} == {1}


def test_one_that_is_taken_back_was_none(bench: Bench) -> None:
    bench.wrong(FREE + 1)
    assert bench.refusal() == "too_many_tries"
    bench.store.write_now(lambda tx: tries.take_back(tx, "Alice", HERE))
    assert bench.refusal() is None
    bench.wrong()
    bench.clock.advance(0.99)
    assert bench.refusal() == "too_many_tries"
    bench.clock.advance(0.01)
    assert bench.refusal() is None  # a second, as if it were the first above what is free


def test_and_was_none_for_the_sum_of_all_places(bench: Bench) -> None:
    for number in range(ACCOUNT_FREE + 5):
        place = f"10.0.{number}.0/24"
        bench.wrong(place=place)
        bench.take_back(place)
    assert bench.sum == 0
    assert bench.refusal(place=ELSEWHERE) is None


def test_one_that_did_not_count_there_is_not_taken_back_there(bench: Bench) -> None:
    bench.right(place=HERE)
    bench.wrong(3, place=ELSEWHERE)
    for _ in range(3):
        bench.wrong(place=HERE)
        bench.take_back(HERE)
    bench.take_back("203.0.113.0/24")
    assert bench.sum == 3


def test_what_an_administrator_deletes_is_released_at_the_outposts_too(bench: Bench) -> None:
    user = bench.store.write_now(lambda tx: tx.insert(User("Alice")))
    bench.wrong(FREE + 1)
    before = bench.store.read_now(lambda tx: tx.revision().number)
    [line] = [one for one in bench.store.read_now(lambda tx: tx.select(Tries)) if one.place == HERE]
    bench.store.write_now(lambda tx: tries.delete(tx, line.pk))
    assert bench.refusal() is None
    changes = bench.store.read_now(lambda tx: tx.changes_since(before))
    assert [(change.kind, change.pk) for change in changes] == [("user", user.pk)]


def test_old_lines_are_swept(bench: Bench) -> None:
    for number in range(20):
        bench.wrong(who=f"user{number}")
    bench.clock.advance(QUIET + ACCOUNT_FREE * ACCOUNT_SECONDS + 1)
    for number in range(5):
        bench.wrong(who=f"other{number}")
    assert bench.store.read_now(lambda tx: tx.count(Tries)) == 10


def test_where_it_was_right_is_remembered_while_others_are_swept(bench: Bench) -> None:
    bench.right(place=HERE)
    bench.clock.advance(QUIET + ACCOUNT_FREE * ACCOUNT_SECONDS + 1)
    for number in range(ACCOUNT_FREE):
        bench.wrong(place=f"10.0.{number}.0/24")
    assert bench.refusal(place=ELSEWHERE) == "too_many_tries_for_account"
    assert bench.refusal(place=HERE) is None


def test_no_event_and_no_revision(bench: Bench) -> None:
    before = bench.store.read_now(lambda tx: (tx.revision(), tx.count(Event)))
    bench.wrong(3)
    bench.right()
    assert bench.store.read_now(lambda tx: (tx.revision(), tx.count(Event))) == before


# --- reputation ----------------------------------------------------------------------------------------------------


def test_a_score_goes_up_and_down_within_its_limits_and_is_forgotten_after_a_day(bench: Bench) -> None:
    def count(right: bool, times: int = 1) -> int:
        def verb(tx: Transaction) -> int:
            for _ in range(times):
                reputation.count(tx, "alice", "192.0.2.1", right)
            return reputation.score(tx, "alice", "192.0.2.1")

        return bench.store.write_now(verb)

    assert count(False) == -1
    assert count(True, 3) == 2
    assert count(True, 10) == reputation.HIGHEST
    assert count(False, 20) == reputation.LOWEST
    assert bench.store.read_now(lambda tx: reputation.score(tx, "alice", "192.0.2.2")) == 0
    assert bench.store.read_now(lambda tx: reputation.total(tx, " ALICE ", None)) == reputation.LOWEST
    bench.clock.advance(reputation.KEPT_SECONDS)
    assert bench.store.read_now(lambda tx: reputation.score(tx, "alice", "192.0.2.1")) == 0
    bench.store.write_now(lambda tx: reputation.count(tx, "bob", "192.0.2.1", True))
    bench.clock.advance(1)
    bench.store.write_now(lambda tx: reputation.count(tx, "bob", "192.0.2.1", True))
    assert [one.identifier for one in bench.store.read_now(lambda tx: tx.select(Reputation))] == ["bob"]


def test_a_host_has_one_score_whatever_addresses_of_its_network_it_takes(bench: Bench) -> None:
    def guess(tx: Transaction) -> None:
        for number, name in enumerate(("alice", "bob", "carol"), 1):
            reputation.count(tx, name, f"2001:db8:1:2::{number}", right=False)
        reputation.count(tx, "dave", "::ffff:192.0.2.1", right=False)

    bench.store.write_now(guess)
    for address, score in (("2001:db8:1:2:ffff::9", -3), ("2001:db8:1:3::1", 0), ("192.0.2.1", -1)):
        assert bench.store.read_now(lambda tx, address=address: reputation.total(tx, None, address)) == score  # type: ignore[misc]


# --- what outposts tell, and what administrators do ----------------------------------------------------------------


def test_an_outpost_tells_whom_it_held_up(bench: Bench) -> None:
    body = {"reason": "too_many_tries", "username": "alice", "peer": "192.0.2.7", "protocol": "ldap", "count": 7}
    bench.store.write_now(lambda tx: tries.reported(tx, "edge", body))
    (event,) = bench.store.read_now(lambda tx: tx.select(Event))
    assert (event.action, event.client_ip) == ("login_failed", "192.0.2.7")
    assert event.context["explanation"] == REASONS["too_many_tries"].operator
    assert (event.context["username"], event.context["count"], event.context["outpost"]) == ("alice", 7, "edge")


@pytest.mark.parametrize(
    "body",
    [{}, {"reason": "accepted"}, {"reason": "wrong_password", "username": "alice"}, {"reason": ["too_many_tries"]}],
)
def test_an_outpost_tells_of_nothing_else_in_this_way(bench: Bench, body: dict[str, object]) -> None:
    bench.store.write_now(lambda tx: tries.reported(tx, "edge", body))
    assert bench.store.read_now(lambda tx: tx.select(Event)) == []


@pytest.mark.parametrize("count", [-5, 10**30, "many", None, True])
def test_a_count_that_is_none_is_kept_within_bounds(bench: Bench, count: object) -> None:
    body = {"reason": "too_many_tries", "username": "x" * 9999, "peer": "y" * 9999, "count": count}
    bench.store.write_now(lambda tx: tries.reported(tx, "edge", body))
    (event,) = bench.store.read_now(lambda tx: tx.select(Event))
    assert 1 <= event.context["count"] <= 10**9
    assert len(event.context["username"]) < 300
    assert len(event.client_ip) < 300


@pytest.mark.parametrize("username", ["ALICE", ""])
def test_who_waits_at_an_outpost_alone_is_released_too(bench: Bench, username: str) -> None:
    """Its buckets are its own: here the line may be gone, or never have been there."""
    bench.store.write_now(lambda tx: [tx.insert(User(name)) for name in ("alice", "bob")])
    body = {"username": "Alice", "reason": "too_many_tries", "protocol": "ldap", "count": 3, "peer": "192.0.2.1"}
    bench.store.write_now(lambda tx: tries.reported(tx, "edge", body))
    assert bench.store.write_now(lambda tx: tries.clear(tx, username)) == 0
    users = bench.store.read_now(lambda tx: tx.select(User))
    assert {user.username: user.released > 0 for user in users} == {"alice": True, "bob": False}


def test_an_administrator_sees_who_waits_and_forgives_one_or_all(bench: Bench) -> None:
    bench.store.write_now(lambda tx: [tx.insert(User(name)) for name in ("alice", "bob")])
    bench.wrong(FREE + 1)
    bench.wrong(FREE + 1, "bob", ELSEWHERE)
    bench.right("carol")
    held = {(line.account, line.place) for line in bench.store.read_now(tries.held)}
    assert held == {("alice", HERE), ("alice", ""), ("bob", ELSEWHERE), ("bob", "")}
    assert bench.store.write_now(lambda tx: tries.clear(tx, "ALICE")) == 2
    assert bench.refusal() is None
    assert bench.refusal("bob", ELSEWHERE) == "too_many_tries"
    assert bench.store.write_now(tries.clear) == 2
    assert bench.refusal("bob", ELSEWHERE) is None
    users = bench.store.read_now(lambda tx: tx.select(User))
    assert [user.released for user in users] == [bench.clock.now()] * 2
