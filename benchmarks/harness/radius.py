"""RADIUS in depth: every kind of login beside FreeRADIUS and pyrad, a steady rate, a million requests, accounting."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509

from benchmarks.harness import eapol, ours, peers, radius_peers
from benchmarks.harness.bench import Bench, Table, gentle, say
from benchmarks.harness.contest import COLUMNS, Contender, compete, record
from benchmarks.harness.eapol import Way
from benchmarks.harness.load import Load, LoadFailed
from benchmarks.harness.ours import Installation
from benchmarks.harness.people import PASSWORD, SHARED_SECRET, Person
from benchmarks.harness.processes import DidNotStart, Server, await_idle
from benchmarks.harness.radius_peers import Shown
from protocols.radius.mschapv2 import challenge_hash, nt_hash, nt_response
from protocols.radius.vendor import vendor_attribute
from tests.certificates import CLIENT, SERVER_AUTH, Issued, issue

PEOPLE = 1_000
RATES = (20_000, 15_000, 10_000, 7_500, 5_000, 2_500)
"""Tried from above until nothing is lost."""
RSA_BITS = 2048
KEPT_UP = 0.99
"""Of what was to be asked: a server that is behind has the generator wait, and then the rate was none."""
PARTS = 5
"""Of the million: memory is looked at after each."""
MICROSOFT, MS_CHAP_CHALLENGE, MS_CHAP2_RESPONSE = 311, 11, 25
API = "/api/v3/"
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the people of the benchmark have: `PASSWORD`, and here and there a device's own one."""

    known: list[Person]
    network: Mapping[str, str] = field(default_factory=dict)
    """Name to the password for methods that the main one cannot serve; empty: `PASSWORD` serves every method."""

    def of_device(self, person: Person) -> str:
        return self.network.get(person.username, PASSWORD)


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    port: int
    servers: tuple[Server, ...]
    """The one that is asked, and those that it asks."""
    credentials: Credentials


def measure(bench: Bench) -> list[Table]:
    authority = issue("Benchmark authority")
    names = [x509.DNSName("radius.example.com")]
    server = issue("radius.example.com", authority, usage=[SERVER_AUTH], names=names, bits=RSA_BITS)
    known = bench.known(PEOPLE)
    device = issue(known[0].username, authority, usage=[CLIENT], bits=RSA_BITS)
    shown = Shown(server.pem, server.key_pem, authority.pem)
    folder = bench.folder / "radius-rows"
    folder.mkdir()
    with ExitStack() as running:
        installations = [running.enter_context(installation(PEOPLE)) for installation in bench.installations()]
        programs = [_ours(one, shown, known) for one in installations]
        mine = Credentials(known)
        small = running.enter_context(peers.freeradius(folder / "pap", PEOPLE, threads=False))
        pyrad = running.enter_context(radius_peers.pyrad(folder / "pyrad", known))
        pap = [Program("freeradius -s, PAP alone", small.ports["radius"], (small.server,), mine)]
        pap.append(Program("pyrad", pyrad.ports["radius"], (pyrad.server,), mine))
        methods = []
        for name, start in (("freeradius -s", radius_peers.minimal), ("freeradius, stock", radius_peers.stock)):
            try:
                peer = running.enter_context(start(folder / re.sub("[^a-z]+", "-", name), known, shown))
                methods.append(Program(name, peer.ports["radius"], (peer.server,), mine))
            except DidNotStart as error:
                say(f"  {name}: {error}")
        one = _one_request(bench, programs, pap, methods)
        eap = _eap(bench, folder, [*programs, *methods], authority, device)
    return [one, eap, _accounting(bench)]


def flood(bench: Bench) -> list[Table]:
    """What is lost at which rate, and memory under very many requests; the outpost alone beside FreeRADIUS."""
    known = Credentials(bench.known(PEOPLE))
    with ExitStack() as running:
        installation = running.enter_context(bench.installations()[0](PEOPLE))
        peer = running.enter_context(peers.freeradius(bench.file("freeradius"), PEOPLE, threads=False))
        programs = [
            Program(installation.name, installation.ports["radius"], (installation.outpost,), known),
            Program("freeradius -s, PAP alone", peer.ports["radius"], (peer.server,), known),
        ]
        return [_steady(bench, programs), _memory(bench, programs)]


