"""docs/moving-in.md, run as it is printed beside `outpost up`; then people come in with what they brought along."""

from __future__ import annotations

import signal
import sys
from itertools import count
from pathlib import Path

import pytest

from control.moving_in import Access, ldap
from tests.control.moving_in.test_ldif import SSHA
from tests.control.stores import drive
from tests.readme import TREE, examples, missing_lines
from tests.wire import processes
from tests.wire.clients import run
from tests.wire.foreign_directory import MANY, READER, READER_PASSWORD, SUFFIX, foreign_directory, person
from tests.wire.program import SOON, Program, until
from tests.wire.test_operations import printed_by

pytestmark = pytest.mark.peer

EXAMPLES = examples((TREE / "docs" / "moving-in.md").read_text())
DIRECTORY = """
providers: {moved: {kind: ldap, base_dn: "dc=moved"}}
applications: {moved: {provider: moved, bindings: [{group: newcomers}]}}
outposts: {embedded: {providers: [moved]}}
"""


def test_every_command_prints_what_is_shown_and_the_old_password_is_good(tmp_path: Path) -> None:
    program = Program(tmp_path, "up").start()
    try:
        for example in EXAMPLES:
            output = printed_by(example, program)
            assert missing_lines(example.lines, output) == [], f"{example.commands}\nprinted:\n{output}"
        (program.folder / "moved.yml").write_text(DIRECTORY)
        applied = program.command("apply", "moved.yml")
        assert applied.returncode == 0, applied.stderr

        def bind(password: str) -> int:
            who = ("-D", "cn=erin,ou=users,dc=moved", "-w", password)
            return run("ldapwhoami", "-x", "-H", program.ldap, *who).code

        until(lambda: bind("fargle") == 0 or None, SOON, "erin's old password being good")
        assert bind("fargle2") == 49
    finally:
        assert program.stop() == 0, program.output()


MOST = 400


def killed(program: Program, text: str) -> Program | None:
    """The import's, unless that came to its end first."""
    (program.folder / "directory.ldif").write_text(text)
    command = [sys.executable, "-m", "outpost", "import", "ldif", "directory.ldif"]
    with program.log.open("wb") as log:
        importing = processes.start(command, cwd=program.folder, env=program.environ, stdout=log, stderr=log)
    until(lambda: f"100 of {MOST + 1} records" in program.output(), SOON, "the first people being there")
    return program if processes.stop(importing, signal.SIGKILL) == -signal.SIGKILL else None


def test_one_that_is_killed_is_run_again(tmp_path: Path) -> None:
    """Killed without a word among its transactions."""
    people = "".join(f"dn: uid=u{n},dc=x\nobjectClass: person\nuid: u{n}\ncn: U {n}\n\n" for n in range(MOST))
    members = "".join(f"member: uid=u{n},dc=x\n" for n in range(MOST))
    text = f"{people}dn: cn=all,dc=x\nobjectClass: groupOfNames\ncn: all\n{members}"
    folders = (tmp_path / str(number) for number in count())
    cut = until(lambda: killed(Program(next(folders), "up"), text), 2 * SOON, "one that was killed before its end")
    again = cut.command("import", "ldif", "directory.ldif")
    made = again.stdout.count("created user u")
    assert again.returncode == 0, again.stderr
    assert 0 < made <= MOST - 100
    exported = cut.command("export", "--all").stdout
    assert exported.count("    name: U ") == MOST
    assert exported.count("    - u") == MOST


NEWCOMERS = f"""\
dn: {person("erin")}
changetype: add
objectClass: inetOrgPerson
objectClass: posixAccount
uid: erin
cn: Erin Example
sn: Example
uidNumber: 12001
gidNumber: 12000
homeDirectory: /srv/erin
jpegPhoto:: /9j/4A==
userPassword: {SSHA}

dn: cn=staff,ou=groups,{SUFFIX}
changetype: add
objectClass: groupOfNames
cn: staff
member: cn=newcomers,ou=groups,{SUFFIX}

dn: cn=newcomers,ou=groups,{SUFFIX}
changetype: add
objectClass: groupOfNames
cn: newcomers
member: {person("erin")}
"""


def test_a_running_slapd_is_asked_itself(tmp_path: Path) -> None:
    program = Program(tmp_path / "ours", "up")
    with foreign_directory(tmp_path / "slapd") as slapd:
        slapd.change(NEWCOMERS)
        authority = slapd.folder / "authority.pem"
        tls = f"ldaps://localhost:{slapd.ldaps}/{SUFFIX}"
        heard = list[str]()
        found = drive(ldap.fetch(tls, Access(authority=authority, tell=heard.append)))
        assert len(found.sections["users"]) == MANY + 3
        assert heard == ["1,000 entries read"]
        assert any("(a referral)" in line for line in found.told())

        few = f"{slapd.uri}/{SUFFIX}??sub?(|(uid=erin)(uid=alice)(objectClass=groupOfNames))"
        asked = ("import", "ldap", few, "--bind-dn", READER)
        trusting = ("--authority", str(authority))

        def told(password: str, *arguments: str) -> tuple[int, str, str]:
            program.environ["IMPORT_PASSWORD"] = password
            done = program.command(*arguments)
            return done.returncode, done.stdout, done.stderr

        assert "certificate" in told(READER_PASSWORD, *asked)[2]
        assert "result 49: the name or the password is wrong" in told("wrong", *asked, *trusting)[2]
        code, output, _ = told(READER_PASSWORD, *asked, *trusting, "--dry-run")
        assert (code, "6 to create" in output) == (0, True), output
        code, output, errors = told(READER_PASSWORD, *asked, *trusting)
        assert code == 0, errors
        assert "set the password of user erin" in output
        assert "created group newcomers" in output
        assert "nobody here is" not in output
        assert "nothing to change" in told(READER_PASSWORD, *asked, *trusting)[1]
    exported = program.command("export", "--all").stdout
    assert all(one in exported for one in ("jpegPhoto: /9j/4A==", "uidNumber: '12001'", "parents: [staff]")), exported
