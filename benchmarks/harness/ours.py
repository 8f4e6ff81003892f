"""Our own programs with a directory of made-up people: `outpost up`, and `outpost run` beside `outpost control`."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.harness.forwarder import Forwarder
from benchmarks.harness.people import (
    BASE_DN,
    CALLBACK,
    CLIENT,
    CLIENT_SECRET,
    HOST,
    PASSWORD,
    SHARED_SECRET,
    people,
    team_name,
)
from benchmarks.harness.processes import SERVER_CORE, Server
from control.app import Control
from control.config import ControlConfig
from control.endings import sid_of
from control.records import Application, Binding, Group, Outpost, Provider, Session, Token, User
from control.sessions import uuid_of
from control.store.interface import Query, Transaction
from control.verbs import applications, bindings, groups, outposts, providers
from outpost.browsers.sessions import SESSION
from protocols.proxy.decision import HostTable, Site
from protocols.proxy.login_state import BrowserSession
from protocols.proxy.sealed import NONCE_BYTES
from settings import load

TOKEN = "benchmark-bootstrap-token-0123456789abcdef"
SECRET_KEY = "vR2nX8cM5tY1kJ7wQ4hZ9bD6gF3sL0pA-benchmark-only"
PROXY_CLIENT, COOKIE_SECRET = "benchmark-proxy", "benchmark-cookie-secret-0123456789"
CONFIGURATION = {
    "ldap": {"base_dn": BASE_DN},
    "radius": {"client_networks": "127.0.0.0/8", "shared_secret": SHARED_SECRET},
    "proxy": {
        "mode": "forward_single",
        "external_host": f"http://{HOST}",
        "client_id": PROXY_CLIENT,
        "cookie_secret": COOKIE_SECRET,
    },
}
"""One provider of each kind, open to the members of ``staff``, which is everybody."""
OPENID = {
    "client_id": CLIENT,
    "client_secret": CLIENT_SECRET,
    "redirect_uris": [{"matching_mode": "strict", "url": CALLBACK}],
}
"""An application that signs people in at control alone."""
OUTPOST = "apart"
"""The outpost that `outpost run` is."""


def environ(folder: Path) -> dict[str, str]:
    return {
        "OUTPOST_DATA_DIR": str(folder / "data"),
        "OUTPOST_SECRET_KEY": SECRET_KEY,
        "OUTPOST_BOOTSTRAP_TOKEN": TOKEN,
        "OUTPOST_BOOTSTRAP_PASSWORD": PASSWORD,
        **{f"OUTPOST_LISTEN__{name}": "127.0.0.1:0" for name in ("HTTP", "LDAP", "LDAPS", "RADIUS", "METRICS")},
        **{f"OUTPOST_LISTEN__{name}": "off" for name in ("HTTPS", "RADIUS_ACCT", "RADSEC")},
    }


ADMINISTRATOR_PK = 1
"""The first user of every store."""


SESSIONS = 64
"""Of the administrator's, that control knows of: outposts ask it about those that are used."""


def session_cookies(owner: int, count: int) -> list[str]:
    """As many cookies of sessions of one user, by pk, as a browser would send them: what control gives at a sign-in,
    sealed as an outpost seals it. No two are alike; beyond `SESSIONS`, several are for one session."""
    site = Site(
        0, "proxy", "proxy", "proxy", "forward_single", f"http://{HOST}", client_id=PROXY_CLIENT, secret=COOKIE_SECRET
    )
    realm = HostTable([site]).realm(site)
    if realm is None:
        raise ValueError("the site seals no cookies")
    now, found = time.time(), []
    for at in range(count):
        sid = bytes.fromhex(sid_of(_session_key(owner, at % SESSIONS)))
        session = BrowserSession(sid, owner, now, now + 86400)
        sealed = realm.sealer.seal(SESSION, session.packed(), os.urandom(NONCE_BYTES))
        found.append(f"; {realm.jar.session.decode()}={sealed.decode()}")
    return found


def _session_key(owner: int, at: int) -> str:
    return f"benchmark-{owner}-{at}"


def _session(owner: int, at: int, now: float) -> Session:
    key = _session_key(owner, at)
    return Session(
        key,
        owner,
        created=now,
        last_used=now,
        expires=now + 7 * 86400,
        uuid=uuid_of(key),
        signed_in=True,
        lasting=True,
    )


# --- the directory -------------------------------------------------------------------------------------------------


def populate(folder: Path, count: int, more: Mapping[str, str] = MappingProxyType({}), further: int = 0) -> str:
    """Makes a store with ``count`` people below ``folder``, and ``further`` applications behind proxies; the key of
    the token of `OUTPOST`."""
    settings = load({**environ(folder), **more})
    return asyncio.run(_populate(ControlConfig.from_settings(settings), count, further))


async def _populate(config: ControlConfig, count: int, further: int) -> str:
    control = await Control.open(config)
    try:
        hashed = await control.passwords.hash(PASSWORD)
        return await control.store.write(lambda tx: _fill(tx, count, hashed, further))
    finally:
        control.close()


