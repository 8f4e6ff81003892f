"""What ``outpost plan``, ``apply``, ``import`` and ``export`` take, and what their ``--help`` says of files."""

from __future__ import annotations

import argparse
from pathlib import Path

FILES = """\
FILE is YAML; of a folder, all files that end in .yml or .yaml count together. They say under users, groups, providers,
applications and so on what each is called and which fields of the API it has; one record names another by its name:

    users:
      bob: {email: bob@example.com, initial_password: env://BOB_PASSWORD}
    groups:
      staff: {users: [bob]}

A file owns what it makes: what is no longer in it is deleted. It touches nothing else, unless `adopt: true` stands with
the record, or at the top of the file; `formerly: NAME` there is how a renamed file was called. env://NAME and
file:///path stand for secrets. Under settings, system and mail have what there is once: it is changed, not deleted."""


def apply_options(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"{FILES}\n\nNothing is written if anything is wrong. `outpost plan` shows what would change."


def plan_options(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        f"{FILES}\n\nExit codes: 0 nothing would change, 2 something would, 1 it cannot be said.\n"
        "Colours only on a terminal, and not if NO_COLOR is set."
    )


def export_options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--owned", dest="all", action="store_false", help="what applied files own (default)")
    which.add_argument("--all", action="store_true", help="everything that differs from an empty installation")
    parser.set_defaults(all=False)
    parser.epilog = (
        "Goes to standard output. Secrets are written as names of variables, which the first lines list; passwords of "
        "people are not written at all. To keep what is there in a file from now on: outpost export --all > here.yml, "
        "set the variables, outpost apply here.yml."
    )


IMPORTED = ("ldif", "authelia", "freeradius", "lldap", "oauth2-proxy", "authentik", "ldap")
"""`control.moving_in` has the same, and what it takes to read them."""


def importing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=IMPORTED, metavar="KIND", help=f"what FILE is: {', '.join(IMPORTED)}")
    parser.add_argument("file", metavar="FILE", help="of authentik and ldap: its address")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--adopt", action="store_true", help="take over what is here already and belongs to nobody")
    parser.add_argument("--bind-dn", metavar="DN", default="", help="ldap: who asks; without it, nobody (anonymous)")
    parser.add_argument(
        "--authority", metavar="PEM", type=Path, help="authentik, ldap: who has to have issued its certificate"
    )
    parser.add_argument(
        "--without-tls",
        action="store_true",
        help="ldap: only for ldap:// on this machine; authentik: http://, which anybody on the way can read",
    )
    parser.epilog = (
        "authentik: https://HOST, with a token in IMPORT_TOKEN. ldap: ldaps://HOST/BASE, or ldap:// with StartTLS, and "
        "perhaps a filter behind it (RFC 4516), with the password in IMPORT_PASSWORD or typed when asked for. "
        "It adds and changes, and takes nothing away; run it as often as you like. What was not understood is told at "
        "the end, with its line. docs/moving-in.md says what becomes of what."
    )
