"""Issuing a certificate: look up for whom, make the key outside of any write, and keep what was issued.

The API and the command line do it alike.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.certificates import authority
from control.certificates.making import KeyPair
from control.records import Certificate, IssuedCertificate, User
from control.store.interface import SYSTEM, Actor, Query, Store, Transaction
from control.verbs import authorities, certificates
from control.verbs.fields import Invalid
from control.verbs.tokens import Random

PASSWORD_OCTETS = 12
"""Of randomness in the password of a PKCS #12 file: typed once, on a device."""


@dataclass(frozen=True, slots=True)
class Issued:
    record: IssuedCertificate
    key: str = field(repr=False)
    """PEM. It is kept nowhere."""
    pkcs12: bytes = field(repr=False)
    password: str = field(repr=False)
    """Of the PKCS #12."""


async def issue(
    store: Store, pk: str, body: Mapping[str, Any], now: float, random: Random, actor: Actor = SYSTEM
) -> Issued:
    """``pk``: of the authority. Raises Invalid, NotFound."""

    def pair_of(tx: Transaction) -> tuple[authorities.IssueFields, KeyPair]:
        wanted = authorities.order(tx, pk, body)
        return wanted.fields, authorities.made(wanted, now, random)

    fields, pair = await store.read(pair_of)
    record = await store.write(lambda tx: authorities.keep(tx, pk, fields, pair), actor)
    password = fields.password or base64.b32encode(random(PASSWORD_OCTETS)).decode().rstrip("=").lower()
    return Issued(record, pair.key, authority.pkcs12(pair, fields.name, password), password)


async def new_authority(
    store: Store, body: Mapping[str, Any], now: float, random: Random, actor: Actor = SYSTEM
) -> Certificate:
    """Raises Invalid."""
    fields = authorities.parse_authority(body)

    def pair_of(tx: Transaction) -> KeyPair:
        return authority.new_authority(fields.name, now, random, fields.validity_days, fields.alg)

    pair = await store.read(pair_of)
    return await store.write(lambda tx: certificates.keep_generated(tx, fields.name, pair), actor)


async def issue_by_name(
    store: Store, username: str, body: Mapping[str, Any], authority_name: str, now: float, random: Random
) -> Issued:
    """The authority is made if there is no certificate of this name. Raises Invalid."""

    def find(tx: Transaction) -> tuple[User | None, Certificate | None]:
        users = tx.select(User, Query(alike={"username": username}, limit=1))
        return (users[0] if users else None), tx.find(Certificate, name=authority_name)

    user, above = await store.read(find)
    if user is None:
        raise Invalid({"user": [f"No user is called {username!r}."]})
    if above is None:
        above = await new_authority(store, {"name": authority_name}, now, random)
    return await issue(store, above.pk, {**body, "user": user.pk}, now, random)
