"""Kinds of values: how each is read from a file or the environment, and how it is shown.

``read`` takes what YAML or the environment gave (text, number, truth value or list) and raises ValueError with the end
of a sentence that begins with the setting's name.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from settings.secret import MASK, Secret

SHA256_BYTES = 32

T = TypeVar("T")
Network = IPv4Network | IPv6Network

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  all interfaces are the documented default of a listener


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    read: Callable[[object], T]
    show: Callable[[T], str]
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds. ``port`` 0 means any free one. ``::`` stands for IPv6 alone."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _text(raw: object) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    raise ValueError("must be text")


def _items(raw: object) -> list[str]:
    """A list as YAML writes it, or text with commas."""
    parts = [_text(part) for part in raw] if isinstance(raw, list) else _text(raw).split(",")
    return [part.strip() for part in parts if part.strip()]


def _secret(raw: object) -> Secret | None:
    text = _text(raw)
    return Secret(text) if text else None


def _boolean(raw: object) -> bool:
    word = str(raw).strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"must be true or false, not {raw!r}")


def whole_number(least: int, most: int) -> Kind[int]:
    def read(raw: object) -> int:
        digits = _text(raw).strip()
        if not (digits.isascii() and digits.isdigit() and least <= int(digits) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}, not {raw!r}")
        return int(digits)

    return Kind(read, str)


def choice(*words: str) -> Kind[str]:
    def read(raw: object) -> str:
        word = _text(raw).strip().lower()
        if word not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {raw!r}")
        return word

    return Kind(read, str)


def _path(raw: object) -> Path | None:
    text = _text(raw).strip()
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:
        raise ValueError(f"names the home of somebody who has none here: {raw!r}") from None


def _folder(raw: object) -> Path:
    path = _path(raw)
    if path is None:
        raise ValueError("must be a folder")
    return path


def _paths(raw: object) -> tuple[Path, ...]:
    return tuple(_folder(item) for item in _items(raw))


def _url(raw: object) -> str:
    """Of HTTP. A name or a password before the host would stand in logs, so that none is taken, or repeated."""
    url = _text(raw).strip()
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError for a bad one
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
    except ValueError:
        good = False
    if "@" in url:
        raise ValueError("must be an address such as https://auth.example.com, without a name before an @")
    if url and not (good and url.isprintable() and " " not in url):
        raise ValueError(f"must be an address such as https://auth.example.com, not {raw!r}")
    return url.rstrip("/")


def _site(raw: object) -> str:
    """What browsers see: every path below it is ours."""
    url = _url(raw)
    if urlsplit(url).path:
        raise ValueError(f"must be scheme and host alone, such as https://auth.example.com, not {raw!r}")
    return url


def _urls(raw: object) -> tuple[str, ...]:
    return tuple(_url(item) for item in _items(raw))


def _pins(raw: object) -> tuple[str, ...]:
    return tuple(_pin(item) for item in _items(raw))


def _pin(item: str) -> str:
    """``sha256//`` and the base64 of 32 octets for a key, as curl writes it; hexadecimal digits for a certificate."""
    _, is_key, text = item.rpartition("sha256//")
    digits = item.replace(":", "").lower()
    try:
        octets = base64.b64decode(text, validate=True) if is_key else bytes.fromhex(digits)
    except ValueError:
        octets = b""
    if len(octets) != SHA256_BYTES:
        raise ValueError(f"must list keys as sha256//BASE64 or certificates as SHA-256 fingerprints, not {item!r}")
    return f"sha256//{base64.b64encode(octets).decode()}" if is_key else digits


def _networks(raw: object) -> tuple[Network, ...]:
    return tuple(_network(item) for item in _items(raw))


def _network(item: str) -> Network:
    try:
        return ip_network(item)
    except ValueError:
        pass
    try:
        meant = ip_network(item, strict=False)
    except ValueError:
        raise ValueError(f"must list networks such as 10.0.0.0/8, not {item!r}") from None
    raise ValueError(f"has bits set behind the prefix of {item!r}; write {meant}")


def _addresses(raw: object) -> tuple[Address, ...]:
    items = _items(raw)
    if [item.lower() for item in items] == ["off"]:
        return ()
    if not items:
        raise ValueError("must be a port, addresses with ports, or off")
    found = (address for item in items for address in _places(item))
    return tuple(dict.fromkeys(found))


def _places(item: str) -> list[Address]:
    """The addresses of one item. ``9000``, ``:9000``, ``*:9000`` and ``[::]:9000`` mean every interface, both families.

    ``[::]`` covers both because that is what it does in Go programs, whose settings people bring along.
    """
    host, _, port = item.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"must be like 9000, 127.0.0.1:9000 or [::1]:9000, not {item!r}")
    if host in ("", "*", "[::]"):
        return [Address(every, int(port)) for every in EVERYWHERE]
    if host == "localhost":
        return [Address("127.0.0.1", int(port)), Address("::1", int(port))]
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ip_address(bare)
    except ValueError:
        raise ValueError(f"must name an IP address of this machine, not {host!r}") from None
    if address.version == 6 and bare == host:
        raise ValueError(f"must have brackets around the IPv6 address: [{host}]:{port}")
    return [Address(str(address), int(port))]


def _joined(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values)) or "off"


def _or_unset(value: object) -> str:
    return "(not set)" if value is None or value == "" else str(value)


TEXT: Kind[str] = Kind(_text, _or_unset)
SECRET: Kind[Secret | None] = Kind(_secret, lambda secret: MASK if secret else "(not set)", secret=True)
BOOLEAN: Kind[bool] = Kind(_boolean, lambda value: "true" if value else "false")
PORT = whole_number(1, 65535)
FOLDER: Kind[Path] = Kind(_folder, str)
OPTIONAL_PATH: Kind[Path | None] = Kind(_path, _or_unset)
PATHS: Kind[tuple[Path, ...]] = Kind(_paths, lambda paths: ", ".join(map(str, paths)) or "(not set)")
URL: Kind[str] = Kind(_url, _or_unset)
SITE: Kind[str] = Kind(_site, _or_unset)
PINS: Kind[tuple[str, ...]] = Kind(_pins, lambda pins: ", ".join(pins) or "(not set)")
URLS: Kind[tuple[str, ...]] = Kind(_urls, lambda urls: ", ".join(urls) or "(not set)")
ADDRESSES: Kind[tuple[Address, ...]] = Kind(_addresses, _joined)
NETWORKS: Kind[tuple[Network, ...]] = Kind(_networks, lambda networks: ", ".join(map(str, networks)) or "(none)")
