"""``outpost doctor``: what can be seen from this machine, without the store."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from ipaddress import ip_network
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from service_identity import VerificationError
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import Clock

from outpost.doctor.control_asked import head_of_answer
from outpost.link import trust
from outpost.link.http import plainly
from outpost.link.trust import NotControl, Trust
from outpost.listeners.certificates.files import CertificateFiles
from outpost.listeners.certificates.shown import ends_at
from outpost.running import EVERYWHERE
from protocols.proxy.hosts import DEFAULT_PORTS
from rules.weak_secrets import weakness
from settings import Settings

PATIENCE = 3.0
"""Seconds for a name, a port, or control's answer."""
MOST_APART = 5.0
"""Seconds between our clock and control's: a one-time code is good for thirty."""
STREAMS = ("http", "https", "ldap", "ldaps", "radsec", "ext_authz", "fastcgi", "metrics")
SOON = 30 * 86_400.0
"""Seconds: long enough to renew a certificate by hand."""
LOCAL = ("localhost", "127.0.0.1", "::1")
UNUSABLE = (*trust.UNUSABLE, NotControl, VerificationError, ConnectionClosed)
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
        "certificates in the watched folder": list(_watched(settings)),
        "secrets": list(_secrets(settings)),
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


def _watched(settings: Settings) -> Iterator[str]:
    wrong: list[str] = []
    files = CertificateFiles(settings.cert_discovery_dir, Clock(), lambda: None, wrong.append)
    if settings.cert_discovery_dir is not None:
        files.look()
    yield from wrong
    for name, pair in files.pairs.items():
        ends = ends_at(pair.certificate)
        if ends is not None and ends - time.time() < SOON:
            yield (
                f"The certificate {name} in {settings.cert_discovery_dir} is good until {_date(ends)}. Look at what "
                "should have renewed it; a new one is shown as soon as it lies there."
            )


def _secrets(settings: Settings) -> Iterator[str]:
    token = settings.bootstrap_token
    if token is not None and (why := weakness(token.reveal())):
        yield (
            f"OUTPOST_BOOTSTRAP_TOKEN {why}, and whoever guesses it may do everything. Make one with `openssl rand "
            "-hex 32` before the first start; after it, give akadmin's token another key, and unset the variable."
        )


def _control(settings: Settings) -> Iterator[str]:
    if settings.insecure and not settings.host_pins:
        yield (
            "OUTPOST_INSECURE is on: anybody on the way can be control. Name its CA in OUTPOST_CA_FILE, or its key in "
            "OUTPOST_HOST_PINS, instead."
        )
    yield from _own_certificate(settings)
    for host in settings.host:
        parts = urlsplit(host)
        if parts.scheme == "http" and _is_elsewhere(parts.hostname or ""):
            yield (
                f"Control at {host} is spoken to in the open: whoever listens on the way reads the token and every "
                "password. Use https in OUTPOST_HOST."
            )
        try:
            date = _date_of(Trust.from_settings(settings), parts)
        except UNUSABLE as error:
            yield f"Control at {host} does not answer ({plainly(error)}). Is it running, and may this machine reach it?"
            continue
        apart = abs(date - time.time())
        if apart > MOST_APART:
            yield f"This machine's clock and that of {host} are {apart:.0f} s apart. Let NTP set both."


def _is_elsewhere(host: str) -> bool:
    """Not this machine; nor a name without a dot, which lives in a network of containers."""
    return host not in LOCAL and ("." in host or ":" in host)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _own_certificate(settings: Settings) -> Iterator[str]:
    path = settings.client_certificate
    if path is None:
        return
    try:
        ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        yield f"OUTPOST_CLIENT_CERTIFICATE names {path}, which cannot be read ({error}). It must be PEM."
        return
    if ends.timestamp() - time.time() < SOON:
        yield (
            f"The certificate {path} that this outpost shows to control is good until {ends.date().isoformat()}. Put a "
            "new one there; it is shown from the next connection on."
        )


def _date_of(believed: Trust, parts: SplitResult) -> float:
    """Control's clock. Raises `UNUSABLE`."""
    host = parts.hostname or ""
    question = f"GET /-/health/live/ HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection((host, parts.port or DEFAULT_PORTS[parts.scheme]), PATIENCE) as one:
        creator = believed.creator(host) if parts.scheme == "https" else None
        head = head_of_answer(one, question, creator).partition(b"\r\n")[2]
    try:
        return parsedate_to_datetime(str(BytesParser().parsebytes(head)["Date"])).timestamp()
    except ValueError as error:
        raise OSError("its answer has no date") from error
