"""The command line, as a person meets it."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from control import tries
from control.app import open_store
from control.config import ControlConfig
from outpost import __version__
from outpost.__main__ import COMMANDS, main
from settings import load

EXAMPLE = Path(__file__).parents[1] / "examples" / "first-hour.yml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no settings from the machine's environment."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("OUTPOST_", "AUTHENTIK_")):
            monkeypatch.delenv(name)
    return tmp_path


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert all(re.search(rf"^    {name}\s", printed, re.MULTILINE) for name in COMMANDS)
    assert "2 wrong settings" in printed


def test_no_command_and_an_unknown_one_are_usage_errors() -> None:
    for argv in ([], ["fly"], ["apply"]):
        with pytest.raises(SystemExit) as caught:
            main(argv)
        assert caught.value.code == 2


@pytest.mark.parametrize("lasts", ["0", "hours=800", "soon", "-5"])
def test_a_recovery_key_lasts_a_minute_at_least_and_a_month_at_most(lasts: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["create-recovery-key", "alice", lasts])
    assert caught.value.code == 2


def test_a_recovery_key_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["apply", str(EXAMPLE)]) == 0
    for lasts in ([], ["10"], ["hours=2"]):
        assert main(["create-recovery-key", "alice", *lasts]) == 0
        assert "/recovery/use-token/" in capsys.readouterr().out
    assert main(["create-recovery-key", "nobody"]) == 1
    assert "No user is called 'nobody'" in capsys.readouterr().err


def test_version_needs_no_settings(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPOST_SECRET_KEY", "short")
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_the_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("address", ["xx", "10.0.0.1:80", "10.0.0.0/8", "1.2.3"])
def test_nobody_asks_from_what_is_no_address(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["explain", "--user", "alice", "--application", "wiki", "--from", address])
    assert caught.value.code == 2
    assert f"'{address}' is no IP address" in capsys.readouterr().err


def test_wrong_settings_exit_2_with_a_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_LISTEN_HTTP", "1")
    monkeypatch.setenv("OUTPOST_WORKERS", "none")
    for command in (["up"], ["check-config"], ["healthcheck"], ["apply", "x.yml"]):
        assert main(command) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert len(printed.err.splitlines()) == 2
        assert all(line.startswith("outpost: OUTPOST_") for line in printed.err.splitlines())


def test_check_config_prints_values_and_warnings_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHENTIK_REDIS__HOST", "redis")
    monkeypatch.setenv("OUTPOST_TOKEN", "not-to-be-seen")
    assert main(["check-config"]) == 0
    printed = capsys.readouterr()
    assert "token = ********  (OUTPOST_TOKEN)" in printed.out
    assert "no Redis is needed" in printed.err
    assert "not-to-be-seen" not in printed.out + printed.err


def test_outpost_yml_is_read_when_it_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "outpost.yml").write_text("workers: 3\n")
    (folder / "other.yml").write_text("workers: 4\n")
    assert main(["check-config"]) == 0
    assert "workers = 3  (outpost.yml line 1)" in capsys.readouterr().out
    assert main(["--config", "other.yml", "check-config"]) == 0
    assert "workers = 4  (other.yml line 1)" in capsys.readouterr().out
    assert main(["--config", "nowhere.yml", "check-config"]) == 2


def test_apply_prints_what_changed_and_fails_with_sentences(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "people.yml").write_text("users: {bob: {}}\n")
    assert main(["apply", "people.yml"]) == 0
    assert capsys.readouterr().out == "created user bob\n"
    (folder / "people.yml").write_text("users: {bob: {mail: x}}\n")
    assert main(["apply", "people.yml"]) == 1
    assert capsys.readouterr().err == (
        "outpost: people.yml: line 1: users.bob.mail: unknown field; did you mean 'email'?\n"
    )


def test_plan_says_by_its_exit_code_whether_anything_would_change(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "people.yml").write_text("users: {bob: {}}\n")
    assert main(["plan", "people.yml"]) == 2
    assert capsys.readouterr().out == "+ user bob\n1 to create\n"
    assert main(["apply", "people.yml"]) == 0
    capsys.readouterr()
    assert main(["plan", "people.yml"]) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    (folder / "people.yml").write_text("users: [bob]\n")
    assert main(["plan", "people.yml"]) == 1
    monkeypatch.setenv("OUTPOST_WORKERS", "none")
    assert main(["plan", "people.yml"]) == 1  # 2 would be taken for a change


def test_export_writes_what_can_be_applied(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "people.yml").write_text("users: {bob: {email: bob@example.com}}\n")
    main(["apply", "people.yml"])
    capsys.readouterr()
    assert main(["export"]) == 0
    owned = capsys.readouterr().out
    assert owned.endswith("\n\nusers:\n  bob:\n    name: bob\n    email: bob@example.com\n")
    assert main(["export", "--all"]) == 0
    assert capsys.readouterr().out.endswith(owned.partition("\n\n")[2])
    (folder / "people.yml").write_text(owned)
    assert main(["plan", "people.yml"]) == 0


@pytest.fixture
def health(folder: Path) -> Iterator[list[int]]:
    """A server on loopback that answers with the status in the list, and ports.json that names it."""
    status = [200]

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0] if self.path == "/-/health/ready/" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    (folder / "data").mkdir()
    (folder / "data" / "ports.json").write_text(json.dumps({"http": [f"0.0.0.0:{server.server_port}"]}))
    yield status
    server.shutdown()
    thread.join()
    server.server_close()


def test_healthcheck_asks_the_port_that_is_really_open(health: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthcheck"]) == 0
    health[0] = 503
    assert main(["healthcheck"]) == 1
    assert "answered 503" in capsys.readouterr().err


def test_healthcheck_without_a_program_fails_with_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_LISTEN__HTTP", "127.0.0.1:1")
    assert main(["healthcheck"]) == 1
    assert "Is the program running?" in capsys.readouterr().err


@pytest.mark.parametrize("ports", [{}, {"http": []}])
def test_healthcheck_asks_the_metrics_port_when_the_http_port_is_off(
    folder: Path, health: list[int], ports: dict[str, object]
) -> None:
    file = folder / "data" / "ports.json"
    place = json.loads(file.read_text())["http"]
    file.write_text(json.dumps({**ports, "metrics": place}))
    assert main(["healthcheck"]) == 0
    health[0] = 503
    assert main(["healthcheck"]) == 1


def test_healthcheck_falls_back_on_what_the_settings_say(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_LISTEN__HTTP", "off")
    monkeypatch.setenv("OUTPOST_LISTEN__METRICS", "127.0.0.1:2")
    assert main(["healthcheck"]) == 1
    assert "127.0.0.1 port 2" in capsys.readouterr().err


def test_explain_and_tail_on_a_store_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["explain", "--user", "alice", "--application", "wiki"]
    assert main(asked) == 1
    assert "There is no application 'wiki'." in capsys.readouterr().err
    assert main(["apply", str(EXAMPLE)]) == 0
    capsys.readouterr()
    assert main(["explain", "--user", "alice", "--application", "directory", "--from", "192.0.2.1"]) == 0
    assert "alice would be" in capsys.readouterr().out
    header = ["--protocol", "proxy", "--scheme", "http", "--header", "User-Agent: curl/8"]
    assert main(["explain", "--user", "bob", "--application", "wiki", *header]) == 0
    assert "bob would be" in capsys.readouterr().out
    assert main(["explain", "--user", "bob", "--application", "wiki", "--header", "a b: c"]) == 1
    assert "'a b' is not the name of a header line." in capsys.readouterr().err
    assert main(["tail", "--no-follow", "-n", "3", "--json", "--reason", "model_created"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["action"] for line in lines] == ["model_created"] * 3
    with pytest.raises(SystemExit):
        main(["tail", "-n", "-1"])


def test_throttles_on_a_store_of_their_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["apply", str(EXAMPLE)]) == 0
    capsys.readouterr()
    assert main(["throttles"]) == 0
    assert capsys.readouterr().out == "nobody has tried wrongly of late\n"
    store = open_store(ControlConfig.from_settings(load(dict(os.environ))))
    try:
        for _ in range(tries.FREE + 3):
            store.write_now(lambda tx: tries.wrong(tx, "Alice", "192.0.2.0/24"))
    finally:
        store.close()
    assert main(["throttles", "list", "--user", "alice"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("alice from 192.0.2.0/24: 23 wrong, the last at 20") for line in lines)
    assert any("the next after" in line for line in lines)
    assert any(line.startswith("alice from everywhere together: ") for line in lines)
    assert main(["throttles", "clear", "--user", "ALICE"]) == 0
    assert capsys.readouterr().out == "forgot 2 of them\n"
    assert main(["throttles"]) == 0
    assert capsys.readouterr().out == "nobody has tried wrongly of late\n"
