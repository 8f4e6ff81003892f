"""What the doctor sees of a machine."""

from __future__ import annotations

import json
import socket
from email.utils import formatdate
from pathlib import Path
from threading import Thread

import pytest

from outpost.__main__ import main
from outpost.doctor.machine import examine
from settings import Settings, load


def settings(folder: Path, **environ: str) -> Settings:
    return load({"OUTPOST_DATA_DIR": str(folder), **environ})


def everywhere(name: str) -> None:
    """Every name leads somewhere."""


def test_all_is_well(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        place = "127.0.0.1:%d" % one.getsockname()[1]  # noqa: UP031
        (tmp_path / "ports.json").write_text(json.dumps({"http": [place], "radius": ["127.0.0.1:1"]}))
        found = examine(settings(tmp_path, OUTPOST_EMAIL__HOST="mail.example.com"), everywhere)
    assert {name for name, sentences in found.items() if sentences} == set()


def test_nothing_runs_and_what_runs_does_not_answer(tmp_path: Path) -> None:
    assert "No program runs" in examine(settings(tmp_path), everywhere)["ports"][0]
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    (tmp_path / "ports.json").write_text(json.dumps({"ldap": [f"127.0.0.1:{port}"]}))
    [sentence] = examine(settings(tmp_path), everywhere)["ports"]
    assert f"ldap at 127.0.0.1:{port} takes no connection" in sentence


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    def nowhere(name: str) -> None:
        raise OSError(-2, "Name or service not known")

    found = examine(
        settings(tmp_path, OUTPOST_EMAIL__HOST="mail.example.com", OUTPOST_PUBLIC_URL="https://auth.example.com"),
        nowhere,
    )
    assert [sentence.split(",")[0] for sentence in found["names"]] == [
        "OUTPOST_PUBLIC_URL names auth.example.com",
        "OUTPOST_EMAIL__HOST names mail.example.com",
    ]


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "128.0.0.0/1"])
def test_everybody_is_trusted(tmp_path: Path, network: str) -> None:
    [sentence] = examine(settings(tmp_path, OUTPOST_LISTEN__TRUSTED_PROXY_CIDRS=network), everywhere)["trusted proxies"]
    assert f"trusts {network}" in sentence


def test_variables_without_effect_are_named(tmp_path: Path) -> None:
    found = examine(settings(tmp_path, AUTHENTIK_REDIS__HOST="redis", OUTPOST_SOMETHING_ELSE="x"), everywhere)
    assert ["AUTHENTIK_REDIS__HOST" in line or "OUTPOST_SOMETHING_ELSE" in line for line in found["settings"]] == [
        True,
        True,
    ]


@pytest.mark.parametrize(("date", "said"), [(0.0, "s apart"), (None, "")])
def test_controls_clock(tmp_path: Path, date: float | None, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:

        def answer() -> None:
            connection, _ = one.accept()
            with connection:
                connection.recv(1000)
                head = f"HTTP/1.1 200 OK\r\nDate: {formatdate(date, usegmt=True)}\r\nContent-Length: 0\r\n\r\n"
                connection.sendall(head.encode())

        control = Thread(target=answer)
        control.start()
        host = f"http://127.0.0.1:{one.getsockname()[1]}"
        found = examine(settings(tmp_path, OUTPOST_HOST=host), everywhere)["control"]
        control.join()
    assert [said in sentence for sentence in found] == ([True] if said else [])


def test_the_command_says_what_is_wrong_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OUTPOST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "WRONG ports" in said
    assert "ok    trusted proxies" in said
    assert "WRONG public URL" in said
    assert said.splitlines()[-1].endswith("to mend")
