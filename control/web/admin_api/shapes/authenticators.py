"""Second factors, as authentik's clients know them. Keys and codes are shown while one is set up, never here."""

from __future__ import annotations

from collections.abc import Sequence

from control.mappings.facts import uid_of
from control.records import Authenticator, User
from control.store.interface import Transaction
from control.verbs import authenticators
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk, moment

NAMES = {
    authenticators.TOTP: "TOTP Device",
    authenticators.STATIC: "Static Device",
    authenticators.WEBAUTHN: "WebAuthn Device",
    authenticators.EMAIL: "Email Device",
}


def totp(tx: Transaction, records: Sequence[Authenticator], view: View) -> list[Body]:
    owners = by_pk(tx, User, {record.user for record in records})
    return [{"pk": record.pk, "name": record.name, "user": _owner(tx, owners[record.user], view)} for record in records]


def static(tx: Transaction, records: Sequence[Authenticator], view: View) -> list[Body]:
    """authentik's clients want a list of codes; it is empty."""
    return [{**body, "token_set": []} for body in totp(tx, records, view)]


def email(tx: Transaction, records: Sequence[Authenticator], view: View) -> list[Body]:
    bodies = zip(totp(tx, records, view), records, strict=True)
    return [{**body, "email": record.settings["address"]} for body, record in bodies]


def webauthn(tx: Transaction, records: Sequence[Authenticator], view: View) -> list[Body]:
    """Whose make a key is, nobody has asked it."""
    return [
        {
            **body,
            "created_on": moment(record.created),
            "device_type": None,
            "aaguid": record.settings["aaguid"],
        }
        for body, record in zip(totp(tx, records, view), records, strict=True)
    ]


def every(tx: Transaction, records: Sequence[Authenticator]) -> list[Body]:
    """Factors of all kinds, in one shape."""
    last = authenticators.last_used(tx, records)
    return [
        {
            "verbose_name": NAMES[record.kind],
            "verbose_name_plural": f"{NAMES[record.kind]}s",
            "meta_model_name": f"authentik_stages_authenticator_{record.kind}.{record.kind}device",
            "pk": str(record.pk),
            "name": record.name,
            "type": f"authentik_stages_authenticator_{record.kind}.{NAMES[record.kind].replace(' ', '')}",
            "confirmed": record.confirmed,
            "created": moment(record.created),
            "last_updated": moment(record.last_updated),
            "last_used": moment(last.get(record.pk)),
            "external_id": record.settings.get("aaguid"),
            "extra_description": "",
        }
        for record in records
    ]


def _owner(tx: Transaction, user: User, view: View) -> Body:
    """What administrators note of people is not for those people."""
    return {
        "pk": user.pk,
        "username": user.username,
        "name": user.name,
        "is_active": user.is_active,
        "email": user.email,
        "attributes": user.attributes if view.caller.is_superuser else {},
        "uid": uid_of(user.pk, tx.install_id),
    }