# --- ours ----------------------------------------------------------------------------------------------------------


def _ours(installation: Installation, shown: Shown, known: list[Person]) -> Program:
    """With the authority believed, the certificate shown, and a network password for everybody who is known."""

    def api(method: str, path: str, body: object = None) -> Any:
        status, answer = ours.request(installation.control_port, method, API + path, body)
        if status >= 400:
            raise DidNotStart(f"{method} {path} was answered with {status}: {answer}")
        return answer

    authority = api("POST", "crypto/certificatekeypairs/", {"name": "authority", "certificate_data": shown.authority})
    pair = {"name": "shown", "certificate_data": shown.certificate, "key_data": shown.key}
    certificate = api("POST", "crypto/certificatekeypairs/", pair)
    (provider,) = api("GET", "providers/radius/")["results"]
    change = {"certificate": certificate["pk"], "client_authorities": [authority["pk"]]}
    api("PATCH", f"providers/radius/{provider['pk']}/", change)
    passwords = {}
    for person in known:
        (user,) = api("GET", f"core/users/?username={person.username}")["results"]
        name = f"device-{person.username}"
        api("POST", "core/tokens/", {"identifier": name, "intent": "network_password", "user": user["pk"]})
        passwords[person.username] = api("GET", f"core/tokens/{name}/view_key/")["key"]
    servers = (installation.outpost, installation.control) if installation.between else (installation.outpost,)
    return Program(installation.name, installation.ports["radius"], servers, Credentials(known, passwords))


# --- one request ---------------------------------------------------------------------------------------------------


def _one_request(bench: Bench, programs: list[Program], pap: list[Program], methods: list[Program]) -> Table:
    table = Table(
        f"RADIUS: one request, {PEOPLE:,} people",
        COLUMNS,
        note="CPU of the process that is asked: `outpost run` asks control about each MS-CHAPv2, `outpost up` counts "
        "both. FreeRADIUS and pyrad hold passwords in the clear.",
    )
    loads: tuple[tuple[str, Callable[[Bench, Credentials], Load], list[Program]], ...] = (
        ("PAP, known credential", _pap, [*programs, *pap, *methods]),
        ("MS-CHAPv2", _ms_chap, [*programs, *methods]),
    )
    for name, load, contending in loads:
        say(f"RADIUS {name}")
        contenders = [
            Contender(one.name, load(bench, one.credentials).but(port=one.port, pid=one.servers[0].pid))
            for one in contending
        ]
        compete(bench, contenders)
        record(table, name, contenders, "freeradius -s, PAP alone" if load is _pap else "freeradius -s")
    return table


def _pap(bench: Bench, credentials: Credentials) -> Load:
    return bench.logins("radius", credentials.known)


def _ms_chap(bench: Bench, credentials: Credentials) -> Load:
    """The same answer of each device every time: it proves the password whatever the request's authenticator is."""
    file = bench.file("proofs")
    asked, own = bytes(range(16)), bytes(range(16, 32))
    lines = []
    for person in credentials.known:
        challenge = challenge_hash(own, asked, person.username)
        answer = nt_response(challenge, nt_hash(credentials.of_device(person)))
        proof = vendor_attribute(MICROSOFT, MS_CHAP_CHALLENGE, asked)
        proof += vendor_attribute(MICROSOFT, MS_CHAP2_RESPONSE, bytes(2) + own + bytes(8) + answer)
        lines.append(f"{person.username}\t\t{proof.hex()}\n")
    file.write_text("".join(lines))
    return Load("radius", {"file": file, "secret": SHARED_SECRET, "sockets": 2, "outstanding": 8})


# --- EAP -----------------------------------------------------------------------------------------------------------


