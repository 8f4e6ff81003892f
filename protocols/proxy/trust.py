"""Who may tell us about somebody else's request, and what a request's true origin is (DESIGN D25).

X-Forwarded-* headers are believed from trusted peers alone; from anyone else they are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from protocols.errors import RemoteProtocolError
from protocols.proxy.hosts import normalised

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Headers = Mapping[bytes, Sequence[bytes]]
"""Every value of each header, in order; names in lower case."""

NONE: Sequence[bytes] = ()

MAX_FORWARDED_HOPS = 32
"""Entries of X-Forwarded-For; more proxies than this in a row is a forgery."""
MAX_REMEMBERED_PEERS = 1024
"""Verdicts kept, so that a busy proxy's address is not parsed for each request."""
MAX_REMEMBERED_ADDRESSES = 4096
"""Addresses kept in their parsed form and in their usual spelling: parsing one costs as much as answering."""
MAX_ADDRESS_LENGTH = 64
"""An IPv6 address has at most 45 characters, the name of an interface 15."""
_SPELLINGS = {b"x-original-url": "X-Original-URL", b"x-original-uri": "X-Original-URI", b"x-real-ip": "X-Real-IP"}
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""What X-Forwarded-Proto may say; Traefik says ``wss`` for WebSockets."""


class ForwardingError(RemoteProtocolError):
    """A proxy's metadata is missing, doubled, contradicting or unreadable.

    Unlike other protocol errors its text may be shown to the peer: it names the header and the fix, and repeats no
    value.
    """


def address(text: str) -> Address | None:
    """The IP address with IPv4 unmapped from IPv6 and without a zone; None for anything else."""
    try:
        return _address(text)
    except ValueError:
        return None


@lru_cache(MAX_REMEMBERED_ADDRESSES)
def spelled(text: str) -> str:
    """The `address` in its usual spelling. Raises ValueError when it is none."""
    return str(_address(text))


@lru_cache(MAX_REMEMBERED_ADDRESSES)
def _address(text: str) -> Address:
    """Raises ValueError, so that only what is an address is remembered, and nothing long."""
    if len(text) > MAX_ADDRESS_LENGTH:
        raise ValueError("longer than any address")
    found = ip_address(text)
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        if found.scope_id is not None:
            return IPv6Address(int(found))
    return found


class TrustedPeers:
    """``networks``: whose word is believed. None means nobody."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._verdicts: dict[str, bool] = {}
        self._clients: dict[tuple[str, bytes], str] = {}

    def is_trusted(self, peer: str) -> bool:
        """``peer``: an address in any spelling, or what the transport calls the peer."""
        verdict = self._verdicts.get(peer)
        if verdict is None:
            if len(self._verdicts) >= MAX_REMEMBERED_PEERS:
                self._verdicts.clear()
            found = address(peer)
            verdict = found is not None and any(found in network for network in self._networks)
            self._verdicts[peer] = verdict
        return verdict

    def client(self, peer: str, headers: Headers) -> str:
        """As `forwarded_client`, remembered for a single short header: the same browsers ask all the time."""
        said = headers.get(b"x-forwarded-for", NONE)
        if len(said) != 1 or len(said[0]) > MAX_ADDRESS_LENGTH:
            return forwarded_client(peer, headers, self)
        place = peer, said[0]
        found = self._clients.get(place)
        if found is None:
            found = forwarded_client(peer, headers, self)
            if len(self._clients) >= MAX_REMEMBERED_ADDRESSES:
                self._clients.clear()
            self._clients[place] = found
        return found

    def real_client(self, peer: str, headers: Headers) -> str:
        """By X-Real-IP, whose only word a trusted ``peer`` passes on; as `client` without one."""
        said = single(headers, b"x-real-ip")
        if not said:
            return self.client(peer, headers)
        try:
            if "%" in said:
                raise ValueError
            return spelled(said)
        except ValueError:
            raise ForwardingError("X-Real-IP is no IP address: let the proxy set it to the client's.") from None


def by_name(fields: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """Header fields in order, with names in lower case, as `Headers`."""
    headers: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        if name in headers:
            headers[name].append(value)
        else:
            headers[name] = [value]
    return headers


class Origin(NamedTuple):
    """Where a request came from before the trusted proxies. A named tuple for the same reason as `RequestReceived`."""

    scheme: str
    host: str
    """As `normalised`; empty when the request names none."""
    client: str
    """An IP address in its usual spelling, or what the transport calls the peer."""


def single(headers: Headers, name: bytes) -> str | None:
    """The header's only value, None without one. Raises ForwardingError when it is there twice."""
    values = headers.get(name, NONE)
    if len(values) > 1:
        raise ForwardingError(f"{title(name)} is there more than once: let the proxy set it, not add to it.")
    return values[0].decode("latin-1") if values else None


def title(name: bytes) -> str:
    """``x-original-url`` as people write it: X-Original-URL."""
    written = "-".join(word.capitalize() for word in name.decode("ascii").split("-"))
    return _SPELLINGS.get(name, written)


def origin(peer: str, scheme: str, host: str, fields: Sequence[tuple[bytes, bytes]], trusted: TrustedPeers) -> Origin:
    """The origin of a request that ``peer`` made, with the scheme, the Host header and all the header fields it had.

    Of a list the entry counts that the nearest proxy wrote: the last; for addresses, the last that is no trusted
    proxy's. Raises ForwardingError when a trusted peer's headers, or the Host header, cannot be read.
    """
    if not fields or not trusted.is_trusted(peer):
        return Origin(scheme, _host(b"host", host, scheme), _spelled(peer))
    headers = by_name(fields)
    proto = _last(headers, b"x-forwarded-proto")
    if proto:
        if proto.lower() not in SCHEMES:
            raise ForwardingError("X-Forwarded-Proto is neither http nor https: let the proxy set it to its $scheme.")
        scheme = SCHEMES[proto.lower()]
    forwarded_host = _last(headers, b"x-forwarded-host")
    name, said = (b"x-forwarded-host", forwarded_host) if forwarded_host else (b"host", host)
    return Origin(scheme, _host(name, said, scheme), forwarded_client(peer, headers, trusted))


def forwarded_client(peer: str, headers: Headers, trusted: TrustedPeers) -> str:
    """The client's address by X-Forwarded-For, which a trusted ``peer`` sent: the last that is no trusted proxy's."""
    entries = _entries(headers, b"x-forwarded-for")
    if len(entries) > MAX_FORWARDED_HOPS:
        raise ForwardingError(f"X-Forwarded-For has more than {MAX_FORWARDED_HOPS} entries.")
    client = _spelled(peer)
    for entry in reversed(entries):
        try:
            if "%" in entry:  # an interface of the proxy's own, which says nothing here
                raise ValueError
            client = spelled(entry)
        except ValueError:
            raise ForwardingError(
                "X-Forwarded-For holds something that is no IP address: let the proxy set it to the client's address."
            ) from None
        if not trusted.is_trusted(client):
            break
    return client


def _entries(headers: Headers, name: bytes) -> list[str]:
    said = b",".join([value for value in headers.get(name, NONE) if value])
    return [entry.strip() for entry in said.decode("latin-1").split(",")] if said else []


def _last(headers: Headers, name: bytes) -> str:
    entries = _entries(headers, name)
    return entries[-1] if entries else ""


def _host(name: bytes, host: str, scheme: str) -> str:
    if not host:
        return ""
    try:
        return normalised(host, scheme)
    except ValueError:
        raise ForwardingError(f"{title(name)} is no host name.") from None


def _spelled(peer: str) -> str:
    try:
        return spelled(peer)
    except ValueError:
        return peer
