"""The scenario file: done through the API as an operator would, and asked of the doors by real clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import httpx
import pyotp
import yaml

from control import logins
from control.records import Event
from control.store.interface import Query, Transaction
from control.store.sql import SqlStore
from control.verbs import authenticators
from rules.reasons import REASONS, Outcome
from tests.fakes import counted_random
from tests.wire.clients import run
from tests.wire.clock import Clock
from tests.wire.directory import add_user
from tests.wire.program import ANSWER_SECONDS, SOON, Program, until

FILE = Path(__file__).with_suffix(".yml")
PASSWORD = "the usual password"
BASE_DN, HOST, NAS, SECRET = "dc=scenario", "scenario.example.com", "127.0.0.77", "scenario-shared-secret"
AT_ONCE = 8
AGREED = 5.0
"""Seconds by which a program's time of day may differ from the clock's: what is written takes a moment to be read."""

HEARD: dict[Outcome, Mapping[str, str]] = {
    Outcome.ACCEPTED: {"ldap": "0", "radius": "Access-Accept", "proxy": "200"},
    Outcome.BAD_CREDENTIALS: {"ldap": "49", "radius": "Access-Reject", "proxy": "401"},
    Outcome.CHALLENGED: {"ldap": "49", "radius": "Access-Challenge", "proxy": "401"},
    Outcome.NOT_ALLOWED: {"ldap": "50", "radius": "Access-Reject", "proxy": "403"},
    Outcome.THROTTLED: {"ldap": "49", "radius": "Access-Reject", "proxy": "403"},
    Outcome.UNAVAILABLE: {"ldap": "52", "radius": "", "proxy": "503"},
}
"""DESIGN D9, as ldapsearch, radclient and nginx's dialect of forward-auth have it."""


@dataclass(frozen=True)
class Scenario:
    name: str
    rows: list[dict[str, Any]]
    person: dict[str, Any] = field(default_factory=dict)
    application: dict[str, Any] = field(default_factory=dict)
    provider: dict[str, Any] = field(default_factory=dict)
    doors: tuple[str, ...] = ("ldap", "radius", "proxy")

    def username(self, door: str) -> str:
        return f"{self.name.replace(' ', '-').replace(',', '')}-{door}"


def scenarios() -> list[Scenario]:
    return [Scenario(**told) for told in yaml.safe_load(FILE.read_text())]


# --- the doors -----------------------------------------------------------------------------------------------------


def ldap(program: Program, username: str, password: str) -> str:
    who = ("-D", f"cn={username},ou=users,{BASE_DN}", "-w", password)
    return str(run("ldapsearch", "-x", "-H", program.ldap, *who, "-b", BASE_DN, "-s", "base").code)


def radius(program: Program, username: str, password: str) -> str:
    host, port = program.place("radius")
    request = {"User-Name": username, "User-Password": password, "Packet-Src-IP-Address": NAS}
    lines = "".join(f'{name} = "{value}"\n' for name, value in request.items()) + "Message-Authenticator = 0x00\n"
    answer = run("radclient", "-x", "-t", "5", "-r", "3", f"{host}:{port}", "auth", SECRET, stdin=lines)
    return answer.text.partition("Received ")[2].split(" ")[0]


def proxy(program: Program, username: str, password: str) -> str:
    url = f"{program.http}/outpost.goauthentik.io/auth/nginx"
    told = ("-H", f"X-Original-URL: http://{HOST}/", "-H", f"Host: {HOST}")
    return run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", f"{username}:{password}", *told, url).text


DOORS: dict[str, Callable[[Program, str, str], str]] = {"ldap": ldap, "radius": radius, "proxy": proxy}


# --- the house -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class House:
    """Three applications of which a scenario says who may use them, and groups."""

    program: Program
    store: SqlStore
    """The program's, opened beside it."""
    clock: Clock
    applications: dict[str, str]
    providers: dict[str, int]
    groups: dict[str, str]

    def open_to(self, scenario: Scenario, door: str, person: int) -> None:
        """The rule of the scenario, and no other."""
        api, application = self.program.api, self.applications[door]
        for old in api("GET", "policies/bindings/", query={"target": application})["results"]:
            api("DELETE", f"policies/bindings/{old['pk']}/")
        mode = scenario.application.get("mode", "any")
        api("PATCH", f"core/applications/scenario-{door}/", {"policy_engine_mode": mode})
        for order, told in enumerate(scenario.application.get("bindings", ())):
            rest = {name: told[name] for name in ("negate", "enabled", "failure_result") if name in told}
            whom = self._whom(told, f"{scenario.username(door)}-{order}", person)
            api("POST", "policies/bindings/", {"target": application, "order": order, **whom, **rest})
        if door in ("ldap", "radius"):
            settings = {"mfa_support": True, **scenario.provider}
            api("PATCH", f"providers/{door}/{self.providers[door]}/", settings)

    def go_on(self, to: str | int) -> None:
        """The clock, and whoever goes by it: the programs say in each answer what time it is (RFC 9110, 6.6.1)."""
        self.clock.go_on(to)
        for program in self.program.programs:
            until(partial(self._sees, program), SOON, f"{to} at {program.folder}")

    def _sees(self, program: Program) -> bool:
        date = httpx.head(f"{program.http}/-/health/live/", timeout=ANSWER_SECONDS).headers["Date"]
        return abs(parsedate_to_datetime(date).timestamp() - self.clock.now()) < AGREED

    def _whom(self, told: Mapping[str, Any], name: str, person: int) -> dict[str, Any]:
        if "policy" not in told:
            return {"user": person} if told.get("self") else {"group": self.groups[told["group"]]}
        fields = dict(told["policy"])
        return {"policy": self.program.api("POST", f"policies/{fields.pop('kind')}/", {"name": name, **fields})["pk"]}


