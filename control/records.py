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

from dataclasses import dataclass, field
from typing import Any, ClassVar


class Record:
    """Base of all records; every one has a ``pk``, int or str as its annotation says."""

    __slots__ = ()
    TABLE: ClassVar[str]
    DIRECTORY: ClassVar[bool] = False
    QUIET: ClassVar[bool] = False
    SECRETS: ClassVar[frozenset[str]] = frozenset()
    HIDDEN: ClassVar[frozenset[str]] = frozenset()
    SEARCHED: ClassVar[tuple[str, ...]] = ()
    """Fields that ``?search=`` looks into."""
    UNIQUE: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Fields, or several together, that no two records share; None is shared by any number."""
    FOLDED: ClassVar[tuple[str, ...]] = ()
    """Text that `Query.alike` compares ignoring case. What is UNIQUE and FOLDED is unique ignoring case: two entries
    with one name would be one entry to LDAP (RFC 4519, 2.3 and 2.39: caseIgnoreMatch)."""
    INDEXED: ClassVar[tuple[str, ...]] = ()
    """Fields that records are often found by, or that lists are often ordered by."""


# --- directory -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class User(Record):
    TABLE = "user"
    DIRECTORY = True
    HIDDEN = frozenset({"password"})
    SEARCHED = ("username", "name", "email", "uuid")
    UNIQUE = (("username",), ("uuid",), ("ordinal",))
    FOLDED = ("username", "email")
    INDEXED = ("email",)

    username: str
    pk: int = 0
    uuid: str = ""
    name: str = ""
    email: str = ""
    is_active: bool = True
    type: str = "internal"
    """internal, external, service_account, internal_service_account."""
    path: str = "users"
    attributes: dict[str, Any] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)
    """Argon2id hash; None: no password can be right."""
    ordinal: int = 0
    credential_version: int = 1
    valid_from: float | None = None
    valid_until: float | None = None
    sessions_not_before: float = 0.0
    released: float = 0.0
    """When an administrator last forgave wrong tries: outposts forget theirs with any change of the user."""
    email_verified: bool = True
    """True for an address that an administrator entered or the person confirmed; a self-made change makes it False
    until it is confirmed (D19)."""
    date_joined: float = 0.0
    last_updated: float = 0.0
    password_change_date: float | None = None
    must_change_password: bool = False
    """The password is good for choosing another one, and for nothing else."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Group(Record):
    """Members are not a field: see `Transaction.add_members`."""

    TABLE = "group"
    DIRECTORY = True
    SEARCHED = ("name",)
    UNIQUE = (("name",), ("ordinal",))
    FOLDED = ("name",)

    name: str
    pk: str = ""
    is_superuser: bool = False
    parents: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    """Held by the members, also those of groups below (D12)."""
    attributes: dict[str, Any] = field(default_factory=dict)
    ordinal: int = 0
    created: float = 0.0
    last_updated: float = 0.0
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Role(Record):
    """What the groups that hold it may do, beyond what everybody may."""

    TABLE = "role"
    DIRECTORY = True
    SEARCHED = ("name",)
    UNIQUE = (("name",),)

    name: str
    pk: str = ""
    permissions: tuple[str, ...] = ()
    """``<permission>`` for every object, ``<permission>@<pk>`` for one: `rules.permissions`."""
    managed: str | None = None


# --- applications, providers, outposts -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Application(Record):
    TABLE = "application"
    DIRECTORY = True
    SEARCHED = ("name", "slug", "meta_description", "meta_publisher", "group")
    UNIQUE = (("slug",), ("provider",))

    name: str
    slug: str
    pk: str = ""
    group: str = ""
    """Free text: the heading under which the launcher shows it."""
    provider: int | None = None
    meta_launch_url: str = ""
    open_in_new_tab: bool = False
    meta_icon: str = ""
    meta_description: str = ""
    meta_publisher: str = ""
    meta_hide: bool = False
    policy_engine_mode: str = "any"
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Provider(Record):
    TABLE = "provider"
    DIRECTORY = True
    SECRETS = frozenset({"secrets"})
    SEARCHED = ("name",)
    UNIQUE = (("name",), ("client_id",))

    name: str
    kind: str
    """ldap, radius, proxy, oauth2."""
    pk: int = 0
    authentication_flow: str | None = None
    authorization_flow: str | None = None
    invalidation_flow: str | None = None
    property_mappings: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    """The fields of the kind, by authentik's names, checked by the API's types."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """``shared_secret``, ``client_secret``, ``cookie_secret``."""
    client_id: str | None = None
    """By which OIDC knows it: the setting of the same name, where it can be found and is unique."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class PropertyMapping(Record):
    """An expression that says what is told of a person: claims, headers, attributes of answers and of entries."""

    TABLE = "property_mapping"
    DIRECTORY = True
    SEARCHED = ("name", "managed")
    UNIQUE = (("name",), ("managed",))

    name: str
    kind: str
    """A key of `control.verbs.property_mappings.KINDS`: scope, radius, ldap."""
    expression: str
    pk: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """The fields of the kind: ``scope_name`` and ``description`` of a scope."""
    on_failure: str = "omit"
    """What becomes of a login when it breaks: omit (what it would have said is left out) or refuse."""
    managed: str | None = None
    """Of those that are there from the start, authentik's word for it."""


