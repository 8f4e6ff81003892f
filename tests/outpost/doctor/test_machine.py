"""What the doctor sees of a machine."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509

from outpost.__main__ import main
from outpost.doctor.machine import examine
from outpost.link.trust import pins_of
from settings import Settings, load
from tests.certificates import AUTHORITY, DAY, SERVER, Issued, issue


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
        settings(
            tmp_path,
            OUTPOST_EMAIL__HOST="mail.example.com",
            OUTPOST_PUBLIC_URL="https://auth.example.com",
            OUTPOST_HOST="http://127.0.0.1:1",
            OUTPOST_POSTGRESQL__HOST="db.example.com",
        ),
        nowhere,
    )
    assert [sentence.split(",")[0] for sentence in found["names"]] == [
        "OUTPOST_PUBLIC_URL names auth.example.com",
        "OUTPOST_EMAIL__HOST names mail.example.com",
        "OUTPOST_HOST names 127.0.0.1",
        "OUTPOST_POSTGRESQL__HOST names db.example.com",
    ]


@pytest.mark.parametrize(("days", "said"), [(20, True), (200, False)])
def test_a_certificate_in_the_watched_folder_that_is_about_to_end(tmp_path: Path, days: int, said: bool) -> None:
    made = issue("app", AUTHORITY, valid=(-DAY, days * DAY))
    (tmp_path / "app.pem").write_text(made.pem)
    (tmp_path / "app.key").write_text(made.key_pem)
    asked = settings(tmp_path, OUTPOST_CERT_DISCOVERY_DIR=str(tmp_path))
    found = examine(asked, everywhere)["certificates in the watched folder"]
    assert ["The certificate app in" in sentence for sentence in found] == [True] * said
    (tmp_path / "app.key").write_text("no key")
    [sentence] = examine(asked, everywhere)["certificates in the watched folder"]
    assert "cannot be used" in sentence


@pytest.mark.parametrize(("token", "said"), [("changeme", True), ("3f9c1d27b07e5a4491f2a6d8", False), (None, False)])
def test_a_bootstrap_token_that_is_guessed_first(tmp_path: Path, token: str | None, said: bool) -> None:
    given = {"OUTPOST_BOOTSTRAP_TOKEN": token} if token else {}
    found = examine(settings(tmp_path, **given), everywhere)["secrets"]
    assert ["OUTPOST_BOOTSTRAP_TOKEN has fewer than 16" in sentence for sentence in found] == [True] * said


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


def test_a_control_that_is_spoken_to_in_the_open(tmp_path: Path) -> None:
    for host, said in (("http://auth.nowhere.invalid:1", True), ("http://server:1", False), ("http://[::1]:1", False)):
        found = examine(settings(tmp_path, OUTPOST_HOST=host), everywhere)["control"]
        assert any("Use https in OUTPOST_HOST" in sentence for sentence in found) == said, host


@contextmanager
def control_over_tls(folder: Path, shown: Issued) -> Iterator[str]:
    """Its address. It answers once."""
    pair = folder / "control.pem"
    pair.write_text(shown.pem + shown.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    with socket.create_server(("127.0.0.1", 0)) as one:

        def answer() -> None:
            with suppress(OSError), context.wrap_socket(one.accept()[0], server_side=True) as connection:
                if connection.recv(1000):
                    connection.sendall(f"HTTP/1.1 200 OK\r\nDate: {formatdate(usegmt=True)}\r\n\r\n".encode())

        thread = Thread(target=answer)
        thread.start()
        yield f"https://127.0.0.1:{one.getsockname()[1]}"
        thread.join()


KEY, FINGERPRINT = pins_of(SERVER.certificate)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "its certificate is for another name"),
        ({"OUTPOST_INSECURE": "true"}, "OUTPOST_INSECURE is on"),
        ({"OUTPOST_HOST_PINS": KEY}, ""),
        ({"OUTPOST_HOST_PINS": FINGERPRINT, "OUTPOST_INSECURE": "true"}, ""),
        ({"OUTPOST_HOST_PINS": "ab" * 32}, f"shows the key {KEY}"),
    ],
    ids=["nothing", "insecure", "key", "certificate", "another"],
)
def test_who_is_taken_for_control(tmp_path: Path, more: dict[str, str], said: str) -> None:
    with control_over_tls(tmp_path, SERVER) as host:
        found = examine(settings(tmp_path, OUTPOST_HOST=host, **more), everywhere)["control"]
    assert [said in sentence for sentence in found] == ([True] if said else []), found


def test_an_authority_is_believed_that_the_outpost_would_believe(tmp_path: Path) -> None:
    shown = issue("control", AUTHORITY, names=[x509.IPAddress(ip_address("127.0.0.1"))])
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)
    for more, said in (({}, "certificate verify failed"), ({"OUTPOST_CA_FILE": str(tmp_path / "ca.pem")}, "")):
        with control_over_tls(tmp_path, shown) as host:
            found = examine(settings(tmp_path, OUTPOST_HOST=host, **more), everywhere)["control"]
        assert [said in sentence for sentence in found] == ([True] if said else []), found


def test_a_control_that_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        silent = Thread(target=lambda: one.accept()[0].close())
        silent.start()
        host = f"http://127.0.0.1:{one.getsockname()[1]}"
        [sentence] = examine(settings(tmp_path, OUTPOST_HOST=host), everywhere)["control"]
        silent.join()
    assert "does not answer" in sentence


def test_a_pin_and_an_authority_must_both_hold(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    for authority, said in ((AUTHORITY, ""), (issue("another"), "certificate verify failed")):
        ca_file.write_text(authority.pem)
        with control_over_tls(tmp_path, SERVER) as host:
            asked = settings(tmp_path, OUTPOST_HOST=host, OUTPOST_HOST_PINS=KEY, OUTPOST_CA_FILE=str(ca_file))
            found = examine(asked, everywhere)["control"]
        assert [said in sentence for sentence in found] == ([True] if said else []), found


def test_the_certificate_that_is_shown_to_control(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"

    def found() -> list[str]:
        return examine(
            settings(tmp_path, OUTPOST_HOST="http://server:1", OUTPOST_CLIENT_CERTIFICATE=str(path)), everywhere
        )["control"]

    assert any("cannot be read" in sentence for sentence in found())
    for days, said in ((20, True), (200, False)):
        path.write_text(issue("ak-outpost-1", AUTHORITY, valid=(-DAY, days * DAY)).pem)
        assert any(f"{path} that this outpost shows to control is good until" in one for one in found()) == said


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
