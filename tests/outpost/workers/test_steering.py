"""Datagrams on real sockets: each source has its worker, and it stays the same."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from outpost.listeners.inherited import Inherited
from outpost.listeners.ports import CannotListen
from outpost.workers.sharing import Shared
from settings import Address
from settings.table import Listen

COUNT = 3
PATIENCE = 30.0
SOURCES = [f"127.0.0.{last}" for last in range(1, 31)]


CLOSED = Listen(http=(), https=(), ldap=(), ldaps=(), radius=(), radius_acct=(), radsec=())
FREE = (Address("127.0.0.1", 0),)


@pytest.fixture
def shared() -> Iterator[Shared]:
    made = Shared(replace(CLOSED, radius=FREE), COUNT, Inherited())
    yield made
    made.close()


@pytest.fixture
def streams() -> Iterator[Shared]:
    made = Shared(replace(CLOSED, ldap=FREE), COUNT, Inherited())
    yield made
    made.close()


def datagrams(shared: Shared, number: int) -> socket.socket:
    [found] = [one for one in shared.sockets(number)[0] if one.type == socket.SOCK_DGRAM]
    return found


def heard(shared: Shared, many: int) -> list[set[str]]:
    """Whom each worker hears, of so many datagrams. The kernel may take a moment to deliver them."""
    ones = [datagrams(shared, number) for number in range(COUNT)]
    found: list[set[str]] = [set() for _ in ones]
    for _ in range(many):
        ready = select.select(ones, [], [], PATIENCE)[0]
        assert ready, found
        found[ones.index(ready[0])].add(ready[0].recvfrom(100)[1][0])
    return found


def send(to: tuple[str, int], source: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((source, 0))
        one.sendto(b"x", to)


def test_a_source_has_one_worker_whatever_port_it_sends_from(shared: Shared) -> None:
    place = datagrams(shared, 0).getsockname()
    for _ in range(3):
        for source in SOURCES:
            send(place, source)
    found = heard(shared, 3 * len(SOURCES))
    assert [len(sources) for sources in found] == [10, 10, 10]
    assert set().union(*found) == set(SOURCES)


def test_what_comes_while_a_worker_is_away_waits_for_it(shared: Shared) -> None:
    one = datagrams(shared, 1)
    source = next(source for source in SOURCES if _worker_of(shared, source) == 1)
    copy = one.dup()  # a worker's, which ends
    copy.close()
    send(one.getsockname(), source)
    assert heard(shared, 1) == [set(), {source}, set()]


def _worker_of(shared: Shared, source: str) -> int:
    send(datagrams(shared, 0).getsockname(), source)
    return heard(shared, 1).index({source})


def test_each_worker_has_a_stream_of_its_own_at_the_same_place(streams: Shared) -> None:
    given = [streams.sockets(number)[1] for number in range(COUNT)]
    places = {one.getsockname() for sockets in given for one in sockets}
    assert len(places) == 1
    [place] = places
    for [one] in given[1:]:
        one.listen()
    for _ in range(20):  # nobody is sent to the one that does not listen
        socket.create_connection(place, timeout=PATIENCE).close()
    for [one] in given:
        one.close()


def test_a_place_that_is_taken_is_not_shared_with_whoever_took_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotListen, match="in use"):
        Shared(replace(CLOSED, http=(Address(*taken.getsockname()),)), COUNT, Inherited())


def test_one_socket_for_datagrams_cannot_be_shared() -> None:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    with pytest.raises(CannotListen, match="OUTPOST_WORKERS"):
        Shared(replace(CLOSED, radius=(Address(*one.getsockname()),)), COUNT, Inherited([one]))
