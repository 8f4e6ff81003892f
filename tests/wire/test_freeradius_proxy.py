"""FreeRADIUS in front of us: logins, EAP and accounting that it proxies to us."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import require
from tests.ports import free_port
from tests.wire import processes
from tests.wire.clients import PATIENT, Answer, run
from tests.wire.directory import PASSWORDS, SHARED_SECRET, Directory
from tests.wire.program import SOON, Program, until
from tests.wire.supplicant import eapol_test

pytestmark = pytest.mark.peer

INNER_SECRET = "between-the-nas-and-freeradius"
RADIUSD = """\
prefix = /usr
libdir = /usr/lib/freeradius
db_dir = {folder}
logdir = {folder}
run_dir = {folder}
pidfile = {folder}/radiusd.pid
log {{
    destination = files
    file = {folder}/radius.log
}}
security {{
    reject_delay = 0
    allow_vulnerable_openssl = yes
}}
proxy_requests = yes
proxy server {{
}}
home_server outpost_auth {{
    type = auth
    ipaddr = 127.0.0.1
    port = {auth}
    secret = {secret}
    status_check = status-server
}}
home_server outpost_acct {{
    type = acct
    ipaddr = 127.0.0.1
    port = {acct}
    secret = {secret}
}}
home_server_pool outpost_auth {{
    home_server = outpost_auth
}}
home_server_pool outpost_acct {{
    home_server = outpost_acct
}}
realm outpost {{
    auth_pool = outpost_auth
    acct_pool = outpost_acct
    nostrip
}}
client nas {{
    ipaddr = 127.0.0.1
    secret = {inner}
}}
modules {{
}}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {accounting}
    }}
    authorize {{
        update control {{
            Proxy-To-Realm := "outpost"
        }}
    }}
    preacct {{
        update control {{
            Proxy-To-Realm := "outpost"
        }}
    }}
}}
"""


class Proxy:
    """The two ports of FreeRADIUS, which knows nobody itself."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.port, self.accounting = free_port(), free_port()
        configuration = RADIUSD.format(
            folder=folder,
            auth=program.place("radius")[1],
            acct=program.place("radius_acct")[1],
            secret=SHARED_SECRET,
            inner=INNER_SECRET,
            port=self.port,
            accounting=self.accounting,
        )
        path = folder / "radiusd.conf"
        path.write_text(configuration)
        path.chmod(0o640)
        with (folder / "out.txt").open("wb") as out:
            command = [require("freeradius"), "-f", "-d", str(folder), "-n", "radiusd"]
            self._process = processes.start(command, stdout=out, stderr=out)

    def asks(self, kind: str, *attributes: str, options: tuple[str, ...] = ()) -> Answer:
        port = self.port if kind == "auth" else self.accounting
        request = "\n".join(['User-Name = "bob"', *attributes]) + "\n"
        return run(
            "radclient", "-x", *PATIENT, "-r", "2", *options, f"127.0.0.1:{port}", kind, INNER_SECRET, stdin=request
        )

    def stop(self) -> None:
        processes.stop(self._process)


@pytest.fixture(scope="module")
def proxy(program: Program, people: Directory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    made = Proxy(program, tmp_path_factory.mktemp("freeradius"))
    password = f'User-Password = "{PASSWORDS["bob"]}"'
    until(lambda: made.asks("auth", password, options=("-t", "2")).code == 0, SOON, "a login through FreeRADIUS")
    yield made
    made.stop()


def test_passwords_through_freeradius(proxy: Proxy) -> None:
    assert "Received Access-Accept" in proxy.asks("auth", f'User-Password = "{PASSWORDS["bob"]}"').text
    assert "Received Access-Reject" in proxy.asks("auth", 'User-Password = "a guess"').text


def test_eap_through_freeradius(program: Program, proxy: Proxy, tmp_path: Path) -> None:
    login = eapol_test(
        program,
        tmp_path,
        eap="TTLS",
        identity="bob",
        password=PASSWORDS["bob"],
        phase2="auth=PAP",
        server=("127.0.0.1", proxy.port, INNER_SECRET),
    )
    assert login.succeeded, login.text


def test_accounting_through_freeradius(program: Program, proxy: Proxy) -> None:
    name = f"proxied-{program.outpost_name[:4]}"
    answer = proxy.asks(
        "acct", f'Acct-Session-Id = "{name}"', "Acct-Status-Type = Start", 'NAS-Identifier = "far away"'
    )
    assert "Received Accounting-Response" in answer.text, answer.text

    def listed() -> bool:
        found = program.api("GET", "radius/sessions/", query={"session": name})["results"]
        return [one["nas_name"] for one in found] == ["far away"]

    until(listed, SOON, "the session being listed")
