"""What was asked for becomes an account, or changes one: only that of whoever has proved in this run who they are, or
was signed in before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control import audit
from control.flows.bound import doer, peer_of
from control.flows.stages.asking import Silent
from control.flows.state import Context, Continue, Deny, FlowServices, Verdict
from control.records import ADDRESS_CHANGED, Group, Invitation, User
from control.store.interface import Actor, Transaction
from control.verbs import fields, own_details, sources, users
from control.verbs.own_details import DETAILS
from rules import validity

SAID = {"username": "user name", "name": "name", "email": "e-mail address"}
NEVER = frozenset(
    {"pk", "uuid", "uid", "password", "is_active", "is_superuser", "type", "path", "groups", "roles", "attributes"}
)
"""Keys that make nobody anything, whatever a form asks for."""
NOBODY = Deny("flow_proved_nothing", "This flow did not check who you are, so it changes nothing.")
MEANWHILE = Deny("credential_changed", "The account was changed elsewhere meanwhile. Start again.")
SPENT = Deny("invitation_over", "This invitation has been used already, or is too old. Ask for another one.")


class UserWriteStage(Silent):
    """Settings: ``user_creation_mode`` (never_create, create_when_required, always_create),
    ``create_users_as_inactive``, ``create_users_group`` (pk), ``user_type``, ``user_path_template``."""

    writes = frozenset({"uid", "pending_user", "proved", "proved_version", "method"})

    async def arrive(self, context: Context, settings: Mapping[str, Any], services: FlowServices) -> Verdict | None:
        whose = context.proved or context.requester
        mode = settings.get("user_creation_mode", "create_when_required")
        is_new = whose is None or mode == "always_create"
        if is_new and (mode == "never_create" or context.uid is not None):
            return NOBODY
        address = peer_of(services.origin)

        def write(tx: Transaction) -> Verdict:
            return _made(tx, context, settings) if is_new else _changed(tx, context, whose or 0)

        newcomer = Actor({"username": str(context.uid or context.prompt.get("username", ""))}, address)
        actor = newcomer if is_new else doer(context, services.origin)
        try:
            return await services.store.write(write, actor)
        except fields.Invalid as error:
            return Deny("flow_denied", " ".join(said for sentences in error.fields.values() for said in sentences))


def _made(tx: Transaction, context: Context, settings: Mapping[str, Any]) -> Verdict:
    invitation = _invitation(tx, context.invitation)
    if context.invitation and invitation is None:
        return SPENT
    given = _given(context, {})
    if not given.get("username"):
        given["username"] = given.get("email", "")
    if users.is_taken(tx, str(given["username"])):
        return _taken(given)
    if invitation is not None and invitation.single_use:
        tx.delete(invitation)  # in the transaction that makes the account: one that is good once makes one
    group = str(settings.get("create_users_group") or "")
    kept = {
        "name": "",
        "is_active": not settings.get("create_users_as_inactive", False),
        "type": settings.get("user_type") or "external",
        "path": settings.get("user_path_template") or "users",
        "groups": [group] if group and tx.find(Group, pk=group) is not None else [],
    }
    user = users.create(tx, {**kept, **given})
    user = tx.update(replace(user, email_verified=bool(user.email) and user.email == context.confirmed))
    if context.chosen:
        user = users.set_password(tx, user.pk, context.chosen)
    known = {"uid": user.username, "pending_user": user.pk}
    if context.source:
        sources.connect(tx, {"user": user.pk, **{name: context.source[name] for name in ("source", "identifier")}})
    elif context.opened or not context.chosen:
        return Continue(known)  # whoever opens a link need not be who chose the password: they sign in themselves
    return Continue(
        {
            **known,
            "proved": user.pk,
            "proved_version": user.credential_version,
            "method": "source" if context.source else "enrollment",
        }
    )


def _changed(tx: Transaction, context: Context, pk: int) -> Verdict:
    user = tx.find(User, pk=pk)
    if user is None or validity.refusal(user, tx.now) is not None or user.type == users.INTERNAL_SERVICE_ACCOUNT:
        return NOBODY
    if context.proved is not None and user.credential_version != context.proved_version:
        return MEANWHILE
    given = _given(context, user.attributes)
    for name in own_details.settled(tx, user):
        if given.get(name, getattr(user, name)) != getattr(user, name):
            return Deny("flow_denied", f"Your {SAID[name]} stays as it is: ask the administrator to change it.")
    if given.get("username", user.username) != user.username and users.is_taken(tx, str(given["username"]), pk):
        return _taken(given)
    before = user
    if given:
        user = users.update(tx, pk, given)
    if user.email != before.email:
        audit.done_to(tx, ADDRESS_CHANGED, "authentik_core", before)
        user = tx.update(replace(user, email_verified=user.email == context.confirmed))
    if context.chosen:
        user = users.set_password(tx, pk, context.chosen)
    return Continue({"proved_version": user.credential_version} if context.proved is not None else {})


def _taken(given: Mapping[str, Any]) -> Deny:
    return Deny("flow_denied", f"The user name “{given['username']}” is taken. Start again with another one.")


def _given(context: Context, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """As `users.create` and `users.update` take it."""
    told = {key: value for key, value in context.prompt.items() if value is not None}
    found: dict[str, Any] = {key: told[key] for key in DETAILS if key in told}
    more = dict(attributes)
    for key, value in told.items():
        name = key.removeprefix("attributes.").removeprefix("attributes_")
        if key not in DETAILS and name and name not in NEVER and key not in NEVER:
            more[name] = value
    return {**found, "attributes": more} if more != dict(attributes) else found


def _invitation(tx: Transaction, pk: str) -> Invitation | None:
    """If it is good still."""
    found = tx.find(Invitation, pk=pk) if pk else None
    return found if found is not None and (found.expires is None or tx.now < found.expires) else None
