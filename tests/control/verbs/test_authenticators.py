"""One-time codes: right once, in their time, and not to be guessed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyotp
import pytest

from control.records import FACTOR_ADDED, Authenticator, AuthenticatorUse, Event, User
from control.store.interface import Query, Transaction
from control.store.sql import SqlStore
from control.verbs import authenticators
from control.verbs.authenticators import FREE_FAILURES, MOST_WAIT, PERIOD, Code
from tests.control.stores import a_store
from tests.control.verbs.do import bytes_of, refused, user
from tests.fakes import FakeClock, counted_random


class Bench:
    """alice, with a program and a list of codes."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(1_700_000_010.0)
        self.store: SqlStore = a_store(folder, self.clock)
        self.alice: User = user(self.store, "alice")
        self.totp = self.with_totp()
        random = counted_random()
        self.store.write_now(lambda tx: authenticators.begin_static(tx, self.alice.pk, random, 3, 8))
        listed = self.store.write_now(lambda tx: authenticators.confirm_static(tx, self.alice.pk))
        assert listed is not None
        self.static: Authenticator = listed
        self.clock.advance(600)

    def with_totp(self, digits: int = 6) -> Authenticator:
        pk = self.alice.pk
        begun = self.store.write_now(lambda tx: authenticators.begin_totp(tx, pk, bytes_of("t"), digits, "phone"))
        code = pyotp.TOTP(begun.secrets["key"], digits=digits).at(int(self.clock()))
        confirmed = self.store.write_now(lambda tx: authenticators.confirm_totp(tx, pk, code))
        assert confirmed is not None
        return confirmed

    def code(self, periods: int = 0) -> str:
        """What the program shows so many periods from now."""
        return pyotp.TOTP(self.totp.secrets["key"]).at(int(self.clock()) + periods * PERIOD)

    def check(self, typed: str, origin: str = "") -> Code:
        return self.store.write_now(lambda tx: authenticators.check(tx, self.alice.pk, typed, origin=origin)).code

    def was_right(self, origin: str, lately: float) -> bool:
        factors = [self.totp, self.static]
        return self.store.read_now(lambda tx: authenticators.was_right(tx, factors, origin, lately))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    opened = Bench(tmp_path)
    yield opened
    opened.store.close()


def test_the_programs_code_is_right_once(bench: Bench) -> None:
    code = bench.code()
    assert bench.check(code) is Code.RIGHT
    assert bench.check(code) is Code.WRONG
    bench.clock.advance(PERIOD)
    assert bench.check(code) is Code.WRONG
    assert bench.check(bench.code()) is Code.RIGHT


def test_a_code_older_than_the_last_right_one_is_wrong(bench: Bench) -> None:
    earlier = bench.code(-1)
    assert bench.check(bench.code()) is Code.RIGHT
    assert bench.check(earlier) is Code.WRONG


@pytest.mark.parametrize(("periods", "code"), [(-2, Code.WRONG), (-1, Code.RIGHT), (1, Code.RIGHT), (2, Code.WRONG)])
def test_a_clock_may_be_one_period_off(bench: Bench, periods: int, code: Code) -> None:
    assert bench.check(bench.code(periods)) is code