def build(program: Program, store: SqlStore, clock: Clock) -> House:
    """Once for each program; the doors know it when this returns."""
    api = program.api
    groups: dict[str, str] = {}
    for name, parents in (("staff", []), ("engineering", ["staff"]), ("outsiders", [])):
        body = {"name": f"scenario {name}", "parents": [groups[parent] for parent in parents]}
        groups[name] = api("POST", "core/groups/", body)["pk"]
    flows = {
        kind: api("GET", f"flows/instances/default-provider-{slug}/")["pk"]
        for kind, slug in (
            ("authorization_flow", "authorization-implicit-consent"),
            ("invalidation_flow", "invalidation-flow"),
        )
    }
    settings = {
        "ldap": {"base_dn": BASE_DN},
        "radius": {"client_networks": f"{NAS}/32", "shared_secret": SECRET},
        "proxy": {"mode": "forward_single", "external_host": f"http://{HOST}"},
    }
    providers, applications = {}, {}
    for kind, own in settings.items():
        name = f"scenario-{kind}"
        providers[kind] = api("POST", f"providers/{kind}/", {"name": name, **flows, **own})["pk"]
        body = {"name": name, "slug": name, "provider": providers[kind]}
        applications[kind] = api("POST", "core/applications/", body)["pk"]
    (outpost,) = api("GET", "outposts/instances/", query={"name__iexact": program.outpost_name})["results"]
    served = [*outpost["providers"], *providers.values()]
    api("PATCH", f"outposts/instances/{outpost['pk']}/", {"providers": served})
    add_user(program, "scenario", PASSWORD)
    for door in DOORS:
        until(partial(_is_open, program, door), SOON, f"{door} opening")
    return House(program, store, clock, applications, providers, groups)


def _is_open(program: Program, door: str) -> bool:
    return DOORS[door](program, "scenario", PASSWORD) == HEARD[Outcome.ACCEPTED][door]


# --- one person at one door ----------------------------------------------------------------------------------------


