"""What one request costs at the doors of RADIUS and HTTP, ours beside the peers'."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.harness import openidc, peers
from benchmarks.harness.bench import PEOPLE, Bench, Table
from benchmarks.harness.contest import COLUMNS, RATIO_NOTE, Against, Work, contend
from benchmarks.harness.load import Load
from benchmarks.harness.ours import ADMINISTRATOR_PK, session_cookies
from outpost.browsers.sessions import MOST_KNOWN


def _known(door: str) -> Callable[[Bench, int], Load]:
    return lambda bench, count: bench.logins(door, bench.known(count))


TARGETS = ("/", "/dashboard/view?panel=4&from=now-6h", "/static/app.3f9c1d27.js", "/api/v1/rows?page=2")


def _anonymous(bench: Bench, count: int) -> Load:
    from benchmarks.harness.wire import forward_auth

    file = bench.questions([(forward_auth(), b"")])
    return Load("stream", {"protocol": "http", "file": file, "connections": 64, "status": 401})


def session(count_of: Callable[[Bench], int], targets: tuple[str, ...] = TARGETS) -> Callable[[Bench, int], Load]:
    """Requests with cookies of so many sessions in turn, all the administrator's, each of them for several targets."""

    def load(bench: Bench, count: int) -> Load:
        from benchmarks.harness.wire import forward_auth

        cookies = session_cookies(ADMINISTRATOR_PK, count_of(bench))
        asked = [forward_auth(cookie=cookie, target=target) for target in targets for cookie in cookies]
        return Load(
            "stream", {"protocol": "http", "file": bench.questions([(one, b"") for one in asked]), "connections": 64}
        )

    return load


def redirected(bench: Bench, count: int) -> Load:
    from benchmarks.harness.wire import forward_auth

    file = bench.questions([(forward_auth(caddy=True), b"/application/o/authorize/")])
    return Load("stream", {"protocol": "http", "file": file, "connections": 64, "status": 302})


WORKS = (
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
    Work("forward-auth, session, known", "http", session(lambda bench: bench.budget.known)),
    Work(
        "forward-auth, session, known, each check on a connection of its own",
        "http",
        lambda bench, count: session(lambda bench: bench.budget.known)(bench, count).but(fresh=1),
        (Against("nginx", "allow", "nginx return 202", {"status": 202}),),
    ),
    Work("forward-auth, session, each cookie opened", "http", session(lambda bench: 4 * MOST_KNOWN, TARGETS[:1])),
    Work("forward-auth, anonymous, sent to sign in", "http", redirected),
    Work(
        "forward-auth, anonymous, denied",
        "http",
        _anonymous,
        (Against("nginx", "deny", "nginx return 401"),),
    ),
)


def measure(bench: Bench) -> list[Table]:
    """Every work, `PEOPLE` in the directory, all programs running and only one of them busy."""
    table = Table(f"One request, {PEOPLE:,} people", COLUMNS, note=RATIO_NOTE)
    with ExitStack() as running:
        beside = running.enter_context(peers.everyone(bench.folder / "peers", PEOPLE, bench.known(PEOPLE)))
        ours = [running.enter_context(installation(PEOPLE)) for installation in bench.installations()]
        contend(bench, table, WORKS, PEOPLE, ours, beside)
        openidc.measure(bench, table, ours, session(lambda bench: bench.budget.known)(bench, PEOPLE))
    return [table]
