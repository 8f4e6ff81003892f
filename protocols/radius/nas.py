"""Who may ask us: the NAS table. The longest prefix that holds a peer's address wins, over all providers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocols.radius.again import Form

MAX_REMEMBERED = 16_384  # addresses whose answer is remembered: more NAS than a large site has, about 2 MB
MAPPED = "::ffff:"


class Requirement(StrEnum):
    """When a request of this NAS must carry a Message-Authenticator (DESIGN D26)."""

    PINNED = "pinned"
    """With Proxy-State, and always from an address that has once sent one with a request other than EAP."""
    REQUIRED = "required"
    OPTIONAL = "optional"
    """For a NAS or proxy that cannot be taught; leaves only what RFC 3579 and 5997 demand (EAP, Status-Server)."""
    UNSIGNED = "unsigned"
    """As before, and what comes without one is answered without one: for equipment that drops what has one."""


@dataclass(frozen=True, slots=True)
class Nas:
    secret: bytes = field(repr=False)
    provider: int
    """pk of the provider that its requests are for."""
    message_authenticator: Requirement = Requirement.PINNED
    behind: Mapping[bytes, Nas] | None = field(default=None, repr=False)
    """Those that share this address, by NAS-Identifier; whoever names none of them is this one."""
    name: str = ""
    realms: frozenset[str] = frozenset()
    """Taken off names, in lower case (`protocols.radius.realms`)."""
    devices: bool = False
    """Its devices may show a hardware address alone."""
    coa_port: int = 0
    """UDP port at which it takes orders (RFC 5176); 0: it takes none."""


@dataclass(frozen=True, slots=True)
class ClientNetwork:
    """A line of the table as configured: ``network`` is CIDR text, or one address."""

    network: str
    nas: Nas
    identifier: str = ""
    """Not empty: only the NAS that call themselves so."""


class NasTable:
    """Never changes; a new configuration makes a new table.

    ``problems`` are sentences about lines that were left out: not a network, no secret, or a network already taken.
    """

    def __init__(self, lines: Iterable[ClientNetwork]) -> None:
        self.problems: list[str] = []
        self._prefixes: dict[tuple[int, int], dict[int, Nas]] = {}
        self._identified: list[tuple[dict[int, Nas], int, ClientNetwork]] = []
        for line in sorted(lines, key=lambda line: line.nas.provider):
            self._add(line)
        self._put_behind()
        self._searched = {
            version: sorted((length for v, length in self._prefixes if v == version), reverse=True)
            for version in (4, 6)
        }
        self._remembered: dict[str, Nas | None] = {}
        self.forms: dict[tuple[str, int], Form] = {}
        """How logins of these NAS are laid out, by address and length of the packet."""

    def lookup(self, address: str) -> Nas | None:
        """The NAS at this address (unmapped text, as a socket gives it), or None."""
        try:
            return self._remembered[address]
        except KeyError:
            found = self._search(address)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[address] = found
        return found

    def _add(self, line: ClientNetwork) -> None:
        where = f"client network {line.network!r} of RADIUS provider {line.nas.provider}"
        try:
            network = _parse(line.network)
        except ValueError:
            self.problems.append(f"The {where} is not a network, and is left out. Write it like 192.0.2.0/24.")
            return
        if not line.nas.secret:
            self.problems.append(f"The {where} has an empty shared secret, and is left out. Set one.")
            return
        networks = self._prefixes.setdefault((network.version, network.prefixlen), {})
        number = int(network.network_address)
        if line.identifier:
            self._identified.append((networks, number, line))
        elif number not in networks:
            networks[number] = line.nas
        elif networks[number] != line.nas:
            taken = networks[number].provider
            self.problems.append(
                f"The {where} belongs to provider {taken} already, which keeps it. Narrow one of them."
            )

    def _put_behind(self) -> None:
        """Where only identified ones share an address, the first of them stands for it."""
        behind: dict[tuple[int, int], dict[bytes, Nas]] = {}
        for networks, number, line in self._identified:
            sharing = behind.setdefault((id(networks), number), {})
            sharing[line.identifier.encode()] = line.nas
            networks[number] = replace(networks.get(number, line.nas), behind=sharing)

    def _search(self, address: str) -> Nas | None:
        try:
            parsed = ip_address(address)
        except ValueError:
            return None
        bits, number = parsed.max_prefixlen, int(parsed)
        for length in self._searched[parsed.version]:
            host = bits - length
            nas = self._prefixes[parsed.version, length].get(number >> host << host)
            if nas is not None:
                return nas
        return None


class OneNas(NasTable):
    """Whoever asks, is this one: the other end of a connection on which it has shown who it is."""

    def __init__(self, nas: Nas) -> None:
        super().__init__(())
        self._nas = nas

    def lookup(self, address: str) -> Nas:
        return self._nas


def unmapped(address: str) -> str:
    """An IPv4 address that an IPv6 socket shows as ``::ffff:192.0.2.7``, as itself; any other unchanged."""
    if ":" not in address or not address.lower().startswith(MAPPED):
        return address
    try:
        mapped = IPv6Address(address).ipv4_mapped
    except ValueError:
        return address
    return address if mapped is None else str(mapped)


def _parse(text: str) -> IPv4Network | IPv6Network:
    """Host bits are allowed and dropped. Raises ValueError."""
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((int(mapped), network.prefixlen - 96))
    return network
