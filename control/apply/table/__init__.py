"""What a file can describe, section by section, in the order in which it is made."""

from __future__ import annotations

from control.apply.sections import Section
from control.apply.table.brands import BRANDS
from control.apply.table.deciding import MAPPINGS, POLICIES
from control.apply.table.doors import APPLICATIONS, CERTIFICATES, OUTPOSTS, PROVIDERS
from control.apply.table.flows import FLOWS, PROMPTS, STAGES
from control.apply.table.notifications import RULES, TRANSPORTS
from control.apply.table.people import GROUPS, ROLES, USERS
from control.apply.table.radius import DEVICES, NAS
from control.apply.table.sources import SOURCES

SECTIONS: dict[str, Section] = {
    section.name: section
    for section in (
        CERTIFICATES,
        MAPPINGS,
        POLICIES,
        PROMPTS,
        STAGES,
        FLOWS,
        SOURCES,
        ROLES,
        USERS,
        GROUPS,
        PROVIDERS,
        NAS,
        DEVICES,
        APPLICATIONS,
        OUTPOSTS,
        TRANSPORTS,
        RULES,
        BRANDS,
    )
}

PLACES = {name: place for place, name in enumerate(SECTIONS)}


def late(section: Section) -> frozenset[str]:
    """Fields that name what may not be there yet when the record is made."""
    return frozenset(
        place.partition(".")[0] for place, named in section.references.items() if PLACES[named] >= PLACES[section.name]
    )
