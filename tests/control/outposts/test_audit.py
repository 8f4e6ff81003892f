"""What is kept of what outposts ask: addresses, counts, and what was refused; never more than the bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control.authentication import Authentication
from control.outposts import audit as outpost_audit
from control.outposts.audit import OutpostAudit
from control.outposts.link import Link
from control.records import Application, Event, Outpost, Provider
from control.store.interface import Query, Unavailable
from protocols.link import codec
from protocols.link.messages import AskAccess, Authenticate, ChangePassword, EndSession, RedeemCode, RenewSession
from tests.fakes import FakeClock
from tests.stores import ImmediateStore, open_store, run

HERE, THERE, CONTROL = "192.0.2.1", "203.0.113.66", "https://c.example"


class Place:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sql = open_store(folder, self.clock)
        self.store: Any = ImmediateStore(self.sql)
        self.outpost = self.sql.write_now(lambda tx: tx.insert(Outpost("edge", "any")).pk)
        self.audit = OutpostAudit(self.store, self.clock)

    def asked(self, address: str, kind: str = "Authenticate") -> None:
        run(self.audit.asked(self.outpost, address, kind))

    def events(self, action: str) -> list[Event]:
        query = Query(equal={"action": action}, ordering=("created",))
        return self.sql.read_now(lambda tx: tx.select(Event, query))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.sql.close()


def test_a_new_address_leaves_one_event_however_often_it_asks(place: Place) -> None:
    for _ in range(3):
        place.asked(HERE)
    place.asked(THERE)
    place.audit = OutpostAudit(place.store, place.clock)  # after a restart, and at another control
    place.asked(THERE)
    told = place.events("outpost_address")
    assert sorted(event.client_ip for event in told) == [HERE, THERE]
    assert [event.context for event in told] == [{"outpost": place.outpost, "outpost_name": "edge"}] * 2


def test_what_is_asked_is_told_by_kind_once_an_hour(place: Place) -> None:
    began = int(place.clock())
    for kind in ("Authenticate", "Authenticate", "Follow"):
        place.asked(HERE, kind)
    place.asked(THERE, "API")
    place.clock.advance(3600)
    run(place.audit.tell())
    run(place.audit.tell())
    told = {event.client_ip: event.context for event in place.events("outpost_asked")}
    assert told[HERE]["asked"] == {"Authenticate": 2, "Follow": 1}
    assert told[THERE]["asked"] == {"API": 1}
    assert told[HERE]["since"] == began
    assert len(place.events("outpost_asked")) == 2


def test_addresses_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outpost_audit, "MOST_PLACES", 5)
    for number in range(100):
        place.asked(f"2001:db8::{number:x}")
    run(place.audit.tell())
    assert len(place.events("outpost_address")) == 6
    counted = {event.client_ip: event.context["asked"]["Authenticate"] for event in place.events("outpost_asked")}
    assert (len(counted), counted["elsewhere"]) == (6, 95)


def test_what_is_asked_while_that_is_told_is_told_the_next_time(place: Place) -> None:
    """And nothing is lost while the store does not answer."""
    place.asked(HERE)
    write, asked_meanwhile = place.store.write, iter([True])

    def meanwhile(verb: Any, *more: Any) -> Any:
        if next(asked_meanwhile, False):
            place.asked(THERE)
            raise Unavailable("for a moment")
        return write(verb, *more)

    place.store.write = meanwhile
    with pytest.raises(Unavailable):
        run(place.audit.tell())
    place.store.write = lambda verb, *more: (place.audit._count(place.outpost, THERE, "Follow"), write(verb, *more))[1]
    run(place.audit.tell())
    place.store.write = write
    run(place.audit.tell())
    told = [(event.client_ip, event.context["asked"]) for event in place.events("outpost_asked")]
    assert sorted(told, key=repr) == [(HERE, {"Authenticate": 1}), (THERE, {"Authenticate": 1}), (THERE, {"Follow": 1})]


def test_an_address_beyond_the_bound_is_not_looked_up_with_every_question(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outpost_audit, "MOST_PLACES", 3)
    for number in range(4):
        place.asked(f"2001:db8::{number:x}")
    run(place.audit.tell())
    looked: list[Any] = []
    write = place.store.write

    def looking(verb: Any, *more: Any) -> Any:
        looked.append(verb)
        return write(verb, *more)

    place.store.write = looking
    for _ in range(5):
        place.asked(THERE)
    assert len(looked) == 1


def test_what_was_refused_leaves_an_event_each_up_to_a_bound(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outpost_audit, "MOST_REFUSED", 3)
    for _ in range(10):
        run(place.audit.refused(place.outpost, THERE, "GET /api/v3/core/users/", "not permitted"))
    assert len(place.events("outpost_refused")) == 3
    assert place.events("outpost_refused")[0].context["asked"] == "GET /api/v3/core/users/"
    run(place.audit.tell())
    (told,) = place.events("outpost_asked")
    assert told.context["asked"] == {"GET /api/v3/core/users/, refused": 10}
    run(place.audit.refused(place.outpost, THERE, "again", "not permitted"))
    assert len(place.events("outpost_refused")) == 4


QUESTIONS: dict[str, Callable[[int], Any]] = {
    "Authenticate": lambda provider: Authenticate("1", provider, "bob", {}, "ldap", "192.0.2.9"),
    "AskAccess": lambda provider: AskAccess("1", provider, 1, "192.0.2.9", {}),
    "ChangePassword": lambda provider: ChangePassword("1", provider, 1, "old", "new", "ldap", "192.0.2.9"),
    "RedeemCode": lambda provider: RedeemCode(
        "1", provider, "code", "https://a.example/", "v", "n", "https://c.example", "192.0.2.9"
    ),
    "RenewSession": lambda provider: RenewSession("1", provider, "session", 1, 1.0, CONTROL, "192.0.2.9"),
    "EndSession": lambda provider: EndSession("1", provider, "session", 1, "192.0.2.9"),
}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_questions_about_what_the_outpost_does_not_serve_are_refused_and_kept(place: Place, kind: str) -> None:
    def prepare(tx: Any) -> tuple[int, int]:
        mine, other = (tx.insert(Provider(name, "proxy")).pk for name in ("mine", "other"))
        for pk in (mine, other):
            tx.insert(Application(f"a{pk}", f"a{pk}", provider=pk))
        tx.update(Outpost("edge", "any", place.outpost, (mine,)))
        return mine, other

    mine, other = place.sql.write_now(prepare)
    sign_ins: Any = Answering()
    link = Link(place.store, Authentication(place.store, {}, place.clock), sign_ins, sign_ins, place.audit)
    for provider in (mine, other):
        run(link.ask(place.outpost, codec.encode(QUESTIONS[kind](provider)), HERE))
    run(link.ask(place.outpost, codec.encode(QUESTIONS[kind](other))))  # of this very process
    (event,) = place.events("outpost_refused")
    assert (event.client_ip, event.context["asked"]) == (HERE, kind)
    run(place.audit.tell())
    assert place.events("outpost_asked")[0].context["asked"] == {kind: 1, f"{kind}, refused": 1}


class Answering:
    """Whatever it is asked: what it says is not looked at here."""

    def __getattr__(self, name: str) -> Any:
        async def answer(outpost: str, asked: Any) -> Any:
            return codec.decode(codec.encode(asked))

        return answer
