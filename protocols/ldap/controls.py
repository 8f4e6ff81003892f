"""Controls (RFC 4511 s4.1.11): which ones each operation understands, and what criticality does to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MANAGE_DSA_IT = "2.16.840.1.113730.3.4.2"
PAGED_RESULTS = "1.2.840.113556.1.4.319"
SORT_REQUEST, SORT_RESPONSE = "1.2.840.113556.1.4.473", "1.2.840.113556.1.4.474"
VLV_REQUEST, VLV_RESPONSE = "2.16.840.1.113730.3.4.9", "2.16.840.1.113730.3.4.10"

PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # noqa: S105

SERVED: Mapping[str, frozenset[str]] = {
    "bind": frozenset((PASSWORD_POLICY,)),
    "search": frozenset((MANAGE_DSA_IT, PASSWORD_POLICY, PAGED_RESULTS, SORT_REQUEST, VLV_REQUEST)),
    "compare": frozenset((MANAGE_DSA_IT, PASSWORD_POLICY)),
    "modify": frozenset((MANAGE_DSA_IT, PASSWORD_POLICY)),
    **{name: frozenset((MANAGE_DSA_IT,)) for name in ("add", "delete", "modify DN")},
    "extended": frozenset((PASSWORD_POLICY,)),
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
