"""Who has to go, what NAS are told, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.authentication import Authentication
from control.outposts.link import Link
from control.policies.judge import Judge
from control.radius import orders as radius_orders
from control.radius.orders import AGAIN, GIVEN_UP, PATIENCE
from control.radius.sessions import told
from control.radius.watch import LATELY, RadiusWatch
from control.records import (
    Application,
    Binding,
    Event,
    Group,
    Outpost,
    Policy,
    Provider,
    RadiusOrder,
    RadiusSession,
    User,
)
from control.store.interface import Query, Transaction
from control.store.sql import SqlStore
from control.verbs import users
from protocols.link import codec
from protocols.link.messages import ChangeSession, Hello
from tests.control.policies.asking import WRITING, Slow
from tests.fakes import FakeClock
from tests.stores import FORGET_LAST_REVISION, ImmediateStore, open_store, run

DAY = 86_400.0
Change = Callable[["House"], None]


NETWORKS, SECRETS = {"client_networks": "192.0.2.0/24"}, {"shared_secret": "a shared secret"}


class House:
    """alice and bob are staff, whom the Wi-Fi lets in; each has a session at a NAS."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store: SqlStore = open_store(folder, self.clock)
        self.provider = self.write(
            lambda tx: tx.insert(Provider("wifi", "radius", settings=NETWORKS, secrets=SECRETS)).pk
        )
        self.outpost = self.write(lambda tx: tx.insert(Outpost("edge", "any", providers=(self.provider,))).pk)
        self.application = self.write(lambda tx: tx.insert(Application("Wi-Fi", "wifi", provider=self.provider)).pk)
        self.staff = self.write(lambda tx: tx.insert(Group("staff")).pk)
        self.binding = self.write(lambda tx: tx.insert(Binding(self.application, group=self.staff)).pk)
        self.alice, self.bob = (self.person(name) for name in ("alice", "bob"))
        for name, pk in (("alice", self.alice), ("bob", self.bob)):
            self.tell("start", name, user=pk)

    def write(self, verb: Callable[[Transaction], Any]) -> Any:
        return self.store.write_now(verb)

    def person(self, name: str) -> int:
        def made(tx: Transaction) -> int:
            pk = tx.insert(User(name)).pk
            tx.add_members(self.staff, [pk])
            return pk

        pk: int = self.write(made)
        return pk

    def tell(self, status: str, session: str, **more: Any) -> None:
        body = {"status": status, "nas": "192.0.2.7", "nas_name": "ap", "session": session, "provider": self.provider}
        body = {**body, "at": self.clock(), "calling_station": "02-00-00-00-00-01", **more}
        self.write(lambda tx: told(tx, self.outpost, "i1", body))

    def change(self, user: int, **fields: Any) -> None:
        self.write(lambda tx: tx.update(replace(tx.get(User, user), **fields)))

    def look(self) -> None:
        self.write(lambda tx: radius_orders.end_unwelcome(tx, Judge()))

    def session(self, name: str) -> RadiusSession:
        [found] = self.store.read_now(lambda tx: tx.select(RadiusSession, Query(equal={"session": name})))
        return found

    @property
    def orders(self) -> list[RadiusOrder]:
        return self.store.read_now(lambda tx: tx.select(RadiusOrder))

    def pending(self, instance: str = "i1", outpost: str | None = None) -> list[ChangeSession]:
        return self.store.read_now(lambda tx: radius_orders.pending(tx, outpost or self.outpost, instance))

    def conclude(self, outcome: str, cause: str = "", outpost: str | None = None) -> None:
        body = {"order": self.orders[0].pk, "outcome": outcome, "cause": cause}
        self.write(lambda tx: radius_orders.concluded(tx, outpost or self.outpost, body))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.store.close()


def expired(house: House) -> None:
    house.change(house.alice, valid_until=house.clock() + 10)
    house.clock.advance(11)


def signed_out(house: House) -> None:
    house.clock.advance(1)
    house.write(lambda tx: users.set_password(tx, house.alice, "hash"))


CHANGES: dict[str, tuple[Change, str]] = {
    "disabled": (lambda house: house.change(house.alice, is_active=False), "inactive"),
    "expired": (expired, "expired"),
    "left the group": (
        lambda house: house.write(lambda tx: tx.remove_members(house.staff, [house.alice])),
        "no_binding",
    ),
    "deleted": (lambda house: house.write(lambda tx: tx.delete(tx.get(User, house.alice))), "unknown_user"),
    "signed out everywhere": (signed_out, "signed_out"),
}


