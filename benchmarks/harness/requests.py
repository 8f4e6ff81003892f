"""What one request costs, ours beside the peers': rounds take turns, so that a noisy machine is noisy for all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.harness import peers, wire
from benchmarks.harness.bench import PEOPLE, Bench, Table, gentle, say
from benchmarks.harness.load import Load, LoadFailed, Outcome
from benchmarks.harness.ours import ADMINISTRATOR_PK, session_cookies
from benchmarks.harness.people import BASE_DN, DEPARTMENT_SIZE, TEAM_SIZE, Person, people, team_name
from benchmarks.harness.processes import await_idle
from outpost.browser_sessions import MOST_KNOWN


@dataclass(frozen=True, slots=True)
class Against:
    """A peer at its own port, and what it answers differently."""

    peer: str
    port: str
    called: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    name: str
    port: str
    """Ours."""
    load: Callable[[Bench, int], Load]
    against: tuple[Against, ...] = ()
    """The first is what the ratio compares with."""


def _known(door: str) -> Callable[[Bench, int], Load]:
    return lambda bench, count: bench.logins(door, bench.known(count))


def _uid_search(*wanted: str) -> Callable[[Bench, int], Load]:
    def load(bench: Bench, count: int) -> Load:
        return bench.searches("uid", wanted, {person.username: person.email for person in bench.known(count)})

    return load


def _anew(bench: Bench, count: int) -> Load:
    """Of everybody, in two spellings: more searches than any answers are remembered."""
    spellings = (str.lower, str.upper)
    found = {spelt(one.username): one.email for spelt in spellings for one in people(count)}
    return bench.searches("uid", ("cn", "mail", "memberOf"), found)


def _department(bench: Bench, count: int) -> Load:
    found = {str(department): "" for department in range(count // DEPARTMENT_SIZE)}
    return bench.searches("departmentNumber", (), found).but(entries=DEPARTMENT_SIZE, connections=1)


THREE = ("cn", "mail", "memberOf")


def _by_filter(filter_of: Callable[[Person], bytes]) -> Callable[[Bench, int], Load]:
    def load(bench: Bench, count: int) -> Load:
        return bench.filtered([(filter_of(one), one.email) for one in bench.known(count)], THREE)

    return load


def _by_either(one: Person) -> bytes:
    named = wire.either(wire.equal("uid", one.username), wire.equal("mail", one.username))
    return wire.every(wire.equal("objectClass", "posixAccount"), named)


def _team(filter_of: Callable[[str, str], bytes]) -> Callable[[Bench, int], Load]:
    def load(bench: Bench, count: int) -> Load:
        teams = [f"cn={team_name(team)},ou=groups,{BASE_DN}" for team in range(count // TEAM_SIZE)]
        return bench.filtered([(filter_of("memberOf", team), "") for team in teams], THREE).but(entries=TEAM_SIZE)

    return load


def _deep(bench: Bench, count: int) -> Load:
    return _uid_search(*THREE)(bench, count).but(depth=16, connections=4)


TARGETS = ("/", "/dashboard/view?panel=4&from=now-6h", "/static/app.3f9c1d27.js", "/api/v1/rows?page=2")


def _anonymous(bench: Bench, count: int) -> Load:
    from benchmarks.harness.wire import forward_auth

    file = bench.questions([(forward_auth(), b"")])
    return Load("stream", {"protocol": "http", "file": file, "connections": 64, "status": 401})


def _session(count_of: Callable[[Bench], int]) -> Callable[[Bench, int], Load]:
    """Requests with cookies of so many sessions in turn, all the administrator's, each of them for several targets."""

    def load(bench: Bench, count: int) -> Load:
        from benchmarks.harness.wire import forward_auth

        cookies = session_cookies(ADMINISTRATOR_PK, count_of(bench))
        asked = [forward_auth(cookie=cookie, target=target) for target in TARGETS for cookie in cookies]
        return Load(
            "stream", {"protocol": "http", "file": bench.questions([(one, b"") for one in asked]), "connections": 64}
        )

    return load


def _redirected(bench: Bench, count: int) -> Load:
    from benchmarks.harness.wire import forward_auth

    file = bench.questions([(forward_auth(caddy=True), b"/application/o/authorize/")])
    return Load("stream", {"protocol": "http", "file": file, "connections": 64, "status": 302})


SLAPD = Against("slapd", "ldap", "slapd")
WORKS = (
    Work("LDAP bind, known credential", "ldap", _known("ldap"), (SLAPD,)),
    Work("LDAP search (uid=x), all attributes", "ldap", _uid_search(), (SLAPD,)),
    Work("LDAP search (uid=x), 3 attributes", "ldap", _uid_search("cn", "mail", "memberOf"), (SLAPD,)),
    Work("LDAP search (uid=x), 3 attributes, each new", "ldap", _anew, (SLAPD,)),
    Work("LDAP search (uid=x), 3 attributes, 16 at once", "ldap", _deep),
    Work("LDAP search (&(objectClass=posixAccount)(|(uid=x)(mail=x)))", "ldap", _by_filter(_by_either), (SLAPD,)),
    Work("LDAP search (uid=*x*)", "ldap", _by_filter(lambda one: wire.holding("uid", one.username[3:])), (SLAPD,)),
    Work("LDAP search (memberOf=x), 100 entries", "ldap", _team(wire.equal), (SLAPD,)),
    Work("LDAP search memberOf in chain, 100 entries", "ldap", _team(wire.in_chain)),
    Work("LDAP search of 1,000 entries", "ldap", _department, (SLAPD,)),
    Work(
        "RADIUS PAP, known credential",
        "radius",
        _known("radius"),
        (
            Against("freeradius", "radius", "freeradius -s"),
            Against("freeradius, 4 threads", "radius", "freeradius, 4 threads"),
        ),
    ),
    Work(
        "forward-auth, Basic, known credential",
        "http",
        _known("http"),
        (
            Against("nginx", "basic", "nginx auth_basic"),
            Against("nginx", "allow", "nginx return 202", {"status": 202}),
        ),
    ),
    Work("forward-auth, session, known", "http", _session(lambda bench: bench.budget.known)),
    Work("forward-auth, session, each cookie opened", "http", _session(lambda bench: MOST_KNOWN + 1000)),
    Work("forward-auth, anonymous, sent to sign in", "http", _redirected),
    Work(
        "forward-auth, anonymous, denied",
        "http",
        _anonymous,
        (Against("nginx", "deny", "nginx return 401"),),
    ),
)
GROWING = WORKS[:3]

