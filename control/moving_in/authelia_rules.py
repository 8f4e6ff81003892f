"""Authelia's access rules as those of an application behind a proxy, one application a domain.

A domain is taken with all its rules or not at all: one that is missing could open what it closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from control.apply.sections import Given
from control.moving_in.found import Found
from control.verbs.access_rules import AccessRuleFields
from control.verbs.fields import Invalid, parse
from settings.yaml_lines import Lines

LEVELS = {"bypass": "bypass", "one_factor": "sign_in", "two_factor": "second_factor", "deny": "deny"}
_KNOWN = frozenset({"domain", "policy", "subject", "resources", "methods", "networks"})
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_FOLLOWED = {
    r"([/?].*)?$": "(?:/.*)?",
    r"(?:[/?].*)?$": "(?:/.*)?",
    r"([?].*)?$": "",
    r"(\?.*)?$": "",
    ".*$": ".*",
    ".*": ".*",
}
"""How people let a query, or a path, follow: Authelia matches path and query together, rules here the path alone."""
_GROUP = re.compile(r"\((?:[^()\\]|\\.)*\)|\[(?:[^\]\\]|\\.)*\]")


class _Unmappable(Exception):
    pass


def read(found: Found, lines: Lines) -> None:
    control = lines.value["access_control"]
    rules = control.get("rules") or []
    default = LEVELS.get(str(control.get("default_policy", "deny")), "deny")
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        found.leave(lines.line(("access_control", "rules")), "must be a list of rules; none is taken over")
        return
    places = [("access_control", "rules", index) for index in range(len(rules))]
    networks = _networks(lines.value)
    named = {
        domain: place for rule, place in reversed(list(zip(rules, places, strict=True))) for domain in _names(rule)
    }
    for domain, first in sorted(named.items(), key=lambda one: lines.line(one[1])):
        if _DOMAIN.fullmatch(domain) is None:
            sentence = f"{domain!r} is not one domain: its rules are added to those of domains that are named"
            found.leave(lines.line(first), sentence)
            continue
        mapped: list[Given] = []
        for rule, place in zip(rules, places, strict=True):
            try:
                mapped += [_mapped(rule, networks)] if _is_about(rule, domain) else []
            except (_Unmappable, Invalid) as error:
                sentence = f"{domain} is left out, as one of its rules cannot be said here: {error}"
                found.leave(lines.line(place), sentence)
                break
        else:
            _take(found, domain, [*mapped, {"level": default}], lines.line(first))


def _take(found: Found, domain: str, rules: list[Given], line: int) -> None:
    name = domain.replace(".", "-")
    if found.take(
        "providers",
        domain,
        {
            "kind": "proxy",
            "mode": "forward_single",
            "external_host": f"https://{domain}",
            "access_rules": rules,
        },
        line,
    ):
        found.take("applications", name, {"name": domain, "provider": domain}, line)
        for group in dict.fromkeys(group for rule in rules for group in rule.get("groups", [])):
            if group not in found.sections["groups"]:
                found.take("groups", group, {}, line)


def _networks(document: dict[Any, Any]) -> dict[str, list[str]]:
    """By their names, of both places where versions of Authelia have them."""
    named = {
        str(one["name"]): [str(network) for network in _many(one.get("networks"))]
        for one in _many(document["access_control"].get("networks"))
        if isinstance(one, dict) and "name" in one
    }
    definitions = document.get("definitions")
    told = definitions.get("network") if isinstance(definitions, dict) else None
    return named | {
        str(name): list(map(str, _many(many))) for name, many in (told if isinstance(told, dict) else {}).items()
    }


def _names(rule: dict[Any, Any]) -> Iterator[str]:
    yield from (str(domain).lower() for domain in _many(rule.get("domain")))


def _is_about(rule: dict[Any, Any], domain: str) -> bool:
    """A pattern could be about any."""
    suffixes = tuple(name[1:] for name in _names(rule) if name.startswith("*."))
    return (
        domain in _names(rule)
        or (bool(suffixes) and domain.endswith(suffixes))
        or "domain_regex" in rule
        or any("{" in name or name == "*" for name in _names(rule))
    )


def _mapped(rule: dict[Any, Any], networks: dict[str, list[str]]) -> Given:
    """Raises _Unmappable, Invalid."""
    unknown = sorted(map(str, rule.keys() - _KNOWN))
    if unknown:
        raise _Unmappable(f"it has {', '.join(unknown)}")
    level = LEVELS.get(str(rule.get("policy")))
    if level is None:
        raise _Unmappable("it has no policy that is known")
    if any("{" in name or name == "*" for name in _names(rule)):
        raise _Unmappable("its domain stands for several")
    given: Given = {"level": level}
    if "resources" in rule:
        given["paths"] = [{"match": "pattern", "path": _pattern(str(one), level)} for one in _many(rule["resources"])]
    if "methods" in rule:
        given["methods"] = [str(one).upper() for one in _many(rule["methods"])]
    if "networks" in rule:
        given["networks"] = [part for one in _many(rule["networks"]) for part in networks.get(str(one), [str(one)])]
    parse(AccessRuleFields, given)
    if "subject" in rule:
        given["groups"] = [_group(one) for one in _many(rule["subject"])]
    for name, value in given.items():
        if value == []:  # nothing here means everything
            raise _Unmappable(f"its {name} are empty")
    if level == "bypass" and "groups" in given:
        raise _Unmappable("it is bypassed for a subject, who is not known before signing in")
    return given


def _group(subject: Any) -> str:
    parts = [str(one) for one in _many(subject)]
    if len(parts) != 1 or not parts[0].startswith("group:"):
        raise _Unmappable("its subject is not simply a group")
    return parts[0].removeprefix("group:")


def _pattern(theirs: str, level: str) -> str:
    """One that must fit a whole path, of one that is looked for in path and query. Raises _Unmappable."""
    ending = next((ending for ending in _FOLLOWED if theirs.endswith(ending)), "")
    body, end = theirs.removesuffix(ending), _FOLLOWED.get(ending, ".*")
    if body.endswith("$") and not body.endswith("\\$"):
        if level != "deny":
            raise _Unmappable(f"{theirs!r} lets no query follow, and rules here do not look at it")
        body, end = body[:-1], ""
    if "\\?" in body or re.search(r"\[[^\]]*\?[^\]]*\]", body):
        raise _Unmappable(f"{theirs!r} looks at the query, and rules here do not")
    if level != "bypass" and (not body.startswith("^") or re.search(r"\.[*+{]|\[\^", body)):
        raise _Unmappable(f"{theirs!r} may mean a part of the query, and rules here do not look at it")
    bare = body
    while (less := _GROUP.sub("", bare)) != bare:
        bare = less
    if "|" in bare or "^" in body[1:].replace("[^", ""):
        raise _Unmappable(f"{theirs!r} has alternatives outside of parentheses")
    return (body[1:] if body.startswith("^") else f".*{body}") + end


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
