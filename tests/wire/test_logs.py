"""What both programs write while everything happens to them: lines of JSON with ids, and never a secret."""

from __future__ import annotations

import json
import socket
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.protocols.ldap import peer
from tests.protocols.radius import nas_side
from tests.wire.apart import Apart, Edge
from tests.wire.clients import user_dn
from tests.wire.directory import HOST, PASSWORDS, SHARED_SECRET, populate
from tests.wire.program import ANSWER_SECONDS, PASSWORD, SECRET_KEY, SOON, TOKEN, Program, until

GUESS = "guessed-password-4444"
FOREIGN_TOKEN = "foreign-token-55555"
NEW_PASSWORD = "new-password-666666"
SHAPES: dict[str, Callable[[Path], Program]] = {"all-in-one": lambda folder: Program(folder, "up"), "apart": Apart}


def basic(who: str, password: str) -> str:
    return b64encode(f"{who}:{password}".encode()).decode()


def secrets_of(program: Program) -> list[str]:
    found = [
        TOKEN,
        PASSWORD,
        SECRET_KEY,
        SHARED_SECRET,
        GUESS,
        FOREIGN_TOKEN,
        NEW_PASSWORD,
        *PASSWORDS.values(),
        basic("bob", PASSWORDS["bob"]),
        basic("bob", GUESS),
    ]
    if isinstance(program, Edge):
        found.append(program.environ["OUTPOST_TOKEN"])
    return found


class Lines:
    """What the programs wrote, a parsed line each."""

    def __init__(self, program: Program) -> None:
        self.text = program.output()
        self.secrets = secrets_of(program)
        self.of = {
            one.folder.name: [json.loads(line) for line in one.log.read_text().splitlines()] for one in program.programs
        }

    @property
    def all(self) -> list[dict[str, Any]]:
        return [line for lines in self.of.values() for line in lines]

    def with_event(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.all if line.get("event") == event]


@pytest.fixture(scope="module", params=SHAPES)
def lines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lines:
    program = SHAPES[request.param](tmp_path_factory.mktemp(f"logs-{request.param}"))
    for one in program.programs:
        one.environ |= {
            "OUTPOST_LOG__FORMAT": "json",
            "OUTPOST_LOG__LEVEL": "trace",
            "OUTPOST_PORT": "tcp://127.0.0.1:9000",
        }
    if program.control is not program:
        program.control.stop()
        program.control.log.unlink()
    program.start()
    try:
        everything(program)
    finally:
        assert program.stop() == 0, program.output()
    return Lines(program)


def everything(program: Program) -> None:
    populate(program)
    until(lambda: by_ldap(program, user_dn("bob"), PASSWORDS["bob"]) == 0, SOON, "LDAP in force")
    until(lambda: by_radius(program, "bob", PASSWORDS["bob"], seconds=1) == 2, SOON, "RADIUS in force")
    until(lambda: by_proxy(program, "bob", PASSWORDS["bob"]) == 200, SOON, "forward-auth in force")
    assert by_ldap(program, user_dn("bob"), GUESS) == by_ldap(program, user_dn("nobody"), GUESS) == 49
    assert by_radius(program, "bob", GUESS) == 3
    for _ in range(2):
        assert by_radius(program, "bob", PASSWORDS["bob"], secret="another", seconds=0.2) is None
    assert by_proxy(program, "bob", GUESS) == 401
    bad_frames(program)
    bad_requests(program)
    until(lambda: b"refused" in program.log.read_bytes() or None, SOON, "refusals in the log")


def by_ldap(program: Program, name: str, password: str) -> int | None:
    """The result code."""
    with socket.create_connection(program.place("ldap"), ANSWER_SECONDS) as connection:
        connection.sendall(peer.bind(1, name, password))
        (answer,) = peer.answers(connection.recv(4096))
        return answer.code


