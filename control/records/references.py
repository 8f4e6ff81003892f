"""What happens to the records that name a deleted one. The store follows this table; nobody else needs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from control.records import (
    AccessToken,
    Application,
    Authenticator,
    AuthenticatorUse,
    AuthorizationCode,
    Binding,
    Brand,
    Certificate,
    Device,
    Entitlement,
    Flow,
    FlowToken,
    FormerPassword,
    Group,
    Instance,
    Invitation,
    IssuedCertificate,
    Knock,
    KnownDevice,
    Letter,
    Login,
    LogoutNotice,
    Notification,
    NotificationDelivery,
    NotificationRule,
    NotificationTransport,
    Outpost,
    PendingChallenge,
    Policy,
    Prompt,
    PropertyMapping,
    Provider,
    RadiusNas,
    RadiusOrder,
    RadiusPin,
    RadiusRule,
    Record,
    RefreshToken,
    Role,
    Session,
    SessionClient,
    Source,
    SourceConnection,
    SourceGrant,
    SourceSession,
    SourceSignIn,
    Stage,
    StageBinding,
    Token,
    TokenUse,
    User,
    UserConsent,
)
from control.records.brands import FLOWS


class Fate(Enum):
    DELETE = auto()
    """The record goes too."""
    CLEAR = auto()
    """Its field becomes None."""
    STRIP = auto()
    """The deleted pk is taken out of its tuple."""
    CLEAR_SETTING = auto()
    """The entry of its ``settings`` becomes None."""
    STRIP_SETTING = auto()
    """The deleted pk is taken out of the list that is this entry of its ``settings``."""
    STRIP_ITEMS = auto()
    """What names the deleted pk is taken out of a list of objects in its ``settings``; ``field``: list and key, with a
    dot between."""


@dataclass(frozen=True, slots=True)
class Reference:
    holder: type[Record]
    field: str
    target: type[Record]
    fate: Fate


REFERENCES: tuple[Reference, ...] = (
    Reference(Binding, "user", User, Fate.DELETE),
    Reference(Token, "user", User, Fate.DELETE),
    Reference(Session, "user", User, Fate.DELETE),
    Reference(KnownDevice, "user", User, Fate.DELETE),
    Reference(Login, "pk", User, Fate.DELETE),
    Reference(Letter, "user", User, Fate.DELETE),
    Reference(FlowToken, "user", User, Fate.DELETE),
    Reference(Invitation, "created_by", User, Fate.CLEAR),
    Reference(Invitation, "flow", Flow, Fate.DELETE),
    Reference(FormerPassword, "user", User, Fate.DELETE),
    Reference(AuthorizationCode, "user", User, Fate.DELETE),
    Reference(AccessToken, "user", User, Fate.DELETE),
    Reference(RefreshToken, "user", User, Fate.DELETE),
    Reference(UserConsent, "user", User, Fate.DELETE),
    Reference(AuthorizationCode, "session", Session, Fate.DELETE),
    Reference(AccessToken, "session", Session, Fate.DELETE),
    Reference(SessionClient, "session", Session, Fate.DELETE),
    Reference(SourceSession, "pk", Session, Fate.DELETE),
    Reference(SourceSession, "source", Source, Fate.DELETE),
    Reference(SourceGrant, "pk", Session, Fate.DELETE),
    Reference(SourceGrant, "source", Source, Fate.DELETE),
    Reference(SourceSignIn, "source", Source, Fate.DELETE),
    Reference(SourceConnection, "source", Source, Fate.DELETE),
    Reference(SourceConnection, "user", User, Fate.DELETE),
    Reference(Source, "authentication_flow", Flow, Fate.CLEAR),
    Reference(Source, "enrollment_flow", Flow, Fate.CLEAR),
    Reference(Source, "group_mapping.group", Group, Fate.STRIP_ITEMS),
    *(Reference(Brand, name, Flow, Fate.CLEAR) for name in FLOWS),
    Reference(Brand, "default_application", Application, Fate.CLEAR),
    Reference(Brand, "web_certificate", Certificate, Fate.CLEAR),
    Reference(Brand, "client_certificates", Certificate, Fate.STRIP),
    Reference(Provider, "authentication_source", Source, Fate.CLEAR_SETTING),
    Reference(SessionClient, "provider", Provider, Fate.DELETE),
    Reference(LogoutNotice, "provider", Provider, Fate.DELETE),
    Reference(AuthorizationCode, "provider", Provider, Fate.DELETE),
    Reference(AccessToken, "provider", Provider, Fate.DELETE),
    Reference(RefreshToken, "provider", Provider, Fate.DELETE),
    Reference(UserConsent, "application", Application, Fate.DELETE),
    Reference(TokenUse, "pk", Token, Fate.DELETE),
    Reference(Authenticator, "user", User, Fate.DELETE),
    Reference(AuthenticatorUse, "pk", Authenticator, Fate.DELETE),
    Reference(PendingChallenge, "user", User, Fate.DELETE),
    Reference(Device, "user", User, Fate.CLEAR),
    Reference(IssuedCertificate, "user", User, Fate.CLEAR),
    Reference(IssuedCertificate, "device", Device, Fate.CLEAR),
    Reference(IssuedCertificate, "authority", Certificate, Fate.DELETE),
    Reference(Outpost, "user", User, Fate.CLEAR),
    Reference(Binding, "group", Group, Fate.DELETE),
    Reference(Group, "parents", Group, Fate.STRIP),
    Reference(Group, "roles", Role, Fate.STRIP),
    Reference(Binding, "policy", Policy, Fate.DELETE),
    Reference(Binding, "target", Application, Fate.DELETE),
    Reference(Entitlement, "application", Application, Fate.DELETE),
    Reference(Binding, "target", Entitlement, Fate.DELETE),
    Reference(Application, "provider", Provider, Fate.CLEAR),
    Reference(Outpost, "providers", Provider, Fate.STRIP),
    Reference(Provider, "property_mappings", PropertyMapping, Fate.STRIP),
    Reference(Provider, "jwt_federation_providers", Provider, Fate.STRIP_SETTING),
    Reference(RadiusRule, "provider", Provider, Fate.DELETE),
    Reference(RadiusRule, "group", Group, Fate.DELETE),
    Reference(RadiusNas, "provider", Provider, Fate.DELETE),
    Reference(RadiusPin, "provider", Provider, Fate.DELETE),
    Reference(RadiusPin, "nas", RadiusNas, Fate.DELETE),
    Reference(RadiusOrder, "outpost", Outpost, Fate.DELETE),
    Reference(Instance, "outpost", Outpost, Fate.DELETE),
    Reference(Knock, "outpost", Outpost, Fate.DELETE),
    Reference(Provider, "certificate", Certificate, Fate.CLEAR_SETTING),
    Reference(Provider, "internal_host_certificate", Certificate, Fate.CLEAR_SETTING),
    Reference(Provider, "signing_key", Certificate, Fate.CLEAR_SETTING),
    Reference(Binding, "target", Flow, Fate.DELETE),
    Reference(StageBinding, "flow", Flow, Fate.DELETE),
    Reference(Provider, "authentication_flow", Flow, Fate.CLEAR),
    Reference(Provider, "authorization_flow", Flow, Fate.CLEAR),
    Reference(Provider, "invalidation_flow", Flow, Fate.CLEAR),
    Reference(StageBinding, "stage", Stage, Fate.DELETE),
    *(
        Reference(Stage, name, Flow, Fate.CLEAR_SETTING)
        for name in ("target_flow", "configure_flow", "enrollment_flow", "recovery_flow", "passwordless_flow")
    ),
    *(
        Reference(Stage, name, Stage, Fate.CLEAR_SETTING)
        for name in ("password_stage", "captcha_stage", "webauthn_stage")
    ),
    Reference(Stage, "configuration_stages", Stage, Fate.STRIP_SETTING),
    Reference(Stage, "fields", Prompt, Fate.STRIP_SETTING),
    Reference(Stage, "validation_policies", Policy, Fate.STRIP_SETTING),
    Reference(Stage, "create_users_group", Group, Fate.CLEAR_SETTING),
    Reference(Binding, "target", StageBinding, Fate.DELETE),
    Reference(Binding, "target", NotificationRule, Fate.DELETE),
    Reference(NotificationRule, "transports", NotificationTransport, Fate.STRIP),
    Reference(NotificationRule, "destination_group", Group, Fate.CLEAR),
    Reference(NotificationTransport, "webhook_mapping_body", PropertyMapping, Fate.CLEAR),
    Reference(NotificationTransport, "webhook_mapping_headers", PropertyMapping, Fate.CLEAR),
    Reference(NotificationDelivery, "transport", NotificationTransport, Fate.DELETE),
    Reference(NotificationDelivery, "user", User, Fate.DELETE),
    Reference(Notification, "user", User, Fate.DELETE),
)


def without(record: Any, reference: Reference, pk: int | str) -> Mapping[str, Any] | None:
    """The fields of a holder that change when ``pk`` goes; None if it does not name ``pk`` after all."""
    match reference.fate:
        case Fate.CLEAR:
            return {reference.field: None}
        case Fate.STRIP:
            named: tuple[Any, ...] = getattr(record, reference.field)
            return {reference.field: tuple(other for other in named if other != pk)} if pk in named else None
        case Fate.CLEAR_SETTING:
            if record.settings.get(reference.field) != pk:
                return None
            return {"settings": record.settings | {reference.field: None}}
        case Fate.STRIP_SETTING:
            listed = record.settings.get(reference.field) or ()
            if pk not in listed:
                return None
            return {"settings": record.settings | {reference.field: [other for other in listed if other != pk]}}
        case Fate.STRIP_ITEMS:
            name, key = reference.field.split(".")
            items = record.settings.get(name) or ()
            kept = [item for item in items if item[key] != pk]
            return {"settings": record.settings | {name: kept}} if len(kept) < len(items) else None
        case Fate.DELETE:
            raise ValueError("a record that goes too keeps no fields")
