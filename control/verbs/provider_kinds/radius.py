"""RADIUS providers."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from control.verbs.fields import Uuid
from control.verbs.provider_kinds.kind import Authorities, Kind, ProviderFields, Revocations
from protocols.radius.orders import PORT

MAX_REALMS = 100
MAX_NETWORKS = 1024
"""Client networks of one provider; more are better written as fewer, wider ones."""


def _networks(text: str) -> str:
    networks = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ip_network(part, strict=False))
        except ValueError:
            raise ValueError(f"“{part}” is not a network. Write it like 192.0.2.0/24 or 2001:db8::/32.") from None
        if networks[-1] in networks[:-1]:
            raise ValueError(f"{networks[-1]} is listed twice.")
    if not 0 < len(networks) <= MAX_NETWORKS:
        raise ValueError(f"List 1 to {MAX_NETWORKS} networks, with commas between.")
    return ", ".join(map(str, networks))


EapMethod = Literal["peap", "ttls", "tls", "mschapv2"]


def _each_once(methods: list[EapMethod]) -> list[EapMethod]:
    if len(set(methods)) < len(methods):
        raise ValueError("List each method once.")
    return methods


def _realms(text: str) -> str:
    realms = [realm.strip() for realm in text.split(",") if realm.strip()]
    if len(realms) > MAX_REALMS:
        raise ValueError(f"List at most {MAX_REALMS} realms.")
    return ", ".join(realms)


class RadiusFields(ProviderFields):
    client_networks: Annotated[str, Field(max_length=65_536), AfterValidator(_networks)] = "0.0.0.0/0, ::/0"
    shared_secret: Annotated[str, Field(min_length=1, max_length=1024)]
    mfa_support: bool = True
    certificate: Uuid | None = None
    eap_methods: Annotated[list[EapMethod], AfterValidator(_each_once)] = Field(
        default_factory=lambda: list(get_args(EapMethod))
    )
    """The first is proposed, the others are there for devices that ask for them; empty: no EAP."""
    client_authorities: Authorities = Field(default_factory=list)
    """Certificates of those whose client certificates EAP-TLS believes; empty: no EAP-TLS."""
    client_revocations: Revocations = ""
    """PEM of the revocation lists of these authorities."""
    stripped_realms: Annotated[str, Field(max_length=4096), AfterValidator(_realms)] = ""
    """With commas between; taken off the names that devices send, as ``*`` every one."""
    session_limit: Annotated[int, Field(ge=0, le=1000)] = 0
    """Live sessions that one user may have at once; 0: as many as they like."""
    coa_port: Annotated[int, Field(ge=0, le=65_535)] = PORT
    """At which NAS of ``client_networks`` take orders (RFC 5176); 0: they take none."""
    mac_authentication: bool = False
    """Devices may be let in by their hardware address alone."""
    remember_network_passwords: bool = False
    """Outposts hold in memory the NT hash of a network password that answered MS-CHAPv2, and let its device in while
    control is away."""


KIND = Kind(
    RadiusFields,
    "RadiusProvider",
    "Radius Provider",
    claims="client_networks",
    authorization_flow="default-authentication-flow",
    invalidation_flow="default-invalidation-flow",
    generated=(("shared_secret", 32),),
    secrets=frozenset({"shared_secret"}),
)
