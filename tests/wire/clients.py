"""Real clients, run once each: what they print and how they exit."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.wire.directory import BASE_DN, PASSWORDS, SHARED_SECRET
from tests.wire.program import Program

CLIENT_SECONDS = 90
PATIENT = ("-t", "30")
"""radclient's, for one answer of those that are sure to come, on a machine that others use, too."""


@dataclass(frozen=True)
class Answer:
    code: int
    text: str

    @property
    def dns(self) -> list[str]:
        return re.findall(r"^dn: (.*)$", self.text, re.MULTILINE)

    def values(self, attribute: str) -> list[str]:
        return re.findall(rf"^{attribute}: (.*)$", self.text, re.MULTILINE)


def run(*command: str, stdin: str = "", folder: Path | None = None) -> Answer:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=CLIENT_SECONDS, cwd=folder, check=False
    )
    return Answer(done.returncode, done.stdout + done.stderr)


def user_dn(name: str, rdn: str = "cn") -> str:
    return f"{rdn}={name},ou=users,{BASE_DN}"


def ldapsearch(
    program: Program, who: str | None, *what: str, password: str | None = None, rdn: str = "cn", base: str = BASE_DN
) -> Answer:
    """``who`` is a user's name; None binds anonymously. ``what``: filter and attributes, or further options."""
    bind = [] if who is None else ["-D", user_dn(who, rdn), "-w", password if password is not None else PASSWORDS[who]]
    return run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-x", "-H", program.ldap, *bind, "-b", base, *what)


def accounting(
    program: Program, *attributes: str, secret: str = SHARED_SECRET, options: tuple[str, ...] = ()
) -> Answer:
    """radclient's Accounting-Request, and a copy of it. ``options``: as of `radclient`."""
    host, port = program.place("radius_acct")
    request = "\n".join(attributes) + "\n"
    return run("radclient", "-x", *PATIENT, "-r", "2", *options, f"{host}:{port}", "acct", secret, stdin=request)


def radclient(
    program: Program,
    who: str,
    password: str,
    *,
    secret: str = SHARED_SECRET,
    attributes: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
) -> Answer:
    """``options`` stand behind those that it has anyway: who waits for silence does so with less patience."""
    host, port = program.place("radius")
    request = "\n".join([f'User-Name = "{who}"', f'User-Password = "{password}"', *attributes]) + "\n"
    return run("radclient", "-x", *PATIENT, "-r", "1", *options, f"{host}:{port}", "auth", secret, stdin=request)
