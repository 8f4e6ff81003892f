"""FreeRADIUS with all of its methods, as small as can be and as Debian installs it, and pyrad, for the same people."""

from __future__ import annotations

import re
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.peers import RADIUSD, Peer, is_bound
from benchmarks.harness.people import PASSWORD, SHARED_SECRET, Person
from benchmarks.harness.processes import DidNotStart, Server, free_port

PYRAD = Path(__file__).parent.parent / "peers" / "pyrad_server.py"
STOCK = Path("/etc/freeradius/3.0")


@dataclass(frozen=True, slots=True)
class Shown:
    """PEM: what every server shows to devices, and the authority that it believes."""

    certificate: str
    key: str
    authority: str


EAP = """\
    mschap {{
        use_mppe = yes
        require_encryption = yes
        require_strong = yes
    }}
    eap {{
        default_eap_type = tls
        timer_expire = 60
        max_sessions = 16384
        tls-config ours {{
            private_key_file = {folder}/server.key
            certificate_file = {folder}/server.pem
            ca_file = {folder}/authority.pem
            tls_min_version = "1.2"
            tls_max_version = "1.3"
            ecdh_curve = ""
            cache {{
                enable = yes
                lifetime = 1
                name = "benchmark"
            }}
        }}
        tls {{
            tls = ours
        }}
        gtc {{
            auth_type = PAP
        }}
        mschapv2 {{
        }}
        ttls {{
            tls = ours
            default_eap_type = mschapv2
            virtual_server = default
        }}
        peap {{
            tls = ours
            default_eap_type = mschapv2
            virtual_server = default
        }}
    }}
    files {{"""
AUTHORIZE = "    authorize {{\n        mschap\n        eap {{\n            ok = return\n        }}"
AUTHENTICATE = "    authenticate {{\n        Auth-Type MS-CHAP {{\n            mschap\n        }}\n        eap"


@contextmanager
def minimal(folder: Path, known: Sequence[Person], shown: Shown) -> Iterator[Peer]:
    """One process (`-s`) with PAP, MS-CHAPv2 and EAP, and nothing else."""
    folder.mkdir()
    _furnish(folder, known, shown)
    written = RADIUSD.replace("    files {{", EAP, 1).replace("    authorize {{", AUTHORIZE, 1)
    written = written.replace("    authenticate {{", AUTHENTICATE, 1)
    port = free_port(socket.SOCK_DGRAM)
    configuration = written.format(
        folder=folder,
        secret=SHARED_SECRET,
        port=port,
        threads="",
        security="",
        client="require_message_authenticator = no",
    )
    _write(folder / "radiusd.conf", configuration)
    command = ["freeradius", "-f", "-d", str(folder), "-n", "radiusd", "-s"]
    with Server("freeradius", command, folder, lambda: is_bound(port)) as server:
        yield Peer(server, {"radius": port})


@contextmanager
def stock(folder: Path, known: Sequence[Person], shown: Shown) -> Iterator[Peer]:
    """Debian's configuration, threads and all, but for addresses, people, certificates and sessions that are kept."""
    try:
        shutil.copytree(STOCK, folder, symlinks=True)
    except (OSError, shutil.Error) as error:
        raise DidNotStart(f"FreeRADIUS' own configuration cannot be read: {error}") from error
    _furnish(folder, known, shown)
    port, spare = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    people = folder / "mods-config" / "files" / "authorize"
    _write(people, (folder / "users").read_text())
    _write(folder / "clients.conf", f"client localhost {{\n    ipaddr = 127.0.0.1\n    secret = {SHARED_SECRET}\n}}\n")
    _change(
        folder / "radiusd.conf",
        (r"^(raddbdir|logdir|run_dir) = .*$", rf"\1 = {folder}"),
        (r"^\s*(user|group) = .*$", ""),
    )
    site = folder / "sites-available" / "default"
    listening = f"    listen {{\n        type = auth\n        ipaddr = 127.0.0.1\n        port = {port}\n    }}\n"
    without = re.sub(r"^listen \{.*?^\}$", "", site.read_text(), flags=re.MULTILINE | re.DOTALL)
    _write(site, without.replace("server default {\n", "server default {\n" + listening, 1))
    _change(folder / "sites-available" / "inner-tunnel", (r"port = 18120", f"port = {spare}"))
    _change(
        folder / "mods-available" / "eap",
        (r"^(\s*private_key_file) = .*$", rf"\1 = {folder}/server.key"),
        (r"^(\s*certificate_file) = .*$", rf"\1 = {folder}/server.pem"),
        (r"^(\s*ca_file) = .*$", rf"\1 = {folder}/authority.pem"),
        (r"^(\s*tls_max_version) = .*$", r'\1 = "1.3"'),
        (r"^(\s*cache \{.*?)enable = no", r"\1enable = yes"),
        (r"^(\s*private_key_password) = .*$", ""),
        (r"^(\s*default_eap_type) = md5$", r"\1 = mschapv2"),
    )
    with Server("freeradius", ["freeradius", "-f", "-d", str(folder)], folder, lambda: is_bound(port)) as server:
        yield Peer(server, {"radius": port})


@contextmanager
def pyrad(folder: Path, known: Sequence[Person]) -> Iterator[Peer]:
    folder.mkdir()
    (folder / "users").write_text("".join(f"{one.username}\t{PASSWORD}\n" for one in known))
    port = free_port(socket.SOCK_DGRAM)
    command = [sys.executable, str(PYRAD), str(port), SHARED_SECRET, str(folder / "users")]
    with Server("pyrad", command, folder, lambda: is_bound(port)) as server:
        yield Peer(server, {"radius": port})


def _furnish(folder: Path, known: Sequence[Person], shown: Shown) -> None:
    _write(folder / "users", "".join(f'{one.username} Cleartext-Password := "{PASSWORD}"\n' for one in known))
    _write(folder / "server.key", shown.key)
    _write(folder / "server.pem", shown.certificate)
    _write(folder / "authority.pem", shown.authority)


def _write(file: Path, text: str) -> None:
    """FreeRADIUS reads nothing that everybody may write."""
    file.write_text(text)
    file.chmod(0o640)


def _change(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text()
    for pattern, by in changes:
        text = re.sub(pattern, by, text, flags=re.MULTILINE | re.DOTALL if ".*?" in pattern else re.MULTILINE)
    _write(file, text)
