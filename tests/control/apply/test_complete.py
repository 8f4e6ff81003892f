"""Everything that the API can make can stand in a file, or is listed here with the reason why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from starlette.routing import Route

from control.apply.sections import Part
from control.apply.settings import SETTINGS
from control.apply.table import SECTIONS
from control.records import (
    DIRECTORY_RECORDS,
    Authenticator,
    EndedSession,
    Invitation,
    IssuedCertificate,
    MailServer,
    RadiusOrder,
    RadiusPin,
    Record,
    Setting,
    SourceConnection,
    Token,
)
from control.verbs.stage_kinds import KINDS as STAGES
from control.web.admin_api.endpoint import Endpoint
from tests.control.web.api import Api

LEFT_OUT: dict[type[Record], str] = {
    Token: "a key that is made up and shown once",
    Invitation: "a link for one person, used up",
    Authenticator: "people set theirs up themselves",
    EndedSession: "what happened, not what is wanted",
    RadiusOrder: "what happened, not what is wanted",
    RadiusPin: "what a NAS has shown, not what is wanted",
    SourceConnection: "who somebody is elsewhere is proved by signing in there",
    IssuedCertificate: "its key is given out once; what was revoked is a record",
}
SINGLES: dict[str, tuple[type[Record], str]] = {
    "system": (Setting, "admin/settings"),
    "mail": (MailServer, "admin/settings/mail"),
}
"""What there is once: its records, and where the API changes it."""
PLACES = {
    "users": "core/users",
    "groups": "core/groups",
    "roles": "rbac/roles",
    "applications": "core/applications",
    "certificates": "crypto/certificatekeypairs",
    "flows": "flows/instances",
    "prompts": "stages/prompt/prompts",
    "radius_nas": "radius/nas",
    "radius_devices": "radius/devices",
    "outposts": "outposts/instances",
    "notification_rules": "events/rules",
    "notification_transports": "events/transports",
    "brands": "core/brands",
}
"""Sections of one kind, and where the API makes such records."""
KINDS = {
    "policies": "policies/{}",
    "providers": "providers/{}",
    "sources": "sources/{}",
    "property_mappings": "propertymappings/provider/{}",
}
PARTS = {
    "core/application_entitlements": "applications",
    "policies/bindings": "applications",
    "flows/bindings": "flows",
    "radius/rules": "providers",
}
"""What stands within an entry of another section."""
MADE_OTHERWISE = {
    "core/tokens": "Token",
    "stages/invitation/invitations": "Invitation",
    "crypto/authorities": "a certificate whose key is made up; import it, or let a file name certificate and key",
    "sources/user_connections/oauth": "SourceConnection",
    "sources/user_connections/ldap": "SourceConnection",
}


def records(parts: tuple[Part, ...]) -> Iterator[type[Record]]:
    for part in parts:
        yield part.record
        yield from records(part.parts)


def test_every_kind_of_record_is_a_section_or_is_left_out_with_a_reason() -> None:
    declared = {section.record for section in SECTIONS.values()}
    declared |= {kind for section in SECTIONS.values() for kind in records(section.parts)}
    declared |= {record for record, _ in SINGLES.values()}
    assert declared | set(LEFT_OUT) == set(DIRECTORY_RECORDS)
    assert declared & set(LEFT_OUT) == set()


def test_whatever_there_is_once_can_be_declared_with_all_its_fields(tmp_path: Path) -> None:
    api = Api(tmp_path)
    changed = {
        route.path.strip("/"): action.takes
        for route in api.routes
        if isinstance(route, Route) and isinstance(route.app, Endpoint) and "{" not in route.path
        for method, action in route.app.actions.items()
        if method == "PUT" and "GET" in route.app.actions
    }
    api.close()
    assert changed.keys() == {place for _, place in SINGLES.values()}
    assert SINGLES.keys() == SETTINGS.keys()
    for name, single in SETTINGS.items():
        body = changed[SINGLES[name][1]]
        assert body is not None
        assert body.fields is single.fields


def test_whatever_the_api_makes_can_be_declared(tmp_path: Path) -> None:
    api = Api(tmp_path)
    made = {
        route.path.strip("/")
        for route in api.routes
        if isinstance(route, Route) and isinstance(route.app, Endpoint)
        for method, action in route.app.actions.items()
        if method == "POST" and action.status == 201 and "{" not in route.path
    }
    api.close()
    declared = {PLACES[name] for name, section in SECTIONS.items() if not section.kinds}
    declared |= {place.format(kind) for name, place in KINDS.items() for kind in SECTIONS[name].kinds}
    declared |= {f"stages/{STAGES[kind].place}" for kind in SECTIONS["stages"].kinds}
    declared = {place.replace("provider/notification", "notification") for place in declared}
    declared = {place.replace("provider/ldap_source", "source/ldap") for place in declared}
    assert all(SECTIONS[name].parts for name in PARTS.values())
    assert declared | set(PARTS) | set(MADE_OTHERWISE) == made
