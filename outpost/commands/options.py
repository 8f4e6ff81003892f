"""What commands take, and what ``--help`` says; `outpost.commands.files_help` has those that read and write YAML."""

from __future__ import annotations

import argparse
from ipaddress import ip_address
from pathlib import Path

from rules.spans import seconds

RADIUS_METHODS = ("pap", "chap", "mschapv2", "status", "accounting")
"""`protocols.radius.asking` has the same; every start would load its ciphers."""

LONGEST_LINK = 30 * 86_400.0
"""Seconds: whoever finds it later has an account."""


def run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)  # said by a parent alone


def explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", required=True, metavar="NAME", help="login name or e-mail address")
    parser.add_argument("--application", required=True, metavar="SLUG", help="slug or name")
    parser.add_argument("--protocol", default="", help="ldap, radius, proxy, oauth2 (default: the provider's)")
    parser.add_argument(
        "--from", dest="peer", type=_address, default="", metavar="ADDRESS", help="where the request comes from"
    )
    parser.add_argument("--station", default="", metavar="MAC", help="RADIUS: the Calling-Station-Id")
    parser.add_argument(
        "--with",
        dest="attributes",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what else the request says: nas, ssid, host, path, method; LDAP: tls (yes or no), base, filter",
    )
    parser.add_argument(
        "--header",
        dest="headers",
        type=_line,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="forward-auth: a header line of the browser's request",
    )
    parser.add_argument("--scheme", choices=("https", "http"), default="https", help="forward-auth: of its address")
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def _address(text: str) -> str:
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address") from None


def _line(text: str) -> tuple[str, str]:
    name, sign, value = text.partition(":")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not 'NAME: VALUE'")
    return name, value


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def tail(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", default="", metavar="NAME", help="only what this user did or tried")
    parser.add_argument("--nas", default="", metavar="NAME", help="only what came through this NAS, by name or address")
    parser.add_argument("--host", default="", help="only what was asked for this host")
    parser.add_argument("--application", default="", metavar="SLUG", help="only this application, or provider (pk)")
    parser.add_argument("--reason", default="", metavar="CODE", help="only this reason, or action")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("-n", "--lines", type=_count, default=10, metavar="N", help="how many to begin with (10)")
    parser.add_argument("--no-follow", action="store_true", help="end after those")


def throttles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "clear"), default="list", help="list (default) or clear")
    parser.add_argument("--user", default="", metavar="NAME", help="only of this login name")


def remove_factors(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER", help="login name of whose they are")


def recovery_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER", help="login name of who forgot the password")
    help = "how long the link is good, in minutes or as hours=2 (60 minutes)"
    parser.add_argument("lasts", metavar="DURATION", type=_lasting, nargs="?", default=3600.0, help=help)


def _lasting(text: str) -> float:
    try:
        lasts = seconds(f"minutes={text}" if text.isdecimal() else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 < lasts <= LONGEST_LINK:
        raise argparse.ArgumentTypeError("choose a minute at least, and 30 days at most")
    return lasts


def test_email(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="who gets it")


def issue_certificate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER", help="login name of whom it is for")
    parser.add_argument("--name", required=True, help="what it is for, such as a laptop's name")
    parser.add_argument("--authority", default="Outpost authority", help="which one issues it; made if there is none")
    parser.add_argument("--days", type=_count, default=365, metavar="N", help="how long it is valid (365)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="new file, PKCS #12")


def radius_test(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "The shared secret is taken from RADIUS_SECRET, the password from RADIUS_PASSWORD."
    parser.add_argument("server", metavar="HOST[:PORT]", help="any RADIUS server; its usual port if none is given")
    parser.add_argument("--method", choices=RADIUS_METHODS, default="pap", help="what to try (pap)")
    parser.add_argument("--user", default="test", metavar="NAME", help="whose login to try (test)")


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("it must not be negative")
    return number


def doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--proxy",
        default="",
        metavar="URL",
        help="look at your reverse proxy instead: a page behind it, as people type it; best one that shows what it was "
        "sent",
    )
    parser.add_argument(
        "--connect", default="", metavar="HOST", help="where the proxy is, if its name does not lead there"
    )


def backup(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The passphrase is taken from OUTPOST_BACKUP_PASSPHRASE, or asked for. The program may run meanwhile. For "
        "every night: outpost backup --with-secret-key --keep 14 /var/backups/outpost"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a new file; in a folder, one named by the time")
    parser.add_argument(
        "--keep", type=_positive, metavar="N", help="FILE is a folder: delete older ones in it, but for N"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--with-secret-key", dest="secret_key", action="store_true", help="put the secret key inside")
    which.add_argument("--without-secret-key", dest="secret_key", action="store_false", help="leave it out")
    parser.set_defaults(secret_key=None)


def restore(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Stop the program first. The passphrase is taken from OUTPOST_BACKUP_PASSPHRASE, or asked for. The backup may "
        "come from SQLite and go to PostgreSQL, or the other way round, and be of any older version."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="what `outpost backup` wrote")
    parser.add_argument("--replace", action="store_true", help="give up what is stored now")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number
