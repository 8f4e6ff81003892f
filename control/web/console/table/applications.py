"""Applications and the bindings that open them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from control.records import Application, Binding, Entitlement, Flow, NotificationRule, StageBinding, User
from control.store.interface import Query, Transaction
from control.verbs import access, applications, bindings, entitlements
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import by_pk
from control.web.admin_api.shapes.policies import bindings as shape
from control.web.admin_api.table.applications import APPLICATIONS, ENTITLEMENTS
from control.web.admin_api.table.policies import BINDINGS
from control.web.console import advice, pickable
from control.web.console.cells import Body, Cell, Column, text
from control.web.console.sections import ROOT, Around, Form, Section, made_by

GONE: Body = {"target_name": "Something that is gone", "target_to": ""}


def _provider(body: Body) -> Cell:
    provider = body["provider_obj"]
    if provider is None:
        return Cell("none", tone="quiet")
    return Cell(provider["name"], to=f"{ROOT}/core/providers/{provider['pk']}/")


def _beside(tx: Transaction, application: Application, around: Around) -> Mapping[str, Any]:
    lines = bound(tx, application.pk)
    asked = around.view.params.get("check", "").strip()
    found = tx.select(User, Query(alike={"username": asked}, limit=1)) if asked else []
    return {
        "bindings": with_subjects(tx, lines, around.view),
        "entitled": tx.select(Entitlement, Query(equal={"application": application.pk}, ordering=("name",))),
        "advice": list(advice.of_application(tx, application, lines)),
        "asked": asked,
        "checked": access.check(tx, application, found[0], around.services.judge) if found else None,
    }


def bound(tx: Transaction, target: str) -> list[Binding]:
    return tx.select(Binding, Query(equal={"target": target}, ordering=("order",)))


def with_subjects(tx: Transaction, lines: Sequence[Binding], view: View) -> list[Body]:
    return [{**body, "subject": subject(body)} for body in shape(tx, lines, view)]


def _affects(tx: Transaction, application: Application) -> list[str]:
    lines = tx.count(Binding, Query(equal={"target": application.pk}))
    kept = ["Its provider stays, and lets nobody in any more."] if application.provider is not None else []
    entitled = tx.count(Entitlement, Query(equal={"application": application.pk}))
    return [
        *([f"Its {lines} bindings are deleted." if lines > 1 else "Its binding is deleted."] if lines else []),
        *([f"Its entitlements ({entitled}) are deleted."] if entitled else []),
        *kept,
    ]


SHOWN = Section(
    path="core/applications",
    title="Applications",
    one="application",
    about="What people use. Each has a provider, which says how it is reached, and bindings, which say by whom.",
    resource=lambda random: APPLICATIONS,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Slug", text("slug"), "slug"),
        Column("Group", text("group"), "group"),
        Column("Provider", _provider),
        Column("Launch URL", text("launch_url")),
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            applications.ApplicationFields,
            first=("name", "slug", "provider", "meta_launch_url", "group", "policy_engine_mode"),
            pickers={"provider": pickable.PROVIDERS},
            create=made_by(lambda random: APPLICATIONS),
        )
    },
    affects=_affects,
    beside=_beside,
    template="console/application.html",
    empty="Create a provider first, then the application that uses it.",
)


# --- entitlements --------------------------------------------------------------------------------------------------


def _beside_entitlement(tx: Transaction, one: Entitlement, around: Around) -> Mapping[str, Any]:
    told = with_subjects(tx, bound(tx, one.pk), around.view)
    return {"bindings": told, "unbound": "Nobody has it yet: bind a group or a user."}


def _with_applications(tx: Transaction, records: Sequence[Entitlement], view: View) -> list[Body]:
    every = by_pk(tx, Application, {one.application for one in records})
    bodies = ENTITLEMENTS.shape(tx, records, view)
    return [{**body, "application": every[one.application]} for one, body in zip(records, bodies, strict=True)]


RIGHTS = Section(
    path="core/entitlements",
    title="Entitlements",
    one="entitlement",
    about="What people may do inside an application. It is told to the application, which makes of it what it wants.",
    resource=lambda random: ENTITLEMENTS,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column(
            "Application",
            lambda body: Cell(body["application"].name, to=f"{ROOT}/core/applications/{body['application'].slug}/"),
        ),
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            entitlements.EntitlementFields,
            first=("name", "app"),
            pickers={"app": pickable.APPLICATIONS},
            create=made_by(lambda random: ENTITLEMENTS),
        )
    },
    current=lambda tx, one: {"name": one.name, "app": one.application, "attributes": one.attributes},
    beside=_beside_entitlement,
    template="console/bound.html",
    shape=_with_applications,
    empty="Make one for each role that an application knows, and bind the people who have it.",
)


# --- bindings ------------------------------------------------------------------------------------------------------


def subject(body: Body) -> Cell:
    """Whom a binding is about."""
    if body["group_obj"] is not None:
        return Cell(f"Group {body['group_obj']['name']}", to=f"{ROOT}/identity/groups/{body['group']}/")
    if body["user_obj"] is not None:
        return Cell(f"User {body['user_obj']['username']}", to=f"{ROOT}/identity/users/{body['user']}/")
    named = (body["policy_obj"] or {}).get("name", body["policy"])
    return Cell(f"Policy {named}", to=f"{ROOT}/policy/policies/{body['policy']}/")


def with_targets(tx: Transaction, records: Sequence[Binding], view: View) -> list[Body]:
    """Bindings, each with the name of what it is for, and its page if there is one."""
    told = _targets(tx, [line.target for line in records])
    return [{**body, **told.get(body["target"], GONE)} for body in shape(tx, records, view)]


def _targets(tx: Transaction, pks: Sequence[str]) -> dict[str, Body]:
    return {pk: _target(tx, one) for kind in bindings.TARGETS for pk, one in by_pk(tx, kind, pks).items()}


def _target(tx: Transaction, one: bindings.Target) -> Body:
    match one:
        case Application():
            return {"target_name": one.name, "target_to": f"{ROOT}/core/applications/{one.slug}/"}
        case Flow():
            return {"target_name": f"Flow {one.slug}", "target_to": f"{ROOT}/flow/flows/{one.slug}/"}
        case StageBinding():
            return {"target_name": pickable.step(tx, one), "target_to": f"{ROOT}/flow/bindings/{one.pk}/"}
        case Entitlement():
            return {"target_name": pickable.entitlement(tx, one), "target_to": f"{ROOT}/core/entitlements/{one.pk}/"}
        case NotificationRule():
            return {"target_name": f"Notification rule {one.name}", "target_to": f"{ROOT}/events/rules/{one.pk}/"}


def _back(tx: Transaction, binding: Binding) -> str:
    return str(_targets(tx, [binding.target]).get(binding.target, GONE)["target_to"]) or f"{ROOT}/policy/bindings/"


def _answer(body: Body) -> Cell:
    if not body["enabled"]:
        return Cell("disabled", tone="quiet")
    return Cell("keeps out", tone="warn") if body["negate"] else Cell("lets in", tone="good")


LINES = Section(
    path="policy/bindings",
    title="Bindings",
    one="binding",
    about="Who may use what. An application without any is open to every active user.",
    resource=lambda random: BINDINGS,
    columns=(
        Column("Whom", lambda body: Cell(subject(body).text, to=".")),
        Column("For", lambda body: Cell(body["target_name"], to=body["target_to"]), "target"),
        Column("Answer", _answer, "enabled"),
        Column("Order", text("order"), "order"),
    ),
    name=lambda body: f"{subject(body).text} for {body['target_name']}",
    forms={
        "": Form(
            bindings.BindingFields,
            first=("target", "policy", "group", "user", "enabled", "order"),
            pickers={
                "target": pickable.TARGETS,
                "policy": pickable.POLICIES,
                "group": pickable.GROUPS,
                "user": pickable.USERS,
            },
            create=made_by(lambda random: BINDINGS),
            about="Choose a policy, a group or a user.",
        )
    },
    affects=lambda tx, line: _opens(tx, line),
    back=_back,
    shape=with_targets,
    empty="Bind a group to an application, and only its members get in.",
)


def _opens(tx: Transaction, line: Binding) -> list[str]:
    others = [one for one in tx.select(Binding, Query(equal={"target": line.target})) if one.pk != line.pk]
    if not line.enabled or any(one.enabled for one in others):
        return []
    if any(tx.find(kind, pk=line.target) is not None for kind in bindings.NOBODYS):
        return ["It is the last one: without any, this is for nobody."]
    return ["It is the last one: without any, everybody with an active account gets in."]
