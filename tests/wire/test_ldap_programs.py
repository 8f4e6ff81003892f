"""One login and one look at a group by many programs and libraries; what each is set up with stands in docs too.

Libraries that Debian and our lock lack are installed into a temporary folder, at the versions that are named here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.peers import require, require_root, unpacked
from tests.ports import free_port
from tests.wire import processes
from tests.wire.clients import run, user_dn
from tests.wire.directory import BASE_DN, PASSWORDS, SHARED_SECRET
from tests.wire.namespaces import Namespace
from tests.wire.program import SOON, Program, until

pytestmark = [pytest.mark.peer, pytest.mark.full, pytest.mark.usefixtures("people")]

FOLDER = Path(__file__).with_name("ldap_programs")
READER, READERS = user_dn("alice"), PASSWORDS["alice"]
BOB = "bob bob@example.com engineering,staff engineering\n"
SECONDS = 300.0
"""For what has to be installed."""
Install = Callable[[Path], Sequence[str]]
"""Into a folder; gives the command, to which the arguments are added."""


def _python(*packages: str) -> Callable[[str], Install]:
    def of(script: str) -> Install:
        def install(folder: Path) -> Sequence[str]:
            _do(sys.executable, "-m", "venv", str(folder))
            _do(str(folder / "bin/pip"), "install", "--quiet", *packages)
            return [str(folder / "bin/python"), str(FOLDER / script)]

        return install

    return of


def _node(folder: Path) -> Sequence[str]:
    require("npm")
    _do("npm", "install", "--silent", "--prefix", str(folder), "ldapjs@3.0.7")
    script = folder / "ldapjs.js"
    script.write_text((FOLDER / "ldapjs.js").read_text())  # node looks for packages beside the script
    return ["node", str(script)]


def _go(folder: Path) -> Sequence[str]:
    go = require("go")
    (folder / "main.go").write_text((FOLDER / "go_ldap.go").read_text())
    _do(go, "mod", "init", "client", folder=folder)
    _do(go, "get", "github.com/go-ldap/ldap/v3@v3.4.11", folder=folder)
    _do(go, "build", "-o", "client", ".", folder=folder)
    return [str(folder / "client")]


def _script(program: str, name: str) -> Install:
    return lambda folder: [require(program), str(FOLDER / name)]


def _ours(name: str) -> Install:
    return lambda folder: [sys.executable, str(FOLDER / name)]


CLIENTS: dict[str, Install] = {
    "PHP, in Nextcloud's manner": _script("php", "nextcloud.php"),
    "Net::LDAP": _script("perl", "net_ldap.pl"),
    "ldapjs": _node,
    "go-ldap": _go,
    "bonsai": _python("bonsai==1.5.5")("bonsai_client.py"),
    "django-auth-ldap": _python("django==5.2.19", "django-auth-ldap==5.4.0")("django_client.py"),
    "python-ldap, in Flask-AppBuilder's manner": _ours("flask_appbuilder.py"),
    "ldap3, in ldapauthenticator's manner": _ours("ldapauthenticator.py"),
}


def _do(*command: str, folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("client", CLIENTS)
def test_a_login_and_its_groups(program: Program, tmp_path: Path, client: str) -> None:
    command = [*CLIENTS[client](tmp_path), program.ldap, BASE_DN, READER, READERS, "bob"]
    right = subprocess.run([*command, PASSWORDS["bob"]], capture_output=True, text=True, timeout=60, check=False)
    assert (right.returncode, right.stdout) == (0, BOB), right.stderr
    wrong = subprocess.run([*command, "wrong"], capture_output=True, text=True, timeout=60, check=False)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr


# --- Postfix -------------------------------------------------------------------------------------------------------

POSTFIX = """\
server_host = {ldap}
version = 3
bind = yes
bind_dn = {who}
bind_pw = {password}
search_base = {base}
query_filter = (&(objectClass=inetOrgPerson)(mail=%s))
result_attribute = mail
"""
POSTFIX_GROUP = """\
server_host = {ldap}
version = 3
bind = yes
bind_dn = {who}
bind_pw = {password}
search_base = ou=groups,{base}
query_filter = (&(objectClass=groupOfNames)(cn=%u))
special_result_attribute = member
leaf_result_attribute = mail
"""


@pytest.mark.parametrize(
    ("text", "asked", "told"),
    [
        (POSTFIX, "bob@example.com", "bob@example.com\n"),
        (POSTFIX, "nobody@example.com", ""),
        (POSTFIX_GROUP, "engineering", "bob@example.com\n"),
    ],
)
def test_postfix_looks_up_addresses(program: Program, tmp_path: Path, text: str, asked: str, told: str) -> None:
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
    place = tmp_path / "people.cf"
    place.write_text(text.format(ldap=program.ldap, who=READER, password=READERS, base=BASE_DN))
    answer = run(require("postmap"), "-c", str(tmp_path), "-q", asked, f"ldap:{place}")
    assert (answer.text, answer.code) == (told, 0 if told else 1)


# --- Squid ---------------------------------------------------------------------------------------------------------

SQUID_LOGIN = ("-v", "3", "-b", BASE_DN, "-f", "(&(objectClass=posixAccount)(uid=%s))")
SQUID_GROUP = (
    *("-v", "3", "-b", f"ou=groups,{BASE_DN}", "-f", "(&(objectClass=groupOfNames)(cn=%g)(member=%u))"),
    *("-B", f"ou=users,{BASE_DN}", "-F", "(uid=%s)"),
)


@pytest.mark.parametrize(
    ("helper", "options", "lines"),
    [
        ("basic_ldap_auth", SQUID_LOGIN, {f"bob {PASSWORDS['bob']}": True, "bob wrong": False, "nobody x": False}),
        ("ext_ldap_group_acl", SQUID_GROUP, {"bob engineering": True, "bob admins": False}),
    ],
)
def test_squids_helpers(program: Program, helper: str, options: Sequence[str], lines: dict[str, bool]) -> None:
    require("squid")
    command = [f"/usr/lib/squid/{helper}", *options, "-D", READER, "-w", READERS, "-H", program.ldap]
    told = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=60, check=False)
    assert [line.startswith("OK") for line in done.stdout.splitlines()] == list(lines.values()), done.stderr


# --- FreeRADIUS ----------------------------------------------------------------------------------------------------

RLM_LDAP = """\
    ldap {{
        server = "{ldap}"
        identity = "{who}"
        password = "{password}"
        base_dn = "{base}"
        user {{
            filter = "(&(objectClass=posixAccount)(uid=%{{User-Name}}))"
        }}
        group {{
            base_dn = "ou=groups,{base}"
            filter = "(objectClass=groupOfNames)"
            membership_filter = "(member=%{{control:Ldap-UserDn}})"
            name_attribute = cn
        }}
        pool {{
            start = 1
            min = 1
            max = 2
            spare = 1
        }}
    }}
