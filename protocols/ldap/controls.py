"""Controls (RFC 4511 s4.1.11): which ones each operation understands, and what criticality does to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.ldap.schema import MANAGE_DSA_IT

SERVED: Mapping[str, frozenset[str]] = {
    "search": frozenset((MANAGE_DSA_IT,)),
}
"""Operation to OIDs. ManageDsaIT changes nothing here, for we hold no referrals; JNDI sends it with everything."""


@dataclass(frozen=True, slots=True)
class Control:
    """``Control ::= SEQUENCE { controlType LDAPOID, criticality BOOLEAN DEFAULT FALSE, controlValue OPTIONAL }``"""

    oid: str
    critical: bool = False
    value: bytes | None = None


def unserved_critical(operation: str, controls: tuple[Control, ...]) -> str | None:
    """The OID of a control that forbids the operation: critical, and not understood. Others are ignored."""
    served = SERVED.get(operation, frozenset())
    for control in controls:
        if control.critical and control.oid not in served:
            return control.oid
    return None
