"""authentik, asked through its API: people, groups, providers, applications, and who may use them.

Passwords are never told by it. Whoever has rights there gets none here, and an application is made only if everything
that decides over its use could be said.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from control.apply.sections import Given
from control.moving_in.access import Access
from control.moving_in.found import CannotRead, Found
from control.outward import ask
from control.verbs.fields import Invalid, parse
from control.verbs.flows import USES
from control.verbs.provider_kinds import KINDS
from control.verbs.provider_kinds.proxy import is_loopback
from control.verbs.users import INTERNAL_SERVICE_ACCOUNT

TOKEN = "IMPORT_TOKEN"  # noqa: S105  the name of a variable
API = "api/v3/"
PAGE, MOST_PAGES = 100, 10_000
MOST_BYTES = 64 * 1024 * 1024
"""Of one page."""
SECONDS = 60.0
TAKEN = {
    "ldap": ("base_dn", "uid_start_number", "gid_start_number", "search_mode", "bind_mode", "mfa_support"),
    "radius": ("client_networks", "shared_secret", "mfa_support"),
    "proxy": (
        *("mode", "external_host", "internal_host", "internal_host_ssl_validation", "skip_path_regex", "cookie_domain"),
        *("basic_auth_enabled", "basic_auth_user_attribute", "basic_auth_password_attribute", "intercept_header_auth"),
        *("access_token_validity", "refresh_token_validity"),
    ),
    "oauth2": (
        *("client_type", "client_id", "client_secret", "redirect_uris", "access_code_validity", "sub_mode"),
        *("access_token_validity", "refresh_token_validity", "refresh_token_threshold", "issuer_mode"),
        "include_claims_in_id_token",
    ),
}
"""Kind of provider to the fields that mean the same here."""
NAMING = ("pk", "provider", "target", "policy", "group", "user")
_APPLICATION = ("group", "meta_launch_url", "meta_description", "meta_publisher", "open_in_new_tab")


@dataclass(frozen=True, slots=True)
class _Asked:
    address: str
    token: str = field(repr=False)
    authorities: str = field(repr=False)
    tell: Callable[[str], None]


async def _pages(asked: _Asked, path: str) -> list[Given]:
    """All records below a path. Raises CannotRead. Every page is told of but a first one that is the only one."""
    found: list[Given] = []
    number = 1
    while number and number <= MOST_PAGES:
        url = f"{asked.address.rstrip('/')}/{API}{path}{'&' if '?' in path else '?'}page={number}&page_size={PAGE}"
        shown = {"Authorization": f"Bearer {asked.token}"}
        try:
            answer = await ask(url, SECONDS, shown, most_bytes=MOST_BYTES, authorities=asked.authorities)
        except (OSError, ValueError) as error:
            raise CannotRead(f"does not answer: {error}") from None
        if answer.status != 200:
            raise CannotRead(f"answered {answer.status} to {path}; is it a token of an administrator's?")
        try:
            said = json.loads(answer.content)
            results, more = said["results"], int(said["pagination"]["next"])
            if not isinstance(results, list) or not all(map(_is_record, results)):
                raise TypeError
            if more and more <= number:
                raise ValueError
            found += results
        except (ValueError, KeyError, TypeError):
            raise CannotRead(f"gave no list for {path}; is it authentik?") from None
        if more or number > 1:
            asked.tell(f"{len(found):,} records of {path.partition('?')[0]} read")
        number = more
    return found


def _is_record(one: object) -> bool:
    """An object, which names others by numbers and texts."""
    return isinstance(one, dict) and all(isinstance(one.get(name), int | str | None) for name in NAMING)


def _believed(address: str, without_tls: bool) -> None:
    """Raises CannotRead for what is no address, or one where everybody on the way would read the token."""
    try:
        parts = urlsplit(address)
        host = parts.hostname if parts.scheme in ("http", "https") else None
    except ValueError:
        host = None
    if not host:
        raise CannotRead("is no address; write where authentik is, with https:// in front")
    if parts.scheme == "http" and not without_tls and not is_loopback(host):
        raise CannotRead(
            "would be sent an administrator's token that everybody on the way can read: write https:// (--authority "
            "names the file of an authority of its own), or say --without-tls where nobody else can listen"
        )


async def fetch(address: str, access: Access) -> Found:
    """Raises CannotRead."""
    _believed(address, access.without_tls)
    token = access.secret(TOKEN, "a token of an administrator of authentik's")
    get = partial(_pages, _Asked(address, token, access.authorities(), access.tell))
    found = Found(unit="record")
    providers = {kind: await get(f"providers/{kind}/") for kind in TAKEN}
    names = _people(found, await get("core/users/?include_groups=false"), _start(providers["ldap"], "uid"))
    groups = _groups(found, await get("core/groups/?include_users=false"), names, _start(providers["ldap"], "gid"))
    made = _providers(found, providers)
    _applications(
        found, await get("core/applications/?superuser_full_list=true"), made, await get("policies/bindings/")
    )
    _bound(found, names, groups)
    return found


def _start(providers: list[Given], which: str) -> int | None:
    """From which POSIX numbers were counted; None: not from one."""
    starts = {one.get(f"{which}_start_number") for one in providers}
    start = starts.pop() if len(starts) == 1 else None
    return start if isinstance(start, int) else None


def _people(found: Found, people: list[Given], start: int | None) -> dict[int, str]:
    """pk to name of whom is taken over."""
    names: dict[int, str] = {}
    for number, said in enumerate(people, 1):
        username = str(said.get("username", ""))
        if said.get("type") == INTERNAL_SERVICE_ACCOUNT:
            continue
        given: Given = {"name": str(said.get("name") or username), "attributes": _attributes(said)}
        given |= {key: said[key] for key in ("email", "is_active", "type", "path") if said.get(key) not in (None, "")}
        if start is not None and isinstance(said.get("pk"), int):
            given["attributes"].setdefault("uidNumber", start + said["pk"])
        if found.take("users", username, given, number):
            names[said.get("pk", 0)] = username
    if names:
        found.leave(1, "authentik tells no passwords: everybody needs a new one")
    return names


def _groups(found: Found, groups: list[Given], names: dict[int, str], start: int | None) -> dict[str, str]:
    called = {str(one.get("pk")): str(one.get("name")) for one in groups}
    taken: dict[str, str] = {}
    for number, said in enumerate(groups, 1):
        name = called[str(said.get("pk"))]
        if said.get("is_superuser") or said.get("roles"):
            found.leave(number, f"group {name} gives rights in authentik; left out")
            continue
        given: Given = {
            "attributes": _attributes(said),
            "users": [names[pk] for pk in _listed(said, "users") if isinstance(pk, int) and pk in names],
            "parents": [called[str(pk)] for pk in _listed(said, "parents") if str(pk) in called],
        }
        if start is not None and isinstance(said.get("num_pk"), int):
            given["attributes"].setdefault("gidNumber", start + said["num_pk"])
        if found.take("groups", name, given, number):
            taken[str(said.get("pk"))] = name
    for name in taken.values():
        entry = found.sections["groups"][name]
        entry["parents"] = [one for one in entry["parents"] if one in found.sections["groups"]]
    return taken


def _listed(said: Given, name: str) -> list[Any]:
    there = said.get(name)
    return there if isinstance(there, list) else []


def _attributes(said: Given) -> Given:
    """Without authentik's own settings."""
    kept = said.get("attributes")
    return {name: value for name, value in (kept if isinstance(kept, dict) else {}).items() if name != "settings"}


