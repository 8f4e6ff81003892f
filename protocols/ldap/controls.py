"""Controls (RFC 4511 s4.1.11): which ones each operation understands, and what criticality does to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.ldap.result import Result, ResultCode

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
WITHOUT_VALUE = frozenset((MANAGE_DSA_IT, PASSWORD_POLICY))
"""RFC 3296 s3; draft-behera-ldap-password-policy-10 s6.1."""


@dataclass(frozen=True, slots=True)
class Control:
    """``Control ::= SEQUENCE { controlType LDAPOID, criticality BOOLEAN DEFAULT FALSE, controlValue OPTIONAL }``"""

    oid: str
    critical: bool = False
    value: bytes | None = None


def problem(operation: str, controls: tuple[Control, ...]) -> Result | None:
    """Why they forbid the operation: one is critical and not understood, or understood and not as it should be. Others
    are ignored."""
    served = SERVED.get(operation, frozenset())
    seen = set[str]()
    for control in controls:
        if control.oid not in served:
            if control.critical:
                said = f"Control {control.oid} is not served here."
                return Result(ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, "", said)
            continue
        if control.oid in seen:
            return Result(ResultCode.PROTOCOL_ERROR, "", f"Control {control.oid} is given twice.")
        if control.oid in WITHOUT_VALUE and control.value is not None:
            return Result(ResultCode.PROTOCOL_ERROR, "", f"Control {control.oid} has no value.")
        seen.add(control.oid)
    return None
