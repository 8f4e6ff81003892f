"""How we look and what we are called, by the host that browsers ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record

FLOWS = {
    "flow_authentication": "authentication",
    "flow_invalidation": "invalidation",
    "flow_recovery": "recovery",
    "flow_unenrollment": "unenrollment",
    "flow_user_settings": "stage_configuration",
    "flow_device_code": "stage_configuration",
}
"""Field of a brand to the designation that its flow must have."""


@dataclass(frozen=True, slots=True)
class Brand(Record):
    TABLE = "brand"
    DIRECTORY = True
    SEARCHED = ("domain", "branding_title")
    UNIQUE = (("domain",),)

    domain: str
    """In lower case; it serves this host and all below it."""
    pk: str = ""
    default: bool = False
    """Of exactly one: it serves every other host, and whoever asks without one."""
    branding_title: str = "authentik"
    branding_logo: str = ""
    branding_favicon: str = ""
    """Paths here, or `data:` URLs; empty: our own mark."""
    branding_custom_css: str = ""
    flow_authentication: str | None = None
    flow_invalidation: str | None = None
    flow_recovery: str | None = None
    flow_unenrollment: str | None = None
    flow_user_settings: str | None = None
    flow_device_code: str | None = None
    """None: the default flow for this purpose."""
    default_application: str | None = None
    web_certificate: str | None = None
    client_certificates: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    managed: str | None = None
