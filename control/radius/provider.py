"""What outposts are told of a RADIUS provider beside its own record: rules, NAS, authorities.

Every function here is a verb over one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from control.certificates.authority import CannotIssue, revocation_list
from control.certificates.making import KeyPair
from control.records import Certificate, IssuedCertificate, Provider, RadiusNas, RadiusPin, RadiusRule
from control.store.interface import Query, Transaction
from control.verbs.certificates import pems
from protocols.link.messages import EAP_METHODS, NasRecord, ReplyAttribute, ReplyRule
from protocols.radius.reply import portable

MOST_LISTS = 16
"""Signed ones that are remembered, for every change of the configuration asks for them again."""


def settings(tx: Transaction, provider: Provider) -> dict[str, Any]:
    """Fields of `RadiusSettings`."""
    return {
        "client_networks": networks(provider.settings["client_networks"]),
        "stripped_realms": networks(provider.settings.get("stripped_realms", "")),
        "eap_methods": tuple(provider.settings.get("eap_methods", EAP_METHODS)),
        "client_authorities": authorities(tx, provider),
        "client_revocations": revocations(tx, provider),
        "pinned": pinned(tx, provider.pk),
        "rules": tuple(rule_record(rule) for rule in rules(tx, provider.pk) if rule.enabled),
        "nas": tuple(nas_record(nas) for nas in tx.select(RadiusNas, Query(equal={"provider": provider.pk}))),
    }


def networks(text: str) -> tuple[str, ...]:
    """``client_networks`` is stored as authentik writes it: CIDR networks with commas between. Realms are, too."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def authorities(tx: Transaction, provider: Provider) -> str:
    """PEM of the certificates that this provider believes, for EAP-TLS."""
    return pems(tx, provider.settings.get("client_authorities", ()))


def revocations(tx: Transaction, provider: Provider) -> str:
    """PEM of the operator's lists, and of one for each authority of our own that has revoked something still valid.

    Dated by the newest revocation, so that it is another only if there is something to say.
    """
    lists = [str(provider.settings.get("client_revocations") or "").strip()]
    for pk in provider.settings.get("client_authorities", ()):
        above = tx.find(Certificate, pk=pk)
        revoked = _revoked(tx, pk) if above is not None and above.key_data else ()
        if above is not None and revoked:
            lists.append(signed(KeyPair(above.certificate_data, above.key_data), revoked))
    return "".join(f"{one.strip()}\n" for one in lists if one)


def _revoked(tx: Transaction, authority: str) -> tuple[tuple[int, float], ...]:
    issued = tx.select(IssuedCertificate, Query(equal={"authority": authority}, ordering=("created", "pk")))
    return tuple(
        (int(one.serial, 16), one.revoked) for one in issued if one.revoked is not None and one.not_after > tx.now
    )


@lru_cache(MOST_LISTS)
def signed(authority: KeyPair, revoked: tuple[tuple[int, float], ...]) -> str:
    """PEM of the list of these serial numbers."""
    try:
        return revocation_list(authority, revoked, max(since for _, since in revoked))
    except CannotIssue:  # what has a key and is no authority has issued nothing
        return ""


def rules(tx: Transaction, provider: int) -> list[RadiusRule]:
    """By their order; equal ones by name."""
    return tx.select(RadiusRule, Query(equal={"provider": provider}, ordering=("order", "name", "pk")))


def pinned(tx: Transaction, provider: int) -> tuple[str, ...]:
    """Addresses of NAS that sign (`control.radius.pins`)."""
    every = tx.select(RadiusPin, Query(equal={"provider": provider}, ordering=("address",)))
    return tuple(one.address for one in every)


def rule_record(rule: RadiusRule) -> ReplyRule:
    return ReplyRule(
        attributes=tuple(map(reply_attribute, rule.attributes)),
        group=rule.group,
        nas=rule.nas,
        ssid=rule.ssid,
        weekdays=rule.weekdays,
        begins=rule.begins,
        ends=rule.ends,
    )


def reply_attribute(one: Mapping[str, Any]) -> ReplyAttribute:
    """As outposts know it. One whose dictionary is gone stays as it is, and the outpost says that it left it out."""
    try:
        return ReplyAttribute(*portable(one["name"], one["value"], one["tag"]))
    except ValueError:
        return ReplyAttribute(**one)


def nas_record(nas: RadiusNas) -> NasRecord:
    return NasRecord(
        pk=nas.pk,
        name=nas.name,
        network=nas.network,
        shared_secret=nas.shared_secret,
        identifier=nas.identifier,
        message_authenticator=nas.message_authenticator,
        coa_port=nas.coa_port,
        radsec_name=nas.radsec_name,
    )