def test_a_clock_that_drifts_is_followed_but_not_for_ever(bench: Bench) -> None:
    for drift in range(1, authenticators.MOST_DRIFT + 1):
        bench.clock.advance(PERIOD)
        assert bench.check(bench.code(drift)) is Code.RIGHT, drift
    bench.clock.advance(PERIOD)
    assert bench.check(bench.code(authenticators.MOST_DRIFT + 1)) is Code.WRONG


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_rfc_6238_appendix_b_is_right(tmp_path: Path, at: int, code: str) -> None:
    """SHA-1; and the last six digits, as most programs show them."""
    clock = FakeClock(float(at))
    store = a_store(tmp_path, clock)
    key = {"key": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
    for digits in (8, 6):
        owner = user(store, f"owner of {digits}")
        factor = Authenticator(owner.pk, "totp", settings={"digits": digits}, secrets=key, confirmed=True)
        store.write_now(partial(_inserted, factor=factor))
        wrong = f"{(int(code) + 1) % 10**digits:0{digits}}"
        assert store.write_now(partial(authenticators.check, user=owner.pk, typed=wrong)).code is Code.WRONG
        assert store.write_now(partial(authenticators.check, user=owner.pk, typed=code[-digits:])).code is Code.RIGHT
    store.close()


HOTP = ["287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]


def test_rfc_4226_appendix_d_is_right(tmp_path: Path) -> None:
    """Its counter is the number of the period, from 1 on: 0 was the first half minute of 1970."""
    clock = FakeClock(0.0)
    store = a_store(tmp_path, clock)
    key = {"key": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
    for counter, code in enumerate(HOTP, start=1):
        clock.advance(PERIOD)
        owner = user(store, f"owner of {counter}")
        factor = Authenticator(owner.pk, "totp", settings={"digits": 6}, secrets=key, confirmed=True)
        store.write_now(partial(_inserted, factor=factor))
        assert store.write_now(partial(authenticators.check, user=owner.pk, typed=code)).code is Code.RIGHT, counter
    store.close()


def _inserted(tx: Transaction, factor: Authenticator) -> None:
    tx.insert(factor)


def test_a_code_from_the_list_is_right_once_however_it_is_typed(bench: Bench) -> None:
    first, second, _ = bench.static.secrets["codes"]
    assert len(first) == 8
    assert bench.check(f" {first[:4].upper()}-{first[4:]} ") is Code.RIGHT
    assert bench.check(first) is Code.WRONG
    assert bench.check(second) is Code.RIGHT
    left = bench.store.read_now(lambda tx: authenticators.unused(tx, bench.static))
    assert left == bench.static.secrets["codes"][2:]


@pytest.mark.parametrize("typed", ["", "000000", "12345", "1234567", "\udcff" * 6, "x" * 5000, "١٢٣٤٥٦"])
def test_anything_else_is_wrong(bench: Bench, typed: str) -> None:
    assert bench.check(typed) is Code.WRONG


def test_wrong_codes_make_the_next_one_wait_twice_as_long_each_time(bench: Bench) -> None:
    for _ in range(FREE_FAILURES):
        assert bench.check("000000") is Code.WRONG
    assert bench.check(bench.code()) is Code.TOO_SOON
    bench.clock.advance(1)
    assert bench.check("000000") is Code.WRONG
    bench.clock.advance(1)
    assert bench.check(bench.static.secrets["codes"][0]) is Code.TOO_SOON
    bench.clock.advance(1)
    assert bench.check(bench.code()) is Code.RIGHT
    assert bench.check("000000") is Code.WRONG


def test_nobody_is_locked_out_for_long(bench: Bench) -> None:
    for _ in range(40):
        bench.clock.advance(MOST_WAIT)
        bench.check("000000")
    bench.clock.advance(MOST_WAIT - 1)
    assert bench.check(bench.code()) is Code.TOO_SOON
    bench.clock.advance(1)
    assert bench.check(bench.code()) is Code.RIGHT


def test_a_code_counts_for_a_while_where_it_came_from_and_nowhere_else(bench: Bench) -> None:
    bench.check(bench.code(), "http 192.0.2.1")
    bench.clock.advance(59)
    assert bench.was_right("http 192.0.2.1", 60)
    assert not bench.was_right("http 192.0.2.2", 60)
    assert not bench.was_right("http 192.0.2.1", 0)
    bench.clock.advance(1)
    assert not bench.was_right("http 192.0.2.1", 60)


def test_places_are_remembered_up_to_a_bound(bench: Bench) -> None:
    for number in range(20):
        bench.clock.advance(PERIOD)
        assert bench.check(bench.code(), f"ldap {number}") is Code.RIGHT
    use = bench.store.read_now(lambda tx: tx.get(AuthenticatorUse, bench.totp.pk))
    assert len(use.origins) == authenticators.MOST_ORIGINS
    assert bench.was_right("ldap 19", 60)
    assert not bench.was_right("ldap 0", 3600)


def test_what_is_being_set_up_counts_for_nothing(bench: Bench) -> None:
    begun = bench.store.write_now(lambda tx: authenticators.begin_totp(tx, bench.alice.pk, bytes_of("other"), 8))
    code = pyotp.TOTP(begun.secrets["key"], digits=8).at(int(bench.clock()))
    assert bench.check(code) is Code.WRONG
    assert bench.store.write_now(lambda tx: authenticators.confirm_totp(tx, bench.alice.pk, "00000000")) is None
    assert bench.store.write_now(lambda tx: authenticators.confirm_totp(tx, bench.alice.pk, code)) is not None
    assert bench.check(code) is Code.WRONG, "the code that showed that it works is used up"
    bench.clock.advance(PERIOD)
    assert bench.check(pyotp.TOTP(begun.secrets["key"], digits=8).at(int(bench.clock()))) is Code.RIGHT


def test_outposts_forget_a_password_that_is_no_longer_enough(bench: Bench) -> None:
    def version() -> int:
        return bench.store.read_now(lambda tx: tx.get(User, bench.alice.pk)).credential_version

    before = version()
    bench.store.write_now(lambda tx: authenticators.begin_static(tx, bench.alice.pk, bytes_of("n")))
    assert version() == before
    bench.store.write_now(lambda tx: authenticators.confirm_static(tx, bench.alice.pk))
    assert version() == before + 1


def test_beginning_anew_ends_what_was_begun(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.store.write_now(lambda tx, name=name: authenticators.begin_totp(tx, bench.alice.pk, bytes_of(name)))  # type: ignore[misc]
    unfinished = bench.store.read_now(lambda tx: tx.select(Authenticator, Query(equal={"confirmed": False})))
    assert len(unfinished) == 1


def test_factors_of_one_user_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticators, "MOST_FACTORS", 2)
    too_many = refused(bench.store, lambda tx: authenticators.begin_totp(tx, bench.alice.pk, bytes_of("x")))
    assert "at most 2" in too_many["non_field_errors"][0]


def test_setting_one_up_leaves_an_event_without_its_secret_and_using_it_no_revision(bench: Bench) -> None:
    revision = bench.store.read_now(lambda tx: tx.revision())
    bench.check(bench.code())
    assert bench.store.read_now(lambda tx: tx.revision()) == revision
    events = bench.store.read_now(
        lambda tx: tx.select(Event, Query(equal={"app": "authentik_stages_authenticator_totp"}))
    )
    assert sorted(event.action for event in events) == [FACTOR_ADDED, "model_created", "model_updated"]
    assert bench.totp.secrets["key"] not in str(events)


def test_the_url_for_a_program(bench: Bench) -> None:
    url = authenticators.config_url(bench.totp, "alice", "authentik")
    assert url == f"otpauth://totp/authentik:alice?secret={bench.totp.secrets['key']}&issuer=authentik"
