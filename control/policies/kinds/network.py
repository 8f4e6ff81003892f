"""Addresses: does the request come from one of these networks?"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import FOR_THIS_PEER, Kind, PolicyFields
from control.store.interface import Transaction

MOST_NETWORKS = 1024
"""Of one policy; more are better written as fewer, wider ones."""


def _networks(networks: list[str]) -> list[str]:
    found = []
    for text in networks:
        try:
            found.append(str(ip_network(text.strip(), strict=False)))
        except ValueError:
            raise ValueError(f"“{text}” is not a network. Write it like 192.0.2.0/24 or 2001:db8::/32.") from None
    return list(dict.fromkeys(found))


class NetworkFields(PolicyFields):
    networks: Annotated[list[str], Field(min_length=1, max_length=MOST_NETWORKS), AfterValidator(_networks)]


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    """Raises ValueError where the address is not known."""
    peer = ip_address(asking.peer)
    for text in settings["networks"]:
        network = ip_network(text)
        if network.version == peer.version and peer in network:
            return Verdict(True, reuse=FOR_THIS_PEER, log=(f"{peer} lies in {network}.",))
    return Verdict(False, ("This is not open to the network that you come from.",), FOR_THIS_PEER)


KIND = Kind("network", "Network Policy", "Passes for requests from certain networks.", NetworkFields, decide)
