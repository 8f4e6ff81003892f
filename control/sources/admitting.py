"""Whom a source may send, and the groups here that what it says of them stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from control.records import Group, Source, SourceConnection
from control.sources.asking import Stranger
from control.sources.kinds import KINDS, settings_of
from control.store.interface import Query, Transaction
from rules.names import domain_of, folded


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str
    message: str


def refusal(source: Source, stranger: Stranger) -> Refused | None:
    """Every list that is set has to be satisfied; of addresses and domains, one is enough."""
    settings = settings_of(source)
    emails, domains = settings["allowed_emails"], settings["allowed_email_domains"]
    if (emails or domains) and not _is_allowed(stranger.email, emails, domains):
        return Refused("source_domain", "Sign in with an address that is allowed here, and is confirmed there.")
    allowed = settings["allowed_organizations"]
    if allowed and not _alike(source, allowed) & _alike(source, stranger.organizations):
        return Refused("source_organization", "Sign in with an account that belongs to your organisation there.")
    return None


def standing_for(source: Source, stranger: Stranger) -> list[str] | None:
    """pks of the groups here; None if the source says nothing of groups."""
    if stranger.groups is None:
        return None
    named = _alike(source, stranger.groups)
    mapping = settings_of(source)["group_mapping"]
    return sorted({one["group"] for one in mapping if _alike(source, [one["name"]]) <= named})


def join(tx: Transaction, source: Source, identifier: str, user: int, wanted: Iterable[str]) -> None:
    """Of the mapped groups, whoever came is in these alone; the others are left as they are. Nobody else gets what was
    said of whoever has this ``identifier`` there."""
    connected = Query(equal={"source": source.pk, "identifier": identifier, "user": user}, limit=1)
    if not tx.select(SourceConnection, connected):
        return
    mapped = {one["group"] for one in settings_of(source)["group_mapping"]}
    there = {group.pk for group in tx.select(Group, Query(within={"pk": sorted(mapped)}))} if mapped else set()
    due, have = there.intersection(wanted), there.intersection(tx.groups_of([user]).get(user, []))
    for group in sorted(due - have):
        tx.add_members(group, [user])
    for group in sorted(have - due):
        tx.remove_members(group, [user])


def _is_allowed(email: str, emails: Iterable[str], domains: Iterable[str]) -> bool:
    domain = domain_of(email)
    return bool(domain) and (domain in domains or folded(email) in map(folded, emails))


def _alike(source: Source, names: Iterable[str]) -> frozenset[str]:
    """In the form in which they are compared."""
    return frozenset(map(folded, names) if KINDS[source.provider_type].ignores_case else names)
