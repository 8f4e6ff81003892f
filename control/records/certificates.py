"""Certificates, those that we issue, and the devices that show them or nothing but an address."""

from __future__ import annotations

from dataclasses import dataclass, field

from control.records.record import Record


@dataclass(frozen=True, slots=True)
class Certificate(Record):
    TABLE = "certificate"
    DIRECTORY = True
    SECRETS = frozenset({"key_data"})
    SEARCHED = ("name",)
    UNIQUE = (("name",),)

    name: str
    certificate_data: str
    pk: str = ""
    key_data: str = field(default="", repr=False)
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class IssuedCertificate(Record):
    """What an authority of ours has issued for a person or a device; the key is theirs alone."""

    TABLE = "issued_certificate"
    DIRECTORY = True
    SEARCHED = ("name", "serial")
    UNIQUE = (("authority", "serial"),)
    INDEXED = ("user", "device", "created")

    authority: str
    """pk of the `Certificate`."""
    serial: str
    """Hexadecimal, lower case."""
    name: str
    pk: str = ""
    user: int | None = None
    device: str | None = None
    """Of the two, the one that it stands for; both are None when that was deleted, and it stands for nobody."""
    certificate_data: str = ""
    not_after: float = 0.0
    created: float = 0.0
    revoked: float | None = None
    """Since when it lets nobody in."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Device(Record):
    """A machine that is known by its hardware address, and stands for a user."""

    TABLE = "device"
    DIRECTORY = True
    SECRETS = frozenset({"secrets"})
    SEARCHED = ("name", "address")
    UNIQUE = (("address",),)
    INDEXED = ("user",)

    address: str
    """``aa:bb:cc:dd:ee:ff``"""
    pk: str = ""
    name: str = ""
    user: int | None = None
    """As whom it is let in; None: not at all."""
    enabled: bool = True
    vlan: str = ""
    """Number or name, for the reply."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """``psk``: its own key to a network that gives each device one."""
    created: float = 0.0
    last_updated: float = 0.0
    managed: str | None = None
