"""What control stores: frozen records, one class a table.

Class attributes of a record say how the store treats it:

- ``DIRECTORY``: a change bumps the revision, is appended to the change log and leaves an audit event, all in the same
  transaction (DESIGN D5). The others are *activity* and never do.
- ``QUIET``: a change leaves no audit event of its own, because what brought it about has left one.
- ``SECRETS``: fields that are encrypted at rest and never leave in events or logs (D17).
- ``HIDDEN``: fields that stay readable in the database but never leave in events or logs (password hashes, digests).

``pk`` 0 or "" means: the store gives one. ``ordinal`` 0 means the same. Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from control.records.activity import (
    ADDRESS_CHANGED,
    FACTOR_ADDED,
    FACTOR_REMOVED,
    OWNERS_HEAR,
    PASSWORD_SET,
    Event,
    Instance,
    Knock,
    Reputation,
    Tries,
)
from control.records.applications import (
    Application,
    Binding,
    Entitlement,
    Outpost,
    Policy,
    PropertyMapping,
    Provider,
    Setting,
)
from control.records.brands import Brand
from control.records.certificates import (
    Certificate,
    Device,
    IssuedCertificate,
)
from control.records.credentials import (
    Authenticator,
    AuthenticatorUse,
    PendingChallenge,
    Token,
    TokenUse,
)
from control.records.flows import (
    Flow,
    FlowToken,
    Invitation,
    Prompt,
    Stage,
    StageBinding,
)
from control.records.mail import (
    Letter,
    MailServer,
)
from control.records.notifications import (
    Notification,
    NotificationDelivery,
    NotificationRule,
    NotificationTransport,
    UntoldEvent,
)
from control.records.people import (
    FormerPassword,
    Group,
    Login,
    Role,
    User,
    UserConsent,
)
from control.records.radius import (
    RadiusNas,
    RadiusOrder,
    RadiusPin,
    RadiusRule,
    RadiusSession,
)
from control.records.record import Record
from control.records.sessions import (
    AccessToken,
    AuthorizationCode,
    EndedSession,
    KnownDevice,
    LogoutNotice,
    RefreshToken,
    Session,
    SessionClient,
)
from control.records.sources import (
    Source,
    SourceConnection,
    SourceGrant,
    SourceSession,
    SourceSignIn,
    SpentLogoutToken,
)

__all__ = [
    "ACTIVITY_RECORDS",
    "ADDRESS_CHANGED",
    "DIRECTORY_RECORDS",
    "FACTOR_ADDED",
    "FACTOR_REMOVED",
    "OWNERS_HEAR",
    "PASSWORD_SET",
    "AccessToken",
    "Application",
    "Authenticator",
    "AuthenticatorUse",
    "AuthorizationCode",
    "Binding",
    "Brand",
    "Certificate",
    "Device",
    "EndedSession",
    "Entitlement",
    "Event",
    "Flow",
    "FlowToken",
    "FormerPassword",
    "Group",
    "Instance",
    "Invitation",
    "IssuedCertificate",
    "Knock",
    "KnownDevice",
    "Letter",
    "Login",
    "LogoutNotice",
    "MailServer",
    "Notification",
    "NotificationDelivery",
    "NotificationRule",
    "NotificationTransport",
    "Outpost",
    "PendingChallenge",
    "Policy",
    "Prompt",
    "PropertyMapping",
    "Provider",
    "RadiusNas",
    "RadiusOrder",
    "RadiusPin",
    "RadiusRule",
    "RadiusSession",
    "Record",
    "RefreshToken",
    "Reputation",
    "Role",
    "Session",
    "SessionClient",
    "Setting",
    "Source",
    "SourceConnection",
    "SourceGrant",
    "SourceSession",
    "SourceSignIn",
    "SpentLogoutToken",
    "Stage",
    "StageBinding",
    "Token",
    "TokenUse",
    "Tries",
    "UntoldEvent",
    "User",
    "UserConsent",
]

DIRECTORY_RECORDS: tuple[type[Record], ...] = (
    User,
    Group,
    Role,
    Application,
    Entitlement,
    Provider,
    PropertyMapping,
    RadiusRule,
    RadiusNas,
    RadiusPin,
    Policy,
    Binding,
    Outpost,
    Certificate,
    Setting,
    Flow,
    Stage,
    StageBinding,
    Prompt,
    Invitation,
    Token,
    EndedSession,
    RadiusOrder,
    Authenticator,
    Device,
    IssuedCertificate,
    MailServer,
    NotificationRule,
    NotificationTransport,
    Source,
    SourceConnection,
    Brand,
)

ACTIVITY_RECORDS: tuple[type[Record], ...] = (
    Event,
    Session,
    KnownDevice,
    AuthorizationCode,
    AccessToken,
    RefreshToken,
    SessionClient,
    SourceGrant,
    SourceSession,
    SourceSignIn,
    SpentLogoutToken,
    LogoutNotice,
    UserConsent,
    Login,
    FormerPassword,
    TokenUse,
    AuthenticatorUse,
    PendingChallenge,
    RadiusSession,
    Instance,
    Knock,
    Tries,
    Reputation,
    Letter,
    Notification,
    NotificationDelivery,
    UntoldEvent,
    FlowToken,
)