def _eap(bench: Bench, folder: Path, programs: list[Program], authority: Issued, device: Issued) -> Table:
    table = Table(
        f"EAP: whole logins of wpa_supplicant's peer, RSA-{RSA_BITS} certificates",
        (
            "method",
            "program",
            "CPU ms, full",
            "full / CPU s",
            "CPU ms, resumed",
            "full / resumed",
            "resumed",
            "rate /s",
        ),
        note="CPU of every process that takes part: of `outpost run`, control's as well. Resumed: those logins of a "
        "device after its first that resumed a TLS session, of all; for the others, what full ones take is taken off. "
        f"{eapol.AT_ONCE} devices at once.",
    )
    files = {"ca.pem": authority.pem, "device.pem": device.pem, "device.key": device.key_pem}
    for name, text in files.items():
        (folder / name).write_text(text)
    for way in _ways(folder):
        say(way.name)
        for program in programs:
            _log_in(bench, table, folder, program, way)
    return table


def _ways(folder: Path) -> Iterator[Way]:
    checks = {"ca_cert": f'"{folder}/ca.pem"', "domain_match": '"radius.example.com"'}
    versions = {"TLS 1.2": '"tls_disable_tlsv1_3=1"', "TLS 1.3": '"tls_disable_tlsv1_3=0"'}
    own = {"client_cert": f'"{folder}/device.pem"', "private_key": f'"{folder}/device.key"'}
    for version, phase1 in versions.items():
        yield Way(f"EAP-TLS, {version}", {"eap": "TLS", "phase1": phase1, **own, **checks})
    for version, phase1 in versions.items():
        common = {"phase1": phase1, **checks}
        mschapv2 = {"eap": "PEAP", "phase2": '"auth=MSCHAPV2"', **common}
        yield Way(f"PEAP-MSCHAPv2, {version}", mschapv2, network_password=True)
        yield Way(f"PEAP-GTC, {version}", {"eap": "PEAP", "phase2": '"auth=GTC"', **common})
        yield Way(f"TTLS-PAP, {version}", {"eap": "TTLS", "phase2": '"auth=PAP"', **common})


def _log_in(bench: Bench, table: Table, folder: Path, program: Program, way: Way) -> None:
    person, again = program.credentials.known[0], bench.budget.eap
    password = program.credentials.of_device(person) if way.network_password else PASSWORD
    asked = way.but(identity=f'"{person.username}"', password=f'"{password}"')
    if "client_cert" in way.lines:
        asked = way.but(identity=f'"{person.username}"')
    place = folder / "devices"
    try:
        _until_it_is_served(place, program, asked)
        full = eapol.log_in(place, program.port, asked, again, False, program.servers)
        resumed = eapol.log_in(place, program.port, asked, again, True, program.servers)
    except LoadFailed as error:
        table.add(way.name, program.name, *[None] * 5, f"failed: {error}")
        return
    table.add(
        way.name,
        program.name,
        full.cpu_ms,
        1000 / full.cpu_ms,
        resumed.resumed_ms(full) if resumed.resumed else None,
        full.cpu_ms / resumed.resumed_ms(full) if resumed.resumed else None,
        f"{resumed.resumed} of {resumed.count}",
        full.rate,
        full=asdict(full),
        again=asdict(resumed),
    )


