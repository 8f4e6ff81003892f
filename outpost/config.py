"""What the outpost runs with, taken from the settings once; only `outpost.app` and `outpost.up` read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from settings import Address, Network, Settings


@dataclass(frozen=True, slots=True)
class OutpostConfig:
    data_dir: Path
    http: tuple[Address, ...]
    https: tuple[Address, ...]
    ldap: tuple[Address, ...]
    ldaps: tuple[Address, ...]
    radius: tuple[Address, ...]
    metrics: tuple[Address, ...]
    trusted_proxies: tuple[Network, ...]
    offline_credentials: bool

    @classmethod
    def from_settings(cls, settings: Settings) -> OutpostConfig:
        listen = settings.listen
        return cls(
            data_dir=settings.data_dir,
            http=listen.http,
            https=listen.https,
            ldap=listen.ldap,
            ldaps=listen.ldaps,
            radius=listen.radius,
            metrics=listen.metrics,
            trusted_proxies=listen.trusted_proxy_cidrs,
            offline_credentials=settings.offline_credentials,
        )
