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
    radius_acct: tuple[Address, ...]
    radsec: tuple[Address, ...]
    ext_authz: tuple[Address, ...]
    fastcgi: tuple[Address, ...]
    metrics: tuple[Address, ...]
    trusted_proxies: tuple[Network, ...]
    offline_credentials: bool
    certificates_dir: Path | None = None
    """Watched for certificates that the doors show; there need be no such folder."""
    public_url: str = ""
    """Where browsers reach control, if no administrator has said so in the console."""
    host_browser: str = ""
    """The same for this outpost alone, whatever anybody else says."""
    control_host: str = ""
    """Where this outpost itself finds control; empty: in this process."""

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
            radius_acct=listen.radius_acct,
            radsec=listen.radsec,
            ext_authz=listen.ext_authz,
            fastcgi=listen.fastcgi,
            metrics=listen.metrics,
            trusted_proxies=listen.trusted_proxy_cidrs,
            offline_credentials=settings.offline_credentials,
            certificates_dir=settings.cert_discovery_dir,
            public_url=settings.public_url,
            host_browser=settings.host_browser,
            control_host=settings.host[0] if settings.host else "",
        )
