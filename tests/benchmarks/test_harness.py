"""What the harness makes of its measurements."""

import http.client
import json
import os
import resource
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.harness import processes, report, wire
from benchmarks.harness.bench import Table, shown
from benchmarks.harness.contest import COLUMNS, Contender, record
from benchmarks.harness.eapol import Logins
from benchmarks.harness.forwarder import Forwarder
from benchmarks.harness.load import Load, Outcome
from protocols.ldap.filter import Equality
from protocols.ldap.messages import BindRequest, envelope
from protocols.ldap.search_request import Scope, SearchRequest


def outcome(cpu_us: float, asked: int = 1000, wrong: int = 0) -> Outcome:
    return Outcome(asked, asked, wrong, 0, 2.0, cpu_us * (asked - wrong) / 1e6, 0.5, 14 * asked, 0.1, 0.2, 0.3)


def contender(program: str, *rounds: Outcome) -> Contender:
    return Contender(program, Load("stream"), list(rounds))


def figures(*contenders: Contender, reference: str) -> list[dict[str, object]]:
    table = Table("", COLUMNS)
    record(table, "work", list(contenders), reference)
    return [dict(zip(COLUMNS, row, strict=True)) for row in table.rows]


def test_a_ratio_above_one_means_that_ours_costs_less() -> None:
    ours, peer = figures(contender("ours", outcome(10)), contender("peer", outcome(25)), reference="peer")
    assert ours["peer CPU / ours"] == pytest.approx(2.5)
    assert peer["peer CPU / ours"] == pytest.approx(1.0)
    assert ours["rate /s"] == 500


def test_the_round_with_the_middle_cost_is_shown() -> None:
    (ours,) = figures(contender("ours", outcome(30), outcome(10), outcome(11)), reference="")
    assert ours["CPU µs"] == pytest.approx(11)


def test_a_failure_leaves_no_figure() -> None:
    failed = contender("ours", outcome(10))
    failed.failure = "1 of 1000 answers wrong or missing"
    ours, peer = figures(failed, contender("peer", outcome(25)), reference="peer")
    assert ours["CPU µs"] is None
    assert "wrong or missing" in str(ours["peer CPU / ours"])
    assert peer["peer CPU / ours"] == pytest.approx(1.0)


def test_cost_counts_right_answers_alone() -> None:
    half_wrong = outcome(10, asked=1000, wrong=500)
    assert half_wrong.cpu_us == pytest.approx(10)
    assert half_wrong.right == 500
    assert half_wrong.failed == 500


def test_the_cpu_clock_counts_threads_that_have_ended() -> None:
    def burn() -> None:
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass

    before, own = processes.cpu_seconds(os.getpid()), time.process_time()
    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    spent, own = processes.cpu_seconds(os.getpid()) - before, time.process_time() - own
    assert spent >= 0.05
    assert spent == pytest.approx(own, abs=0.02)


def test_memory_is_what_a_process_holds() -> None:
    before = processes.proportional_mib(os.getpid())
    held = bytearray(os.urandom(1 << 20) * 32)
    assert processes.proportional_mib(os.getpid()) - before == pytest.approx(len(held) / 2**20, abs=8)


def test_requests_say_what_they_should() -> None:
    assert envelope(wire.bind("cn=a", "secret")).request() == BindRequest(3, "cn=a", b"secret")
    asked = envelope(wire.search("dc=example,dc=com", "uid", "a" * 200, ("cn", "mail"))).request()
    assert asked == SearchRequest(
        "dc=example,dc=com", Scope.SUB, 0, 0, False, Equality("uid", b"a" * 200), (b"cn", b"mail")
    )


def test_the_page_holds_the_figures_and_the_json_every_round(tmp_path: Path) -> None:
    table = Table("One request", COLUMNS)
    record(table, "work", [contender("ours", outcome(12.345), outcome(12.345))], "")
    page = report.write(tmp_path, "2026-01-01", {"cores": 2}, [table]).read_text()
    assert "| work | ours | 12.3 | 500 |" in page
    written = json.loads((tmp_path / "2026-01-01.json").read_text())
    assert len(written["tables"][0]["rows"][0]["rounds"]) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (12.345, "12.3"), (1.234, "1.23"), (10_000, "10,000"), (None, ""), ("x", "x")],
)
def test_figures_are_short(value: object, text: str) -> None:
    assert shown(value) == text


class _Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


def test_the_forwarder_counts_requests_and_follows_a_server_that_moves() -> None:
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as first,
        ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as second,
        Forwarder(first.server_address[1]) as between,
    ):
        for server in (first, second):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for server in (first, second):
            between.to = server.server_address[1]
            connection = http.client.HTTPConnection("127.0.0.1", between.port, timeout=60)
            for path in ("/ask?n=1", "/ask?n=2"):
                connection.request("GET", path)
                assert connection.getresponse().read() == b"hello"
            connection.close()
        assert between.requests == {"/ask": 4}
        for server in (first, second):
            server.shutdown()


def test_the_forwarder_goes_on_when_the_benchmark_has_more_than_a_thousand_sockets() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    spare = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while spare[-1] < 1100:
            spare.append(os.dup(spare[0]))
        test_the_forwarder_counts_requests_and_follows_a_server_that_moves()
    finally:
        for one in spare:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_a_resumed_login_takes_is_told_without_the_full_ones_among_them() -> None:
    full = Logins(88, 0, 1.0, (0.088, 0.088))
    assert Logins(88, 80, 1.0, (0.016, 0.080)).resumed_ms(full) == pytest.approx(1.0)
