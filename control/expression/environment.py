"""What an expression is asked about, and the names that tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from control.expression.budget import Budget
from control.expression.exposed import Routine, Thing, free
from control.expression.http import HttpFacts, http_request
from control.expression.operations import shown
from control.expression.people import Facts, Person, PersonFacts, exposed, person, thing

UNKNOWN_ADDRESS = IPv4Address("255.255.255.255")
"""authentik's ``ak_client_ip`` when nobody knows."""
MOST_LINES = 50
"""Messages, and lines for the log, of one run."""
LONGEST_LINE = 500
"""Characters of one."""
LEVELS = ("debug", "info", "warning", "error", "critical", "exception")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. ``context`` may hold `PersonFacts` and `Facts` beside plain values."""

    person: PersonFacts | None = None
    """None: nobody has signed in."""
    peer: str = ""
    http: HttpFacts | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    of: Facts | None = None
    """What is asked for: ``request.obj``, an application or a provider."""


class Lines:
    """What one run says, as far as there is room for it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def add(self, text: str) -> None:
        if len(self.said) < MOST_LINES:
            self.said.append(text[:LONGEST_LINE])


def _address(peer: str) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(peer)
    except ValueError:
        return UNKNOWN_ADDRESS
    return getattr(address, "ipv4_mapped", None) or address


# --- authentik's functions -----------------------------------------------------------------------------------------


def _message(messages: Lines, budget: Budget, text: Any) -> None:
    messages.add(shown(budget, text))


def _logger(logged: Lines, bound: str) -> Thing:
    """``ak_logger.info("text", key=value)``"""

    def say(level: str, budget: Budget, text: Any = "", /, **fields: Any) -> None:
        logged.add(f"{level}: {shown(budget, text)}{bound}{_fields(budget, fields)}")

    def bind(budget: Budget, /, **fields: Any) -> Thing:
        return _logger(logged, f"{bound}{_fields(budget, fields)}"[:LONGEST_LINE])

    levels = {level: Routine(level, partial(say, level)) for level in LEVELS}
    return Thing("Logger", {**levels, "bind": Routine("bind", bind)})


def _fields(budget: Budget, fields: Mapping[str, Any]) -> str:
    return "".join(f" {name}={shown(budget, value)}" for name, value in fields.items())


def _is_group_member(budget: Budget, /, user: Any, **wanted: Any) -> bool:
    """Directly, or through a parent."""
    filtered = person(user).all_groups.attribute("filter").call(budget, **wanted)
    return bool(filtered.length())


def _has_authenticator(user: Any, device_type: Any = None) -> bool:
    kinds = person(user).factors
    return device_type in kinds if device_type is not None else bool(kinds)


# --- all of it ---------------------------------------------------------------------------------------------------


def names(asked: Asked, messages: Lines, logged: Lines) -> dict[str, Any]:
    user = Person(asked.person)
    http = http_request(asked.http, user) if asked.http is not None else None
    context = exposed(asked.context)
    obj = thing(asked.of) if asked.of is not None else None
    return {
        "user": user,
        "context": context,
        "http_request": http,
        "request": Thing(
            "PolicyRequest", {"user": user, "http_request": http, "context": context, "obj": obj, "debug": False}
        ),
        "ak_client_ip": _address(asked.peer),
        "ak_is_sso_flow": False,
        "ak_message": Routine("ak_message", partial(_message, messages)),
        "ak_logger": _logger(logged, ""),
        "ak_is_group_member": Routine("ak_is_group_member", _is_group_member),
        "ak_user_has_authenticator": free("ak_user_has_authenticator", _has_authenticator),
    }


NAMES = frozenset(names(Asked(), Lines(), Lines()))
"""That every expression is given, beyond `vocabulary.EVERYWHERE`."""