@dataclass(frozen=True, slots=True)
class RadiusRule(Record):
    """Attributes that a RADIUS provider answers with, to some people, at some places, at some hours."""

    TABLE = "radius_rule"
    DIRECTORY = True
    SEARCHED = ("name",)
    INDEXED = ("provider",)

    name: str
    provider: int
    pk: str = ""
    order: int = 0
    enabled: bool = True
    group: str | None = None
    nas: str = ""
    ssid: str = ""
    weekdays: tuple[int, ...] = ()
    begins: int = 0
    ends: int = 1440
    attributes: tuple[dict[str, Any], ...] = ()
    """``name``, ``value`` and ``tag`` of each."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class RadiusNas(Record):
    """A NAS with a secret of its own, beside the ``client_networks`` of its provider."""

    TABLE = "radius_nas"
    DIRECTORY = True
    SECRETS = frozenset({"shared_secret"})
    SEARCHED = ("name", "network", "identifier")
    UNIQUE = (("name",), ("network", "identifier"))
    INDEXED = ("provider",)

    name: str
    provider: int
    network: str
    pk: str = ""
    identifier: str = ""
    shared_secret: str = field(default="", repr=False)
    message_authenticator: str = "pinned"
    coa_port: int = 3799
    """At which it takes orders; 0: it takes none."""
    radsec_name: str = ""
    """Name in the certificate that it shows over TLS; empty: it may not speak so."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Policy(Record):
    """A rule that bindings refer to, and that only control can decide (`control.policies`)."""

    TABLE = "policy"
    DIRECTORY = True
    SEARCHED = ("name",)
    UNIQUE = (("name",),)

    name: str
    kind: str
    """A key of `control.policies.kinds.KINDS`."""
    pk: str = ""
    execution_logging: bool = False
    """Leave an event each time it is asked."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The fields of the kind, by authentik's names, checked by the API's types."""
    created: float = 0.0
    last_updated: float = 0.0
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Binding(Record):
    """A policy binding: ``target`` (an application's or flow's pk) and exactly one of policy, group, user."""

    TABLE = "binding"
    DIRECTORY = True
    INDEXED = ("target", "policy")

    target: str
    pk: str = ""
    policy: str | None = None
    group: str | None = None
    user: int | None = None
    order: int = 0
    enabled: bool = True
    negate: bool = False
    timeout: int = 30
    failure_result: bool = False
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Outpost(Record):
    TABLE = "outpost"
    DIRECTORY = True
    SEARCHED = ("name",)
    UNIQUE = (("name",),)

    name: str
    type: str
    """proxy, ldap, radius, any."""
    pk: str = ""
    providers: tuple[int, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    user: int | None = None
    """The internal service account that its token belongs to."""
    managed: str | None = None


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


@dataclass(frozen=True, slots=True)
class Setting(Record):
    """One system setting; ``pk`` is its name."""

    TABLE = "setting"
    DIRECTORY = True

    pk: str
    value: Any = None
    managed: str | None = None


# --- flows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flow(Record):
    TABLE = "flow"
    DIRECTORY = True
    SEARCHED = ("name", "slug", "title")
    UNIQUE = (("slug",),)

    slug: str
    name: str
    title: str
    designation: str
    pk: str = ""
    authentication: str = "none"
    """none, require_authenticated, require_unauthenticated, require_superuser."""
    denied_action: str = "message_continue"
    layout: str = "stacked"
    background: str = ""
    compatibility_mode: bool = False
    policy_engine_mode: str = "any"
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Stage(Record):
    TABLE = "stage"
    DIRECTORY = True
    UNIQUE = (("name",),)

    name: str
    kind: str
    """A name of the table in `control.flows.stages`."""
    pk: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class StageBinding(Record):
    TABLE = "stage_binding"
    DIRECTORY = True
    UNIQUE = (("flow", "stage", "order"),)

    flow: str
    stage: str
    order: int
    pk: str = ""
    evaluate_on_plan: bool = False
    re_evaluate_policies: bool = True
    invalid_response_action: str = "retry"
    policy_engine_mode: str = "any"
    managed: str | None = None


# --- tokens, events, sessions --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token(Record):
    """Found by ``key_digest`` (SHA-256 hex of the key); the key itself is encrypted, for ``view_key``."""

    TABLE = "token"
    DIRECTORY = True
    SECRETS = frozenset({"key"})
    HIDDEN = frozenset({"key_digest"})
    SEARCHED = ("identifier", "description")
    UNIQUE = (("identifier",), ("key_digest",))
    INDEXED = ("user",)

    identifier: str
    user: int
    intent: str = "api"
    """verification, api, recovery, app_password, network_password."""
    pk: str = ""
    key: str = field(default="", repr=False)
    key_digest: str = field(default="", repr=False)
    description: str = ""
    expiring: bool = True
    expires: float | None = None
    revealed: bool = False
    """Somebody has seen the key: a device's password is shown once, and that of an application is then no longer
    kept."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class TokenUse(Record):
    """When a device's password was last used; apart from `Token`, because that is activity. ``pk`` is the token's."""

    TABLE = "token_use"

    pk: str
    last_used: float = 0.0


@dataclass(frozen=True, slots=True)
class Authenticator(Record):
    """A second factor of a user."""

    TABLE = "authenticator"
    DIRECTORY = True
    SECRETS = frozenset({"secrets"})
    SEARCHED = ("name",)
    INDEXED = ("user",)

    user: int
    kind: str
    """totp, static."""
    pk: int = 0
    name: str = ""
    confirmed: bool = True
    """False while it is being set up; it then counts for nothing."""
    settings: dict[str, Any] = field(default_factory=dict)
    """``digits`` of a totp."""
    secrets: dict[str, Any] = field(default_factory=dict, repr=False)
    """``key`` of a totp (base32), ``codes`` of a static one."""
    created: float = 0.0
    last_updated: float = 0.0


@dataclass(frozen=True, slots=True)
class AuthenticatorUse(Record):
    """What was done with a second factor; activity. ``pk`` is the factor's."""

    TABLE = "authenticator_use"
    HIDDEN = frozenset({"spent"})

    pk: int
    last_used: float = 0.0
    step: int = 0
    """Period of the last code of a totp that was right: only later ones are good."""
    drift: int = 0
    """Periods that its clock was off then."""
    spent: tuple[str, ...] = ()
    """SHA-256 hex of the codes of a list that have been used."""
    origins: dict[str, float] = field(default_factory=dict)
    """SHA-256 hex of door and address to when a code from there was right last."""
    failures: int = 0
    """Wrong codes since the last right one."""
    failed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class PendingChallenge(Record):
    """A login through a door that asks for more (RADIUS Access-Challenge); ``pk`` is the SHA-256 hex of its state."""

    TABLE = "pending_challenge"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("user", "expires")

    pk: str
    user: int
    asked_by: dict[str, Any] = field(default_factory=dict)
    """Provider, name, protocol, peer and calling station: the reply must have the same."""
    flow: dict[str, Any] = field(default_factory=dict)
    """`control.flows.state.State`, JSON."""
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class Event(Record):
    """Append-only. Directory changes write theirs by themselves; doors and flows write the others."""

    TABLE = "event"
    SEARCHED = ("action", "app", "client_ip")
    INDEXED = ("created", "expires")

    action: str
    pk: str = ""
    app: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    user: dict[str, Any] = field(default_factory=dict)
    client_ip: str = ""
    created: float = 0.0
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Session(Record):
    """A browser session; ``pk`` is the SHA-256 hex of the cookie, so that the database opens nobody's session."""

    TABLE = "session"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("user", "uuid", "expires")

    pk: str
    user: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    """Flow state and such, JSON."""
    csrf: str = field(default="", repr=False)
    created: float = 0.0
    last_used: float = 0.0
    expires: float = 0.0
    client_ip: str = ""
    user_agent: str = ""
    uuid: str = ""
    """What people and the API call it: not its key, and enough to end it."""
    signed_in: bool = False
    """Otherwise it holds the flow of a stranger."""


@dataclass(frozen=True, slots=True)
class RadiusSession(Record):
    """Somebody's stay at a NAS, as its accounting tells of it (RFC 2866)."""

    TABLE = "radius_session"
    SEARCHED = ("username", "nas", "nas_name", "calling_station", "ssid")
    UNIQUE = (("nas", "nas_name", "session"),)
    INDEXED = ("user", "live", "expires")

    nas: str
    """Its address."""
    nas_name: str
    """As it calls itself."""
    session: str
    """Acct-Session-Id."""
    pk: str = ""
    provider: int = 0
    user: int | None = None
    username: str = ""
    """As the NAS has it: the name from our answer, or what the device said outside of its tunnel."""
    calling_station: str = ""
    called_station: str = ""
    ssid: str = ""
    port: str = ""
    framed_ip: str = ""
    started: float = 0.0
    last_told: float = 0.0
    """When what the NAS told last was so."""
    live: bool = True
    ended: float | None = None
    cause: str = ""
    """Acct-Terminate-Cause, by name."""
    seconds: int = 0
    input_octets: int = 0
    """From the person, RFC 2866's words."""
    output_octets: int = 0
    outpost: str = ""
    """pk of the one that it was told to, and the id of its process."""
    instance: str = ""
    order: str = ""
    """What its NAS was last told to do, ``disconnect`` or ``coa``; what became of it, ``asked``, ``acknowledged``,
    ``refused`` or ``unanswered``; and why, a reason's code or the NAS's own."""
    outcome: str = ""
    why: str = ""
    expires: float = 0.0
    """When it is forgotten."""


@dataclass(frozen=True, slots=True)
class RadiusOrder(Record):
    """What a NAS is to do with a session that it has; it is gone when the NAS has answered, or was given up."""

    TABLE = "radius_order"
    DIRECTORY = True
    QUIET = True
    INDEXED = ("outpost", "session")

    session: str
    """pk of the `RadiusSession`."""
    kind: str
    """disconnect, coa."""
    outpost: str
    pk: str = ""
    instance: str = ""
    """The process of the outpost that the NAS has told of the session."""
    why: str = ""
    attributes: tuple[dict[str, Any], ...] = ()
    """``name``, ``value`` and ``tag`` of what is to change."""
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class EndedSession(Record):
    """A session that ended early and had let people in through proxies: outposts have to know. ``pk`` is its sid."""

    TABLE = "ended_session"
    DIRECTORY = True
    QUIET = True
    INDEXED = ("expires",)

    pk: str
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class AuthorizationCode(Record):
    """What one sign-in to one application gave (RFC 6749, 4.1.2); ``pk`` is the SHA-256 hex of the code.

    A used one is kept for a while: presented again, it takes back what it gave.
    """

    TABLE = "authorization_code"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("provider", "user", "session", "expires")

    pk: str
    provider: int
    user: int
    session: str | None
    """pk of the browser session that it was given to; a code ends with it."""
    granted: dict[str, Any] = field(default_factory=dict)
    """`control.oidc.grants.Granted`, JSON."""
    used: bool = False
    created: float = 0.0
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class AccessToken(Record):
    """``pk`` is the SHA-256 hex of the token."""

    TABLE = "access_token"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("provider", "user", "session", "code", "expires")

    pk: str
    provider: int
    user: int
    code: str
    """pk of the code that it all began with."""
    session: str | None = None
    """pk of the browser session; signing out ends the token too. None: the session ended, by refreshing since."""
    granted: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class RefreshToken(Record):
    """``pk`` is the SHA-256 hex of the token. It outlives the browser session."""

    TABLE = "refresh_token"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("provider", "user", "code", "expires")

    pk: str
    provider: int
    user: int
    code: str
    granted: dict[str, Any] = field(default_factory=dict)
    revoked: bool = False
    """Replaced by a newer one: whoever shows it now has stolen it, or was stolen from."""
    created: float = 0.0
    expires: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionClient(Record):
    """An application that a browser session has signed somebody in to, and that wants to hear of the session's end."""

    TABLE = "session_client"
    UNIQUE = (("session", "provider"),)
    INDEXED = ("provider",)

    session: str
    provider: int
    pk: str = ""
    issuer: str = ""
    subject: str = ""
    """``iss`` and ``sub`` of what the application was told."""


@dataclass(frozen=True, slots=True)
class LogoutNotice(Record):
    """A session is over: told to an application until it has understood."""

    TABLE = "logout_notice"
    INDEXED = ("provider", "due")

    provider: int
    sid: str
    pk: str = ""
    issuer: str = ""
    subject: str = ""
    tries: int = 0
    due: float = 0.0
    """When to try next."""
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class UserConsent(Record):
    """What a user has let an application know."""

    TABLE = "user_consent"
    UNIQUE = (("user", "application"),)
    INDEXED = ("application",)

    user: int
    application: str
    pk: str = ""
    scopes: tuple[str, ...] = ()
    expires: float | None = None
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Login(Record):
    """When a user last signed in; apart from `User`, because signing in is activity. ``pk`` is the user's."""

    TABLE = "login"

    pk: int
    last_login: float = 0.0


@dataclass(frozen=True, slots=True)
class FormerPassword(Record):
    """A password that a user had, and shall not have again for a while."""

    TABLE = "former_password"
    HIDDEN = frozenset({"password"})
    INDEXED = ("user",)

    user: int
    password: str = field(repr=False)
    """Its hash."""
    pk: str = ""
    until: float = 0.0
    """When it was given up."""


@dataclass(frozen=True, slots=True)
class Instance(Record):
    """One running outpost process; ``pk`` is the id that it chose and keeps."""

    TABLE = "outpost_instance"

    pk: str
    outpost: str
    hostname: str = ""
    version: str = ""
    last_seen: float = 0.0
    revision: int = 0
    """The one that it said was in force, or that it was sent, when last seen."""
    reported: int = 0
    """Number of the last report that was taken from it."""


@dataclass(frozen=True, slots=True)
class Knock(Record):
    """Who or what was refused because it is unknown (`rules.knocks`)."""

    TABLE = "knock"
    SEARCHED = ("kind", "what")
    UNIQUE = (("kind", "what", "outpost"),)
    INDEXED = ("last",)

    kind: str
    what: str
    pk: str = ""
    outpost: str = ""
    """pk of the outpost whose door it was; "": control's own."""
    count: int = 1
    first: float = 0.0
    last: float = 0.0
    answered: float | None = None
    """When it was first known, since it last knocked; None: it is still unknown."""
    detail: dict[str, str] = field(default_factory=dict)
    """What else was said: the peer behind it, the provider, why a handshake failed."""


@dataclass(frozen=True, slots=True)
class Tries(Record):
    """Wrong tries for an account from one place, or, with the place "", from all (`control.tries`)."""

    TABLE = "tries"
    SEARCHED = ("account", "place")
    UNIQUE = (("account", "place"),)
    INDEXED = ("last",)

    account: str
    """The name as it was tried, without case; nobody need have it."""
    place: str
    """As `rules.places` writes it."""
    pk: str = ""
    wrong: int = 0
    last: float = 0.0
    until: float = 0.0
    """When the next may be tried."""
    right: float = 0.0
    """When it was last right."""


@dataclass(frozen=True, slots=True)
class Reputation(Record):
    """authentik's score of a name at an address (`control.reputation`)."""

    TABLE = "reputation"
    SEARCHED = ("identifier", "ip")
    UNIQUE = (("identifier", "ip"),)
    INDEXED = ("updated",)

    identifier: str
    ip: str
    pk: str = ""
    score: int = 0
    updated: float = 0.0


DIRECTORY_RECORDS: tuple[type[Record], ...] = (
    User,
    Group,
    Role,
    Application,
    Provider,
    PropertyMapping,
    RadiusRule,
    RadiusNas,
    Policy,
    Binding,
    Outpost,
    Certificate,
    Setting,
    Flow,
    Stage,
    StageBinding,
    Token,
    EndedSession,
    RadiusOrder,
    Authenticator,
    Device,
    IssuedCertificate,
)
ACTIVITY_RECORDS: tuple[type[Record], ...] = (
    Event,
    Session,
    AuthorizationCode,
    AccessToken,
    RefreshToken,
    SessionClient,
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
)
