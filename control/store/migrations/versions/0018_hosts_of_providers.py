"""Providers of proxies are found by the host of their application."""

from __future__ import annotations

from ipaddress import IPv6Address
from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

OWN_PORTS = {"http": 80, "https": 443}


def upgrade() -> None:
    op.add_column("provider", sa.Column("host", sa.Text(), nullable=True))
    provider = sa.table(
        "provider", sa.column("pk"), sa.column("kind"), sa.column("settings", sa.JSON()), sa.column("host")
    )
    connection = op.get_bind()
    proxies = sa.select(provider.c.pk, provider.c.settings).where(provider.c.kind == "proxy")
    for pk, settings in connection.execute(proxies).all():
        host = _host(str(settings["external_host"]))
        connection.execute(sa.update(provider).where(provider.c.pk == pk).values(host=host))
    op.create_index(op.f("ix_provider_host"), "provider", ["host"], unique=False)


def _host(url: str) -> str:
    """As `control.verbs.provider_kinds.host_of` was when this was written, of what it had let in."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
        name = f"[{IPv6Address(name)}]" if ":" in name else name.removesuffix(".")
    except ValueError:
        return url.lower()
    return name if port is None or port == OWN_PORTS.get(parts.scheme) else f"{name}:{port}"
