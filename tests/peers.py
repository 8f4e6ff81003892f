"""The real programs that tests talk to, and where they come from. ``python tests/peers.py`` installs what is missing.

Imports the standard library alone: it runs before the test dependencies are there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

PEERS: dict[str, str] = {
    "ldapsearch": "ldap-utils",
    "slapd": "slapd",
    "freeradius": "freeradius",
    "radclient": "freeradius-utils",
    "nginx": "nginx-light",
    "caddy": "caddy",
    "haproxy": "haproxy",
    "chromium": "chromium",
    "wrk": "wrk",
    "psql": "postgresql",
    "pgbouncer": "pgbouncer",
    "curl": "curl",
    "eapol_test": "eapoltest",
    "hostapd": "hostapd",
    "pamtester": "pamtester",
    "radsecproxy": "radsecproxy",
    "wpa_supplicant": "wpasupplicant",
    "sssd": "sssd-ldap",
    "sssctl": "sssd-tools",
    "apache2": "apache2-bin",
    "doveadm": "dovecot-core",
    "nslcd": "nslcd",
    "postmap": "postfix-ldap",
    "squid": "squid",
    "php": "php-cli",
    "perl": "perl",
    "faketime": "faketime",
}
"""Program to the Debian package that has it."""

BUILD_PACKAGES = ("gcc", "libldap2-dev", "libsasl2-dev", "libc6-dev", "libssl-dev")
"""python-ldap is built from source, and so are the load generators."""

PARTS = ("dovecot-ldap", "libapache2-mod-auth-openidc", "freeradius-ldap", "libnet-ldap-perl", "php-ldap")
"""Of programs that are named above."""

SAMBA = (
    "samba",
    "samba-ad-provision",
    "samba-common-bin",
    "samba-dsdb-modules",
    "samba-libs",
    "samba-vfs-modules",
    "libgpgme11",
    "libldb2",
    "libwbclient0",
    "python3-ldb",
    "python3-samba",
    "python3-talloc",
    "python3-tdb",
)
"""All of a domain controller; what else it needs comes with sssd."""

UNPACKED = ("libnss-sss", "libpam-sss", "libpam-radius-auth", "libnss-ldapd", *SAMBA)
"""Installing these would change how this machine finds people, or serve files from it: they are unpacked beside it."""

POLICY = Path("/usr/sbin/policy-rc.d")
"""While it is there and exits 101, installing a server does not start it."""


def find(program: str) -> str | None:
    """Where the program is; servers are in sbin, which a person's PATH may lack."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def require(program: str) -> str:
    """Where the program is. Without it the test is skipped, and under CI it fails."""
    where = find(program)
    if where is None:
        _cannot(f"{program} is missing; 'make test' installs it as root")
    return where


def require_root() -> None:
    """Namespaces are made by root alone. Otherwise as `require`."""
    if os.geteuid() != 0:
        _cannot("namespaces need root; run the tests as root")


def _cannot(why: str) -> NoReturn:
    import pytest

    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def missing_packages() -> list[str]:
    wanted = [package for program, package in PEERS.items() if find(program) is None]
    return sorted(wanted + [package for package in (*BUILD_PACKAGES, *PARTS) if not _installed(package)])


def unpacked(package: str) -> Path:
    """Where one of `UNPACKED` is, in the virtual environment."""
    return Path(sys.prefix) / "peers" / package


def require_unpacked(packages: Sequence[str]) -> list[Path]:
    """Where they are. Otherwise as `require`."""
    for package in packages:
        if not unpacked(package).is_dir():
            _cannot(f"{package} is missing; 'make test' unpacks it as root")
    return [unpacked(package) for package in packages]


def not_unpacked() -> list[str]:
    return [package for package in UNPACKED if not unpacked(package).is_dir()]


def _installed(package: str) -> bool:
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True, check=False
    )
    return answer.stdout.endswith(" installed")


def install(packages: list[str]) -> None:
    own_policy = not POLICY.exists()
    if own_policy:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *packages)
    finally:
        if own_policy:
            POLICY.unlink()


def unpack(packages: list[str]) -> None:
    _apt("update")
    for package in packages:
        with TemporaryDirectory() as folder:
            _apt("-o", "APT::Sandbox::User=root", "download", package, folder=folder)
            (archive,) = Path(folder).glob("*.deb")
            unpacked(package).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["dpkg-deb", "--extract", str(archive), str(unpacked(package))], check=True)


def _apt(*arguments: str, folder: str | None = None) -> None:
    """Quiet unless it fails."""
    answer = subprocess.run(
        ["apt-get", "-qq", *arguments],
        cwd=folder,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if answer.returncode:
        print(answer.stdout, file=sys.stderr)
        raise SystemExit(f"apt-get {' '.join(arguments)} failed")


def main() -> None:
    if shutil.which("dpkg-query") is None:
        print(f"not a Debian machine: tests that need {', '.join(PEERS)} are skipped where they are missing")
        return
    packages, beside = missing_packages(), not_unpacked()
    if os.geteuid() == 0:
        if packages:
            print(f"installing peer programs: {' '.join(packages)}", flush=True)
            install(packages)
        if beside:
            unpack(beside)
    elif packages:
        print(f"tests without their peer programs are skipped; install them: sudo apt-get install {' '.join(packages)}")


if __name__ == "__main__":
    main()
