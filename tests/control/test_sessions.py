"""Browser sessions over a real store: who a cookie belongs to, and when it stops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from control import endings, sessions
from control.records import Login, Session, User
from control.sessions import USUAL, Caller, Fresh, Stay, Visit
from control.store.interface import NotFound, Transaction
from control.store.sql import SqlStore
from control.verbs import tokens, users
from tests.fakes import FakeClock, counted_random
from tests.stores import open_store

CALLER = Caller("192.0.2.7", "A browser")


class Desk:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store: SqlStore = open_store(folder, self.clock)
        self.random = counted_random()
        self.alice = self.store.write_now(lambda tx: tx.insert(User("alice"))).pk

    def fresh(self) -> Fresh:
        return sessions.fresh(self.random(2 * sessions.COOKIE_BYTES))

    def begin(self) -> Fresh:
        new = self.fresh()
        self.store.write_now(lambda tx: sessions.begin(tx, new, CALLER, {"flow": {}}))
        return new

    def sign_in(self, old: Session | None = None, stay: Stay = USUAL) -> Fresh:
        new = self.fresh()
        version = self.store.read_now(lambda tx: tx.get(User, self.alice).credential_version)
        signed = (self.alice, version, "password", CALLER)
        self.store.write_now(lambda tx: sessions.sign_in(tx, old, new, *signed, stay=stay))
        return new

    def find(self, cookie: str) -> Visit | None:
        return self.store.read_now(lambda tx: sessions.find(tx, cookie))

    def found(self, cookie: str) -> Session:
        visit = self.find(cookie)
        assert visit is not None
        return visit.session


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.store.close()


def test_a_signed_in_session(desk: Desk) -> None:
    new = desk.sign_in()
    visit = desk.find(new.cookie)
    assert visit is not None
    assert visit.user is not None
    assert visit.user.username == "alice"
    assert (visit.session.csrf, visit.session.client_ip) == (new.csrf, "192.0.2.7")
    assert visit.session.pk != new.cookie
    login = desk.store.read_now(lambda tx: tx.get(Login, desk.alice))
    assert login.last_login == desk.clock.now()


def test_nobody_elses_cookie_opens_it(desk: Desk) -> None:
    new = desk.sign_in()
    for cookie in ("", new.cookie[:-1], new.cookie + "x", new.csrf, sessions.key_of(new.cookie), "x" * 1000, "ü\udcff"):
        assert desk.find(cookie) is None


def test_randomness_is_used_up() -> None:
    with pytest.raises(ValueError, match="64 random bytes"):
        sessions.fresh(b"short")
    new = sessions.fresh(bytes(range(64)))
    assert new.cookie != new.csrf
    assert len(new.cookie) == len(new.csrf) == 43
    assert new.cookie not in repr(new)


def test_signing_in_ends_the_session_before(desk: Desk) -> None:
    before = desk.begin()
    after = desk.sign_in(desk.found(before.cookie))
    assert desk.find(before.cookie) is None
    assert desk.found(after.cookie).data == {"method": "password"}


def test_expiry(desk: Desk) -> None:
    anonymous, signed_in = desk.begin(), desk.sign_in()
    desk.clock.advance(sessions.ANONYMOUS_SECONDS)
    assert desk.find(anonymous.cookie) is None
    assert desk.find(signed_in.cookie) is not None


def test_idle_and_longest(desk: Desk) -> None:
    idle, used = desk.sign_in(), desk.sign_in()
    begun = desk.clock.now()
    while desk.clock.now() - begun < sessions.SIGNED_IN_SECONDS - sessions.IDLE_SECONDS / 2:
        desk.clock.advance(sessions.IDLE_SECONDS / 2)
        session = desk.found(used.cookie)
        assert sessions.is_due(session, desk.clock.now())
        desk.store.write_now(partial(sessions.touch, session=session))
        assert not sessions.is_due(desk.found(used.cookie), desk.clock.now())
        if desk.clock.now() - begun >= sessions.IDLE_SECONDS:
            assert desk.find(idle.cookie) is None
    desk.clock.advance(sessions.IDLE_SECONDS / 2)
    assert desk.find(used.cookie) is None


def test_one_that_a_devices_password_opened_ends_with_that_and_is_never_recent(desk: Desk) -> None:
    now = desk.clock.now()
    token = desk.store.write_now(
        lambda tx: tokens.create(tx, desk.alice, "phone", desk.random, "app_password", now + 60)
    )
    other = desk.sign_in()
    first, second = (desk.sign_in(stay=Stay(3600, token=token.pk, until=now + 60)) for _ in range(2))
    session = desk.found(first.cookie)
    assert (session.token, session.expires) == (token.pk, now + 60)
    assert not sessions.is_recent(session, now)
    desk.store.write_now(lambda tx: sessions.factor_shown(tx, session, ()))
    desk.store.write_now(lambda tx: sessions.keep(tx, session, {"flow": {}}))
    assert not sessions.is_recent(desk.found(first.cookie), now)
    desk.clock.advance(60)
    assert desk.find(first.cookie) is None
    assert desk.find(second.cookie) is None
    assert sessions.is_recent(desk.found(other.cookie), now)


@pytest.mark.parametrize("taken_back", ["deleted", "changed"])
def test_it_ends_with_the_devices_password_and_no_other_does(desk: Desk, taken_back: str) -> None:
    def verb(tx: Transaction) -> tuple[str, str]:
        made = [tokens.create(tx, desk.alice, name, desk.random, "app_password") for name in ("phone", "laptop")]
        return made[0].pk, made[1].pk

    phone, laptop = desk.store.write_now(verb)
    own = desk.sign_in()
    on_phone, on_laptop = (desk.sign_in(stay=Stay(token=pk)) for pk in (phone, laptop))
    if taken_back == "deleted":
        desk.store.write_now(lambda tx: tokens.delete(tx, phone))
    else:
        desk.store.write_now(lambda tx: tokens.update(tx, phone, {"description": "lost"}))
    assert desk.find(on_phone.cookie) is None
    assert desk.find(on_laptop.cookie) is not None
    assert desk.find(own.cookie) is not None


def worked(desk: Desk, cookie: str) -> None:
    session = desk.found(cookie)
    desk.store.write_now(lambda tx: sessions.at_work(tx, session))


def test_work_lets_a_sign_in_count_for_longer_but_not_for_days(desk: Desk) -> None:
    cookie, begun = desk.sign_in().cookie, desk.clock.now()
    while desk.clock.now() - begun < sessions.AT_WORK_SECONDS:
        assert sessions.is_recent(desk.found(cookie), desk.clock.now())
        worked(desk, cookie)
        desk.clock.advance(sessions.RECENT_SECONDS - 1)
    begun += sessions.AT_WORK_SECONDS
    assert sessions.is_recent(desk.found(cookie), begun - 1)
    assert not sessions.is_recent(desk.found(cookie), begun)


def test_work_does_not_bring_a_sign_in_back(desk: Desk) -> None:
    idle, busy = desk.sign_in().cookie, desk.sign_in().cookie
    worked(desk, busy)
    desk.clock.advance(sessions.RECENT_SECONDS)
    for cookie in (idle, busy):
        worked(desk, cookie)
        assert not sessions.is_recent(desk.found(cookie), desk.clock.now())


def test_work_goes_on_to_count_while_a_flow_is_kept_and_not_after_a_new_sign_in(desk: Desk) -> None:
    cookie = desk.sign_in().cookie
    worked(desk, cookie)
    session = desk.found(cookie)
    desk.store.write_now(lambda tx: sessions.keep(tx, session, {"flow": {}}))
    assert desk.found(cookie).worked == desk.clock.now()
    assert desk.found(desk.sign_in(desk.found(cookie)).cookie).worked == 0
    desk.store.write_now(lambda tx: sessions.at_work(tx, session))
    assert desk.find(cookie) is None, "what has ended stays ended"


@pytest.mark.parametrize("change", [{"is_active": False}, {"valid_until": 1.0}, {"valid_from": 9e9}])
def test_the_account_is_looked_at_each_time(desk: Desk, change: dict[str, object]) -> None:
    new = desk.sign_in()
    desk.store.write_now(lambda tx: tx.update(replace(tx.get(User, desk.alice), **change)))  # type: ignore[arg-type]
    assert desk.find(new.cookie) is None


def test_a_new_password_ends_sessions_but_not_new_ones(desk: Desk) -> None:
    old = desk.sign_in()
    desk.clock.advance(1)
    desk.store.write_now(lambda tx: users.set_password(tx, desk.alice, "hash"))
    assert desk.find(old.cookie) is None
    assert desk.find(desk.sign_in().cookie) is not None


def test_a_password_changed_while_the_old_one_was_checked_signs_nobody_in(desk: Desk) -> None:
    new = desk.fresh()
    with pytest.raises(PermissionError, match="credential_changed"):
        desk.store.write_now(lambda tx: sessions.sign_in(tx, None, new, desk.alice, 0, "password", CALLER))
    assert desk.find(new.cookie) is None


def test_a_deleted_user_has_no_session(desk: Desk) -> None:
    new = desk.sign_in()
    desk.store.write_now(lambda tx: users.delete(tx, desk.alice))
    assert desk.find(new.cookie) is None
    with pytest.raises(NotFound):
        desk.sign_in()


def test_a_disabled_account_is_not_signed_in(desk: Desk) -> None:
    desk.store.write_now(lambda tx: tx.update(replace(tx.get(User, desk.alice), is_active=False)))
    with pytest.raises(PermissionError, match="inactive"):
        desk.sign_in()


def test_ending(desk: Desk) -> None:
    one, two, three = desk.sign_in(), desk.sign_in(), desk.sign_in()
    visit = desk.find(one.cookie)
    assert visit is not None
    desk.store.write_now(lambda tx: sessions.sign_out(tx, visit, CALLER))
    assert desk.find(one.cookie) is None
    assert desk.store.write_now(lambda tx: endings.end_all(tx, desk.alice)) == 2
    assert desk.find(two.cookie) is None
    assert desk.find(three.cookie) is None


def test_what_ends_meanwhile_stays_ended(desk: Desk) -> None:
    new = desk.sign_in()
    session = desk.found(new.cookie)
    desk.store.write_now(lambda tx: endings.end(tx, session))
    desk.store.write_now(lambda tx: sessions.touch(tx, session))
    desk.store.write_now(lambda tx: sessions.keep(tx, session, {"a": 1}))
    desk.store.write_now(lambda tx: endings.end(tx, session))
    assert desk.find(new.cookie) is None


def test_a_session_holds_little(desk: Desk) -> None:
    session = desk.found(desk.begin().cookie)
    with pytest.raises(ValueError, match="at most"):
        desk.store.write_now(lambda tx: sessions.keep(tx, session, {"a": "b" * sessions.MOST_DATA_BYTES}))


def test_long_user_agents_are_cut(desk: Desk) -> None:
    new = desk.fresh()
    session = desk.store.write_now(lambda tx: sessions.begin(tx, new, Caller("", "a" * 9999), {}))
    assert len(session.user_agent) == sessions.LONGEST_USER_AGENT


def test_old_sessions_go_by_themselves(desk: Desk) -> None:
    for _ in range(5):
        desk.begin()
    desk.clock.advance(sessions.ANONYMOUS_SECONDS)
    desk.begin()
    assert desk.store.read_now(lambda tx: tx.count(Session)) == 1


def test_strangers_cannot_fill_the_store(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_ANONYMOUS", 3)
    signed_in = desk.sign_in()
    cookies = []
    for _ in range(8):
        desk.clock.advance(1)
        cookies.append(desk.begin().cookie)
    assert [desk.find(cookie) is not None for cookie in cookies] == [False] * 4 + [True] * 4
    assert desk.find(signed_in.cookie) is not None


def test_sessions_are_activity(desk: Desk) -> None:
    before = desk.store.read_now(lambda tx: tx.revision())
    desk.sign_in()
    desk.begin()
    assert desk.store.read_now(lambda tx: tx.revision()) == before