"""
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
thread pool {{
    start_servers = 1
    max_servers = 2
    min_spare_servers = 1
    max_spare_servers = 2
}}
client nas {{
    ipaddr = 127.0.0.1
    secret = {secret}
}}
modules {{
    always reject {{
        rcode = reject
    }}
{ldap}
}}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    authorize {{
        ldap
        if (LDAP-Group != "engineering") {{
            reject
        }}
        update control {{
            Auth-Type := ldap
        }}
    }}
    authenticate {{
        Auth-Type ldap {{
            ldap
        }}
    }}
}}
"""


@pytest.fixture
def freeradius(program: Program, tmp_path: Path) -> Iterator[int]:
    """Its port."""
    port = free_port()
    ldap = RLM_LDAP.format(ldap=program.ldap, who=READER, password=READERS, base=BASE_DN)
    text = RADIUSD.format(folder=tmp_path, secret=SHARED_SECRET, port=port, ldap=ldap)
    (tmp_path / "radiusd.conf").write_text(text)
    with (tmp_path / "out").open("wb") as log:
        command = [require("freeradius"), "-f", "-d", str(tmp_path), "-n", "radiusd"]
        process = processes.start(command, stdout=log, stderr=log)
    try:
        ready = tmp_path / "radius.log"
        until(lambda: ready.exists() and "Ready to process" in ready.read_text(), SOON, "FreeRADIUS")
        yield port
    finally:
        processes.stop(process)


