"""Sign-in in a browser: OpenID Connect beside npm's oidc-provider, and the page that a person sees first."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks.harness import oidc_provider, ours
from benchmarks.harness.bench import Bench, Table, say
from benchmarks.harness.browser import Answer, Browser
from benchmarks.harness.people import ADMINISTRATOR, CALLBACK, CLIENT, CLIENT_SECRET, PASSWORD
from benchmarks.harness.processes import DidNotStart, Server

EXECUTOR = "/api/v3/flows/executor/default-authentication-flow/"
PAGE = "/if/flow/default-authentication-flow/"
WARM = 20
"""Repetitions that are not counted."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider that runs: where its endpoints are, and how somebody signs in there."""

    name: str
    server: Server
    port: int
    authorize: str
    token: str
    sign_in: Callable[[Browser], None]
    page: str
    """What a person who is not signed in sees first."""


def measure(bench: Bench) -> list[Table]:
    flows = Table(
        "OpenID Connect: one sign-in to an application, within a session",
        ("program", "CPU ms", "rate /s", "p50 ms", "p99 ms", "of that authorize p50 ms", "token p50 ms"),
        note="Two requests of one client, one after another: the authorization request, answered with a code, and its "
        "exchange for an ID token (RS256) and an access token. CPU: of the provider's process, without the database's. "
        "oidc-provider keeps everything in memory; PostgreSQL runs without fsync.",
    )
    pages = Table(
        "The sign-in page, for somebody new",
        ("program", "CPU ms", "rate /s", "p50 ms", "p99 ms", "octets"),
        note="Everything up to the first page that asks for a name; a new browser each time, one after another.",
    )
    for open_ in (_on_sqlite, _on_postgresql, _beside):
        try:
            with open_(bench) as provider:
                say(provider.name)
                _flows(flows, provider, bench)
                _pages(pages, provider, bench)
        except (DidNotStart, oidc_provider.NotInstalled) as error:
            flows.add(f"{open_.__name__.strip('_')}: {str(error).splitlines()[0]}", *[None] * 6)
    return [flows, pages]


# --- providers -----------------------------------------------------------------------------------------------------


@contextmanager
def _on_sqlite(bench: Bench) -> Iterator[Provider]:
    with bench.control() as (server, folder):
        yield _ours("outpost control, SQLite", server, ours.ports(folder)["http"])


@contextmanager
def _on_postgresql(bench: Bench) -> Iterator[Provider]:
    from tests.control.store import postgresql

    with ExitStack() as running:
        database = running.enter_context(postgresql.running())
        database.new_database("benchmark")
        server, folder = running.enter_context(bench.control(database.settings("benchmark")))
        yield _ours("outpost control, PostgreSQL", server, ours.ports(folder)["http"])


@contextmanager
def _beside(bench: Bench) -> Iterator[Provider]:
    with oidc_provider.running(bench.folder / "oidc-provider") as (server, port):
        yield Provider("oidc-provider, memory", server, port, "/auth", "/token", _sign_in_there, f"/auth?{_asked()}")


def _ours(name: str, server: Server, port: int) -> Provider:
    return Provider(name, server, port, "/application/o/authorize/", "/application/o/token/", sign_in_here, PAGE)


def sign_in_here(browser: Browser) -> None:
    browser.get(EXECUTOR)
    for told in ({"uid_field": ADMINISTRATOR}, {"password": PASSWORD}):
        answer = browser.post_json(EXECUTOR, told)
    if answer.status >= 400:
        raise DidNotStart(f"signing in was answered with {answer.status}")


def _sign_in_there(browser: Browser) -> None:
    """Through the forms for development that it comes with: a name, and consent."""
    answer = browser.get(f"/auth?{_asked()}")
    for form in ({"prompt": "login", "login": ADMINISTRATOR, "password": PASSWORD}, {"prompt": "consent"}):
        page = answer.location
        shown = browser.get(page)
        found = re.search(rb'action="([^"]+)"', shown.body)
        answer = browser.post(found[1].decode() if found else page, form)
        answer = browser.get(answer.location)
    _code(answer)


# --- what is measured ----------------------------------------------------------------------------------------------


def _asked() -> str:
    asked = {"client_id": CLIENT, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid email profile"}
    return urlencode({**asked, "state": "state-1", "nonce": "nonce-1"})


def _code(answer: Answer) -> str:
    found = parse_qs(urlsplit(answer.location).query)
    if not answer.location.startswith(CALLBACK) or "code" not in found:
        raise DidNotStart(f"no code, but {answer.status} to {answer.location[:200]!r}")
    return found["code"][0]


def _flows(table: Table, provider: Provider, bench: Bench) -> None:
    basic = "Basic " + base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
    authorized: list[float] = []
    exchanged: list[float] = []
    with Browser(provider.port) as person, Browser(provider.port) as client:
        provider.sign_in(person)

        def once() -> None:
            began = time.perf_counter()
            code = _code(person.get(f"{provider.authorize}?{_asked()}"))
            between = time.perf_counter()
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
            answer = client.post(provider.token, form, {"Authorization": basic})
            if answer.status != 200 or "id_token" not in answer.json():
                raise DidNotStart(f"no token, but {answer.status}: {answer.body[:200]!r}")
            authorized.append(between - began)
            exchanged.append(time.perf_counter() - between)

        cpu, seconds, times = _repeated(provider, once, bench.budget.sign_ins)
    table.add(
        provider.name,
        *(cpu * 1000, 1 / seconds, *_quantiles(times)),
        _quantiles(authorized[WARM:])[0],
        _quantiles(exchanged[WARM:])[0],
    )


def _pages(table: Table, provider: Provider, bench: Bench) -> None:
    octets: list[int] = []
    with Browser(provider.port) as person:

        def once() -> None:
            person.cookies.clear()
            answer = person.get(provider.page)
            for _ in range(5):
                if not 300 <= answer.status < 400:
                    break
                answer = person.get(answer.location)
            if answer.status != 200 or b"<form" not in answer.body:
                raise DidNotStart(f"no sign-in page, but {answer.status}")
            octets.append(len(answer.body))

        cpu, seconds, times = _repeated(provider, once, bench.budget.sign_ins)
    table.add(provider.name, cpu * 1000, 1 / seconds, *_quantiles(times), octets[-1])


def _repeated(provider: Provider, once: Callable[[], None], count: int) -> tuple[float, float, list[float]]:
    """CPU seconds and seconds of each, and how long every one took."""
    for _ in range(WARM):
        once()
    times: list[float] = []
    cpu = provider.server.cpu_seconds()
    for _ in range(count):
        began = time.perf_counter()
        once()
        times.append(time.perf_counter() - began)
    return (provider.server.cpu_seconds() - cpu) / count, sum(times) / count, times


def _quantiles(times: list[float]) -> tuple[float, float]:
    """p50 and p99 in ms."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2] * 1000, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000
