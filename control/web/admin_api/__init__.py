"""The administrative API, with authentik's paths, fields, pagination and errors (DESIGN section 7)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from control.web.admin_api import (
    access,
    authenticators,
    authorities,
    brands,
    credentials,
    events,
    explain,
    extras,
    flow_executor,
    flows,
    knocks,
    ldap_sync,
    mail,
    openapi,
    outpost_health,
    paths,
    permissions,
    policies,
    property_mappings,
    providers,
    radius_orders,
    recovery,
    served,
    transactional,
)
from control.web.admin_api.endpoint import Elsewhere
from control.web.admin_api.table import resources
from control.web.services import Services

__all__ = ["routes"]


def routes(services: Services) -> list[BaseRoute]:
    """To be mounted at /api/v3. The last one answers every path that is not there."""
    described = [
        *flow_executor.routes(services),
        *flows.routes(services),
        *extras.routes(services),
        *recovery.routes(services),
        *permissions.routes(services),
        *access.routes(services),
        *brands.routes(services),
        *authenticators.routes(services),
        *credentials.routes(services),
        *authorities.routes(services),
        *outpost_health.routes(services),
        *served.routes(services),
        *knocks.routes(services),
        *mail.routes(services),
        *ldap_sync.routes(services),
        *radius_orders.routes(services),
        *explain.routes(services),
        *events.routes(services),
        *property_mappings.routes(services),
        *policies.routes(services),
        *providers.routes(services),
        *transactional.routes(services),
        *paths.routes(services),
        *(route for resource in resources(services.random) for route in resource.routes(services)),
    ]
    return [openapi.route(described, services), *described, Route("/{path:path}", Elsewhere())]