def _fill(tx: Transaction, count: int, hashed: str, further: int) -> str:
    """Everybody has the same hash: what a login costs does not depend on whose it is."""
    staff = groups.create(tx, {"name": "staff"})
    administrators = tx.select(Group, Query(equal={"is_superuser": True}))[0]
    tx.update(_child_of(administrators, staff))
    teams: dict[int, list[int]] = {}
    for person in people(count):
        user = tx.insert(
            User(
                username=person.username,
                name=person.name,
                email=person.email,
                attributes=person.attributes,
                password=hashed,
                password_change_date=tx.now,
            )
        )
        teams.setdefault(person.team, []).append(user.pk)
    for team, members in teams.items():
        tx.add_members(tx.insert(Group(name=team_name(team), parents=(staff.pk,))).pk, members)
    pks = [_provider(tx, kind, given, staff).pk for kind, given in CONFIGURATION.items()]
    pks += [_further(tx, tx.get(Provider, pks[-1]), at, staff).pk for at in range(further)]
    _provider(tx, "oauth2", OPENID, staff)
    for at in range(SESSIONS):
        tx.insert(_session(ADMINISTRATOR_PK, at, tx.now))
    embedded = tx.select(Outpost, Query(equal={"managed": outposts.EMBEDDED}))[0]
    outposts.update(tx, embedded.pk, {"providers": pks})
    apart = outposts.create(tx, {"name": OUTPOST, "type": outposts.ANY, "providers": pks}, os.urandom)
    return tx.select(Token, Query(equal={"identifier": outposts.token_identifier(apart.pk)}))[0].key


def _further(tx: Transaction, like: Provider, at: int, staff: Group) -> Provider:
    """One more like the proxy's, at a host of its own; without the verbs, which look at every other one."""
    name = f"further-{at}"
    host = f"{name}.example.com"
    settings = {**like.settings, "external_host": f"http://{host}", "client_id": name}
    provider = tx.insert(replace(like, pk=0, name=name, client_id=name, host=host, settings=settings))
    application = tx.insert(Application(name, name, provider=provider.pk))
    tx.insert(Binding(application.pk, group=staff.pk))
    return provider


def _child_of(group: Group, parent: Group) -> Group:
    return Group(**{name: getattr(group, name) for name in group.__slots__} | {"parents": (parent.pk,)})


def _provider(tx: Transaction, kind: str, given: Mapping[str, Any], staff: Group) -> Provider:
    provider = providers.create(tx, kind, {"name": kind, **given}, os.urandom)
    application = applications.create(tx, {"name": kind, "slug": kind, "provider": provider.pk})
    bindings.create(tx, {"target": application.pk, "group": staff.pk, "order": 0})
    return provider


# --- the programs --------------------------------------------------------------------------------------------------


def program(
    command: str,
    folder: Path,
    more: Mapping[str, str] = MappingProxyType({}),
    profile: Path | None = None,
    cores: Sequence[int] = (SERVER_CORE,),
) -> Server:
    """``outpost <command>`` with its data below ``folder``; started when its health says that it is ready.

    ``profile``: where the standard library's profiler, under which it then runs, leaves what it saw.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data" / "ports.json").unlink(missing_ok=True)
    profiler = ["-m", "cProfile", "-o", str(profile)] if profile else []
    return Server(
        f"outpost {command}",
        [sys.executable, *profiler, "-m", "outpost", command],
        folder,
        lambda: is_ready(folder),
        {**environ(folder), **more},
        cores,
    )


def ports(folder: Path) -> dict[str, int]:
    """What the program has written down: listener to port."""
    said: dict[str, list[str]] = json.loads((folder / "data" / "ports.json").read_text())
    return {name: int(places[0].rpartition(":")[2]) for name, places in said.items()}


def is_ready(folder: Path) -> bool:
    try:
        return request(ports(folder)["http"], "GET", "/-/health/ready/")[0] < 300
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False


def request(port: int, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and JSON of one request of the administrator's."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content[:1] in (b"{", b"[") else None
    finally:
        connection.close()


@dataclass(slots=True)
class Installation:
    """A running outpost. In the all-in-one program ``control`` is the same process, and nothing is counted between."""

    name: str
    outpost: Server
    ports: dict[str, int]
    control: Server
    control_folder: Path
    between: Forwarder | None = None

    @property
    def control_port(self) -> int:
        return ports(self.control_folder)["http"]

    def restore(self, store: Path) -> None:
        """Control, apart from the outpost, starts again with what ``store`` holds: a backup, to the outpost."""
        if self.between is None:
            raise ValueError("control is not apart from the outpost")
        self.control.stop()
        shutil.rmtree(self.control_folder)
        shutil.copytree(store, self.control_folder)
        self.control.start()
        self.between.to = self.control_port


@contextmanager
def together(folder: Path, store: Path) -> Iterator[Installation]:
    """`outpost up` on a copy of ``store``, which `populate` made."""
    shutil.copytree(store, folder, dirs_exist_ok=True)
    with program("up", folder) as up:
        yield Installation("outpost up", up, ports(folder), up, folder)


@contextmanager
def apart(folder: Path, store: Path, token: str, profile: Path | None = None) -> Iterator[Installation]:
    """`outpost control` on a copy of ``store``, and `outpost run`, which reaches it through a counting forwarder."""
    shutil.copytree(store, folder / "control", dirs_exist_ok=True)
    with (
        program("control", folder / "control") as control,
        Forwarder(ports(folder / "control")["http"]) as between,
        program("run", folder / "run", where_control_is(between.port, token), profile) as run,
    ):
        yield Installation("outpost run", run, ports(folder / "run"), control, folder / "control", between)


def where_control_is(port: int, token: str) -> dict[str, str]:
    return {"OUTPOST_HOST": f"http://127.0.0.1:{port}", "OUTPOST_TOKEN": token}


def exists(command: str) -> bool:
    """Is there such a command yet?"""
    from outpost.__main__ import COMMANDS

    return command in COMMANDS
