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
    users = {name: add_user(program, name, password) for name, password in PASSWORDS.items()}
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
    directory = Directory(users, groups, providers, applications)
    serve(program, program.outpost_name, directory)
    return directory


def serve(program: Program, outpost: str, directory: Directory) -> None:
    """Lets the outpost of this name serve the three applications."""
    found = program.api("GET", "outposts/instances/", query={"name__iexact": outpost})["results"]
    providers = list(directory.providers.values())
    program.api("PATCH", f"outposts/instances/{found[0]['pk']}/", {"providers": providers})


def add_user(program: Program, name: str, password: str, *, group: str | None = None) -> int:
    """The pk of a new user, a member of the group with this pk."""
    user = {"username": name, "name": name.title(), "email": f"{name}@example.com"}
    pk: int = program.api("POST", "core/users/", user)["pk"]
    program.api("POST", f"core/users/{pk}/set_password/", {"password": password})
    if group is not None:
        program.api("POST", f"core/groups/{group}/add_user/", {"pk": pk})
    return pk
