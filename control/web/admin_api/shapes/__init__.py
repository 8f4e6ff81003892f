"""Records as JSON bodies with authentik's fields. Each function takes many at once, to ask the store once."""

from control.web.admin_api.shapes.activity import events
from control.web.admin_api.shapes.configuration import (
    SHOWN_SECRETS,
    applications,
    bindings,
    flows,
    outposts,
    providers,
    whole_providers,
)
from control.web.admin_api.shapes.credentials import certificates, tokens
from control.web.admin_api.shapes.people import groups, myself, users

__all__ = [
    "SHOWN_SECRETS",
    "applications",
    "bindings",
    "certificates",
    "events",
    "flows",
    "groups",
    "myself",
    "outposts",
    "providers",
    "tokens",
    "users",
    "whole_providers",
]
