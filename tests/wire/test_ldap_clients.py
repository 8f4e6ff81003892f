"""Real clients of LDAP beyond bind and search: OpenLDAP's tools, ldap3 with the whole schema, python-ldap."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import ldap
import pytest
from ldap.controls.libldap import SimplePagedResultsControl

from tests.wire.clients import ldapsearch, run, user_dn
from tests.wire.directory import BASE_DN, PASSWORDS, Directory, add_user
from tests.wire.program import SOON, Program, until

with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # ldap3 uses old names of pyasn1
    import ldap3

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("people")]

ENGINEERING = f"cn=engineering,ou=groups,{BASE_DN}"


def tool(program: Program, name: str, *what: str, who: str = "alice") -> tuple[int, str]:
    done = run(name, "-x", "-H", program.ldap, "-D", user_dn(who), "-w", PASSWORDS[who], *what)
    return done.code, done.text


def test_ldapsearch_in_pages(program: Program) -> None:
    whole = ldapsearch(program, "alice", "(|(uid=alice)(uid=bob)(uid=carol))", "uid")
    pages = ldapsearch(program, "alice", "-E", "!pr=1/noprompt", "(|(uid=alice)(uid=bob)(uid=carol))", "uid")
    assert pages.code == 0, pages.text
    assert sorted(pages.dns) == sorted(whole.dns)
    assert len(pages.dns) == 3


def test_ldapsearch_sorted(program: Program) -> None:
    three = "(|(uid=alice)(uid=bob)(uid=carol))"
    assert ldapsearch(program, "alice", "-E", "!sss=-uid", three, "uid").values("uid") == ["carol", "bob", "alice"]


def test_limits(program: Program) -> None:
    limited = ldapsearch(program, "alice", "-z", "1", "(|(uid=alice)(uid=bob))", "uid")
    assert (limited.code, len(limited.dns)) == (4, 1), limited.text


@pytest.mark.parametrize(
    ("name", "assertion", "code"),
    [
        (ENGINEERING, f"member:{user_dn('bob')}", 6),
        (ENGINEERING, f"uniqueMember:{user_dn('alice')}", 5),
        (ENGINEERING, "objectClass:groupOfNames", 6),
        (user_dn("bob"), "telephoneNumber:1", 16),
        (f"cn=nobody,ou=users,{BASE_DN}", "uid:x", 32),
    ],
)
def test_ldapcompare(program: Program, name: str, assertion: str, code: int) -> None:
    found, text = tool(program, "ldapcompare", name, assertion)
    assert found == code, text


def test_ldapwhoami(program: Program) -> None:
    code, text = tool(program, "ldapwhoami", who="bob")
    assert (code, text.strip()) == (0, f"dn:{user_dn('bob')}")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("-ZZ",), 0),
        (("-ZZ", "-X", f"dn:uid=BOB,ou=users,{BASE_DN}"), 0),
        (("-ZZ", "-X", "u:alice"), 49),
        ((), 13),
    ],
)
def test_sasl_plain(program: Program, options: tuple[str, ...], code: int) -> None:
    plain = ("-Y", "PLAIN", "-O", "minssf=0", "-U", "bob", "-w", PASSWORDS["bob"])
    answer = run("env", "LDAPTLS_REQCERT=never", "ldapwhoami", "-H", program.ldap, *options, *plain)
    if code != 13:  # in the clear the tool finds no mechanism that it is offered, and asks nothing
        assert (answer.code, f"dn:{user_dn('bob')}" in answer.text) == (code, code == 0), answer.text
    else:
        assert "No worthy mechs found" in answer.text


def test_nested_groups_in_both_directions(program: Program) -> None:
    down = ldapsearch(program, "alice", f"(memberOf:1.2.840.113556.1.4.1941:=cn=staff,ou=groups,{BASE_DN})", "1.1")
    assert user_dn("bob") in down.dns
    up = ldapsearch(program, "alice", f"(member:1.2.840.113556.1.4.1941:={user_dn('bob')})", "1.1")
    assert {ENGINEERING, f"cn=staff,ou=groups,{BASE_DN}"} <= set(up.dns)


def test_writing_is_refused_with_a_sentence(program: Program) -> None:
    code, text = tool(program, "ldapdelete", user_dn("bob"))
    assert code == 53, text
    assert "only read" in text


def test_ldap3_checks_everything_against_the_schema(program: Program) -> None:
    host, port = program.place("ldap")
    server = ldap3.Server(host, port, get_info=ldap3.ALL)
    client = ldap3.Connection(
        server, user_dn("alice"), PASSWORDS["alice"], auto_bind=True, check_names=True, raise_exceptions=True
    )
    try:
        assert server.schema.attribute_types["memberOf"]
        assert client.search(BASE_DN, f"(memberOf={ENGINEERING})", attributes=["uid", "memberOf", "entryUUID"])
        assert [entry.uid.value for entry in client.entries] == ["bob"]
        found = client.extend.standard.paged_search(
            BASE_DN, "(objectClass=posixAccount)", attributes=ldap3.ALL_ATTRIBUTES, paged_size=2, generator=False
        )
        assert {"alice", "bob", "carol"} <= {entry["attributes"]["uid"][0] for entry in found}
        assert client.extend.standard.who_am_i() == f"dn:{user_dn('alice')}"
        assert client.compare(ENGINEERING, "member", user_dn("bob"))
    finally:
        client.unbind()  # leaving a `with` would leave a connection that was bound before it as it was


def test_python_ldap_in_pages(program: Program) -> None:
    client = ldap.initialize(program.ldap)
    client.simple_bind_s(user_dn("alice"), PASSWORDS["alice"])
    control = SimplePagedResultsControl(True, size=2, cookie="")
    names = []
    while True:
        message = client.search_ext(BASE_DN, ldap.SCOPE_SUBTREE, "(objectClass=posixAccount)", serverctrls=[control])
        _, entries, _, controls = client.result3(message)
        names += [name for name, _ in entries]
        control.cookie = controls[0].cookie
        if not control.cookie:
            break
    client.unbind_s()
    assert len(names) == len(set(names)) >= 3


def test_one_call_makes_an_account_for_an_application(program: Program, people: Directory) -> None:
    asked = {"name": "reader", "expiring": False, "ldap_provider": people.providers["ldap"]}
    made = program.api("POST", "core/users/service_account/", asked)
    bind = ("-x", "-H", program.ldap, "-D", made["ldap_bind_dn"], "-w", made["token"])

    def names() -> set[str]:
        found = run("ldapsearch", "-LLL", *bind, "-b", BASE_DN, "(|(uid=alice)(uid=bob)(uid=carol))", "uid")
        return set(found.values("uid"))

    try:
        until(lambda: names() == {"alice", "bob", "carol"}, SOON, "the account reading everybody", 0.2)
    finally:
        role = program.api("GET", f"core/groups/{made['group_pk']}/")["roles"][0]
        program.api("DELETE", f"core/users/{made['user_pk']}/")
        bindings = program.api("GET", "policies/bindings/", query={"target": people.applications["ldap"]})["results"]
        for line in bindings:
            if line["group"] == made["group_pk"]:
                program.api("DELETE", f"policies/bindings/{line['pk']}/")
        program.api("DELETE", f"core/groups/{made['group_pk']}/")
        program.api("DELETE", f"rbac/roles/{role}/")


# --- one's own password --------------------------------------------------------------------------------------------

PAT, PATS = user_dn("pat"), "pat-password-1"


@pytest.fixture
def pat(program: Program, people: Directory) -> Iterator[str]:
    """Somebody whose password may change."""
    pk = add_user(program, "pat", PATS, group=people.groups["staff"])
    until(lambda: ldapsearch(program, "pat", "(uid=pat)", password=PATS).code == 0, SOON, "pat's being let in")
    yield PAT
    program.api("DELETE", f"core/users/{pk}/")


def ldappasswd(program: Program, *what: str, password: str = PATS) -> str:
    bind = ("-x", "-H", program.ldap, "-D", PAT, "-w", password)
    return run("env", "LDAPTLS_REQCERT=never", "ldappasswd", *bind, *what).text


def bind_code(program: Program, password: str) -> int:
    return ldapsearch(program, "pat", "(uid=pat)", password=password).code


@pytest.mark.usefixtures("pat")
def test_ldappasswd(program: Program) -> None:
    new = "pat has another one"
    assert "(13)" in ldappasswd(program, "-a", PATS, "-s", new)  # not without TLS
    assert "(49)" in ldappasswd(program, "-ZZ", "-a", "wrong", "-s", new)
    assert "8 characters" in ldappasswd(program, "-ZZ", "-a", PATS, "-s", "short")
    assert ldappasswd(program, "-ZZ", "-a", PATS, "-s", new) == ""
    assert bind_code(program, new) == 0
    assert bind_code(program, PATS) == 49
    made = ldappasswd(program, "-ZZ", "-a", new, password=new).rpartition("New password: ")[2].strip()
    assert bind_code(program, made) == 0
    assert "(50)" in ldappasswd(program, "-ZZ", "-a", made, "-s", new, user_dn("alice"), password=made)


@pytest.mark.usefixtures("pat")
def test_python_ldap_changes_a_password_and_goes_on(program: Program) -> None:
    client = ldap.initialize(program.ldap)
    client.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_NEVER)
    client.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    try:
        client.start_tls_s()
        client.simple_bind_s(PAT, PATS)
        client.passwd_s(PAT, PATS, "pat has another one")
        assert client.whoami_s() == f"dn:{PAT}"
        client.modify_s(PAT, [(ldap.MOD_REPLACE, "userPassword", [b"pat has a third one"])])
        assert client.whoami_s() == f"dn:{PAT}"
        with pytest.raises(ldap.UNWILLING_TO_PERFORM, match="userPassword alone"):
            client.modify_s(PAT, [(ldap.MOD_REPLACE, "mail", [b"pat@example.org"])])
    finally:
        client.unbind_s()
    assert bind_code(program, "pat has a third one") == 0
