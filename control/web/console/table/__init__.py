"""The sections of the console, under the words of authentik's menu."""

from __future__ import annotations

from control.web.console.sections import Section
from control.web.console.table.applications import LINES, RIGHTS, SHOWN
from control.web.console.table.brands import LOOKS
from control.web.console.table.connections import KNOWN
from control.web.console.table.credentials import KEYS, PAIRS
from control.web.console.table.events import LOG
from control.web.console.table.flows import PLACES, QUESTIONS, STEPS, WALKS
from control.web.console.table.letters import MAIL
from control.web.console.table.notifications import TOLD
from control.web.console.table.notifications import WAYS as TOLD_BY
from control.web.console.table.outposts import POSTS
from control.web.console.table.people import CROWDS, PEOPLE
from control.web.console.table.policies import ASKED
from control.web.console.table.property_mappings import SAYINGS
from control.web.console.table.providers import WAYS
from control.web.console.table.radius import ANSWERS, GATES, MACHINES, STAYS
from control.web.console.table.refused import KNOCKED, TRIED
from control.web.console.table.roles import PARTS
from control.web.console.table.sources import DOMAINS, ISSUERS

MENU: tuple[tuple[str, tuple[Section, ...]], ...] = (
    ("Applications", (SHOWN, WAYS, POSTS, ASKED, LINES, RIGHTS, SAYINGS)),
    ("Events", (LOG, TOLD, TOLD_BY, KNOCKED, TRIED)),
    ("RADIUS", (STAYS, ANSWERS, MACHINES, GATES)),
    ("Flows and Stages", (WALKS, STEPS, PLACES, QUESTIONS)),
    ("Directory", (PEOPLE, CROWDS, PARTS, KEYS, ISSUERS, DOMAINS, KNOWN)),
    ("System", (LOOKS, PAIRS, MAIL)),
)
"""Heading to what stands below it; the overview and the settings stand beside, see `control.web.console`."""

SECTIONS: tuple[Section, ...] = tuple(section for _, sections in MENU for section in sections)