@pytest.mark.parametrize(("change", "why"), CHANGES.values(), ids=CHANGES)
def test_whoever_would_not_be_let_in_again_has_to_go(house: House, change: Change, why: str) -> None:
    house.look()
    assert house.orders == []
    change(house)
    house.look()
    [order] = house.orders
    assert (order.kind, order.why, order.session) == ("disconnect", why, house.session("alice").pk)
    assert (house.session("alice").order, house.session("alice").outcome) == ("disconnect", "asked")
    assert house.session("bob").outcome == ""
    house.look()  # once is enough
    assert house.orders == [order]


def test_when_nobody_is_let_in_any_more_everybody_goes(house: House) -> None:
    house.write(lambda tx: tx.update(replace(tx.get(Binding, house.binding), group=None, user=99)))
    house.look()
    assert len(house.orders) == 2


def test_an_ended_session_need_not_end(house: House) -> None:
    house.tell("stop", "alice")
    house.change(house.alice, is_active=False)
    house.look()
    assert house.orders == []


def test_a_session_that_began_after_the_sign_out_goes_on(house: House) -> None:
    signed_out(house)
    house.clock.advance(1)
    house.tell("start", "again", user=house.alice)
    house.look()
    assert {order.session for order in house.orders} == {house.session("alice").pk}


def test_the_process_that_knows_the_nas_carries_the_order_and_others_only_when_it_does_not(house: House) -> None:
    house.change(house.alice, is_active=False)
    house.look()
    [frame] = house.pending()
    assert (frame.kind, frame.nas, frame.nas_name, frame.session) == ("disconnect", "192.0.2.7", "ap", "alice")
    assert frame.calling_station == "02-00-00-00-00-01"
    assert house.pending("i2") == house.pending(outpost="another") == []
    house.clock.advance(PATIENCE)
    assert house.pending("i2") == [frame]


@pytest.mark.parametrize(
    ("outcome", "cause", "live"),
    [
        ("acknowledged", "", False),
        ("refused", "Session-Context-Not-Found", False),
        ("refused", "Administratively-Prohibited", True),
        ("unanswered", "", True),
    ],
)
def test_112_what_became_of_it(house: House, outcome: str, cause: str, live: bool) -> None:
    house.change(house.alice, is_active=False)
    house.look()
    house.conclude(outcome, cause)
    session = house.session("alice")
    assert (session.live, session.outcome, session.why) == (live, outcome, cause or "inactive")
    assert len(house.orders) == (outcome == "unanswered")
    assert house.pending() == []
    [event] = house.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "radius_disconnect"})))
    assert (event.user["username"], event.context["outcome"], event.context["cause"]) == ("alice", outcome, cause)
    house.look()
    assert len(house.orders) == (outcome == "unanswered")


def test_a_nas_that_does_not_answer_is_asked_again_ever_later(house: House) -> None:
    house.change(house.alice, is_active=False)
    house.look()
    for waits in AGAIN:
        [order] = house.pending()
        house.conclude("unanswered")
        house.clock.advance(waits - 1)
        assert house.pending() == []
        house.clock.advance(1)
        assert [one.pk for one in house.pending()] == [order.pk]
    house.conclude("unanswered")
    assert house.orders == []
    assert (house.session("alice").live, house.session("alice").outcome) == (True, "unanswered")
    events = house.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "radius_disconnect"})))
    assert {event.context["again"] for event in events} == {*AGAIN, None}
    assert len(events) == len(AGAIN) + 1


def test_a_session_that_has_ended_meanwhile_is_not_asked_for_again(house: House) -> None:
    house.change(house.alice, is_active=False)
    house.look()
    house.conclude("unanswered")
    house.tell("stop", "alice")
    house.write(radius_orders.give_up)
    assert house.orders == []
    assert house.session("alice").outcome == "unanswered"


def test_the_last_numbers_come_after_the_end_that_we_brought_about(house: House) -> None:
    house.change(house.alice, is_active=False)
    house.look()
    house.conclude("acknowledged")
    house.clock.advance(1)
    house.tell("stop", "alice", seconds=9, input_octets=77, cause="Admin-Reset")
    assert (house.session("alice").live, house.session("alice").input_octets) == (False, 77)


def test_nobody_concludes_the_order_of_another_outpost(house: House) -> None:
    house.change(house.alice, is_active=False)
    house.look()
    house.conclude("acknowledged", outpost="another")
    house.conclude("whatever")
    assert len(house.orders) == 1
    assert house.session("alice").live


