"""One outpost's LDAP door with as many real connections as it takes, and with a reader that does not read."""

from __future__ import annotations

import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from control.records import User
from control.store.interface import Transaction
from outpost.listeners.ldap import SEND_TIMEOUT
from outpost.listeners.limits import MAX_CONNECTIONS, MAX_CONNECTIONS_OF_HOST
from protocols.ldap.result import ResultCode
from tests.protocols.ldap.peer import bind, codes, search
from tests.wire.apart import Apart, store
from tests.wire.clients import ldapsearch, user_dn
from tests.wire.directory import BASE_DN, PASSWORDS, Directory
from tests.wire.doors import open_to_people
from tests.wire.program import ANSWER_SECONDS, Program, until
from tests.wire.test_soak import resident_mib

pytestmark = [pytest.mark.peer, pytest.mark.full, pytest.mark.timeout(900)]

SECONDS = 60.0
KIBIBYTES_OF_IDLE = 8
"""Of the outpost's memory, for one connection that somebody has bound on, and that waits."""
ONE_DOOR = """
import runpy, sys
from outpost.listeners import limits
limits.SHARE = 1
sys.argv = ["outpost", *sys.argv[4:]]
runpy.run_module("outpost", run_name="__main__", alter_sys=True)
"""
"""The program where it may have some 10,000 descriptors, and not four times as many: one door has them all."""
ELSEWHERE = "192.0.2.1/32"
"""Where trusted proxies are: nobody here may be one, and is waited for to say whose connection it is."""
OTHERS = 1_000
"""Descriptors of a program besides the connections of the door."""
AT_ONCE = 100
ENTRIES, ENTRY_OCTETS = 10_000, 2_000
"""20 MB, all of which alice may read."""
WINDOW_OCTETS = 65_536
MEBIBYTES_OF_A_READER = 8
"""Of the outpost's memory, for somebody who does not take an answer."""
STEPS_OF_TIME = 10.0
"""How much later than it should the end of a connection may come, on a machine that others use."""