COLUMNS = (
    *("work", "program", "CPU µs", "rate /s", "p50 ms", "p99 ms", "p50 at half", "p99 at half"),
    *("octets", "load on its core", "peer CPU / ours"),
)


@dataclass(slots=True)
class Contender:
    """One program doing one work."""

    program: str
    load: Load
    rounds: list[Outcome] = field(default_factory=list)
    half: Outcome | None = None
    failure: str = ""

    def take(self, bench: Bench, load: Load) -> Outcome | None:
        if self.failure:
            return None
        try:
            outcome = bench.run(load)
        except LoadFailed as error:
            self.failure = str(error)
            return None
        if outcome.failed:
            self.failure = f"{outcome.failed} of {outcome.asked} answers wrong or missing"
            return None
        return outcome

    @property
    def pid(self) -> int:
        """Of the program."""
        return int(str(self.load.arguments["pid"]))

    @property
    def typical(self) -> Outcome | None:
        """The round with the middle CPU per request: a real round, not a mixture."""
        ordered = sorted(self.rounds, key=lambda outcome: outcome.cpu_us)
        return ordered[len(ordered) // 2] if ordered and not self.failure else None


def compete(bench: Bench, contenders: list[Contender]) -> None:
    """Each in turn, round after round; then each at half of its rate, for latencies that are not its own queue."""
    seconds = bench.budget.seconds
    for contender in contenders:  # known credentials become known here, and caches warm
        known = max(bench.budget.known, 16)
        contender.take(bench, gentle(contender.load).but(count=known, seconds=120))
    for contender in contenders:
        await_idle(contender.pid)
    for _ in range(bench.budget.rounds):
        for contender in contenders:
            outcome = contender.take(bench, contender.load.but(seconds=seconds))
            if outcome is not None:
                contender.rounds.append(outcome)
    for contender in contenders:
        typical = contender.typical
        if typical is not None:
            contender.half = contender.take(bench, contender.load.but(seconds=seconds, rate=max(typical.rate / 2, 1)))


def record(table: Table, work: str, contenders: list[Contender], reference: str = "") -> None:
    """``reference``: the program that the ratio compares with."""
    beside = next((one.typical for one in contenders if one.program == reference), None)
    for one in contenders:
        typical, half = one.typical, one.half
        if typical is None:
            table.add(work, one.program, *[None] * 8, f"failed: {one.failure}")
            continue
        table.add(
            work,
            one.program,
            typical.cpu_us,
            typical.rate,
            typical.p50_ms,
            typical.p99_ms,
            half.p50_ms if half else None,
            half.p99_ms if half else None,
            int(typical.octets_each),
            typical.load_share,
            beside.cpu_us / typical.cpu_us if beside is not None else None,
            rounds=[asdict(outcome) for outcome in one.rounds],
            half=asdict(half) if half else None,
        )


def measure(bench: Bench) -> list[Table]:
    """Every work, `PEOPLE` in the directory, all programs running and only one of them busy."""
    table = Table(
        f"One request, {PEOPLE:,} people",
        COLUMNS,
        note="The last column is how much work ours does in the CPU time in which the peer does one: above 1, ours "
        "costs less. “At half”: paced at half of the rate, latency counted from when each request was due.",
    )
    known = bench.known(PEOPLE)
    with ExitStack() as running:
        beside = running.enter_context(peers.everyone(bench.folder / "peers", PEOPLE, known))
        ours = [running.enter_context(installation(PEOPLE)) for installation in bench.installations()]
        for work in WORKS:
            say(work.name)
            load = work.load(bench, PEOPLE)
            contenders = [Contender(one.name, load.but(port=one.ports[work.port], pid=one.outpost.pid)) for one in ours]
            for against in work.against:
                peer = beside[against.peer]
                aimed = load.but(port=peer.ports[against.port], pid=peer.server.pid, **against.arguments)
                contenders.append(Contender(against.called, aimed))
            compete(bench, contenders)
            record(table, work.name, contenders, work.against[0].called if work.against else "")
    return [table, *_growth(bench)]


def _growth(bench: Bench) -> list[Table]:
    table = Table("Growth: the same request among more people", COLUMNS[:-1])
    installation = bench.installations()[0]
    for work in GROWING:
        say(f"{work.name}, growing")
    for count in bench.budget.sizes:
        with installation(count) as ours:
            for work in GROWING:
                load = work.load(bench, count).but(port=ours.ports[work.port], pid=ours.outpost.pid)
                contender = Contender(f"{ours.name}, {count:,} people", load)
                compete(bench, [contender])
                growing = Table("", COLUMNS)
                record(growing, work.name, [contender])
                table.rows += [row[:-1] if row[-1] is None else (*row[:2], row[-1]) for row in growing.rows]
                table.details += growing.details
    return [table]
