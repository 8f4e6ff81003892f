"""``outpost doctor``: what can be seen from this machine, without the store."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_network
from urllib.parse import urlsplit

from outpost.running import EVERYWHERE
from settings import Settings

PATIENCE = 3.0
"""Seconds for a name, a port, or control's answer."""
MOST_APART = 5.0
"""Seconds between our clock and control's: a one-time code is good for thirty."""
STREAMS = ("http", "https", "ldap", "ldaps", "radsec", "ext_authz", "fastcgi", "metrics")
WIDEST = 8
"""Bits of a network that may be trusted as proxies; a wider one is nearly everybody."""

Resolve = Callable[[str], object]
"""Raises OSError for a name that leads nowhere."""


def examine(settings: Settings, resolve: Resolve | None = None) -> dict[str, list[str]]:
    """What is wrong, by what was looked at; an empty list: nothing."""
    return {
        "settings": list(settings.warnings),
        "ports": list(_ports(settings)),
        "names": list(_names(settings, resolve or _resolve)),
        "trusted proxies": list(_trusted(settings)),
        **({"control": list(_control(settings))} if settings.host else {}),
    }


def _ports(settings: Settings) -> Iterator[str]:
    try:
        ports: dict[str, list[str]] = json.loads((settings.data_dir / "ports.json").read_text())
    except (OSError, ValueError):
        yield (
            f"No program runs with the data folder {settings.data_dir.absolute()}. Start it, or name its folder in "
            "OUTPOST_DATA_DIR, as it has it."
        )
        return
    for name in STREAMS:
        for place in ports.get(name, ()):
            host, _, port = place.rpartition(":")
            host = host.strip("[]")
            try:
                socket.create_connection((EVERYWHERE.get(host, host), int(port)), PATIENCE).close()
            except OSError as error:
                yield f"The listener {name} at {place} takes no connection ({error}). Restart the program."


def _names(settings: Settings, resolve: Resolve) -> Iterator[str]:
    asked = {
        "OUTPOST_PUBLIC_URL": urlsplit(settings.public_url).hostname,
        "OUTPOST_EMAIL__HOST": settings.email.host,
        "OUTPOST_HOST": ",".join(urlsplit(host).hostname or "" for host in settings.host),
        "OUTPOST_POSTGRESQL__HOST": None if settings.postgresql.host.startswith("/") else settings.postgresql.host,
    }
    for variable, names in asked.items():
        for name in (names or "").split(","):
            try:
                if name:
                    resolve(name)
            except OSError as error:
                yield f"{variable} names {name}, which this machine cannot find ({error.strerror or error}). Check DNS."


def _resolve(name: str) -> object:
    return socket.getaddrinfo(name, None)


def _trusted(settings: Settings) -> Iterator[str]:
    for network in settings.listen.trusted_proxy_cidrs:
        if network.prefixlen < WIDEST and network != ip_network("::1/128"):
            yield (
                f"OUTPOST_LISTEN__TRUSTED_PROXY_CIDRS trusts {network}: nearly everybody may say who they are. Name "
                "the addresses of your proxies alone."
            )


def _control(settings: Settings) -> Iterator[str]:
    if settings.insecure:
        yield "OUTPOST_INSECURE is on: anybody on the way can be control. Name its CA in OUTPOST_CA_FILE instead."
    for host in settings.host:
        parts = urlsplit(host)
        try:
            date = _date_of(settings, parts.scheme, parts.hostname or "", parts.port)
        except (OSError, HTTPException) as error:
            yield f"Control at {host} does not answer ({error}). Is it running, and may this machine reach it?"
            continue
        apart = abs(date - time.time())
        if apart > MOST_APART:
            yield f"This machine's clock and that of {host} are {apart:.0f} s apart. Let NTP set both."


def _date_of(settings: Settings, scheme: str, host: str, port: int | None) -> float:
    """Control's clock. Raises OSError, HTTPException."""
    connection: HTTPConnection
    if scheme == "https":
        context = ssl.create_default_context(cafile=settings.ca_file and str(settings.ca_file))
        if settings.insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(host, port, timeout=PATIENCE, context=context)
    else:
        connection = HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/-/health/live/")
        return parsedate_to_datetime(connection.getresponse().getheader("Date") or "").timestamp()
    except ValueError as error:
        raise HTTPException("its answer has no date") from error
    finally:
        connection.close()
