"""Apache's questions over FastCGI, on an in-memory connection."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from outpost.listeners import asked, fastcgi
from outpost.listeners.fastcgi import IDLE_TIMEOUT, FastCgiFactory
from protocols.proxy import forwarded
from protocols.proxy.fastcgi import STDOUT
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.http_connections import Wire
from tests.outpost.listeners.test_forward_auth import ALICE, IDENTITY_HEADERS, PROXY, RECORDS, STRANGER, Door
from tests.protocols.proxy.test_fastcgi import question, records

SAID = {
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/page?x=1",
    "HTTP_HOST": "app.example.com",
    "REQUEST_SCHEME": "https",
    "REMOTE_ADDR": "198.51.100.9",
}
WITH_PASSWORD = {"HTTP_AUTHORIZATION": ALICE[1]}


class Apache:
    def __init__(self, door: Door | None = None, peer: str = PROXY) -> None:
        self.door = door or Door()
        self.keep = False
        self.clock = Clock()
        self.connection = FastCgiFactory(self.door.route, self.clock, self.door.telemetry).buildProtocol(None)
        self.wire = Wire(peer)
        self.connection.makeConnection(self.wire)  # type: ignore[no-untyped-call]

    def ask(self, **said: str) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, fields and body. A variable that is empty is not said."""
        told = {name.encode(): value.encode("latin-1") for name, value in {**SAID, **said}.items() if value}
        self.wire.writes.clear()
        self.connection.dataReceived(question(told, keep=self.keep))
        content = b"".join(one[2] for one in records(b"".join(self.wire.writes)) if one[0] == STDOUT)
        head, _, body = content.partition(b"\r\n\r\n")
        split = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")]
        (status, *fields) = [(name, value) for name, _, value in split]
        assert status[0] == "Status"
        return int(status[1]), fields, body


def test_who_may_in_is_told_in_variables() -> None:
    apache = Apache()
    status, fields, _ = apache.ask(**WITH_PASSWORD)
    told = dict(fields)
    assert status == 200
    assert told.keys() == {f"Variable-{name.upper().replace('-', '_')}" for name in IDENTITY_HEADERS}
    assert (told["Variable-X_AUTHENTIK_USERNAME"], told["Variable-X_AUTHENTIK_ENTITLEMENTS"]) == ("alice", "")
    (question,) = apache.door.link.questions
    assert question.peer == "198.51.100.9"
    assert question.attributes == {"host": "app.example.com", "path": "/page", "method": "GET"}
    assert apache.wire.disconnecting


def test_nobody_who_may_pass_is_nobody() -> None:
    apache = Apache(Door(*RECORDS[:1], provider(7, "https://app.example.com", skip_path_regex="^/public/")))
    status, fields, _ = apache.ask(REQUEST_URI="/public/x", HTTP_X_AUTHENTIK_USERNAME="admin")
    assert (status, dict(fields)["Variable-X_AUTHENTIK_USERNAME"]) == (200, "")


def test_a_person_is_sent_to_sign_in_and_a_program_is_told() -> None:
    status, fields, _ = Apache().ask(HTTP_ACCEPT="text/html")
    assert (status, {"Location", "Set-Cookie"} <= dict(fields).keys()) == (302, True)
    status, fields, body = Apache().ask(HTTP_ACCEPT="application/json")
    assert (status, dict(fields)["Content-Type"], b"login_required" in body) == (401, "application/json", True)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"HTTP_HOST": "nobody.invalid"}, 403),
        ({"HTTP_HOST": ""}, 400),
        ({"REQUEST_URI": ""}, 400),
        ({"REQUEST_URI": "*", "REQUEST_METHOD": "OPTIONS"}, 400),
        ({"REQUEST_URI": "http://other.example.com/page"}, 400),
        ({"REQUEST_URI": "http://app.example.com?x"}, 400),
        ({"REQUEST_URI": "http://app.example.com"}, 200),
        ({"REQUEST_URI": "//app.example.com/page"}, 200),
        ({"REQUEST_URI": "/a#b"}, 400),
        ({"REQUEST_URI": "/\xff"}, 400),
        ({"REQUEST_METHOD": ""}, 400),
        ({"REQUEST_METHOD": "g\xe9t"}, 400),
        ({"REQUEST_SCHEME": "gopher"}, 400),
        ({"REQUEST_SCHEME": "", "HTTPS": "on"}, 200),
        ({"REMOTE_ADDR": "nonsense"}, 400),
        ({"HTTP_X_FORWARDED_PROTO": "gopher", "HTTP_X_FORWARDED_HOST": "nobody.invalid"}, 200),
        ({"HTTP_X_FORWARDED_FOR": "nonsense", "HTTP_X_FORWARDED_URI": "/public"}, 200),
        ({"HTTP_AUTHORIZATION": "Basic ???"}, 401),
    ],
)
def test_what_is_refused(said: dict[str, str], status: int) -> None:
    apache = Apache()
    assert apache.ask(**{**WITH_PASSWORD, **said})[0] == status
    assert not apache.door.telemetry.faults


@pytest.mark.parametrize("target", ["http://app.example.com/admin/x", "HTTPS://APP.example.com/admin/x?y=/public/"])
def test_a_rule_sees_the_path_that_apache_serves(target: str) -> None:
    """Of an absolute target that is its path, and no other rule fits it for what stands in front."""
    apache = Apache()
    assert apache.ask(**WITH_PASSWORD, REQUEST_URI=target)[0] == 200
    (asked,) = apache.door.link.questions
    assert asked.attributes["path"] == "/admin/x"


def test_a_stranger_is_refused() -> None:
    apache = Apache(peer=STRANGER)
    assert apache.ask(**WITH_PASSWORD)[0] == 403
    assert apache.door.telemetry.decisions == {("proxy", "untrusted_proxy"): 1}


def test_a_fault_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError

    assert Apache().ask(**WITH_PASSWORD)[0] == 200, "the same without a fault"
    for owner, name in ((forwarded, "normalised"), (fastcgi, "variable")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            apache = Apache()
            assert apache.ask(**WITH_PASSWORD)[0] == 500
            assert apache.door.telemetry.faults == ["forward_auth"]
    for owner, name in ((asked, "_fields"), (fastcgi, "_headers")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            apache = Apache()
            apache.connection.dataReceived(question({name.encode(): value.encode() for name, value in SAID.items()}))
            assert apache.wire.writes == []
            assert apache.wire.disconnected, "Apache answers 500"


def test_a_kept_connection_and_its_patience() -> None:
    apache = Apache()
    apache.keep = True
    assert [apache.ask(**WITH_PASSWORD)[0] for _ in range(3)] == [200] * 3
    apache.clock.pump([1.0] * int(IDLE_TIMEOUT - 2))
    assert not apache.wire.disconnected
    apache.clock.pump([1.0] * 4)
    assert apache.wire.disconnected


def test_what_is_no_fastcgi_is_closed() -> None:
    apache = Apache()
    apache.connection.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    assert apache.wire.disconnected
    assert not apache.door.telemetry.faults
