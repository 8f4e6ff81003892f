"""The root DSE (RFC 4512 s5.1): where clients find base DNs, and what is served here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from protocols.ldap.controls import SERVED
from protocols.ldap.schema import START_TLS, WHO_AM_I

ALL_OPERATIONAL_ATTRIBUTES = "1.3.6.1.4.1.4203.1.5.1"
ATTRIBUTES_BY_OBJECT_CLASS = "1.3.6.1.4.1.4203.1.5.2"
ABSOLUTE_TRUE_FALSE = "1.3.6.1.4.1.4203.1.5.3"


def root_dse(naming_contexts: Iterable[str], start_tls: bool, version: str) -> dict[str, Sequence[str]]:
    """Attributes of the root DSE. The first naming context is the default one."""
    contexts = tuple(naming_contexts)
    return {
        "objectclass": ("top",),
        "entrydn": ("",),
        "namingcontexts": contexts,
        "defaultnamingcontext": contexts[:1],
        "supportedldapversion": ("3",),
        "supportedcontrol": sorted(frozenset().union(*SERVED.values())),
        "supportedextension": (START_TLS, WHO_AM_I) if start_tls else (WHO_AM_I,),
        "supportedfeatures": (ALL_OPERATIONAL_ATTRIBUTES, ATTRIBUTES_BY_OBJECT_CLASS, ABSOLUTE_TRUE_FALSE),
        "vendorname": ("Outpost",),
        "vendorversion": (version,),
    }
