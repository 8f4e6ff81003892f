"""The resources, a file for each domain; each says which it has in ``resources(random)``."""

from __future__ import annotations

from typing import Any

from control.verbs.tokens import Random
from control.web.admin_api.resource import Resource
from control.web.admin_api.table import (
    applications,
    authenticators,
    brands,
    credentials,
    events,
    flows,
    invitations,
    outposts,
    people,
    policies,
    property_mappings,
    providers,
    radius,
    sessions,
    sources,
    stages,
    tries,
)

DOMAINS = (
    people,
    applications,
    authenticators,
    credentials,
    tries,
    policies,
    flows,
    stages,
    invitations,
    property_mappings,
    providers,
    radius,
    outposts,
    events,
    sessions,
    sources,
    brands,
)
"""In this order: ``policies/reputation/scores/`` would be a policy's path."""


def resources(random: Random) -> list[Resource[Any]]:
    """``random`` makes secrets and tokens."""
    return [resource for domain in DOMAINS for resource in domain.resources(random)]
