"""What the LDAP door would say beyond a login: is TLS wanted, this base served, this filter too large, and how much
of the directory may this user search?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from control.explaining.explained import Step
from control.records import Group, Provider, User
from control.store.interface import Transaction
from control.verbs.provider_kinds import LdapFields
from control.verbs.rights import closure
from control.verbs.roles import with_permission
from protocols.ldap import dn
from protocols.ldap.filter import MAX_DEPTH, MAX_PARTS
from protocols.ldap.filter_text import parse
from protocols.ldap.search_request import MAX_ATTRIBUTES
from rules.permissions import SEARCH_FULL_DIRECTORY
from rules.reasons import REASONS

PLAIN = frozenset({"no", "false", "off", "0"})
"""Of the attribute ``tls``: the request would come in the clear."""


def steps(tx: Transaction, provider: Provider, user: User | None, told: Mapping[str, str]) -> Iterator[Step]:
    """``told`` may have ``tls``, and of a search ``base`` and ``filter``."""
    settings = {name: field.default for name, field in LdapFields.model_fields.items()} | provider.settings
    yield _tls(bool(settings["require_tls"]), told.get("tls", ""))
    if "base" in told:
        yield _base(str(settings["base_dn"]), told["base"])
    yield _request(told.get("filter"))
    if user is not None:
        yield _search(tx, provider, user)


def _tls(required: bool, told: str) -> Step:
    if not required:
        return Step("tls", True, "Passwords are taken with and without TLS.")
    if told.lower() in PLAIN:
        return Step("tls", False, REASONS["tls_required"].operator, "tls_required")
    over = "This comes over TLS" if told else "Whether this comes over TLS is not said (attribute tls)"
    return Step("tls", True, f"Passwords are taken over TLS only; others hear tls_required. {over}.")


def _base(ours: str, asked: str) -> Step:
    """The empty base stands for all that is served."""
    try:
        name = dn.parse(asked)
    except ValueError:
        return Step("base", False, REASONS["no_dn"].operator, "no_dn")
    if name.key and not dn.is_under(name, dn.parse(ours)):
        said = f"{asked} does not lie under this provider's base DN, {ours}. {REASONS['unknown_base_dn'].operator}"
        return Step("base", False, said, "unknown_base_dn")
    return Step("base", True, f"{asked or 'The empty base'} lies under {ours}.")


def _request(asked: str | None) -> Step:
    bounds = (
        f"A filter may be {MAX_DEPTH} deep and have {MAX_PARTS} parts; a search may name {MAX_ATTRIBUTES} attributes."
    )
    if asked is None:
        return Step("request", True, f"{bounds} What is larger hears too_large_request.")
    try:
        parse(asked)
    except ValueError as error:
        if "deep" not in str(error):
            return Step("request", False, f"The filter cannot be read: {error}.", "impossible_request")
        return Step("request", False, f"{bounds} {REASONS['too_large_request'].operator}", "too_large_request")
    if asked.count("(") > MAX_PARTS:
        return Step("request", False, f"{bounds} {REASONS['too_large_request'].operator}", "too_large_request")
    return Step("request", True, f"The filter is taken. {bounds}")


def _search(tx: Transaction, provider: Provider, user: User) -> Step:
    """Decided by the outpost on the same facts (`outpost.directory.contexts`). No refusal: whoever may not search
    everything finds themselves."""
    giving = set(with_permission(tx, SEARCH_FULL_DIRECTORY, provider.pk))
    for group in closure(tx, user.pk):
        why = _whole(group, giving)
        if why:
            return Step("search", True, f"Searches the whole directory: {why}.")
    if provider.settings.get("anonymous_search"):
        return Step("search", True, "Finds their own entry and groups after a bind; without one, everybody.")
    said = "Finds their own entry and groups alone: no group of theirs has a role with search_full_directory here."
    return Step("search", True, f"{said} One call gives it: a role with that permission, held by a group.")


def _whole(group: Group, giving: set[str]) -> str:
    if group.is_superuser:
        return f"{group.name!r} is a superuser group"
    return f"a role of {group.name!r} has search_full_directory" if giving.intersection(group.roles) else ""
