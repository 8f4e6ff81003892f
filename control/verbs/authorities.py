"""Our own authorities, what they issued to whom, and what was revoked (`control.certificates.authority` makes them)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from control.certificates import authority
from control.certificates.authority import AUTHORITY_DAYS, CannotIssue, Subject
from control.certificates.making import LONGEST_VALID_DAYS, VALID_DAYS, KeyPair
from control.records import Certificate, Device, IssuedCertificate, User
from control.store.interface import Query, Transaction
from control.verbs.fields import NON_FIELD, Fields, Invalid, Name, Text, Uuid, existing, parse
from control.verbs.system import public_url
from control.verbs.tokens import Random

LISTS = "/crypto/revocations/{pk}.crl"
"""Path of an authority's revocation list (RFC 5280 section 4.2.1.13)."""
LONGEST_COMMON_NAME = 64
"""RFC 5280, appendix A.1."""
Days = Annotated[int, Field(ge=1, le=LONGEST_VALID_DAYS)]
Algorithm = Literal["rsa", "ecdsa"]


class AuthorityFields(Fields):
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_COMMON_NAME)]
    validity_days: Days = AUTHORITY_DAYS
    alg: Algorithm = "ecdsa"


class IssueFields(Fields):
    user: int | None = None
    device: Uuid | None = None
    """Exactly one of them."""
    name: Name
    """What people call it: “Bob's laptop”."""
    validity_days: Days = VALID_DAYS
    alg: Algorithm = "ecdsa"
    password: Text = ""
    """Of the PKCS #12 file; one is made up where none is given."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be issued, looked up and checked."""

    fields: IssueFields
    pair: KeyPair
    """The authority's."""
    subject: Subject
    lists: str = ""
    """Address of the authority's revocation list."""


def parse_authority(given: Mapping[str, Any]) -> AuthorityFields:
    """Raises Invalid."""
    return parse(AuthorityFields, given)


def order(tx: Transaction, pk: str, given: Mapping[str, Any]) -> Order:
    """Raises Invalid, NotFound."""
    fields = parse(IssueFields, given)
    above = tx.get(Certificate, pk)
    if (fields.user is None) == (fields.device is None):
        raise Invalid({NON_FIELD: ["Say for which user, or for which device."]})
    return Order(fields, KeyPair(above.certificate_data, above.key_data), _subject(tx, fields), list_address(tx, pk))


def list_address(tx: Transaction, pk: str) -> str:
    """Where everybody finds the revocation list of this authority; empty while we have no address of our own."""
    base = public_url(tx)
    return f"{base}{LISTS.format(pk=pk)}" if base else ""


def made(wanted: Order, now: float, random: Random) -> KeyPair:
    """Takes as long as a hundred writes, so it is no verb. Raises Invalid."""
    fields = wanted.fields
    try:
        return authority.issue(wanted.pair, wanted.subject, now, random, fields.validity_days, fields.alg, wanted.lists)
    except CannotIssue as error:
        raise Invalid({"authority": [str(error)]}) from None


def keep(tx: Transaction, pk: str, fields: IssueFields, pair: KeyPair) -> IssuedCertificate:
    """Its key is given out once, and not kept."""
    leaf = pair.certificate
    return tx.insert(
        IssuedCertificate(
            authority=pk,
            serial=serial_text(authority.serial_of(leaf)),
            name=fields.name,
            user=fields.user,
            device=fields.device,
            certificate_data=leaf,
            not_after=authority.ends(leaf),
            created=tx.now,
        )
    )


def revoke(tx: Transaction, pk: str) -> IssuedCertificate:
    """From now on nobody is let in with it. Raises NotFound."""
    found = tx.get(IssuedCertificate, pk)
    return found if found.revoked is not None else tx.update(replace(found, revoked=tx.now))


def revocations(tx: Transaction, pk: str) -> tuple[KeyPair, list[tuple[int, float]]]:
    """The authority, and which serial numbers were revoked when; those that have expired as well. Raises NotFound."""
    above = tx.get(Certificate, pk)
    issued = tx.select(IssuedCertificate, Query(equal={"authority": pk}, ordering=("created",)))
    revoked = [(int(one.serial, 16), one.revoked) for one in issued if one.revoked is not None]
    return KeyPair(above.certificate_data, above.key_data), revoked


def serial_text(serial: int) -> str:
    return f"{serial:x}"


def _subject(tx: Transaction, fields: IssueFields) -> Subject:
    """Raises Invalid."""
    if fields.user is not None:
        (user,) = existing(tx, User, "user", [fields.user])
        return Subject(user.username[:LONGEST_COMMON_NAME], principal=user.username, mail=user.confirmed_email)
    (device,) = existing(tx, Device, "device", [fields.device or ""])
    return Subject((device.name or device.address)[:LONGEST_COMMON_NAME])
