"""Everybody at the doors at once and without end, and what nobody may ever see there.

Who is known is let in, or left without an answer; never refused. Who must not come in never does. What a write was
acknowledged for stays.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import count, pairwise
from types import TracebackType

import httpx
import ldap

from tests.protocols.radius import nas_side
from tests.wire.clients import user_dn
from tests.wire.directory import BASE_DN, HOST, PASSWORDS, SHARED_SECRET, add_user
from tests.wire.doors import Said
from tests.wire.program import SOON, TOKEN, Program, until
from tests.wire.several import Several

PATIENCE = 4.0
"""Seconds that a client waits for an answer; then it asks anew."""
REPEATS, REPEAT_SECONDS = 3, 1.5
"""Of a NAS, which sends the same packet again."""
PAUSE = 0.1
"""Between two questions of a client: the machine is busy, and what is under test gets its share."""
IN_FORCE_SECONDS = 20.0
"""A change that was acknowledged is in force by then, also if the control that the outpost followed has just died."""
AUTH = "/outpost.goauthentik.io/auth/nginx"
EXECUTOR = "/api/v3/flows/executor/default-authentication-flow/"
DAN, ERIN = "dan-password-4444", "erin-password-55555"

Try = Callable[[Program, str, str], Said]


def by_ldap(program: Program, who: str, password: str, patience: float = PATIENCE) -> Said:
    """A bind, and a search for one's own entry, on a connection of its own. An account that ended between the two hears
    of it by a notice of disconnection (strongerAuthRequired)."""
    connection = ldap.initialize(program.ldap)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, patience)
    connection.set_option(ldap.OPT_TIMEOUT, patience)
    try:
        connection.simple_bind_s(user_dn(who), password)
        found = connection.search_s(BASE_DN, ldap.SCOPE_SUBTREE, f"(uid={who})", ["uid"])
        return Said.YES if found == [(user_dn(who), {"uid": [who.encode()]})] else Said.NO
    except (ldap.INVALID_CREDENTIALS, ldap.INSUFFICIENT_ACCESS, ldap.STRONG_AUTH_REQUIRED):
        return Said.NO
    except (ldap.SERVER_DOWN, ldap.TIMEOUT, ldap.CONNECT_ERROR, ldap.UNAVAILABLE, ldap.BUSY):
        return Said.UNAVAILABLE
    finally:
        with suppress(ldap.LDAPError):
            connection.unbind_s()


def by_radius(
    program: Program, who: str, password: str, repeats: int = REPEATS, seconds: float = REPEAT_SECONDS
) -> Said:
    secret, authenticator = SHARED_SECRET.encode(), os.urandom(16)
    asked = nas_side.pap(who.encode(), password.encode(), authenticator=authenticator, secret=secret)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nas:
        nas.settimeout(seconds)
        nas.connect(program.place("radius"))
        for _ in range(repeats):
            try:
                nas.send(asked)
                reply = nas.recv(4096)
            except OSError:  # nobody is there, or nobody says anything
                time.sleep(PAUSE)
                continue
            assert nas_side.believes(reply, asked, secret)
            return {2: Said.YES, 3: Said.NO}[reply[0]]
    return Said.UNAVAILABLE


def by_credentials(program: Program, who: str, password: str, patience: float = PATIENCE) -> Said:
    return _forwarded(program, who, patience, auth=(who, password))


def _forwarded(program: Program, who: str, patience: float = PATIENCE, **how: object) -> Said:
    headers = {"X-Original-URL": f"http://{HOST}/", "Host": HOST, **how.pop("headers", {})}  # type: ignore[dict-item]
    try:
        answer = httpx.get(program.http + AUTH, headers=headers, timeout=patience, **how)  # type: ignore[arg-type]
    except httpx.TransportError:
        return Said.UNAVAILABLE
    said = {200: Said.YES, 401: Said.NO, 403: Said.NO, 503: Said.UNAVAILABLE}[answer.status_code]
    assert answer.headers.get("X-Authentik-Username", "") == (who if said is Said.YES else "")
    return said


def _comes_in(program: Program, who: str, password: str) -> bool:
    return by_ldap(program, who, password) is Said.YES


def session_of(shape: Several, who: str) -> str:
    """The cookie of a browser that has signed in at the application."""
    control, outpost = shape.controls[0], shape.edge
    at_application = {"Host": HOST}
    with httpx.Client(timeout=PATIENCE * 2) as browser:
        start = f"{outpost.http}/outpost.goauthentik.io/start?rd=http://{HOST}/"
        authorize = browser.get(start, headers=at_application)
        assert authorize.status_code in (302, 303), authorize.text
        kept = "; ".join(f"{name}={value}" for name, value in authorize.cookies.items())
        browser.cookies.clear()
        browser.get(control.http + EXECUTOR)
        for told in ({"uid_field": who}, {"password": PASSWORDS[who]}):
            browser.post(control.http + EXECUTOR, json=told, follow_redirects=True)
        back = browser.get(authorize.headers["Location"])
        while not back.headers["Location"].startswith(f"http://{HOST}/"):
            back = browser.get(control.http + back.headers["Location"].removeprefix(control.http))
        browser.cookies.clear()
        place = outpost.http + back.headers["Location"].removeprefix(f"http://{HOST}")
        done = browser.get(place, headers={**at_application, "Cookie": kept})
        cookie = "; ".join(f"{name}={value}" for name, value in done.cookies.items() if value)
    assert cookie, done.text
    return cookie


TRIES: dict[str, Try] = {"LDAP": by_ldap, "RADIUS": by_radius, "credentials": by_credentials}


class Pressure:
    """Use as a context; what went wrong raises at its end, and at `check`."""

    def __init__(self, shape: Several) -> None:
        self.shape = shape
        self.faults: list[str] = []
        self.let_in: dict[str, list[float]] = {}
        """Door to when who is known came in."""
        self.refused = 0
        self.acknowledged: list[str] = []
        self.last_number = 0
        """The last that was acknowledged of a field that is written over and over."""
        self.turned_off: list[float] = []
        """How long each took to be in force."""
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(12)

    def __enter__(self) -> Pressure:
        shape, people = self.shape, self.shape.people
        add_user(shape.controls[0], "erin", ERIN, group=people.groups["staff"])
        dan = add_user(shape.controls[0], "dan", DAN, group=people.groups["staff"])
        for who, password in (("erin", ERIN), ("dan", DAN)):
            until(partial(_comes_in, shape.edge, who, password), SOON, who)
        shape.controls[0].api("PATCH", f"core/users/{dan}/", {"is_active": False})
        until(lambda: by_ldap(shape.edge, "dan", DAN) is Said.NO, SOON, "the end of dan")
        cookie = session_of(shape, "bob")

        def by_session(program: Program, who: str, _: str) -> Said:
            return _forwarded(program, who, headers={"Cookie": cookie})

        known = {**TRIES, "session": by_session}
        loops: list[Callable[[], None]] = [partial(self._known, door, ask) for door, ask in known.items()]
        loops += [partial(self._strangers, ask) for ask in TRIES.values()]
        loops += [partial(self._writes, at) for at in range(len(shape.controls))]
        loops += [self._overwrites, self._turns_off]
        self._running = [self._pool.submit(self._without_end, loop) for loop in loops]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending.set()
        self._pool.shutdown()
        if kind is None:
            self.check()

    def check(self) -> None:
        assert not self.faults, self.faults

    def longest_pause(self, door: str, since: float) -> float:
        """Seconds without anybody coming in there, from ``since`` until now."""
        times = [since, *(one for one in list(self.let_in[door]) if one > since), time.monotonic()]
        return max(later - earlier for earlier, later in pairwise(times))

    def recovered(self, seconds: float) -> None:
        """Waits until all is well, by itself: every door lets in who is known, and writes are acknowledged."""
        since, writes = time.monotonic(), len(self.acknowledged)

        def well() -> bool:
            served = all(times and times[-1] > since for times in list(self.let_in.values()))
            return bool(self.faults) or (served and len(self.acknowledged) > writes + 2)

        until(well, seconds, "recovery")

    def _without_end(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:
            self.faults.append(f"{type(error).__name__}: {error}")
            raise

    def _known(self, door: str, ask: Try) -> None:
        times = self.let_in.setdefault(door, [])
        while not self._ending.wait(PAUSE):
            said = ask(self.shape.edge, "bob", PASSWORDS["bob"])
            if said is Said.YES:
                times.append(time.monotonic())
            elif said is Said.NO:
                self.faults.append(f"bob, who is known, was refused by {door}")

    def _strangers(self, ask: Try) -> None:
        """A wrong password of somebody who is remembered, the right one of the disabled and of whom nothing lets in."""
        everyone = {"erin": "a guess", "dan": DAN, "carol": PASSWORDS["carol"], "nobody": "a guess"}
        while True:
            for who, password in everyone.items():
                if self._ending.wait(PAUSE * 2):
                    return
                said = ask(self.shape.edge, who, password)
                self.refused += said is Said.NO
                if said is Said.YES:
                    self.faults.append(f"{who} was let in by {ask.__name__}")

    def _writes(self, at: int) -> None:
        for number in count():
            if self._ending.wait(PAUSE * 2):
                return
            name = f"kept-{at}-{number}"
            if self._written(at, "POST", "core/users/", {"username": name, "name": name}):
                self.acknowledged.append(name)

    def _overwrites(self) -> None:
        carol = self.shape.people.users["carol"]
        for number in count(1):
            if self._ending.wait(PAUSE * 2):
                return
            if self._written(number % 2, "PATCH", f"core/users/{carol}/", {"attributes": {"number": number}}):
                self.last_number = number

    def _written(self, at: int, method: str, path: str, body: object) -> bool:
        """Was it acknowledged? Whoever hears nothing does not know."""
        try:
            control = self.shape.controls[at]
            headers = {"Authorization": f"Bearer {TOKEN}"}
            answer = httpx.request(method, f"{control.http}/api/v3/{path}", json=body, headers=headers, timeout=30)
        except httpx.TransportError:
            return False
        if answer.status_code not in (200, 201, 204, 503):
            self.faults.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.is_success

    def _turns_off(self) -> None:
        """Somebody whom every door knows is disabled: from then on none lets them in, whatever dies."""
        staff = self.shape.people.groups["staff"]
        for number in count():
            name, password = f"off-{number}", f"password-of-{number}"
            pk = self._made(name, password, staff)
            if pk is None:
                return
            while TRIES["LDAP"](self.shape.edge, name, password) is not Said.YES:
                if self._ending.wait(PAUSE * 2):
                    return
            TRIES["RADIUS"](self.shape.edge, name, password)
            while not self._written(number % 2, "PATCH", f"core/users/{pk}/", {"is_active": False}):
                if self._ending.wait(PAUSE * 2):
                    return
            began = last = time.monotonic()
            while time.monotonic() < last + 1 or time.monotonic() < began + 2:
                for door, ask in TRIES.items():
                    asked = time.monotonic()
                    if ask(self.shape.edge, name, password) is Said.YES:
                        last = asked
                        if asked - began > IN_FORCE_SECONDS:
                            self.faults.append(f"{door} lets {name} in, {asked - began:.1f} s after the disabling")
                            return
            self.turned_off.append(last - began)

    def _made(self, name: str, password: str, group: str) -> int | None:
        """A user with that password in that group, made step by step until each was acknowledged; None: it ends."""
        control = self.shape.controls[0]
        while not self._ending.wait(PAUSE * 2):
            with suppress(httpx.TransportError, AssertionError):
                found = control.api("GET", "core/users/", query={"username": name})["results"]
                body = {"username": name, "name": name, "groups": [group]}
                pk: int = found[0]["pk"] if found else control.api("POST", "core/users/", body)["pk"]
                control.api("POST", f"core/users/{pk}/set_password/", {"password": password})
                return pk
        return None

    # --- afterwards ---

    def nothing_is_lost(self) -> None:
        """What was acknowledged is at control, and at the outpost by itself."""
        control, carol = self.shape.controls[-1], self.shape.people.users["carol"]
        assert control.api("GET", f"core/users/{carol}/")["attributes"]["number"] >= self.last_number
        until(lambda: self._lost() == set(), SOON, f"all {len(self.acknowledged)} being there")

    def _lost(self) -> set[str]:
        connection = ldap.initialize(self.shape.edge.ldap)
        connection.simple_bind_s(user_dn("alice"), PASSWORDS["alice"])
        found = connection.search_s(BASE_DN, ldap.SCOPE_SUBTREE, "(uid=kept-*)", ["uid"])
        connection.unbind_s()
        return set(self.acknowledged) - {entry["uid"][0].decode() for _, entry in found}
