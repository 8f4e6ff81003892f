"""Tokens and certificates, without what is secret in them."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Certificate, IssuedCertificate, Token, TokenUse, User
from control.store.interface import Transaction
from control.verbs.certificates import described
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk, moment
from control.web.admin_api.shapes.people import users


def tokens(tx: Transaction, records: Sequence[Token], view: View) -> list[Body]:
    owners = users(tx, list(by_pk(tx, User, {token.user for token in records}).values()), view)
    people = {body["pk"]: body for body in owners}
    uses = by_pk(tx, TokenUse, {token.pk for token in records})
    return [
        {
            "pk": token.pk,
            "managed": token.managed,
            "identifier": token.identifier,
            "intent": token.intent,
            "user": token.user,
            "user_obj": people.get(token.user),
            "description": token.description,
            "expires": moment(token.expires),
            "expiring": token.expiring,
            "last_used": moment(uses[token.pk].last_used if token.pk in uses else None),
        }
        for token in records
    ]


def certificates(tx: Transaction, records: Sequence[Certificate], view: View) -> list[Body]:
    bodies = []
    for certificate in records:
        path = f"/api/v3/crypto/certificatekeypairs/{certificate.pk}"
        known = described(certificate.certificate_data)
        bodies.append(
            {
                "pk": certificate.pk,
                "name": certificate.name,
                "fingerprint_sha256": known.sha256,
                "fingerprint_sha1": known.sha1,
                "cert_expiry": moment(known.not_after),
                "cert_subject": known.subject,
                "private_key_available": bool(certificate.key_data),
                "private_key_type": known.key_type if certificate.key_data else None,
                "key_type": known.key_type,
                "certificate_download_url": f"{path}/view_certificate/?download",
                "private_key_download_url": f"{path}/view_private_key/?download" if certificate.key_data else None,
                "managed": certificate.managed,
            }
        )
    return bodies


def issued(tx: Transaction, records: Sequence[IssuedCertificate], view: View) -> list[Body]:
    return [
        {
            "pk": one.pk,
            "authority": one.authority,
            "serial": one.serial,
            "name": one.name,
            "user": one.user,
            "device": one.device,
            "certificate": one.certificate_data,
            "not_after": moment(one.not_after),
            "created": moment(one.created),
            "revoked": moment(one.revoked),
        }
        for one in records
    ]
