"""What the forward-auth door would say of one address beyond a login: do the provider's access rules open it, close it,
or ask for a second factor?"""

from __future__ import annotations

from urllib.parse import urlsplit

from control.explaining.explained import Step
from control.policies.asking import Asking
from control.records import Provider
from control.store.interface import Transaction
from control.verbs import access_rules
from control.verbs.rights import closure
from protocols.proxy.canonical import canonical_path
from protocols.proxy.hosts import normalised
from protocols.proxy.skipping import SkippedPaths
from rules.access import CLOSED, AccessRules, Asked, Level
from rules.reasons import REASONS

NAME = "rules"


def usual(provider: Provider) -> dict[str, str]:
    """What the request says unless it is told otherwise: a GET of the application's first page."""
    parts = urlsplit(str(provider.settings.get("external_host", "")))
    try:
        host = normalised(parts.netloc, parts.scheme)
    except ValueError:
        host = parts.netloc
    return {"host": host, "path": "/", "method": "GET"}


def step(tx: Transaction, provider: Provider, asking: Asking) -> Step:
    """``asking.attributes`` have ``path``, ``method`` and ``host``. Whoever proves who they are sends no preflight,
    which has no credentials."""
    path, method = asking.attributes["path"].partition("?")[0] or "/", asking.attributes["method"]
    rules = AccessRules(access_rules.delivered(provider.settings.get("access_rules", ())))
    asked = Asked.at(asking.now, canonical_path(path), method, asking.peer)
    groups = frozenset(group.pk for group in closure(tx, asking.user.pk)) if asking.user is not None else None
    level = rules.level(asked, groups)
    if level in CLOSED:
        return Step(NAME, False, REASONS[CLOSED[level]].operator, CLOSED[level])
    if level is Level.BYPASS or (level is Level.SIGN_IN and _is_skipped(provider, asking, path)):
        return Step(NAME, True, f"{method} {path} is open to everybody, without signing in.")
    if level is Level.SECOND_FACTOR:
        said = (
            f"For {method} {path} a browser is asked for a second factor unless one was shown in the last "
            f"{rules.max_age(asked, groups)} seconds; a password sent by itself hears second_factor_needed."
        )
        return Step(NAME, True, said)
    if not rules:
        return Step(NAME, True, "The provider has no access rules.")
    return Step(NAME, True, f"No access rule closes {method} {path}.")


def _is_skipped(provider: Provider, asking: Asking, path: str) -> bool:
    whole_url = provider.settings.get("mode") == "forward_domain"
    skipped = SkippedPaths(str(provider.settings.get("skip_path_regex", "")), whole_url)
    scheme = asking.visitor.scheme if asking.visitor is not None else "https"
    return skipped.skips(f"{scheme}://{asking.attributes['host']}", path)