def _providers(found: Found, kinds: dict[str, list[Given]]) -> dict[int, str]:
    """pk to name."""
    made: dict[int, str] = {}
    number = 0
    for kind, providers in kinds.items():
        for said in providers:
            number += 1
            name = str(said.get("name", ""))
            given = {key: said[key] for key in TAKEN[kind] if said.get(key) is not None}
            if (fault := _fault(kind, {**given, "name": name})) is not None:
                found.leave(number, f"provider {name!r} is left out: {fault}")
                continue
            if found.take("providers", name, {"kind": kind, **given}, number):
                made[said.get("pk", 0)] = name
    return made


def _fault(kind: str, given: Given) -> str | None:
    """What is wrong with it, but for what a new one is given here."""
    generated = {name: "x" for name, _ in KINDS[kind].generated}
    try:
        parse(KINDS[kind].fields, {**generated, **given})
    except Invalid as error:
        faults = [f"{name}: {' '.join(texts)}" for name, texts in error.fields.items() if name not in USES]
        return "; ".join(faults) or None
    return None


def _applications(found: Found, applications: list[Given], made: dict[int, str], bindings: list[Given]) -> None:
    for number, said in enumerate(applications, 1):
        slug = str(said.get("slug", ""))
        mine = [one for one in bindings if one.get("target") == said.get("pk") and one.get("enabled", True)]
        if said.get("provider") is not None and said["provider"] not in made:
            found.leave(number, f"application {slug}: its provider is of no kind that is taken over; left out")
        elif any(one.get("policy") for one in mine):
            found.leave(number, f"application {slug}: a policy decides over its use, which is not taken over; left out")
        else:
            given: Given = {"name": str(said.get("name") or slug)}
            given |= {key: said[key] for key in _APPLICATION if said.get(key) not in (None, "")}
            if said.get("provider") is not None:
                given["provider"] = made[said["provider"]]
            if said.get("policy_engine_mode") in ("any", "all"):
                given["policy_engine_mode"] = said["policy_engine_mode"]
            given["bindings"] = [
                {key: one[key] for key in ("group", "user", "order", "negate") if one.get(key) is not None}
                for one in mine
            ]
            found.take("applications", slug, given, number)


def _bound(found: Found, names: dict[int, str], groups: dict[str, str]) -> None:
    """Names for pks. An application that names somebody who was left out is left out: it could open what was closed."""
    for slug, entry in list(found.sections["applications"].items()):
        for binding in entry["bindings"]:
            if "group" in binding:
                binding["group"] = groups.get(str(binding["group"]))
            if "user" in binding:
                binding["user"] = names.get(binding["user"])
        if any(None in binding.values() for binding in entry["bindings"]):
            del found.sections["applications"][slug]
            found.leave(
                found.lines["applications", slug], f"application {slug}: is bound to who was left out; left out"
            )
        elif not entry["bindings"]:
            del entry["bindings"]