def test_freeradius_asks_us_over_ldap(freeradius: int) -> None:
    for name, password, said in (
        ("bob", PASSWORDS["bob"], "Access-Accept"),
        ("bob", "wrong", "Access-Reject"),
        ("carol", PASSWORDS["carol"], "Access-Reject"),
    ):
        command = [require("radclient"), "-x", "-r", "1", "-t", "10", f"127.0.0.1:{freeradius}", "auth", SHARED_SECRET]
        told = f"User-Name={name},User-Password={password}"
        done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=60, check=False)
        assert f"Received {said}" in done.stdout, done.stdout


# --- nslcd ---------------------------------------------------------------------------------------------------------

NSLCD = """\
uri {ldap}
base {base}
binddn {who}
bindpw {password}
ssl start_tls
tls_reqcert never
filter group (objectClass=posixGroup)
"""
NSSWITCH = "passwd: files ldap\ngroup: files ldap\nshadow: files\nhosts: files\n"


@pytest.fixture
def nslcd(program: Program, tmp_path: Path) -> Iterator[Namespace]:
    require_root()
    require("nslcd")
    text = NSLCD.format(ldap=program.ldap, base=BASE_DN, who=READER, password=READERS)
    (tmp_path / "nslcd.conf").write_text(text)
    (tmp_path / "nslcd.conf").chmod(0o600)
    (tmp_path / "nsswitch.conf").write_text(NSSWITCH)
    (nss,) = unpacked("libnss-ldapd").rglob("libnss_ldap.so.2")
    running = Namespace(
        tmp_path,
        ["sh", "-c", "'mkdir -p /run/nslcd && exec nslcd -n'"],
        empty=["/run"],
        instead={"/etc/nslcd.conf": tmp_path / "nslcd.conf", "/etc/nsswitch.conf": tmp_path / "nsswitch.conf"},
        LD_LIBRARY_PATH=str(nss.parent),
    )
    try:
        until(lambda: running.run("getent", "-s", "ldap", "passwd", "alice").code == 0, SOON, "nslcd", 0.2)
        yield running
    finally:
        running.stop()


def test_nslcd_knows_people_and_their_groups(nslcd: Namespace) -> None:
    account = nslcd.run("getent", "-s", "ldap", "passwd", "bob").text.strip().split(":")
    assert (account[0], account[5]) == ("bob", "/home/bob")
    group = nslcd.run("getent", "-s", "ldap", "group", "engineering").text.strip().split(":")
    assert (group[0], group[3]) == ("engineering", "bob")
    groups = nslcd.run("getent", "-s", "ldap", "initgroups", "bob").text.split()
    assert group[2] in groups[1:]
    assert nslcd.run("getent", "-s", "ldap", "passwd", "nobody-at-all").code != 0


def test_the_docs_show_what_runs_here() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "clients" / "ldap.md").read_text()
    for text in (POSTFIX, POSTFIX_GROUP, NSLCD, RLM_LDAP):
        shown = text.format(ldap="ldap://ldap.example.com:3389", base=BASE_DN, who="", password="")
        told = [line.strip() for line in shown.splitlines() if any(word in line for word in ("filter", "base", "attr"))]
        assert [line for line in told if line not in docs] == []
    for options in (SQUID_LOGIN, SQUID_GROUP):
        assert " ".join(options) in docs