def by_radius(
    program: Program, who: str, password: str, secret: str = SHARED_SECRET, seconds: float = ANSWER_SECONDS
) -> int | None:
    """The code of the answer; None: silence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(seconds)
        asking.sendto(nas_side.pap(who.encode(), password.encode(), secret=secret.encode()), program.place("radius"))
        try:
            return asking.recv(4096)[0]
        except TimeoutError:
            return None


def by_proxy(program: Program, who: str, password: str) -> int:
    headers = {"X-Original-URL": f"http://{HOST}/?{GUESS}", "Authorization": f"Basic {basic(who, password)}"}
    return httpx.get(
        f"{program.http}/outpost.goauthentik.io/auth/nginx", headers=headers, timeout=ANSWER_SECONDS
    ).status_code


def bad_frames(program: Program) -> None:
    """To control, as an outpost and as somebody who is none."""
    url = f"{program.control.http}/api/v3/outposts/link/"
    tokens = [FOREIGN_TOKEN, *([program.environ["OUTPOST_TOKEN"]] if isinstance(program, Edge) else [])]
    for token in tokens:
        headers = {"Authorization": f"Bearer {token}"}
        for frame in (f'{{"password": "{GUESS}"', f'{{"kind": "Authenticate", "proof": "{GUESS}"}}', GUESS):
            assert httpx.post(url, content=frame, headers=headers, timeout=ANSWER_SECONDS).status_code in (400, 403)
            hello = {**headers, "X-Outpost-Hello": frame}
            assert httpx.get(url, headers=hello, timeout=ANSWER_SECONDS).status_code in (400, 403)


def bad_requests(program: Program) -> None:
    api, pk = f"{program.control.http}/api/v3", program.api("GET", "core/users/?username=carol")["results"][0]["pk"]
    admin = {"Authorization": f"Bearer {TOKEN}"}
    program.api("POST", f"core/users/{pk}/set_password/", {"password": NEW_PASSWORD})
    httpx.post(
        f"{api}/core/users/{pk}/set_password/", content=f'{{"password": "{GUESS}', headers=admin, timeout=ANSWER_SECONDS
    )
    httpx.post(
        f"{api}/core/users/{pk}/set_password/", json={"password": GUESS * 100}, headers=admin, timeout=ANSWER_SECONDS
    )
    httpx.post(
        f"{api}/core/users/",
        json={"username": [GUESS], "name": {"password": GUESS}},
        headers=admin,
        timeout=ANSWER_SECONDS,
    )
    assert httpx.get(
        f"{api}/core/users/?token={GUESS}", headers={"Authorization": f"Bearer {FOREIGN_TOKEN}"}, timeout=ANSWER_SECONDS
    ).is_error
    httpx.post(
        f"{program.control.http}/if/flow/default-authentication-flow/",
        data={"uid_field": "bob", "password": GUESS},
        timeout=ANSWER_SECONDS,
    )
    for place in (program.place("http"), program.place("ldap")):
        with socket.create_connection(place, ANSWER_SECONDS) as connection:
            connection.sendall(b"GARBAGE " + GUESS.encode() + b"\x00\r\n\r\n")
            connection.recv(4096)


def test_no_secret_is_in_any_line(lines: Lines) -> None:
    assert "'bob'" in lines.text  # names are: everything did happen
    assert [secret for secret in lines.secrets if secret in lines.text] == []


def test_every_line_is_an_object_with_the_promised_members(lines: Lines) -> None:
    assert len(lines.all) > 10
    for line in lines.all:
        assert {"time", "level", "logger", "message"} <= line.keys(), line
        assert line["time"].endswith("Z")
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
        assert "traceback" not in line, line


def test_every_program_says_where_it_listens(lines: Lines) -> None:
    for said in lines.of.values():
        (started,) = (line for line in said if line.get("event") == "started")
        assert {"http", "metrics"} <= started["ports"].keys()


def test_warnings_about_settings_are_lines_too(lines: Lines) -> None:
    for said in lines.of.values():
        (warning,) = (line for line in said if line.get("event") == "settings_warning")
        assert "OUTPOST_PORT" in warning["message"]


def test_one_id_joins_the_outposts_line_and_controls(lines: Lines) -> None:
    at_outpost = {line["id"]: line for line in lines.with_event("refused") if line["id"]}
    at_control = {line["id"]: line for line in lines.with_event("login_refused")}
    asked = [line for line in at_outpost.values() if line["reason"] == "wrong_password"]
    assert {line["protocol"] for line in asked} == {"ldap", "radius", "proxy"}
    for line in asked:
        other = at_control[line["id"]]
        assert (other["username"], other["reason"], other["peer"]) == ("bob", "wrong_password", "127.0.0.1")


def test_silence_is_explained_once(lines: Lines) -> None:
    told = [line for line in lines.with_event("discarded") if line["level"] == "info" and line["protocol"] == "radius"]
    assert [line["reason"] for line in told].count("bad_message_authenticator") == 1


def test_libraries_say_nothing_of_their_connections(program: Program) -> None:
    assert "factory" not in program.output()


def test_a_program_that_cannot_start_says_so_in_json_too(tmp_path: Path) -> None:
    done = Program(tmp_path, "run", OUTPOST_LOG__FORMAT="json", OUTPOST_TOKEN="").command("run")
    (line,) = map(json.loads, done.stderr.splitlines())
    assert done.returncode == 1
    assert line["event"] == "cannot_start"
    assert "OUTPOST_HOST" in line["message"]