@dataclass
class Visit:
    house: House
    scenario: Scenario
    door: str
    pk: int = 0
    key: str = ""
    """Of the program for codes."""
    words: dict[str, str] = field(default_factory=lambda: {"password": PASSWORD})
    changed: bool = False
    """Something has changed since the last row: an outpost may hear of it a moment later."""

    @property
    def program(self) -> Program:
        return self.house.program

    @property
    def username(self) -> str:
        return self.scenario.username(self.door)

    def begin(self) -> None:
        self.pk = add_user(self.program, self.username, PASSWORD)
        told = dict(self.scenario.person)
        for intent in ("app", "network"):
            if intent in told:
                self._device(intent, told.pop(intent) == "ended")
        if "factor" in told:
            self._factor(told.pop("factor"))
        for peer, ago in told.pop("was_at", {}).items():
            self.house.store.write_now(
                partial(logins.remember, user=self.pk, time=self.house.clock.now() - ago, peer=peer)
            )
        self.house.open_to(self.scenario, self.door, self.pk)
        self.change(told)

    def change(self, told: Mapping[str, Any]) -> None:
        fields = dict(told)
        for name in ("valid_from", "valid_until"):
            if fields.get(name) is not None:
                fields[name] = datetime.fromtimestamp(self.house.clock.now() + fields[name], UTC).isoformat()
        if "groups" in fields:
            fields["groups"] = [self.house.groups[name] for name in fields["groups"]]
        if fields:
            self.program.api("PATCH", f"core/users/{self.pk}/", fields)
            self.changed = True

    def row(self, row: Mapping[str, Any]) -> None:
        if "change" in row:
            self.change(row["change"])
            return
        if "guesses" in row:
            self._guess(row["guesses"], row["reason"])
            return
        if row.get("release"):
            self._release()
            return
        if "take" in row:
            self.program.api("DELETE", f"core/tokens/{self._identifier(row['take'])}/")
            self.changed = True
            return
        reason = row["reason"][self.door] if isinstance(row["reason"], dict) else row["reason"]
        expected = HEARD[REASONS[reason].outcome][self.door]
        if "{totp}" in row["type"]:
            self._show_code()
        typed = row["type"].format(**self.words)
        if (further := row.get("times", 1) - 1) > 0:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                answers = set(pool.map(lambda _: self._decided(typed), range(further)))
            assert answers == {expected}, (row, answers)
        before = len(self._told())
        if self.changed:
            until(lambda: self._ask(typed) == expected, SOON, f"{self.username}: {row}")
        else:
            heard = self._ask(typed)
            assert heard == expected, f"{self.username} typed {row}, and heard {heard} instead of {expected}"
        self.changed = False
        if REASONS[reason].outcome is not Outcome.ACCEPTED:
            told = until(lambda: self._told()[before:], SOON, f"{self.username}: an event of {row}")
            assert told[-1] == reason, f"{self.username}: {row}"
        explained = row.get("explained", False)
        if explained is True or (explained and self.door in explained):
            asked = {"user": self.username, "application": f"scenario-{self.door}", "protocol": self.door}
            asked["from"] = NAS if self.door == "radius" else "127.0.0.1"
            assert self.program.api("POST", "explain/", asked)["reason"] == reason, row

    def _guess(self, times: int, reason: str) -> None:
        """Several at once; each that is held up makes the next wait no longer, and each that is not makes it longer."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            heard = set(pool.map(lambda number: self._ask(f"guess {number}"), range(times)))
        assert HEARD[Outcome.ACCEPTED][self.door] not in heard
        until(lambda: reason in self._told(), SOON, f"{self.username} being held up")

    def _release(self) -> None:
        """As an administrator does beside the running program."""
        shown = self.program.control.command("throttles", "--user", self.username)
        assert f"{self.username} from 127.0.0.0/24: " in shown.stdout, shown.stdout + shown.stderr
        cleared = self.program.control.command("throttles", "clear", "--user", self.username)
        assert cleared.returncode == 0, cleared.stderr
        assert self.username not in self.program.control.command("throttles", "--user", self.username).stdout
        self.changed = True

    def _ask(self, typed: str) -> str:
        return DOORS[self.door](self.program, self.username, typed)

    def _decided(self, typed: str) -> str:
        """Where so many ask at once, some may hear that nobody can be asked now, and ask again."""

        def heard() -> str:
            said = self._ask(typed)
            return said if said != HEARD[Outcome.UNAVAILABLE][self.door] else ""

        return until(heard, SOON, f"an answer for {self.username}")

    def _told(self) -> list[str]:
        """The reasons of this person's refusals, as the events have them."""
        query = Query(equal={"action": "login_failed"}, ordering=("created",))
        events = self.house.store.read_now(lambda tx: tx.select(Event, query))
        told = [event.context["reason"] for event in events if event.context.get("username") == self.username]
        return [reason for reason in told if REASONS[reason].outcome is not Outcome.UNAVAILABLE]

    def _device(self, intent: str, ended: bool) -> None:
        body: dict[str, Any] = {"identifier": self._identifier(intent), "intent": f"{intent}_password", "user": self.pk}
        if ended:
            body["expires"] = datetime.fromtimestamp(self.house.clock.now() - 1, UTC).isoformat()
        self.program.api("POST", "core/tokens/", body)
        self.words[intent] = self.program.api("GET", f"core/tokens/{self._identifier(intent)}/view_key/")["key"]

    def _identifier(self, intent: str) -> str:
        return f"{self.username}-{intent}"

    def _factor(self, kind: str) -> None:
        random = counted_random(self.username)

        def plant(tx: Transaction) -> str:
            """As if it had been set up in a browser."""
            if kind == "totp":
                made = authenticators.begin_totp(tx, self.pk, random)
            else:
                made = authenticators.begin_static(tx, self.pk, random, length=8)
            tx.update(replace(made, confirmed=True))
            return str(made.secrets["key"] if kind == "totp" else made.secrets["codes"][0])

        secret = self.house.store.write_now(plant)
        if kind == "totp":
            self.key = secret
        else:
            self.words[kind] = secret

    def _show_code(self) -> None:
        """Of the moment at which it is typed first: it is not good for long."""
        if "totp" not in self.words:
            self.words["totp"] = pyotp.TOTP(self.key).at(int(self.house.clock.now()))


def play(house: House, scenario: Scenario) -> None:
    """Row by row, and each at all doors at the same time: they have different people, and one clock."""
    visits = [Visit(house, scenario, door) for door in scenario.doors]
    with ThreadPoolExecutor(len(visits)) as pool:
        list(pool.map(Visit.begin, visits))
        for row in scenario.rows:
            if "clock" in row:
                house.go_on(row["clock"])
            else:
                list(pool.map(Visit.row, visits, repeat(row)))