@pytest.fixture(scope="module")
def descriptors() -> Iterator[None]:
    """This process needs one for each connection as well."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], MAX_CONNECTIONS + OTHERS), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="module")
def outpost(descriptors: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Apart(tmp_path_factory.mktemp("apart"))
    program.prefix = (sys.executable, "-c", ONE_DOOR)
    program.environ["OUTPOST_LISTEN__TRUSTED_PROXY_CIDRS"] = ELSEWHERE
    try:
        program.start()
        yield program
    finally:
        assert program.stop() == 0, program.output()
    assert "Traceback" not in program.output(), program.output()


@pytest.fixture(scope="module")
def people(outpost: Program) -> Directory:
    return open_to_people(outpost)


class Host:
    """A machine with an address of its own, and its connections to the door."""

    def __init__(self, program: Program, number: int) -> None:
        self._place = program.place("ldap")
        self._address = f"127.0.{1 + number // 250}.{1 + number % 250}"
        self.open: list[socket.socket] = []

    def connect(self, stack: ExitStack) -> socket.socket:
        made = socket.create_connection(self._place, SECONDS, (self._address, 0))
        self.open.append(stack.enter_context(made))
        return made


def bound(connections: list[socket.socket], who: str) -> list[list[tuple[int, int | None]]]:
    """What each of them hears who says who they are."""
    for one in connections:
        one.sendall(bind(1, user_dn(who), PASSWORDS[who]))
    return [codes(one.recv(1024)) for one in connections]


def is_turned_away(one: socket.socket) -> bool:
    return codes(one.recv(1024)) == [(0, int(ResultCode.BUSY))] and one.recv(1) == b""


def open_connections(program: Program) -> int:
    said = httpx.get(f"http://{program.ports['metrics'][0]}/metrics", timeout=ANSWER_SECONDS).text
    (line,) = [one for one in said.splitlines() if one.startswith('outpost_open_connections{listener="ldap"}')]
    return int(float(line.split()[-1]))


def test_as_many_as_it_takes_are_served_and_one_more_is_turned_away(
    outpost: Program, people: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = [Host(outpost, number) for number in range(MAX_CONNECTIONS // MAX_CONNECTIONS_OF_HOST * 2)]
    share = -((MAX_CONNECTIONS_OF_HOST - MAX_CONNECTIONS) // (len(hosts) - 1))
    with ExitStack() as stack:

        def fill(host: Host, most: int) -> None:
            while wanted := min(most - len(host.open), MAX_CONNECTIONS - sum(len(one.open) for one in hosts), AT_ONCE):
                new = [host.connect(stack) for _ in range(wanted)]
                assert bound(new, "bob") == [[(1, 0)]] * wanted

        began = time.monotonic()
        fill(hosts[0], MAX_CONNECTIONS_OF_HOST)
        before = resident_mib(outpost.pid)  # what the start has left free is used by now
        with ExitStack() as brief:
            assert is_turned_away(Host(outpost, 0).connect(brief)), "one host takes no more than its part"
        for host in hosts[1:]:
            fill(host, share)
        taken = time.monotonic() - began
        assert open_connections(outpost) == MAX_CONNECTIONS
        of_each = (resident_mib(outpost.pid) - before) * 1024 / (MAX_CONNECTIONS - MAX_CONNECTIONS_OF_HOST)
        with ExitStack() as brief:
            for number in range(len(hosts), len(hosts) + AT_ONCE):
                assert is_turned_away(Host(outpost, number).connect(brief)), "the door is full for everybody"
        waits = []
        for host in hosts:
            for one in host.open[:: len(host.open) // 10]:
                asked = time.monotonic()
                one.sendall(search(2, BASE_DN, filter="(uid=bob)", attributes=["uid"]))
                assert codes(one.recv(4096)) == [(2, None), (2, 0)]
                assert bound([one], "bob") == [[(1, 0)]]
                waits.append(time.monotonic() - asked)
            assert bound(host.open[:1], "carol") == [[(1, int(ResultCode.INSUFFICIENT_ACCESS_RIGHTS))]]
        assert httpx.get(f"{outpost.http}/-/health/ready/", timeout=ANSWER_SECONDS).is_success
        hosts[-1].open.pop().close()
        until(lambda: open_connections(outpost) < MAX_CONNECTIONS, SECONDS, "its end")
        assert bound([Host(outpost, len(hosts)).connect(stack)], "bob") == [[(1, 0)]]
        with capsys.disabled():
            print(
                f"\n{MAX_CONNECTIONS} connections, opened and bound in {taken:.1f} s: {of_each:.1f} KiB each; "
                f"then a search and a bind took {sorted(waits)[len(waits) // 2] * 1000:.1f} ms, "
                f"{max(waits) * 1000:.1f} at most"
            )
        assert of_each < KIBIBYTES_OF_IDLE
    until(lambda: open_connections(outpost) == 0, SECONDS, "the end of all")


def many(tx: Transaction) -> None:
    for number in range(ENTRIES):
        tx.insert(User(f"many-{number}", name=f"Many {number}", attributes={"description": "x" * ENTRY_OCTETS}))


@contextmanager
def reader(program: Program) -> Iterator[socket.socket]:
    """Alice, who has asked for everything, and has little room for it."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_OCTETS)
        made.settimeout(SECONDS)
        made.connect(program.place("ldap"))
        assert bound([made], "alice") == [[(1, 0)]]
        made.sendall(search(2, BASE_DN, filter="(objectClass=person)"))
        yield made


def drained(one: socket.socket) -> int:
    """How many octets there are still. ConnectionResetError where they do not come to their end."""
    octets = 0
    while piece := one.recv(1 << 20):
        octets += len(piece)
        if piece.endswith(b"\x65\x07\x0a\x01\x00\x04\x00\x04\x00"):  # SearchResultDone, success
            break
    return octets


def test_who_does_not_read_takes_no_memory_and_is_cut_off(
    outpost: Program, people: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    with store(outpost) as opened:
        opened.write_now(many)
    last = f"(uid=many-{ENTRIES - 1})"
    until(lambda: ldapsearch(outpost, "alice", last, "uid").dns or None, SECONDS, "a large directory")
    with reader(outpost) as one:
        assert drained(one) > ENTRIES * ENTRY_OCTETS
        before = resident_mib(outpost.pid)
    began = time.monotonic()
    with reader(outpost) as one:
        most = 0.0
        while open_connections(outpost):
            assert bound_beside(outpost)
            most = max(most, resident_mib(outpost.pid) - before)
            assert time.monotonic() - began < SEND_TIMEOUT + STEPS_OF_TIME
            time.sleep(1.0)
        lasted = time.monotonic() - began
        with pytest.raises(ConnectionResetError):
            drained(one)
    with capsys.disabled():
        print(f"\nwho did not read cost {most:.1f} MiB, and was cut off after {lasted:.1f} s")
    assert lasted > SEND_TIMEOUT - 1
    assert most < MEBIBYTES_OF_A_READER


def bound_beside(program: Program) -> bool:
    with socket.create_connection(program.place("ldap"), SECONDS) as one:
        return bound([one], "bob") == [[(1, 0)]]
