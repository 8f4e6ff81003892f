"""The root DSE (RFC 4512 s5.1): where clients find base DNs, and what is served here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from protocols.ldap.controls import SERVED
from protocols.ldap.sasl import EXTERNAL, PLAIN
from protocols.ldap.schema import CANCEL, PASSWORD_MODIFY, START_TLS, WHO_AM_I
from protocols.ldap.subschema import SUBSCHEMA

ALL_OPERATIONAL_ATTRIBUTES = "1.3.6.1.4.1.4203.1.5.1"
ATTRIBUTES_BY_OBJECT_CLASS = "1.3.6.1.4.1.4203.1.5.2"
ABSOLUTE_TRUE_FALSE = "1.3.6.1.4.1.4203.1.5.3"

CAPABILITIES = tuple(f"1.2.840.113556.1.4.{number}" for number in (800, 1670, 1791, 1935, 2080, 2237))
"""[MS-ADTS] 3.1.1.3.4.3, by which clients tell Active Directory."""
FUNCTIONALITY = "7"
"""DS_BEHAVIOR_WIN2016."""


class Features(NamedTuple):
    start_tls: bool
    """TLS can be started now."""
    secure: bool
    """It has been."""
    active_directory: bool = False
    external: bool = False
    """Client certificates are asked for."""
    host: str = ""
    """By which clients of Active Directory should know us, if there is one."""


def root_dse(naming_contexts: Iterable[str], features: Features, version: str) -> dict[str, Sequence[str]]:
    """Attributes of the root DSE. The first naming context is the default one."""
    contexts = tuple(naming_contexts)
    attributes: dict[str, Sequence[str]] = {
        "objectclass": ("top",),
        "entrydn": ("",),
        "namingcontexts": contexts,
        "defaultnamingcontext": contexts[:1],
        "supportedldapversion": ("3",),
        "supportedcontrol": sorted(frozenset().union(*SERVED.values())),
        "supportedextension": (*((START_TLS,) if features.start_tls else ()), WHO_AM_I, CANCEL, PASSWORD_MODIFY),
        "supportedfeatures": (ALL_OPERATIONAL_ATTRIBUTES, ATTRIBUTES_BY_OBJECT_CLASS, ABSOLUTE_TRUE_FALSE),
        "supportedsaslmechanisms": _mechanisms(features),
        "subschemasubentry": (SUBSCHEMA,),
        "structuralobjectclass": ("top",),
        "hassubordinates": ("TRUE",),
        "vendorname": ("Outpost",),
        "vendorversion": (version,),
    }
    if features.active_directory:
        attributes |= {
            "supportedcapabilities": CAPABILITIES,
            "rootdomainnamingcontext": contexts[:1],
            "domainfunctionality": (FUNCTIONALITY,),
            "forestfunctionality": (FUNCTIONALITY,),
            "domaincontrollerfunctionality": (FUNCTIONALITY,),
            "dnshostname": (features.host,) if features.host else (),
        }
    return attributes


def _mechanisms(features: Features) -> tuple[str, ...]:
    """Both need TLS."""
    if not features.secure:
        return ()
    return (PLAIN, EXTERNAL) if features.external else (PLAIN,)
