"""ldapsearch against the program: binds by cn and uid, one's own entry, the directory for a superuser."""

import pytest

from tests.wire.apart import questions
from tests.wire.clients import ldapsearch, run, user_dn
from tests.wire.directory import BASE_DN, PASSWORDS, Directory, add_user
from tests.wire.doors import hear_of
from tests.wire.program import Program

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("people")]


@pytest.mark.parametrize("rdn", ["cn", "uid", "CN", "UID"])
def test_a_user_binds_by_cn_and_by_uid_and_sees_their_own_entry(program: Program, rdn: str) -> None:
    answer = ldapsearch(program, "bob", "(objectClass=user)", "cn", "uid", "mail", "memberOf", rdn=rdn)
    assert answer.code == 0, answer.text
    assert answer.dns == [user_dn("bob")]
    assert answer.values("uid") == ["bob"]
    assert answer.values("mail") == ["bob@example.com"]
    assert sorted(answer.values("memberOf")) == [
        f"cn=engineering,ou=groups,{BASE_DN}",
        f"cn=staff,ou=groups,{BASE_DN}",
    ]


def test_a_user_sees_their_groups_and_nobody_elses(program: Program) -> None:
    answer = ldapsearch(program, "bob", "(objectClass=group)", "cn", "member", base=f"ou=groups,{BASE_DN}")
    assert answer.code == 0, answer.text
    assert sorted(answer.values("cn")) == ["engineering", "staff"]
    assert "alice" not in answer.text


@pytest.mark.parametrize(
    ("who", "password", "code"),
    [("bob", "wrong", 49), ("nobody", "whatever", 49), ("carol", PASSWORDS["carol"], 50), ("bob", "", 53)],
)
def test_refusals_have_their_codes(program: Program, who: str, password: str, code: int) -> None:
    answer = ldapsearch(program, who, "(objectClass=*)", password=password)
    assert answer.code == code, answer.text
    assert answer.dns == []


def test_a_superuser_sees_everyone_by_any_filter(program: Program) -> None:
    answer = ldapsearch(program, "alice", "(&(objectClass=user)(|(uid=bob)(mail=carol@example.com)))", "uid")
    assert answer.code == 0, answer.text
    assert sorted(answer.values("uid")) == ["bob", "carol"]
    negated = ldapsearch(program, "alice", "(&(objectClass=user)(!(uid=bob))(uid=*o*))", "uid")
    assert "bob" not in negated.values("uid")
    assert "carol" in negated.values("uid")


@pytest.mark.parametrize(
    ("scope", "base", "expected"),
    [
        ("base", user_dn("bob"), 1),
        ("one", f"ou=users,{BASE_DN}", 3),
        ("one", BASE_DN, 0),
        ("sub", f"ou=groups,{BASE_DN}", 0),
    ],
)
def test_scopes(program: Program, scope: str, base: str, expected: int) -> None:
    found = ldapsearch(program, "alice", "-s", scope, "(|(uid=alice)(uid=bob)(uid=carol))", "uid", base=base)
    assert found.code == 0, found.text
    assert len(found.dns) == expected


def test_a_base_that_does_not_exist_is_said_to_be_missing(program: Program) -> None:
    assert ldapsearch(program, "alice", "(uid=bob)", base=f"ou=nowhere,{BASE_DN}").code == 32


def test_anyone_reads_the_root_dse_and_nothing_more(program: Program) -> None:
    root = ldapsearch(program, None, "-s", "base", "(objectClass=*)", "namingContexts", "supportedLDAPVersion", base="")
    assert root.code == 0, root.text
    assert BASE_DN in [context.lower() for context in root.values("namingContexts")]
    assert root.values("supportedLDAPVersion") == ["3"]
    denied = ldapsearch(program, None, "(uid=bob)")
    assert denied.code == 50, denied.text
    assert denied.dns == []


def test_starttls_and_ldaps(program: Program) -> None:
    environment = [
        "env",
        "LDAPTLS_REQCERT=allow",
        "ldapsearch",
        "-LLL",
        "-x",
        "-D",
        user_dn("bob"),
        "-w",
        PASSWORDS["bob"],
    ]
    started = run(*environment, "-ZZ", "-H", program.ldap, "-b", BASE_DN, "(uid=bob)", "uid")
    assert started.code == 0, started.text
    host, port = program.place("ldaps")
    over_tls = run(*environment, "-H", f"ldaps://{host}:{port}", "-b", BASE_DN, "(uid=bob)", "uid")
    assert over_tls.values("uid") == ["bob"], over_tls.text


def test_an_unknown_critical_control_is_refused_and_an_uncritical_one_ignored(program: Program) -> None:
    assert ldapsearch(program, "alice", "-E", "!1.2.3.4=:x", "(uid=bob)").code == 12
    assert ldapsearch(program, "alice", "-E", "1.2.3.4=:x", "(uid=bob)").code == 0


def test_a_first_bind_asks_control_once_and_a_known_one_not_at_all(program: Program, people: Directory) -> None:
    add_user(program, "dora", "dora-password-4", group=people.groups["staff"])
    hear_of(program, "dora")
    assert questions(program, "dora") == 0
    for _ in range(3):
        assert ldapsearch(program, "dora", "(objectClass=*)", password="dora-password-4").code == 0
        assert questions(program, "dora") == 1
