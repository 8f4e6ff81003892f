"""What one request to the directory costs, ours beside slapd's and ldaptor's, among few people and among many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.harness import ldap_peers, wire
from benchmarks.harness.bench import PEOPLE, Bench, Table, say
from benchmarks.harness.contest import COLUMNS, RATIO_NOTE, Against, Work, contend
from benchmarks.harness.load import Load
from benchmarks.harness.peers import Peer
from benchmarks.harness.people import (
    BASE_DN,
    DEPARTMENT_SIZE,
    TEAM_SIZE,
    Person,
    people,
    team_name,
)

Loading = Callable[[Bench, int], Load]

THREE = ("cn", "mail", "memberOf")
SPELLINGS = (str.lower, str.upper)
PAGE = 500
"""Entries; what most clients ask for."""
MOST_SCANNED = 1_000
"""People, for a peer that has no indices and takes minutes to load more: a round would hold a handful of answers."""


def _binds(bench: Bench, count: int) -> Load:
    return bench.logins("ldap", bench.known(count))


def _uid_search(*wanted: str) -> Loading:
    def load(bench: Bench, count: int) -> Load:
        return bench.searches("uid", wanted, {person.username: person.email for person in bench.known(count)})

    return load


def _anew(bench: Bench, count: int) -> Load:
    """Of everybody, in two spellings: more searches than any answers are remembered."""
    found = {spelt(one.username): one.email for spelt in SPELLINGS for one in people(count)}
    return bench.searches("uid", THREE, found)


def _either_anew(bench: Bench, count: int) -> Load:
    named = [(spelt(one.username), one.email) for spelt in SPELLINGS for one in people(count)]
    return bench.filtered([(_either(name), email) for name, email in named], THREE)


def _department(bench: Bench, count: int) -> Load:
    found = {str(department): "" for department in range(count // DEPARTMENT_SIZE)}
    return bench.searches("departmentNumber", (), found).but(entries=DEPARTMENT_SIZE, connections=1)


def _by_filter(filter_of: Callable[[Person], bytes]) -> Loading:
    def load(bench: Bench, count: int) -> Load:
        return bench.filtered([(filter_of(one), one.email) for one in bench.known(count)], THREE)

    return load


def _by_either(one: Person) -> bytes:
    return _either(one.username)


def _either(name: str) -> bytes:
    named = wire.either(wire.equal("uid", name), wire.equal("mail", name))
    return wire.every(wire.equal("objectClass", "posixAccount"), named)


def _team(filter_of: Callable[[str, str], bytes]) -> Loading:
    def load(bench: Bench, count: int) -> Load:
        teams = [f"cn={team_name(team)},ou=groups,{BASE_DN}" for team in range(count // TEAM_SIZE)]
        return bench.filtered([(filter_of("memberOf", team), "") for team in teams], THREE).but(entries=TEAM_SIZE)

    return load


def _everybody(bench: Bench, count: int) -> Load:
    """Everybody, page by page; one answer is the whole walk."""
    load = bench.filtered([(wire.EVERYBODY, people(1, count - 1)[0].email)], THREE)
    return load.but(entries=count, page=PAGE, connections=1)


def _over_tls(load: Loading) -> Loading:
    return lambda bench, count: load(bench, count).but(tls=1)


def _fresh(bench: Bench, count: int) -> Load:
    return _uid_search(*THREE)(bench, count).but(fresh=1)


def _deep(bench: Bench, count: int) -> Load:
    return _uid_search(*THREE)(bench, count).but(depth=16, connections=4)


SLAPD, LDAPTOR = Against("slapd", "ldap", "slapd"), Against("ldaptor", "ldap", "ldaptor")
BOTH = (SLAPD, LDAPTOR)
BOTH_OVER_TLS = tuple(Against(one.peer, "ldaps", one.called) for one in BOTH)
WORKS = (
    Work("bind, known credential", "ldap", _binds, BOTH),
    Work("bind, known credential, over TLS", "ldaps", _over_tls(_binds), BOTH_OVER_TLS),
    Work("(uid=x), all attributes", "ldap", _uid_search(), BOTH),
    Work("(uid=x), all attributes, over TLS", "ldaps", _over_tls(_uid_search()), BOTH_OVER_TLS),
    Work("(uid=x), 3 attributes", "ldap", _uid_search(*THREE), BOTH),
    Work("(uid=x), 3 attributes, each new", "ldap", _anew, BOTH),
    Work("(uid=x), 3 attributes, 16 at once", "ldap", _deep, BOTH),
    Work("connect, bind, (uid=x), close", "ldap", _fresh, BOTH),
    Work("(&(objectClass=posixAccount)(|(uid=x)(mail=x)))", "ldap", _by_filter(_by_either), BOTH),
    Work("(&(objectClass=posixAccount)(|(uid=x)(mail=x))), each new", "ldap", _either_anew, BOTH),
    Work("(uid=*x*)", "ldap", _by_filter(lambda one: wire.holding("uid", one.username[3:])), BOTH),
    Work("(memberOf=x), 100 entries", "ldap", _team(wire.equal), BOTH),
    Work("memberOf in chain, 100 entries", "ldap", _team(wire.in_chain)),
    Work("1,000 entries", "ldap", _department, BOTH),
    Work("everybody, in pages of 500", "ldap", _everybody, (SLAPD,)),
)


def measure(bench: Bench) -> list[Table]:
    """Every work among as many people as the budget says, all programs running and only one of them busy."""
    tables = []
    for count in bench.budget.sizes:
        say(f"LDAP, {count:,} people")
        tables.append(table := Table(f"LDAP, {count:,} people", COLUMNS, note=RATIO_NOTE))
        installations = bench.installations()[: None if count == PEOPLE else 1]
        with ExitStack() as running:
            beside = running.enter_context(_peers(bench, count))
            ours = [running.enter_context(installation(count)) for installation in installations]
            contend(bench, table, WORKS, count, ours, beside)
    return tables


@contextmanager
def _peers(bench: Bench, count: int) -> Iterator[dict[str, Peer]]:
    folder = bench.folder / f"directories-{count}"
    folder.mkdir()
    with ExitStack() as running:
        found = {"slapd": running.enter_context(ldap_peers.slapd(folder / "slapd", count))}
        if count <= MOST_SCANNED:
            found["ldaptor"] = running.enter_context(ldap_peers.ldaptor(folder / "ldaptor", count))
        yield found