def _until_it_is_served(place: Path, program: Program, way: Way) -> None:
    """The configuration is in force, and the password known where it may be."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            eapol.log_in(place, program.port, way, 0, False, program.servers)
            break
        except LoadFailed:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
    for server in program.servers:
        await_idle(server.pid)


# --- a steady rate, and memory -------------------------------------------------------------------------------------


def _steady(bench: Bench, programs: list[Program]) -> Table:
    table = Table(
        f"RADIUS PAP, known credential, at a steady rate for {bench.budget.steady:.0f} s",
        ("program", "asked /s", "asked", "answered", "lost", "CPU µs", "p50 ms", "p99 ms", "longest ms"),
        note="Nothing is asked twice: what is not answered in five seconds is lost. From above, until "
        "nothing is, and all was asked in time.",
    )
    for program in programs:
        load = _pap(bench, program.credentials).but(port=program.port, pid=program.servers[0].pid, outstanding=200)
        _make_known(bench, program)
        for rate in RATES:
            await_idle(program.servers[0].pid)
            got = bench.run(load.but(rate=rate, seconds=bench.budget.steady))
            lost = got.asked - got.right
            figures = (got.cpu_us, got.p50_ms, got.p99_ms, got.longest_ms)
            table.add(program.name, rate, got.asked, got.right, lost, *figures, outcome=asdict(got))
            if not lost and got.asked >= KEPT_UP * rate * bench.budget.steady:
                break
    return table


def _make_known(bench: Bench, program: Program) -> None:
    """What was known half an hour ago, when the harness began, has to be asked about again."""
    load = gentle(_pap(bench, program.credentials)).but(port=program.port, pid=program.servers[0].pid)
    bench.run(load.but(count=max(bench.budget.known, 16), seconds=120, patience=60))
    await_idle(program.servers[0].pid)


def _memory(bench: Bench, programs: list[Program]) -> Table:
    most = bench.budget.authenticators
    table = Table(
        f"RADIUS: memory, MiB, over {most:,} requests, no two alike",
        ("program", "before", *(f"after {most * (part + 1) // PARTS:,}" for part in range(PARTS))),
        note="Answers are kept for duplicates, by count and by time.",
    )
    for program in programs:
        server = program.servers[0]
        load = _pap(bench, program.credentials).but(port=program.port, pid=server.pid, seconds=600)
        _make_known(bench, program)
        held = [server.memory_mib()]
        for _ in range(PARTS):
            outcome = bench.run(load.but(count=most // PARTS))
            held.append(server.memory_mib())
            if outcome.failed:
                say(f"  {program.name}: {outcome.failed} of {outcome.asked} were not answered")
        table.add(program.name, *held)
    return table


# --- accounting ----------------------------------------------------------------------------------------------------


def _accounting(bench: Bench) -> Table:
    table = Table(
        "RADIUS accounting: sessions begun, each answered when it is on the disk",
        ("program", "answered /s", "p50 ms", "p99 ms", "written /s", "CPU µs each"),
        note="`outpost up`: outpost and control together. Answered: the report is safe. Written: from the first to "
        "the moment in which control's table holds all of them. PostgreSQL runs without fsync.",
    )
    for name, opened in (("SQLite", _on_sqlite), ("PostgreSQL", _on_postgresql)):
        say(f"accounting, {name}")
        with opened(bench) as (server, folder):
            _begin_sessions(bench, table, f"outpost up, {name}", server, folder)
    return table


LISTENING = {"OUTPOST_LISTEN__RADIUS_ACCT": "127.0.0.1:0"}


@contextmanager
def _on_sqlite(bench: Bench) -> Iterator[tuple[Server, Path]]:
    with bench.up(LISTENING) as opened:
        yield opened


@contextmanager
def _on_postgresql(bench: Bench) -> Iterator[tuple[Server, Path]]:
    from tests.control.store import postgresql

    with postgresql.running() as database:
        database.new_database("benchmark")
        with bench.up({**LISTENING, **database.settings("benchmark")}) as opened:
            yield opened


def _begin_sessions(bench: Bench, table: Table, name: str, server: Server, folder: Path) -> None:
    places, most = ours.ports(folder), bench.budget.sessions
    load = bench.logins("radius", bench.known(PEOPLE)).but(asked=4, port=places["radius_acct"], pid=server.pid)
    began, before = time.monotonic(), server.cpu_seconds()
    outcome = bench.run(load.but(count=most, seconds=300))
    if outcome.failed:
        table.add(name, *[None] * 4, f"failed: {outcome.failed} of {outcome.asked}")
        return
    while (written := _sessions(places["http"])) < most:
        if time.monotonic() - began > 300:
            table.add(name, *[None] * 4, f"failed: {written} of {most} were written")
            return
        time.sleep(0.05)
    seconds, spent = time.monotonic() - began, server.cpu_seconds() - before
    figures = (outcome.rate, outcome.p50_ms, outcome.p99_ms, most / seconds, spent * 1e6 / most)
    table.add(name, *figures, outcome=asdict(outcome))


def _sessions(port: int) -> int:
    _, answer = ours.request(port, "GET", f"{API}radius/sessions/?page_size=1")
    return int(answer["pagination"]["count"])
