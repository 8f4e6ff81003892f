"""What can be done with one record beside changing its fields, each from the record's own page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from control import sessions
from control.mail import outbox
from control.passwords.new import new_hash
from control.radius import orders as radius_orders
from control.records import Authenticator, Provider, Session, Source, User
from control.sources.ldap.syncing import Syncing
from control.store.interface import Query, Transaction
from control.verbs import authenticators, groups, newcomers, roles, users
from control.verbs.fields import NON_FIELD, Invalid
from control.web.console import pickable
from control.web.console.editing import MOST_FIELDS, MOST_FORM_BYTES
from control.web.console.frames import Frame, sentences
from control.web.console.sections import ROOT, Section
from control.web.console.table.letters import MAIL
from control.web.console.table.people import CROWDS, PEOPLE
from control.web.console.table.radius import MACHINES, STAYS
from control.web.console.table.refused import KNOCKED
from control.web.console.table.roles import PARTS, given
from control.web.console.table.sources import DOMAINS
from control.web.console.visitors import sent
from control.web.pages.answers import redirect
from control.web.services import Services
from protocols.radius.orders import DISCONNECT

Action = Callable[[Request, Services, Section, Frame], Awaitable[Response]]


async def password(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """A new password for a user."""
    caller, resource = frame.visitor.caller, section.resource(services.random)

    def one(tx: Transaction) -> User:
        user: User = resource.one(tx, request.path_params["key"], caller)
        return user

    with sentences():
        user = await services.store.read(one)
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        typed = await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
        try:
            if typed.one("password") != typed.one("again"):
                raise Invalid({"again": ["The two passwords differ. Type the same one twice."]})
            chosen = users.new_password({"password": typed.one("password")})
            hashed = await new_hash(services.store, services.passwords, user.pk, chosen, caller.client_ip)

            def change(tx: Transaction) -> None:
                users.set_password(tx, one(tx).pk, hashed, bool(typed.one("must_change_password")))

            await services.store.write(change, caller.actor)
        except Invalid as error:
            errors = error.fields
        else:
            return redirect(f"{section.place_of(user)}?done=password")
    url = section.place_of(user)
    return frame.page("console/password.html", 400 if errors else 200, user=user, url=url, errors=errors)


async def end_sessions(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """The one that is named, or all."""
    typed = await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    caller, resource, named = frame.visitor.caller, section.resource(services.random), typed.one("session")

    def end(tx: Transaction) -> str:
        user = resource.one(tx, request.path_params["key"], caller)
        for session in tx.select(Session, Query(equal={"user": user.pk})):
            if named in ("", session.uuid):
                sessions.revoke(tx, session.pk)
        return section.place_of(user)

    with sentences():
        to = await services.store.write(end, caller.actor)
    return redirect(f"{to}?done=ended")


async def remove_factors(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """The second factor that is named, or all: whoever lost them signs in without, and sets up others."""
    typed = await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    caller, resource, named = frame.visitor.caller, section.resource(services.random), typed.one("factor")

    def remove(tx: Transaction) -> str:
        user = resource.one(tx, request.path_params["key"], caller)
        for factor in tx.select(Authenticator, Query(equal={"user": user.pk})):
            if named in ("", str(factor.pk)):
                authenticators.delete(tx, factor.pk)
        return section.place_of(user)

    with sentences():
        to = await services.store.write(remove, caller.actor)
    return redirect(f"{to}?done=removed")


async def change_members(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """``add`` takes a username, ``remove`` a user's number."""
    typed = await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    caller, resource = frame.visitor.caller, section.resource(services.random)
    leaving = typed.one("remove")

    def change(tx: Transaction) -> str:
        group = resource.one(tx, request.path_params["key"], caller)
        if leaving:
            groups.remove_user(tx, group.pk, pickable.USERS.pk(tx, "remove", leaving, is_name=False))
        else:
            groups.add_user(tx, group.pk, pickable.USERS.pk(tx, "add", typed.one("add").strip(), is_name=True))
        return section.place_of(group)

    with sentences():
        to = await services.store.write(change, caller.actor)
    return redirect(f"{to}?done={'removed' if leaving else 'added'}")


