"""Apache with mod_auth_openidc, which signs people in at our control, beside our forward-auth: a request of somebody
whose session is known. Apache serves an empty file itself; ours answers the proxy that asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.harness.bench import Bench, Table, say
from benchmarks.harness.browser import Answer, Browser
from benchmarks.harness.contest import Contender, compete, record
from benchmarks.harness.load import Load
from benchmarks.harness.ours import Installation
from benchmarks.harness.people import CALLBACK, CLIENT, CLIENT_SECRET, HOST
from benchmarks.harness.processes import DidNotStart, Server, accepts, free_port
from benchmarks.harness.sign_ins import sign_in_here
from benchmarks.harness.wire import TARGET, visit

RELYING = CALLBACK.split("/")[2]
"""The host that control sends browsers back to."""
MODULES = Path("/usr/lib/apache2/modules")
NAMES = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "auth_openidc")
CONFIGURATION = """\
Listen 127.0.0.1:{port}
ServerRoot {folder}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/error.log
ServerName localhost
DocumentRoot {folder}/files
ServerLimit 1
ThreadLimit {threads}
ThreadsPerChild {threads}
MaxRequestWorkers {threads}
MaxKeepAliveRequests 0
KeepAliveTimeout 600
OIDCProviderMetadataURL http://127.0.0.1:{control}/application/o/oauth2/.well-known/openid-configuration
OIDCClientID {client}
OIDCClientSecret {secret}
OIDCCryptoPassphrase {passphrase}
OIDCScope "openid email profile"
OIDCPKCEMethod S256
OIDCRemoteUserClaim preferred_username
OIDCSessionType {kept}
OIDCRedirectURI {callback}
<Location "/">
    AuthType openid-connect
    Require valid-user
</Location>
"""
THREADS = 256
"""A few times as many as there are connections: with fewer, Apache closes kept ones to have threads for others."""
KEPT = {"in its memory": "server-cache", "in the cookie": "client-cookie"}


def measure(bench: Bench, table: Table, ours: list[Installation], load: Load) -> None:
    """``load``: of ours."""
    if not (MODULES / "mod_auth_openidc.so").exists():
        say("  no mod_auth_openidc here: apt-get install libapache2-mod-auth-openidc")
        return
    for where, kept in KEPT.items():
        with _apache(bench.folder / f"openidc-{kept}", ours[0].control_port, kept) as (server, port):
            cookie = _signed_in(port, ours[0].control_port)
            file = bench.questions([(visit(cookie).replace(HOST.encode(), RELYING.encode()), b"")])
            theirs = Load("stream", {"protocol": "http", "file": file, "connections": 64, "port": port})
            name = f"mod_auth_openidc, session {where}"
            contenders = [Contender(one.name, load.but(port=one.ports["http"], pid=one.outpost.pid)) for one in ours]
            contenders.append(Contender(name, theirs.but(pid=server.pid)))
            compete(bench, contenders)
            record(table, f"session known, beside Apache ({where})", contenders, name)


@contextmanager
def _apache(folder: Path, control: int, kept: str) -> Iterator[tuple[Server, int]]:
    """One process, so that its CPU clock is everything."""
    file = folder / f"files{urlsplit(TARGET).path}"
    file.parent.mkdir(parents=True)
    file.touch()
    port = free_port()
    loaded = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in NAMES)
    own = CONFIGURATION.format(
        port=port,
        folder=folder,
        control=control,
        client=CLIENT,
        secret=CLIENT_SECRET,
        passphrase=os.urandom(16).hex(),
        kept=kept,
        threads=THREADS,
        callback=CALLBACK,
    )
    (folder / "apache.conf").write_text(loaded + own)
    command = ["apache2", "-X", "-f", str(folder / "apache.conf")]
    with Server("apache", command, folder, lambda: accepts(port)) as server:
        yield server, port


def _signed_in(port: int, control: int) -> str:
    """The Cookie header's line of somebody who has signed in at control and comes back to Apache."""
    told = {"Host": RELYING}
    with Browser(port) as apache, Browser(control) as provider:
        sign_in_here(provider)
        asked = _sent_on(apache.get(TARGET, told))
        _sent_on(apache.get(_sent_on(provider.get(asked)), told))
        pairs = "; ".join(f"{name}={value}" for name, value in apache.cookies.items() if value)
        if apache.get(TARGET, told).status != 200:
            raise DidNotStart("mod_auth_openidc did not sign anybody in")
    return f"; {pairs}"


def _sent_on(answer: Answer) -> str:
    if not answer.location:
        raise DidNotStart(f"signing in through Apache was answered with {answer.status}")
    return answer.location
