"""What an Access-Accept says beside yes: the person's name, the rules' attributes, and a Class to know them by."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from outpost.directory.snapshot import Directory
from outpost.outcome import Decision, Identity
from outpost.telemetry import Telemetry
from protocols.link.messages import RadiusSettings, ReplyAttribute
from protocols.radius.class_attribute import class_of
from protocols.radius.definitions import defined
from protocols.radius.dictionary import CHARGEABLE_USER_IDENTITY, CLASS, USER_NAME
from protocols.radius.packet import MAX_VALUE, attribute
from protocols.radius.reply import MOST_OCTETS, encoded, hiding
from protocols.radius.request import Request
from protocols.radius.values import octets_of
from rules.replies import chosen

SESSION_TIMEOUT = "Session-Timeout"
MOST_NAMED = 16_384
"""People whose attributes are kept ready, about 5 MB."""
CUI = "chargeable-user-identity"
"""RFC 4372: who asks for one gets what stands for the person and does not name them."""


class Replies:
    """``now``: seconds since the epoch; ``random``: octets."""

    def __init__(
        self, directory: Directory, telemetry: Telemetry, now: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self._directory = directory
        self._telemetry = telemetry
        self._now = now
        self._random = random

    def accept(self, request: Request, decision: Decision) -> bytes:
        """Encoded attributes for an accepted decision; nothing for another."""
        identity = decision.identity
        if identity is None:
            return b""
        own = _own(identity.username, identity.user, decision.keys.get("session", ""))
        told = self._chosen(request, decision, identity)
        if CHARGEABLE_USER_IDENTITY in request.packet.first and not any(one.name.lower() == CUI for one in told):
            own += attribute(CHARGEABLE_USER_IDENTITY, identity.uid.encode()[:MAX_VALUE])
        return self._encoded(request, told) + own if told else own

    def _chosen(self, request: Request, decision: Decision, identity: Identity) -> list[ReplyAttribute]:
        snapshot = self._directory.current
        provider = snapshot.providers.get(request.nas.provider)
        settings = provider.settings if provider is not None else None
        told: list[ReplyAttribute] = list(decision.reply)
        if isinstance(settings, RadiusSettings) and settings.rules:
            groups = snapshot.groups_of(identity.user)
            mapped = {one.name.lower() for one in told}
            ruled = chosen(settings.rules, groups, request.attributes, request.address, self._now())
            told += [one for one in ruled if one.name.lower() not in mapped]
        return self._within_validity(told, identity)

    def _within_validity(self, told: list[ReplyAttribute], identity: Identity) -> list[ReplyAttribute]:
        """A session does not outlive the account."""
        user = self._directory.current.users.get(identity.user)
        if user is None or user.valid_until is None:
            return told
        left = max(1, int(user.valid_until - self._now()))
        asked = [one for one in told if one.name.lower() == SESSION_TIMEOUT.lower()]
        shorter = [seconds for one in asked if 0 < (seconds := _seconds(one.value)) < left]
        others = [one for one in told if one not in asked]
        return [*others, ReplyAttribute(SESSION_TIMEOUT, min([left, *shorter]))]

    def _encoded(self, request: Request, told: list[ReplyAttribute]) -> bytes:
        """What cannot be sent is left out and told of: a wrong VLAN is worse than none, and no login is lost by it."""
        hide = hiding(request.nas.secret, request.packet.authenticator, partial(self._random, 2))
        found = b""
        for one in told:
            try:
                octets = encoded(one.name, one.value, one.tag, hide)
            except ValueError as error:
                self._telemetry.noted(f"RADIUS provider {request.nas.provider}: {error} It was left out of an answer.")
                continue
            if len(found) + len(octets) <= MOST_OCTETS:
                found += octets
        return found


def _seconds(value: str | int) -> int:
    """Of a Session-Timeout; 0, which equipment takes for no limit, for what is none."""
    try:
        return int.from_bytes(octets_of(defined(SESSION_TIMEOUT), value))
    except ValueError:
        return 0


@lru_cache(MOST_NAMED)
def _own(username: str, user: int, session: str) -> bytes:
    """What every answer about somebody has: who it is, and the Class that accounting is to bring back."""
    return attribute(USER_NAME, username.encode()[:MAX_VALUE]) + attribute(CLASS, class_of(user, session))
