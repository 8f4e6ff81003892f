"""Second factors: one's own, and for administrators everybody's."""

from __future__ import annotations

from typing import Any

from control.records import Authenticator
from control.store.interface import Transaction
from control.verbs import authenticators
from control.verbs.authenticators import EMAIL, STATIC, TOTP, WEBAUTHN
from control.verbs.tokens import Random
from control.web.admin_api.callers import Caller, people, superusers_only
from control.web.admin_api.lists import Narrowed, number, text
from control.web.admin_api.resource import Resource, sees_everything
from control.web.admin_api.shapes import authenticators as shapes

OF_KIND = {
    TOTP: ("TOTPDevice", shapes.totp),
    STATIC: ("StaticDevice", shapes.static),
    EMAIL: ("EmailDevice", shapes.email),
    WEBAUTHN: ("WebAuthnDevice", shapes.webauthn),
}


def resources(random: Random) -> list[Resource[Any]]:
    return [factors(kind, for_all) for kind in OF_KIND for for_all in (False, True)]


def _own(tx: Transaction, caller: Caller) -> Narrowed:
    return {"user": [caller.user.pk]}


def factors(kind: str, for_all: bool) -> Resource[Authenticator]:
    """Whoever has one may rename it and take it away; they are made by the flows that show what belongs to them."""
    title, shape = OF_KIND[kind]
    permit = superusers_only if for_all else people
    return Resource(
        f"authenticators/admin/{kind}" if for_all else f"authenticators/{kind}",
        Authenticator,
        title,
        shape,
        fields=authenticators.AuthenticatorFields,
        numbered=True,
        only={"kind": [kind], "confirmed": [True]},
        filters={"name": text("name"), **({"user": number("user")} if for_all else {})},
        readers=permit,
        sees=sees_everything if for_all else _own,
        writers=permit,
        recent=True,
        update=authenticators.update,
        delete=authenticators.delete,
    )
