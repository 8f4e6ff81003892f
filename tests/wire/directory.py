"""The people and applications that the wire tests use, made through the API as an operator would."""

from __future__ import annotations

from dataclasses import dataclass

from tests.wire.program import Program

BASE_DN = "dc=example,dc=com"
SHARED_SECRET = "radius-shared-secret"
HOST = "app.example.com"
PASSWORDS = {"alice": "alice-password-1", "bob": "bob-password-22", "carol": "carol-password-333"}


@dataclass
class Directory:
    users: dict[str, int]
    groups: dict[str, str]
    providers: dict[str, int]
    applications: dict[str, str]


def populate(program: Program) -> Directory:
    """alice is a superuser; bob is in engineering, whose parent is staff; carol is in nothing.

    The three applications (LDAP, RADIUS, proxy) let staff and admins in.
    """
    users = {name: _user(program, name) for name in PASSWORDS}
    groups: dict[str, str] = {}
    for name, parents, members, superuser in (
        ("staff", [], [], False),
        ("engineering", ["staff"], ["bob"], False),
        ("admins", [], ["alice"], True),
    ):
        made = program.api(
            "POST",
            "core/groups/",
            {
                "name": name,
                "parents": [groups[parent] for parent in parents],
                "users": [users[member] for member in members],
                "is_superuser": superuser,
            },
        )
        groups[name] = made["pk"]
    flow = program.api("GET", "flows/instances/default-provider-authorization-implicit-consent/")["pk"]
    invalidation = program.api("GET", "flows/instances/default-provider-invalidation-flow/")["pk"]
    flows = {"authorization_flow": flow, "invalidation_flow": invalidation}
    providers = {
        "ldap": program.api("POST", "providers/ldap/", {"name": "ldap", "base_dn": BASE_DN, **flows})["pk"],
        "radius": program.api(
            "POST",
            "providers/radius/",
            {"name": "radius", "client_networks": "127.0.0.0/8", "shared_secret": SHARED_SECRET, **flows},
        )["pk"],
        "proxy": program.api(
            "POST",
            "providers/proxy/",
            {"name": "proxy", "mode": "forward_single", "external_host": f"http://{HOST}", **flows},
        )["pk"],
    }
    applications = {}
    for kind, provider in providers.items():
        made = program.api(
            "POST", "core/applications/", {"name": f"App {kind}", "slug": f"app-{kind}", "provider": provider}
        )
        applications[kind] = made["pk"]
        for group in ("staff", "admins"):
            program.api("POST", "policies/bindings/", {"target": made["pk"], "group": groups[group], "order": 0})
    embedded = program.api("GET", "outposts/instances/?search=embedded")["results"][0]
    program.api("PATCH", f"outposts/instances/{embedded['pk']}/", {"providers": list(providers.values())})
    return Directory(users, groups, providers, applications)


def _user(program: Program, name: str) -> int:
    pk: int = program.api(
        "POST",
        "core/users/",
        {"username": name, "name": name.title(), "email": f"{name}@example.com"},
    )["pk"]
    program.api("POST", f"core/users/{pk}/set_password/", {"password": PASSWORDS[name]})
    return pk
