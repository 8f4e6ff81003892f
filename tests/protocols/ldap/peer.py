"""The other end of an LDAP connection: requests as ldaptor writes them, answers as ldap3's grammar reads them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ldaptor.protocols import pureber, pureldap
from pyasn1.codec.ber import decoder

from protocols.ldap import filter as filters
from protocols.ldap.filter_text import parse
from protocols.ldap.search import Slice

with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # ldap3 uses old names of pyasn1
    from ldap3.protocol.rfc4511 import LDAPMessage

BASE, ONE, SUB, CHILDREN = range(4)
Controls = Sequence[tuple[str, bool, bytes | None]]


@dataclass(frozen=True)
class Answer:
    message_id: int
    operation: str
    """bindResponse, searchResEntry, searchResDone, extendedResp and so on."""
    code: int | None = None
    text: str = ""
    """Distinguished name of an entry, matched DN of a result."""
    diagnostic: str = ""
    attributes: dict[str, list[bytes]] = field(default_factory=dict)
    oid: str = ""
    value: bytes | None = None
    controls: dict[str, bytes] = field(default_factory=dict)
    """OID to value of the response's controls."""


def message(message_id: int, operation: Any, controls: Controls = ()) -> bytes:
    return bytes(pureldap.LDAPMessage(operation, id=message_id, controls=list(controls) or None).toWire())


def bind(message_id: int, name: str, password: str | bytes, version: int = 3, controls: Controls = ()) -> bytes:
    return message(message_id, pureldap.LDAPBindRequest(version=version, dn=name, auth=password), controls)


def sasl_bind(message_id: int, name: str, mechanism: str, credentials: str) -> bytes:
    request = pureldap.LDAPBindRequest(dn=name, auth=(mechanism, credentials), sasl=True)
    return message(message_id, request)


def search(
    message_id: int,
    base: str,
    scope: int = SUB,
    filter: str | filters.Filter = "(objectClass=*)",
    attributes: Sequence[str] = (),
    size_limit: int = 0,
    time_limit: int = 0,
    types_only: bool = False,
    controls: Controls = (),
) -> bytes:
    request = pureldap.LDAPSearchRequest(
        baseObject=base,
        scope=scope,
        sizeLimit=size_limit,
        timeLimit=time_limit,
        typesOnly=types_only,
        filter=encodable(parse(filter) if isinstance(filter, str) else filter),
        attributes=list(attributes),
    )
    return message(message_id, request, controls)


def unbind(message_id: int) -> bytes:
    return message(message_id, pureldap.LDAPUnbindRequest())


def abandon(message_id: int, abandoned: int) -> bytes:
    return message(message_id, pureldap.LDAPAbandonRequest(id=abandoned))


def extended(message_id: int, oid: str, value: bytes | None = None) -> bytes:
    return message(message_id, pureldap.LDAPExtendedRequest(requestName=oid, requestValue=value))


def delete(message_id: int, name: str) -> bytes:
    return message(message_id, pureldap.LDAPDelRequest(entry=name))


def compare(message_id: int, name: str, attribute: str, value: str | bytes) -> bytes:
    assertion = pureldap.LDAPAttributeValueAssertion(pureber.BEROctetString(attribute), pureber.BEROctetString(value))
    return message(message_id, pureldap.LDAPCompareRequest(entry=name, ava=assertion))


def password_modify(message_id: int, name: str | None = None, old: str | None = None, new: str | None = None) -> bytes:
    return message(message_id, pureldap.LDAPPasswordModifyRequest(userIdentity=name, oldPasswd=old, newPasswd=new))


def modify(message_id: int, name: str, *changes: tuple[int, str, Sequence[str]]) -> bytes:
    """Each change: 0 adds, 1 deletes, 2 replaces; the attribute; its values."""
    encoded = [
        pureber.BERSequence(
            [
                pureber.BEREnumerated(operation),
                pureber.BERSequence(
                    [pureber.BEROctetString(attribute), pureber.BERSet([pureber.BEROctetString(one) for one in values])]
                ),
            ]
        )
        for operation, attribute, values in changes
    ]
    return message(message_id, pureldap.LDAPModifyRequest(object=name, modification=encoded))


_ASSERTIONS = {
    filters.Equality: pureldap.LDAPFilter_equalityMatch,
    filters.GreaterOrEqual: pureldap.LDAPFilter_greaterOrEqual,
    filters.LessOrEqual: pureldap.LDAPFilter_lessOrEqual,
    filters.Approx: pureldap.LDAPFilter_approxMatch,
}


def encodable(filter: filters.Filter) -> Any:
    """The filter as ldaptor's objects."""
    match filter:
        case filters.And(parts):
            return pureldap.LDAPFilter_and([encodable(part) for part in parts])
        case filters.Or(parts):
            return pureldap.LDAPFilter_or([encodable(part) for part in parts])
        case filters.Not(part):
            return pureldap.LDAPFilter_not(encodable(part))
        case filters.Present(attribute):
            return pureldap.LDAPFilter_present(attribute)
        case filters.Substrings(attribute, initial, middle, final):
            pieces = [] if initial is None else [pureldap.LDAPFilter_substrings_initial(initial)]
            pieces += [pureldap.LDAPFilter_substrings_any(piece) for piece in middle]
            pieces += [] if final is None else [pureldap.LDAPFilter_substrings_final(final)]
            return pureldap.LDAPFilter_substrings(type=attribute, substrings=pieces)
        case filters.Extensible(rule, attribute, value, dn_attributes):
            return pureldap.LDAPFilter_extensibleMatch(
                matchingRule=rule, type=attribute, matchValue=value, dnAttributes=dn_attributes or None
            )
        case filters.Unrecognised():
            raise ValueError("nobody writes these")
    return _ASSERTIONS[type(filter)](
        attributeDesc=pureber.BEROctetString(filter.attribute), assertionValue=pureber.BEROctetString(filter.value)
    )


def joined(slices: Iterable[Slice]) -> bytes:
    return b"".join(one if isinstance(one, bytes) else b"".join(one) for one in slices)


def answers(octets: bytes) -> list[Answer]:
    found = []
    while octets:
        decoded, octets = decoder.decode(octets, asn1Spec=LDAPMessage())
        said = decoded["controls"] if decoded["controls"].hasValue() else ()
        controls = {str(one["controlType"]): bytes(one["controlValue"]) for one in said}
        found.append(replace(_answer(int(decoded["messageID"]), decoded["protocolOp"]), controls=controls))
    return found


def _answer(message_id: int, choice: Any) -> Answer:
    name = choice.getName()
    operation = choice[name]
    if name == "searchResEntry":
        attributes = {
            str(attribute["type"]): [bytes(value) for value in attribute["vals"]]
            for attribute in operation["attributes"]
        }
        return Answer(message_id, name, text=str(operation["object"]), attributes=attributes)
    oid, value = "", None
    if name == "extendedResp":
        oid = str(operation["responseName"]) if operation["responseName"].hasValue() else ""
        value = bytes(operation["responseValue"]) if operation["responseValue"].hasValue() else None
    return Answer(
        message_id,
        name,
        int(operation["resultCode"]),
        str(operation["matchedDN"]),
        str(operation["diagnosticMessage"]),
        oid=oid,
        value=value,
    )


def codes(octets: bytes) -> list[tuple[int, int | None]]:
    """Message ID and result code of each answer; None for an entry."""
    return [(answer.message_id, answer.code) for answer in answers(octets)]
