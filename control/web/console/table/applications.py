"""Applications and the bindings that open them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.records import Application, Binding, Flow, StageBinding, User
from control.store.interface import Query, Transaction
from control.verbs import access, applications, bindings
from control.web.admin_api.shapes.policies import bindings as shape
from control.web.admin_api.table.applications import APPLICATIONS
from control.web.admin_api.table.policies import BINDINGS
from control.web.console import advice, pickable
from control.web.console.cells import Body, Cell, Column, text
from control.web.console.sections import ROOT, Around, Form, Section, made_by


def _provider(body: Body) -> Cell:
    provider = body["provider_obj"]
    if provider is None:
        return Cell("none", tone="quiet")
    return Cell(provider["name"], to=f"{ROOT}/core/providers/{provider['pk']}/")


def _beside(tx: Transaction, application: Application, around: Around) -> Mapping[str, Any]:
    lines = tx.select(Binding, Query(equal={"target": application.pk}, ordering=("order",)))
    asked = around.view.params.get("check", "").strip()
    found = tx.select(User, Query(alike={"username": asked}, limit=1)) if asked else []
    return {
        "bindings": [{**body, "subject": subject(body)} for body in shape(tx, lines, around.view)],
        "advice": list(advice.of_application(tx, application, lines)),
        "asked": asked,
        "checked": access.check(tx, application, found[0], around.services.judge) if found else None,
    }


def _affects(tx: Transaction, application: Application) -> list[str]:
    lines = tx.count(Binding, Query(equal={"target": application.pk}))
    kept = ["Its provider stays, and lets nobody in any more."] if application.provider is not None else []
    return [
        *([f"Its {lines} bindings are deleted." if lines > 1 else "Its binding is deleted."] if lines else []),
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


# --- bindings ------------------------------------------------------------------------------------------------------


def subject(body: Body) -> Cell:
    """Whom a binding is about."""
    if body["group_obj"] is not None:
        return Cell(f"Group {body['group_obj']['name']}", to=f"{ROOT}/identity/groups/{body['group']}/")
    if body["user_obj"] is not None:
        return Cell(f"User {body['user_obj']['username']}", to=f"{ROOT}/identity/users/{body['user']}/")
    named = (body["policy_obj"] or {}).get("name", body["policy"])
    return Cell(f"Policy {named}", to=f"{ROOT}/policy/policies/{body['policy']}/")


def with_targets(tx: Transaction, records: Any, view: Any) -> list[Body]:
    """Bindings, each with the name and the page of what it is for."""
    return [{**body, **_target(tx, body["target"])} for body in shape(tx, records, view)]


def _target(tx: Transaction, pk: str) -> Body:
    application = tx.find(Application, pk=pk)
    if application is not None:
        return {"target_name": application.name, "target_to": f"{ROOT}/core/applications/{application.slug}/"}
    flow = tx.find(Flow, pk=pk)
    if flow is not None:
        return {"target_name": f"Flow {flow.slug}", "target_to": f"{ROOT}/flow/flows/{flow.slug}/"}
    step = tx.find(StageBinding, pk=pk)
    flow = tx.find(Flow, pk=step.flow) if step is not None else None
    if step is None or flow is None:
        return {"target_name": "Something that is gone", "target_to": ""}
    return {"target_name": pickable.step(tx, step), "target_to": f"{ROOT}/flow/flows/{flow.slug}/"}


def _back(tx: Transaction, binding: Binding) -> str:
    return str(_target(tx, binding.target)["target_to"]) or f"{ROOT}/policy/bindings/"


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
    if line.enabled and not any(one.enabled for one in others):
        return ["It is the last one: without any, everybody with an active account gets in."]
    return []
