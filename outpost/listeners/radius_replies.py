"""What an Access-Accept says beside yes: the person's name, the rules' attributes, and a Class to know them by."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.outcome import Decision, Identity
from outpost.telemetry import Telemetry
from protocols.link.messages import RadiusSettings, ReplyAttribute, ReplyRule
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
        self._plain: dict[int, tuple[Decision, bytes]] = {}
        """By user: an answer in which nothing was chosen, and what it was made for. On this snapshot alone."""
        directory.follow(self._follow)

    def accept(self, request: Request, decision: Decision) -> bytes:
        """Encoded attributes for an accepted decision; nothing for another."""
        identity = decision.identity
        if identity is None:
            return b""
        asks_for_cui = CHARGEABLE_USER_IDENTITY in request.packet.first
        plain = self._plain.get(identity.user)
        if plain is not None and plain[0] is decision and not asks_for_cui:
            return plain[1]
        own = _own(identity.username, identity.user, decision.keys.get("session", ""))
        rules = self._rules(request.nas.provider)
        told = self._chosen(rules, request, decision, identity)
        if asks_for_cui and not any(one.name.lower() == CUI for one in told):
            own += attribute(CHARGEABLE_USER_IDENTITY, identity.uid.encode()[:MAX_VALUE])
        elif not rules and not told:
            self._keep(identity.user, decision, own)
        return self._encoded(request, told) + own if told else own

    def plain(self, decision: Decision) -> bytes | None:
        """What `accept` said last for it, if it will say the same of any request that does not ask for more."""
        plain = self._plain.get(decision.identity.user) if decision.identity is not None else None
        return plain[1] if plain is not None and plain[0] is decision else None

    def _rules(self, provider: int) -> tuple[ReplyRule, ...]:
        record = self._directory.current.providers.get(provider)
        settings = record.settings if record is not None else None
        return settings.rules if isinstance(settings, RadiusSettings) else ()

    def _keep(self, user: int, decision: Decision, own: bytes) -> None:
        if len(self._plain) >= MOST_NAMED:
            self._plain.clear()
        self._plain[user] = decision, own

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        self._plain.clear()

    def _chosen(
        self, rules: tuple[ReplyRule, ...], request: Request, decision: Decision, identity: Identity
    ) -> list[ReplyAttribute]:
        told = list(decision.reply)
        if rules:
            groups = self._directory.current.groups_of(identity.user)
            mapped = {one.name.lower() for one in told}
            ruled = chosen(rules, groups, request.attributes, request.address, self._now())
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
        hide = hiding(request.nas.secret, request.packet.authenticator, self._random)
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
