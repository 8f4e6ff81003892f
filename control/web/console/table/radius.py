"""RADIUS: who is on the network, devices by their hardware address, and NAS with secrets of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from control.records import Group, Provider, RadiusSession, User
from control.store.interface import Query, Transaction
from control.verbs import devices
from control.verbs.devices import DeviceFields
from control.verbs.radius_rules import NasFields, RuleFields
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.radius import rules
from control.web.admin_api.table.radius import DEVICES, RULES, SESSIONS, nas
from control.web.console import pickable
from control.web.console.cells import Body, Cell, Column, moment, text, yes
from control.web.console.pickers import Picker, Source
from control.web.console.sections import Around, Choice, Form, Section, made_by
from rules.hours import MINUTES
from rules.reasons import REASONS

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ALL_DAY = (0, MINUTES)
UNITS = ("bytes", "kB", "MB", "GB", "TB")
SAID = {
    "asked": "It was told to; there is no answer yet.",
    "acknowledged": "It has done so.",
    "refused": "It has refused.",
    "unanswered": "It has not answered.",
}
"""What became of an order to a NAS."""

PROVIDERS = Picker(
    (Source(Provider, lambda provider: provider.name, one="provider", query=Query(equal={"kind": "radius"})),)
)


def size(octets: int) -> str:
    """As people read it."""
    amount, unit = float(octets), 0
    while amount >= 1000 and unit < len(UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {UNITS[unit]}" if unit == 0 or amount >= 10 else f"{amount:.1f} {UNITS[unit]}"


def _who(body: Body) -> Cell:
    return Cell(str(body["username"] or body["calling_station"] or body["session"]), to=".")


def _state(body: Body) -> Cell:
    return Cell("live", tone="good") if body["live"] else Cell("ended", tone="quiet")


def _where(body: Body) -> Cell:
    return Cell(" ".join(str(body[name]) for name in ("nas_name", "ssid", "port") if body[name]) or str(body["nas"]))


def _traffic(body: Body) -> Cell:
    return Cell(f"{size(body['input_octets'])} in, {size(body['output_octets'])} out")


def _beside_session(tx: Transaction, session: RadiusSession, around: Around) -> Mapping[str, Any]:
    reason = REASONS.get(session.why)
    return {
        "owner": tx.find(User, pk=session.user) if session.user is not None else None,
        "said": SAID.get(session.outcome, ""),
        "why": reason.operator if reason is not None else session.why.replace("_", " "),
        "traffic": _traffic({"input_octets": session.input_octets, "output_octets": session.output_octets}).text,
    }


STAYS = Section(
    path="radius/sessions",
    title="Sessions",
    one="session",
    about="Who is on which port or Wi-Fi since when, as the accounting of the NAS tells.",
    resource=lambda random: SESSIONS,
    columns=(
        Column("Who", _who, "username"),
        Column("State", _state, "live"),
        Column("Where", _where, "nas_name"),
        Column("Device", text("calling_station"), "calling_station"),
        Column("Since", moment("started"), "started"),
        Column("Until", moment("ended"), "ended"),
        Column("Traffic", _traffic, "input_octets"),
    ),
    name=lambda body: _who(body).text,
    beside=_beside_session,
    template="console/radius_session.html",
    choices=(Choice("live", "State", (("true", "Live"), ("false", "Ended"))),),
    empty="Nobody is on the network, or no NAS sends accounting to port 1813.",
)


MACHINES = Section(
    path="radius/devices",
    title="Devices",
    one="device",
    about="Machines that can show nothing but a hardware address. A provider lets them in only if it says so.",
    resource=lambda random: DEVICES,
    columns=(
        Column("Name", lambda body: Cell(body["name"] or body["address"], to="."), "name"),
        Column("Hardware address", text("address"), "address"),
        Column("State", yes("enabled", "let in", "switched off"), "enabled"),
        Column("VLAN", text("vlan"), "vlan"),
    ),
    name=lambda body: str(body["name"] or body["address"]),
    forms={
        "": Form(
            DeviceFields,
            first=("address", "name", "user", "enabled", "vlan", "psk"),
            pickers={"user": pickable.USERS},
            secrets=frozenset({"psk"}),
            create=made_by(lambda random: DEVICES),
        )
    },
    current=lambda tx, device: devices.current(device),
    affects=lambda tx, device: ["It is unknown from then on, and knocks."],
    revealed={"psk": lambda tx, device: str(device.secrets.get("psk", ""))},
    empty="What knocks and is yours can be added from the list of knocks.",
)

GATES = Section(
    path="radius/nas",
    title="NAS",
    one="NAS",
    about="Switches, access points and gateways with a secret of their own. Others use their provider's.",
    resource=nas,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Network", text("network"), "network"),
        Column("NAS-Identifier", text("identifier"), "identifier"),
        Column("Certificate's name", text("radsec_name"), "radsec_name"),
        Column("Has signed", lambda body: Cell(", ".join(body["pinned"]))),
    ),
    name=lambda body: str(body["name"]),
    forms={
        "": Form(
            NasFields,
            first=("name", "provider", "network", "identifier", "shared_secret"),
            pickers={"provider": PROVIDERS},
            secrets=frozenset({"shared_secret"}),
            optional=frozenset({"shared_secret"}),
            create=made_by(nas),
            about="A secret is made up where none is typed.",
        )
    },
    affects=lambda tx, one: ["It is then asked for the secret of the client network that it lies in, if any."],
    revealed={"shared_secret": lambda tx, one: str(one.shared_secret)},
    empty="Every NAS uses its provider's secret.",
)


def _when(body: Body) -> Cell:
    days = ", ".join(DAYS[day] for day in body["weekdays"])
    hours = f"{_clock(body['begins'])} to {_clock(body['ends'])}" if (body["begins"], body["ends"]) != ALL_DAY else ""
    return Cell(" ".join(part for part in (days, hours) if part) or "always")


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _said(body: Body) -> Cell:
    return Cell(", ".join(f"{one['name']} = {one['value']}" for one in body["attributes"]))


def _named(tx: Transaction, records: Sequence[Any], view: View) -> list[Body]:
    """Rules with the names of whom and what they are about."""
    told = []
    for body in rules(tx, records, view):
        provider, group = tx.find(Provider, pk=body["provider"]), tx.find(Group, pk=body["group"])
        names = {"provider_name": provider.name if provider else "", "group_name": group.name if group else "everybody"}
        told.append({**body, **names})
    return told


ANSWERS = Section(
    path="radius/rules",
    title="Rules",
    one="rule",
    about="Attributes that go into an answer that lets somebody in: a VLAN by group, a time limit by Wi-Fi. "
    "All that fit are said; of two that say the same attribute, the one that comes first.",
    resource=lambda random: RULES,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Provider", text("provider_name"), "provider"),
        Column("Order", text("order"), "order"),
        Column("For", text("group_name")),
        Column("When", _when),
        Column("Says", _said),
        Column("State", yes("enabled", "in force", "switched off"), "enabled"),
    ),
    name=lambda body: str(body["name"]),
    forms={
        "": Form(
            RuleFields,
            first=("name", "provider", "order", "group", "attributes", "enabled"),
            pickers={"provider": PROVIDERS, "group": pickable.GROUPS},
            create=made_by(lambda random: RULES),
        )
    },
    affects=lambda tx, rule: ["Answers are sent without it from then on."],
    shape=_named,
    empty="Without any, an answer says yes or no, and what property mappings add.",
)
