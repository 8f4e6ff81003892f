"""Events that no change of the directory leaves by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.records import Certificate, Event, Provider, Token, User
from control.records.models import model_of
from control.store.interface import Actor, Transaction


def leave(tx: Transaction, action: str, app: str, context: Mapping[str, Any], actor: Actor) -> Event:
    return tx.insert(
        Event(
            action=action,
            app=app,
            context=dict(context),
            user=dict(actor.user),
            client_ip=actor.client_ip,
            created=tx.now,
        )
    )


def done_to(tx: Transaction, action: str, app: str, owner: User, **more: str) -> Event:
    """Something of a person's account was changed. The event is theirs, as in authentik; its context says ``by`` whom,
    if by somebody else, and ``to_email``, the address that was known to be theirs."""
    doer = tx.actor.user
    is_own = doer.get("pk") == owner.pk or doer.get("username", "") in ("", owner.username)
    by = {} if is_own else {"by": str(doer["username"])}
    known = {"to_email": owner.confirmed_email} if owner.confirmed_email else {}
    whose = Actor({"pk": owner.pk, "username": owner.username, "email": owner.email}, tx.actor.client_ip)
    return leave(tx, action, app, {**by, **known, **more}, whose)


def secret_viewed(
    tx: Transaction, record: Token | Certificate | Provider, name: str, actor: Actor, **more: str
) -> None:
    """Somebody has read a stored secret; the event says which, not what."""
    _secret(tx, "secret_view", record, name, actor, **more)


def secret_changed(tx: Transaction, record: Token, name: str, actor: Actor) -> None:
    """Somebody has chosen another stored secret; the event says which, not what."""
    _secret(tx, "secret_rotate", record, name, actor)


def _secret(
    tx: Transaction, action: str, record: Token | Certificate | Provider, name: str, actor: Actor, **more: str
) -> None:
    secret = {**model_of(record), "name": name}
    leave(tx, action, str(secret["app"]), {"secret": secret, **more}, actor)
