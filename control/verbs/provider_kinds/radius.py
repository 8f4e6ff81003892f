"""RADIUS providers."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from control.verbs.fields import Uuid
from control.verbs.provider_kinds.kind import Kind, ProviderFields

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


class RadiusFields(ProviderFields):
    client_networks: Annotated[str, Field(max_length=65_536), AfterValidator(_networks)] = "0.0.0.0/0, ::/0"
    shared_secret: Annotated[str, Field(min_length=1, max_length=1024)]
    mfa_support: bool = True
    certificate: Uuid | None = None


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
