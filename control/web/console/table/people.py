"""Users, service accounts and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control import sessions
from control.records import Application, Binding, Group, Outpost, Session, Token, User
from control.store.interface import Query, Transaction
from control.verbs import applications, authenticators, groups, service_accounts, users
from control.verbs.rights import closure
from control.web.admin_api.callers import Caller
from control.web.admin_api.shapes.authenticators import NAMES
from control.web.admin_api.table.people import GROUPS, USERS
from control.web.console import pickable
from control.web.console.cells import Body, Cell, Column, minutes, moment, text, yes
from control.web.console.sections import Around, Choice, Form, Section, made_by
from control.web.console.table.connections import abroad
from control.web.services import Services

MEMBERS_ON_A_PAGE = 50


def live_sessions(tx: Transaction, user: User) -> list[dict[str, str]]:
    """Those that still open something, the latest first."""
    found = tx.select(Session, Query(equal={"user": user.pk}, ordering=("-last_used",)))
    return [
        {
            "name": session.uuid,
            "client_ip": session.client_ip,
            "user_agent": session.user_agent,
            "created": minutes(session.created),
            "last_used": minutes(session.last_used),
        }
        for session in found
        if sessions.is_good(session, user, tx.now)
    ]


def _user_now(tx: Transaction, user: User) -> dict[str, Any]:
    return {**users.current(user), "groups": list(tx.groups_of([user.pk]).get(user.pk, []))}


def _beside_user(tx: Transaction, user: User, around: Around) -> Mapping[str, Any]:
    visible = Query(within={"pk": applications.visible_to(tx, user.pk)}, ordering=("name",))
    return {
        "sessions": live_sessions(tx, user),
        "factors": _factors(tx, user),
        "abroad": abroad(tx, user),
        "tokens": tx.select(Token, Query(equal={"user": user.pk}, ordering=("identifier",))),
        "every_group": closure(tx, user.pk),
        "usable": tx.select(Application, visible) if user.is_active else [],
    }


def _factors(tx: Transaction, user: User) -> list[dict[str, Any]]:
    found = authenticators.of(tx, user.pk)
    last = authenticators.last_used(tx, found)
    return [
        {
            "pk": one.pk,
            "name": one.name,
            "kind": NAMES[one.kind],
            "last": minutes(last[one.pk]) if one.pk in last else "",
        }
        for one in found
    ]


def _user_affects(tx: Transaction, user: User) -> list[str]:
    counted = (
        (tx.count(Session, Query(equal={"user": user.pk})), "session", "ends", "end"),
        (tx.count(Token, Query(equal={"user": user.pk})), "token", "stops working", "stop working"),
        (tx.count(Binding, Query(equal={"user": user.pk})), "binding", "is deleted", "are deleted"),
        (len(tx.groups_of([user.pk]).get(user.pk, [])), "group membership", "ends", "end"),
    )
    found = [_counted(*one) for one in counted if one[0]]
    outpost = tx.find(Outpost, user=user.pk)
    return [*found, f"The outpost “{outpost.name}” stands on this account."] if outpost is not None else found


def _counted(number: int, one: str, does: str, do: str) -> str:
    return f"{number} {one} {does}." if number == 1 else f"{number} {one}s {do}."


def _user_state(body: Body) -> tuple[Cell, ...]:
    cells = [] if body["is_active"] else [Cell("inactive", tone="wrong")]
    if body["is_superuser"]:
        cells.append(Cell("superuser", tone="warn"))
    if body["type"] != "internal":
        cells.append(Cell(body["type"].replace("_", " "), tone="quiet"))
    return tuple(cells)


async def _make_service_account(services: Services, caller: Caller, given: Mapping[str, Any]) -> User:
    made = await services.store.write(lambda tx: service_accounts.create(tx, given, services.random), caller.actor)
    return made.user


PEOPLE = Section(
    path="identity/users",
    title="Users",
    one="user",
    about="Everybody who can sign in, and the accounts of programs.",
    resource=lambda random: USERS,
    columns=(
        Column("Username", lambda body: Cell(body["username"], to="."), "username"),
        Column("Name", text("name"), "name"),
        Column("Email", text("email"), "email"),
        Column("State", _user_state, "is_active"),
        Column("Last login", moment("last_login", "never")),
    ),
    name=lambda body: body["username"],
    forms={
        "": Form(
            users.UserFields,
            first=("username", "name", "email", "is_active", "groups"),
            pickers={"groups": pickable.GROUPS},
            create=made_by(lambda random: USERS),
            label="User",
            about="A person. Set the password on the next page.",
        ),
        "service_account": Form(
            service_accounts.ServiceAccountFields,
            create=_make_service_account,
            label="Service account",
            about="An account for a program, with an app password instead of a password.",
        ),
    },
    current=_user_now,
    affects=_user_affects,
    beside=_beside_user,
    template="console/user.html",
    choices=(
        Choice("type", "Type", (("internal", "Internal"), ("external", "External"), ("service_account", "Service"))),
        Choice("is_active", "Active", (("true", "Active"), ("false", "Inactive"))),
        Choice("is_superuser", "Superuser", (("true", "Superusers"), ("false", "Others"))),
    ),
    wide={"include_groups": "false", "include_roles": "false"},
    empty="Nobody is called so.",
)


def _beside_group(tx: Transaction, group: Group, around: Around) -> Mapping[str, Any]:
    members = list(tx.members_of([group.pk]).get(group.pk, []))
    pages = max(1, -(-len(members) // MEMBERS_ON_A_PAGE))
    asked = around.view.params.get("members", "1")
    page = min(pages, max(1, int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1))
    start = (page - 1) * MEMBERS_ON_A_PAGE
    part = members[start : start + MEMBERS_ON_A_PAGE]
    return {
        "members": tx.select(User, Query(within={"pk": part}, ordering=("username",))) if part else [],
        "member_count": len(members),
        "page": page,
        "pages": pages,
        "children": [one for one in tx.select(Group, Query(ordering=("name",))) if group.pk in one.parents],
    }


def _group_affects(tx: Transaction, group: Group) -> list[str]:
    members = len(tx.members_of([group.pk]).get(group.pk, []))
    children = [one.name for one in tx.select(Group) if group.pk in one.parents]
    bound = tx.count(Binding, Query(equal={"group": group.pk}))
    return [
        *([_counted(members, "member", "leaves it", "leave it")] if members else []),
        *([f"These groups lose a parent: {', '.join(sorted(children)[:10])}."] if children else []),
        *([_counted(bound, "binding", "is deleted", "are deleted")] if bound else []),
    ]


CROWDS = Section(
    path="identity/groups",
    title="Groups",
    one="group",
    about="Who belongs together. Groups let people into applications, and applications read their names.",
    resource=lambda random: GROUPS,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Members", lambda body: Cell(str(len(body["users"])))),
        Column("Superusers", yes("is_superuser", "superusers"), "is_superuser"),
        Column("Parents", lambda body: Cell(", ".join(one["name"] for one in body["parents_obj"] or ()))),
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            groups.GroupFields,
            first=("name", "is_superuser", "parents"),
            left_out=frozenset({"users"}),
            pickers={"parents": pickable.GROUPS, "roles": pickable.ROLES},
            create=made_by(lambda random: GROUPS),
        )
    },
    current=lambda tx, group: groups.current(group),
    affects=_group_affects,
    beside=_beside_group,
    template="console/group.html",
    choices=(Choice("is_superuser", "Superusers", (("true", "Superusers"), ("false", "Others"))),),
    wide={"include_users": "false", "include_parents": "true"},
    empty="Make a group, then let it into applications.",
)