async def add_knock(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """Has what knocked be known, as its suggestion says."""
    await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    caller, resource = frame.visitor.caller, section.resource(services.random)

    def add(tx: Transaction) -> int:
        knock = resource.one(tx, request.path_params["key"], caller)
        suggested = newcomers.suggestion(knock, tx.select(Provider)) if knock.answered is None else None
        if suggested is None:
            raise Invalid({NON_FIELD: ["There is nothing to add here any more."]})
        return newcomers.add(tx, knock, suggested, services.random).provider

    with sentences():
        provider = await services.store.write(add, caller.actor)
    added = f"core/providers/{provider}" if provider else MACHINES.path
    return redirect(f"{ROOT}/{added}/?done=added")


async def send_now(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """Has a mail that waits be tried now."""
    await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    caller, resource = frame.visitor.caller, section.resource(services.random)

    def hurry(tx: Transaction) -> str:
        return section.place_of(outbox.try_again(tx, resource.one(tx, request.path_params["key"], caller).pk))

    with sentences():
        to = await services.store.write(hurry, caller.actor)
    return redirect(f"{to}?done=hurried")


async def disconnect(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """Has the NAS end a session."""
    await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    caller, resource = frame.visitor.caller, section.resource(services.random)

    def order(tx: Transaction) -> str:
        session = resource.one(tx, request.path_params["key"], caller)
        if not session.live:
            raise Invalid({NON_FIELD: ["This session has ended."]})
        radius_orders.ask(tx, session, DISCONNECT, radius_orders.BY_HAND)
        return section.place_of(session)

    with sentences():
        to = await services.store.write(order, caller.actor)
    return redirect(f"{to}?done=asked")


async def set_permissions(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """Those that are ticked, for all objects; what is given for single ones stays."""
    typed = await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    caller, resource = frame.visitor.caller, section.resource(services.random)
    wanted = frozenset(typed.values.get("permissions", ()))

    def change(tx: Transaction) -> str:
        role = resource.one(tx, request.path_params["key"], caller)
        have = given(role)
        roles.assign(tx, role.pk, {"permissions": sorted(wanted - have)})
        roles.unassign(tx, role.pk, {"permissions": sorted(have - wanted)})
        return section.place_of(role)

    with sentences():
        to = await services.store.write(change, caller.actor)
    return redirect(f"{to}?done=saved")


async def sync(request: Request, services: Services, section: Section, frame: Frame) -> Response:
    """Takes over people and groups of a directory, and says what went wrong."""
    await sent(request, services, frame.visitor, MOST_FORM_BYTES, MOST_FIELDS)
    caller, resource = frame.visitor.caller, section.resource(services.random)

    def one(tx: Transaction) -> Source:
        source: Source = resource.one(tx, request.path_params["key"], caller)
        return source

    with sentences():
        source = await services.store.read(one)
    messages = await Syncing(services.store, services.directories, services.looks).one(source)
    url = section.place_of(source)
    return frame.page("console/synced.html", section=section, name=source.name, url=url, messages=messages)


ACTIONS: tuple[tuple[Section, str, Action, tuple[str, ...]], ...] = (
    (PEOPLE, "password", password, ("GET", "POST")),
    (PEOPLE, "sessions", end_sessions, ("POST",)),
    (PEOPLE, "factors", remove_factors, ("POST",)),
    (CROWDS, "members", change_members, ("POST",)),
    (KNOCKED, "add", add_knock, ("POST",)),
    (MAIL, "retry", send_now, ("POST",)),
    (STAYS, "disconnect", disconnect, ("POST",)),
    (PARTS, "permissions", set_permissions, ("POST",)),
    (DOMAINS, "sync", sync, ("POST",)),
)
"""Of which section, below the record's address."""
