"""Servers that look people up over LDAP and let them in: sssd, Apache, Dovecot."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

import httpx
import pytest

from control.records import User
from tests.peers import require, require_root, unpacked
from tests.ports import free_port
from tests.wire.apart import store
from tests.wire.clients import Answer, ldapsearch, user_dn
from tests.wire.directory import BASE_DN, PASSWORDS, Directory, add_user
from tests.wire.namespaces import Namespace
from tests.wire.nginx import is_listening
from tests.wire.program import ANSWER_SECONDS, Program, until

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("people")]

START_SECONDS = 60.0
NEW_PASSWORD = "greta-password-1"
NUMBERS = count()
GOOD_DAYS = 30
"""For which a password is good."""
LONG_AGO = int(time.time() // 86_400) - GOOD_DAYS
"""In days since 1970, as shadow(5) counts."""
ALICE = user_dn("alice")


@pytest.fixture(autouse=True)
def _may_make_namespaces() -> None:
    require_root()


# --- sssd ----------------------------------------------------------------------------------------------------------

SSSD = """\
[sssd]
services = nss, pam
domains = example
[nss]
[pam]
[domain/example]
id_provider = ldap
auth_provider = ldap
chpass_provider = ldap
access_provider = ldap
ldap_access_order = expire, pwd_expire_policy_renew
ldap_account_expire_policy = shadow
ldap_pwd_policy = shadow
ldap_uri = {ldap}
ldap_search_base = {base}
ldap_schema = rfc2307bis
ldap_id_use_start_tls = true
ldap_tls_reqcert = never
ldap_default_bind_dn = {who}
ldap_default_authtok = {password}
"""
NSSWITCH = "passwd: files sss\ngroup: files sss\nshadow: files\nhosts: files\n"
MODULES = ("auth", "account", "password")
STATE = ("db", "mc", "pipes/private", "pubconf/krb5.include.d", "gpo_cache", "secrets", "deskprofile")


@pytest.fixture(scope="session")
def sssd(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    for peer in ("sssd", "sssctl", "unshare"):
        require(peer)
    folder = tmp_path_factory.mktemp("sssd")
    for place in ("etc/conf.d", "pam.d", *(f"state/{name}" for name in STATE)):
        (folder / place).mkdir(parents=True)
    configuration = folder / "etc" / "sssd.conf"
    configuration.write_text(SSSD.format(ldap=program.ldap, base=BASE_DN, who=ALICE, password=PASSWORDS["alice"]))
    configuration.chmod(0o600)
    (folder / "nsswitch.conf").write_text(NSSWITCH)
    (pam,) = unpacked("libpam-sss").rglob("pam_sss.so")
    (nss,) = unpacked("libnss-sss").rglob("libnss_sss.so.2")
    (folder / "pam.d" / "outpost").write_text("".join(f"{kind} required {pam}\n" for kind in MODULES))
    running = Namespace(
        folder,
        ["sssd", "-i", "--logger=stderr"],
        empty=["/var/log/sssd", "/run"],
        instead={
            "/etc/nsswitch.conf": folder / "nsswitch.conf",
            "/etc/pam.d": folder / "pam.d",
            "/etc/sssd": folder / "etc",
            "/var/lib/sss": folder / "state",
        },
        LD_LIBRARY_PATH=str(nss.parent),
    )
    try:
        until(lambda: running.run("getent", "-s", "sss", "passwd", "alice").code == 0, START_SECONDS, "sssd", 0.2)
        yield running
    finally:
        running.stop()


def test_sssd_knows_people_and_their_groups(sssd: Namespace) -> None:
    found = sssd.run("id", "bob")
    assert found.code == 0, found.text
    assert set(re.findall(r"\((.*?)\)", found.text)) == {"bob", "engineering", "staff"}
    assert sssd.run("id", "nobody-at-all").code != 0
    number = sssd.run("id", "-u", "bob").text.strip()
    groups = sssd.run("getent", "-s", "sss", "initgroups", "bob").text.split()
    assert (groups[0], number) == ("bob", groups[1])
    assert len(groups) == 4  # one's own, engineering, and staff above it
    account = sssd.run("getent", "-s", "sss", "passwd", number).text.strip()
    assert account.split(":")[0] == "bob"
    assert account.split(":")[5] == "/home/bob"


@pytest.mark.parametrize(
    ("password", "said"), [(PASSWORDS["bob"], "Success"), ("wrong", "Authentication failure")], ids=["right", "wrong"]
)
def test_sssd_lets_people_in(sssd: Namespace, password: str, said: str) -> None:
    answer = sssd.run("sssctl", "user-checks", "bob", "-a", "auth", "-s", "outpost", stdin=f"{password}\n")
    assert f"pam_authenticate for user [bob]: {said}" in answer.text, answer.text


class Newcomer(NamedTuple):
    """Somebody of whom sssd, which remembers, has not heard yet."""

    name: str
    pk: int


@pytest.fixture
def newcomer(program: Program, people: Directory) -> Iterator[Newcomer]:
    name = f"greta-{next(NUMBERS)}"
    pk = add_user(program, name, NEW_PASSWORD, group=people.groups["staff"])
    try:
        yield Newcomer(name, pk)
    finally:
        program.api("PATCH", "admin/settings/", {"password_max_age": "days=0"})
        program.api("DELETE", f"core/users/{pk}/")


def give_another(program: Program, pk: int) -> None:
    given = {"password": f"{NEW_PASSWORD}-given", "must_change_password": True}
    program.api("POST", f"core/users/{pk}/set_password/", given)


def make_old(program: Program, pk: int) -> None:
    program.api("POST", f"core/users/{pk}/set_password/", {"password": f"{NEW_PASSWORD}-given"})
    program.api("PATCH", "admin/settings/", {"password_max_age": f"days={GOOD_DAYS}"})
    with store(program) as opened:
        changed = time.time() - (GOOD_DAYS + 2) * 86_400
        opened.write_now(lambda tx: tx.update(replace(tx.get(User, pk), password_change_date=changed)))


@pytest.mark.parametrize("ends", [pytest.param(give_another, marks=pytest.mark.full), make_old])
def test_sssd_has_people_change_a_password_that_has_ended(
    sssd: Namespace, program: Program, newcomer: Newcomer, ends: Callable[[Program, int], None]
) -> None:
    """By the attributes of shadow(5), after a bind that is good for nothing else; then they are let in."""
    require("pamtester")

    def does(*what: str, types: tuple[str, ...]) -> Answer:
        return sssd.run("pamtester", "outpost", newcomer.name, *what, stdin="".join(f"{line}\n" for line in types))

    old, new = f"{NEW_PASSWORD}-given", f"{NEW_PASSWORD}-chosen"
    ends(program, newcomer.pk)
    until(
        lambda: ldapsearch(program, "alice", f"(&(uid={newcomer.name})(shadowLastChange<={LONG_AGO}))", "uid").dns,
        START_SECONDS,
        "the old password",
    )
    until(lambda: sssd.run("getent", "-s", "sss", "passwd", newcomer.name).code == 0, START_SECONDS, "sssd", 0.2)
    assert "new one required" in does("authenticate", "acct_mgmt", types=(old,)).text
    done = does("authenticate", "chauthtok", types=(old, old, new, new))
    assert done.code == 0, done.text
    until(lambda: does("authenticate", "acct_mgmt", types=(new,)).code == 0, START_SECONDS, "the new password", 0.5)
    assert "Authentication failure" in does("authenticate", types=(old,)).text


def test_sssd_lets_in_who_has_no_password_but_one_for_applications(
    sssd: Namespace, program: Program, newcomer: Newcomer
) -> None:
    """Without shadowLastChange sssd refuses everybody: ``ldap_pwd_policy`` has it look there."""
    require("pamtester")
    given = {"identifier": newcomer.name, "user": newcomer.pk, "intent": "app_password"}
    program.api("POST", "core/tokens/", given)
    password = program.api("GET", f"core/tokens/{newcomer.name}/view_key/")["key"]
    with store(program) as opened:
        bare = replace(opened.read_now(lambda tx: tx.get(User, newcomer.pk)), password=None, password_change_date=None)
        opened.write_now(lambda tx: tx.update(bare))
    until(
        lambda: not ldapsearch(program, "alice", f"(&(uid={newcomer.name})(pwdChangedTime=*))", "uid").dns,
        START_SECONDS,
        "the password being gone",
    )
    until(lambda: sssd.run("getent", "-s", "sss", "passwd", newcomer.name).code == 0, START_SECONDS, "sssd", 0.2)
    let_in = sssd.run("pamtester", "outpost", newcomer.name, "authenticate", "acct_mgmt", stdin=f"{password}\n")
    assert let_in.code == 0, let_in.text


def test_sssd_refuses_whose_account_has_ended(sssd: Namespace, program: Program, newcomer: Newcomer) -> None:
    """Also who comes without a password: by a key of SSH."""
    ended = datetime.fromtimestamp(LONG_AGO * 86_400, UTC).isoformat()
    program.api("PATCH", f"core/users/{newcomer.pk}/", {"valid_until": ended})
    until(
        lambda: ldapsearch(program, "alice", f"(&(uid={newcomer.name})(shadowExpire=*))", "uid").dns,
        START_SECONDS,
        "the end",
    )
    until(lambda: sssd.run("getent", "-s", "sss", "passwd", newcomer.name).code == 0, START_SECONDS, "sssd", 0.2)
    assert "User account has expired" in sssd.run("pamtester", "outpost", newcomer.name, "acct_mgmt").text
    refused = sssd.run("pamtester", "outpost", newcomer.name, "authenticate", stdin=f"{NEW_PASSWORD}\n")
    assert "Authentication failure" in refused.text, refused.text


# --- Apache --------------------------------------------------------------------------------------------------------

APACHE = """\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
DocumentRoot {folder}/pages
Listen 127.0.0.1:{port}
{modules}
<Location />
    AuthType Basic
    AuthName people
    AuthBasicProvider ldap
{people}
</Location>
<Location /user>
    Require ldap-user bob