def test_what_nobody_carries_is_given_up(house: House) -> None:
    house.change(house.alice, is_active=False)
    house.look()
    house.clock.advance(GIVEN_UP)
    house.write(radius_orders.give_up)
    assert house.pending() == []
    assert (house.session("alice").outcome, house.session("alice").live) == ("unanswered", True)
    for _ in AGAIN:
        house.clock.advance(GIVEN_UP + max(AGAIN))
        house.write(radius_orders.give_up)
    assert house.orders == []


def test_an_order_of_a_session_that_is_gone_is_carried_no_more(house: House) -> None:
    house.change(house.alice, is_active=False)
    house.look()
    house.write(lambda tx: tx.delete(house.session("alice")))
    assert house.pending() == []
    house.conclude("unanswered")
    assert house.orders == []


# --- who looks, and who is told ------------------------------------------------------------------------------------


def test_the_watch_looks_after_a_change_and_the_link_tells_the_outpost(house: House) -> None:
    async def act() -> None:
        watch = RadiusWatch(house.store, Judge())
        link = Link(house.store, Authentication(house.store, {}, house.clock))
        frames = link.follow(house.outpost, codec.encode(Hello("i1", "host", "0.1.0")))
        watch.work.start()
        try:
            house.change(house.alice, is_active=False)
            async with asyncio.timeout(60):
                found = [frame async for frame in first_order(frames)]
        finally:
            watch.work.stop()
        assert [frame.session for frame in found] == ["alice"]

    async def first_order(frames: Any) -> Any:
        async for line in frames:
            frame = codec.decode(line)
            if isinstance(frame, ChangeSession):
                yield frame
                return

    asyncio.run(act())


def test_only_whom_a_change_concerns_is_looked_at(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    real = radius_orders.unwelcome

    def recorded(tx: Transaction, judge: Judge, whom: Any = None) -> Any:
        looked.append(None if whom is None else set(whom))
        return real(tx, judge, whom)

    monkeypatch.setattr(radius_orders, "unwelcome", recorded)
    watch = RadiusWatch(ImmediateStore(house.store), Judge())
    run(watch.look())
    house.clock.advance(LATELY)
    house.change(house.bob, name="Robert")
    run(watch.look())
    house.write(lambda tx: tx.remove_members(house.staff, [house.alice]))
    run(watch.look())
    assert looked == [None, {house.bob}, {house.alice}, {house.alice}]  # the last one writes
    house.write(lambda tx: tx.update(replace(tx.get(Binding, house.binding), negate=True)))
    run(watch.look())
    assert looked[4:] == [None, {house.bob}]  # alice has been told to go already


def test_the_thread_that_writes_does_not_wait_for_policies(house: House) -> None:
    def change(tx: Transaction) -> None:
        policy = tx.insert(Policy("no", "expression", settings={"expression": "return False"}))
        tx.insert(replace(tx.get(Binding, house.binding), pk="", group=None, policy=policy.pk))
        tx.remove_members(house.staff, [house.alice])

    house.write(change)
    judge = Slow()
    run(RadiusWatch(ImmediateStore(house.store), judge).look())
    assert [(order.session, order.why) for order in house.orders] == [(house.session("alice").pk, "policy_denied")]
    assert judge.threads
    assert WRITING not in judge.threads


def test_what_the_time_brings_about_is_seen_without_a_change(house: House) -> None:
    house.change(house.alice, valid_until=house.clock() + DAY)
    watch = RadiusWatch(ImmediateStore(house.store), Judge())
    run(watch.look())
    house.clock.advance(DAY - 1)
    run(watch.look())
    assert house.orders == []
    house.clock.advance(2)
    run(watch.look())
    assert [order.why for order in house.orders] == ["expired"]


def test_a_session_that_is_told_of_after_the_change_ends_too(house: House) -> None:
    house.tell("stop", "alice")
    house.write(lambda tx: tx.remove_members(house.staff, [house.alice]))
    watch = RadiusWatch(ImmediateStore(house.store), Judge())
    run(watch.look())
    assert house.orders == []
    house.tell("start", "late", user=house.alice)
    run(watch.look())
    assert [order.why for order in house.orders] == ["no_binding"]


def test_when_a_standby_without_the_last_change_has_taken_over_everybody_is_looked_at(house: House) -> None:
    house.change(house.bob, name="Robert")
    watch = RadiusWatch(ImmediateStore(house.store), Judge())
    run(watch.look())
    house.clock.advance(LATELY)
    with house.store._dialect.writing.begin() as connection:
        for statement in FORGET_LAST_REVISION:
            connection.exec_driver_sql(statement)
    house.write(lambda tx: tx.remove_members(house.staff, [house.alice]))
    run(watch.look())
    assert [order.why for order in house.orders] == ["no_binding"]
