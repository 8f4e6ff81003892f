"""The NAS that the providers of a snapshot know, for every door of RADIUS."""

from __future__ import annotations

from collections.abc import Iterator

from outpost.directory.snapshot import Snapshot
from outpost.telemetry import Telemetry
from protocols.link.messages import NasRecord, RadiusSettings
from protocols.radius.nas import ClientNetwork, Nas, NasTable, Requirement
from protocols.radius.pins import Pins

PIN = "radius_pin"
"""Kind of the reports: ``address``, ``provider`` and ``nas``, the name of its line, or empty."""


def nas_table(snapshot: Snapshot) -> NasTable:
    return NasTable(_client_networks(snapshot))


def reported_pins(telemetry: Telemetry) -> Pins:
    """Whose new ones control is told of, and keeps."""

    def told(address: str, nas: Nas) -> None:
        telemetry.report(PIN, {"address": address, "provider": nas.provider, "nas": nas.name})

    return Pins(told=told)


def pinned(snapshot: Snapshot) -> frozenset[str]:
    """Addresses that have shown that they sign, as control keeps them."""
    settings = (provider.settings for provider in snapshot.providers.values())
    return frozenset(address for one in settings if isinstance(one, RadiusSettings) for address in one.pinned)


def _client_networks(snapshot: Snapshot) -> Iterator[ClientNetwork]:
    for provider in snapshot.providers.values():
        if isinstance(provider.settings, RadiusSettings):
            for one in provider.settings.nas:
                yield ClientNetwork(one.network, nas_of(one, provider.pk, provider.settings), one.identifier)
            nas = Nas(
                provider.settings.shared_secret.encode(),
                provider.pk,
                realms=_realms(provider.settings),
                devices=provider.settings.mac_authentication,
                coa_port=provider.settings.coa_port,
            )
            for network in provider.settings.client_networks:
                yield ClientNetwork(network, nas)


def nas_of(record: NasRecord, provider: int, settings: RadiusSettings, secret: bytes = b"") -> Nas:
    """``secret``: another one than its own."""
    return Nas(
        secret or record.shared_secret.encode(),
        provider,
        Requirement(record.message_authenticator),
        name=record.name,
        realms=_realms(settings),
        devices=settings.mac_authentication,
        coa_port=record.coa_port,
    )


def _realms(settings: RadiusSettings) -> frozenset[str]:
    return frozenset(realm.lower() for realm in settings.stripped_realms)
