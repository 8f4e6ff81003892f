"""Events that no change of the directory leaves by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from control.records import Certificate, Event, Provider, Token
from control.store.interface import Actor, Transaction

MODELS = {"token": ("authentik_core", "token"), "certificate": ("authentik_crypto", "certificatekeypair")}
"""TABLE to the app and model names that authentik's users filter events by."""


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


def secret_viewed(
    tx: Transaction, record: Token | Certificate | Provider, name: str, actor: Actor, **more: str
) -> None:
    """Somebody has read a stored secret; the event says which, not what."""
    if isinstance(record, Provider):
        app, model = f"authentik_providers_{record.kind}", f"{record.kind}provider"
    else:
        app, model = MODELS[record.TABLE]
    secret = {"app": app, "model_name": model, "pk": record.pk, "name": name}
    leave(tx, "secret_view", app, {"secret": secret, **more}, actor)