</Location>
<Location /group>
    Require ldap-group cn=engineering,ou=groups,{base}
</Location>
<Location /parent>
{people}
    AuthLDAPMaxSubGroupDepth 2
    Require ldap-group cn=staff,ou=groups,{base}
</Location>
<Location /filter>
    Require ldap-filter memberOf=cn=staff,ou=groups,{base}
</Location>
<Location /attribute>
    Require ldap-attribute mail=bob@example.com
</Location>
"""
APACHE_PEOPLE = """\
    AuthLDAPURL "{ldap}/{base}?uid?sub?(objectClass=inetOrgPerson)"
    AuthLDAPBindDN "{who}"
    AuthLDAPBindPassword "{password}"
"""
"""Apache takes these again wherever one more of theirs is set."""
APACHE_MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "ldap", "authnz_ldap")
PAGES = ("user", "group", "parent", "filter", "attribute")


@pytest.fixture(scope="session")
def apache(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    require("apache2")
    folder, port = tmp_path_factory.mktemp("apache"), free_port()
    for page in PAGES:
        (folder / "pages" / page).parent.mkdir(exist_ok=True)
        (folder / "pages" / page).write_text(page)
    folder.chmod(0o755)
    modules = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in APACHE_MODULES]
    configuration = folder / "apache.conf"
    configuration.write_text(
        APACHE.format(
            folder=folder,
            port=port,
            modules="\n".join(modules),
            base=BASE_DN,
            people=APACHE_PEOPLE.format(ldap=program.ldap, base=BASE_DN, who=ALICE, password=PASSWORDS["alice"]),
        )
    )
    running = Namespace(folder, ["apache2", "-D", "FOREGROUND", "-f", str(configuration)])
    try:
        until(lambda: is_listening(port), START_SECONDS, "Apache listening")
        yield f"http://127.0.0.1:{port}"
    finally:
        running.stop()


@pytest.mark.parametrize("page", PAGES)
def test_apache_lets_in_whom_each_rule_names(apache: str, page: str) -> None:
    assert httpx.get(f"{apache}/{page}", timeout=ANSWER_SECONDS).status_code == 401
    assert httpx.get(f"{apache}/{page}", auth=("bob", "wrong"), timeout=ANSWER_SECONDS).status_code == 401
    assert httpx.get(f"{apache}/{page}", auth=("alice", PASSWORDS["alice"]), timeout=ANSWER_SECONDS).status_code == 401
    answer = httpx.get(f"{apache}/{page}", auth=("bob", PASSWORDS["bob"]), timeout=ANSWER_SECONDS)
    assert (answer.status_code, answer.text) == (200, page)


# --- Dovecot -------------------------------------------------------------------------------------------------------

DOVECOT = """\
protocols =
base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
ssl = no
passdb {{
    driver = ldap
    args = {folder}/ldap.conf
}}
userdb {{
    driver = ldap
    args = {folder}/ldap.conf
}}
"""
DOVECOT_LDAP = """\
uris = {ldap}
dn = {who}
dnpass = {password}
auth_bind = yes
base = {base}
pass_filter = (&(objectClass=posixAccount)(uid=%u))
user_filter = (&(objectClass=posixAccount)(uid=%u))
user_attrs = homeDirectory=home,uidNumber=uid,gidNumber=gid
"""


Doveadm = Callable[..., Answer]


@pytest.fixture(scope="session")
def doveadm(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doveadm]:
    """Asks a running Dovecot."""
    require("doveadm")
    folder = tmp_path_factory.mktemp("dovecot")
    configuration = folder / "dovecot.conf"
    configuration.write_text(DOVECOT.format(folder=folder))
    (folder / "ldap.conf").write_text(
        DOVECOT_LDAP.format(ldap=program.ldap, base=BASE_DN, who=ALICE, password=PASSWORDS["alice"])
    )
    running = Namespace(folder, ["dovecot", "-F", "-c", str(configuration)])

    def ask(*what: str) -> Answer:
        return running.run("doveadm", "-c", str(configuration), *what)

    try:
        until(lambda: ask("user", "alice").code == 0, START_SECONDS, "Dovecot", 0.2)
        yield ask
    finally:
        running.stop()


def test_dovecot_finds_people_and_binds_as_them(doveadm: Doveadm) -> None:
    assert "/home/bob" in doveadm("user", "bob").text
    assert doveadm("user", "nobody-at-all").code != 0
    assert "auth succeeded" in doveadm("auth", "test", "bob", PASSWORDS["bob"]).text
    assert "auth failed" in doveadm("auth", "test", "bob", "wrong").text
    assert "auth succeeded" in doveadm("auth", "test", "bob", PASSWORDS["bob"]).text
