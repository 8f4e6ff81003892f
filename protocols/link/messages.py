"""What control and outpost say to each other (DESIGN D5 to D8).

Plain frozen dataclasses; `codec` turns them into newline-delimited JSON. Times are seconds since the epoch, UTC.
Unknown fields are ignored when reading and every field added later has a default, so that neighbours one minor
version apart understand each other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

PROTOCOL_VERSION = 1

EAP_METHODS = ("peap", "ttls", "tls", "mschapv2")
"""All that a RADIUS provider can offer, in the order in which it does unless told otherwise."""

# --- records: what a snapshot holds -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserRecord:
    pk: int
    uuid: str
    uid: str
    """SHA-256 hex of ``<pk>-<install id>``: authentik's default ``sub`` and X-Authentik-Uid."""
    username: str
    name: str
    email: str
    type: str
    is_active: bool
    ordinal: int
    """Never reused; POSIX uidNumber = the provider's start number + ordinal (D22)."""
    credential_version: int
    """Goes up whenever a remembered credential must no longer be believed (D13)."""
    valid_from: float | None = None
    valid_until: float | None = None
    sessions_not_before: float = 0.0
    created: float = 0.0
    updated: float = 0.0
    password_changed: float | None = None
    must_change_password: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    mapped: dict[str, dict[str, Any]] = field(default_factory=dict)
    """pk of a provider, as text, to what its property mappings say of this user: attributes for LDAP, claims for a
    proxy. It counts while the provider's settings say that there are such mappings."""


@dataclass(frozen=True, slots=True)
class GroupRecord:
    pk: str
    name: str
    is_superuser: bool
    ordinal: int
    parents: tuple[str, ...] = ()
    """pks of the groups whose member this group is; the graph has no cycle."""
    members: tuple[int, ...] | None = ()
    """pks of the direct members that are users; None in a change that leaves them as they are."""
    created: float = 0.0
    updated: float = 0.0
    attributes: dict[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    """pks of the roles that its members hold, also those of groups below."""


@dataclass(frozen=True, slots=True)
class BindingRecord:
    """One line of who may use an application: exactly one of user, group and policy is set."""

    pk: str
    order: int
    enabled: bool = True
    negate: bool = False
    user: int | None = None
    group: str | None = None
    policy: str | None = None
    timeout: int = 30
    failure_result: bool = False


@dataclass(frozen=True, slots=True)
class LdapSettings:
    base_dn: str = "DC=ldap,DC=goauthentik,DC=io"
    uid_start_number: int = 2000
    gid_start_number: int = 4000
    mfa_support: bool = True
    tls_server_name: str = ""
    certificate: str | None = None
    users_container: str = "users"
    """Name of the ``ou`` under the base DN; so with the next two."""
    groups_container: str = "groups"
    virtual_groups_container: str = "virtual-groups"
    extra_containers: tuple[str, ...] = ()
    """Further ones, empty, for programs that insist on them."""
    user_rdn: Literal["cn", "uid"] = "cn"
    nested_member_of: bool = True
    """``memberOf`` names groups above a user's own groups as well."""
    active_directory: bool = False
    """Entries also have what clients of Active Directory look for."""
    samba: bool = False
    """Readers of the whole directory also see Samba's attributes, without password hashes..."""
    samba_password_hashes: bool = False
    """...or, over TLS and by name alone, with those of `ProviderRecord.network_hashes`."""
    domain_name: str = ""
    """Short (NetBIOS) name; empty: the first part of the base DN."""
    bind_by_mail: bool = False
    """A bind's name may be a mail address or name@domain; the next two: DOMAIN\\name, and the name alone."""
    bind_by_domain: bool = False
    bind_by_name: bool = False
    require_tls: bool = False
    """Passwords are taken over TLS only."""
    anonymous_search: bool = False
    """Everything is read without a bind."""
    unauthenticated_bind: bool = False
    """A name without a password is an anonymous bind (RFC 4513 s5.1.2), which Grafana without one needs."""
    mapped: bool = False
    """Property mappings add attributes to users: `UserRecord.mapped`."""
    show_only_admitted: bool = False
    """Only those are shown whom the bindings of the application let in."""
    show_only_groups: tuple[str, ...] = ()
    """Only those are shown who are in one of these groups, or in one inside; empty: no such limit."""
    password_days: int = 0
    """For how long passwords are good; 0: for ever."""
    password_warning_days: int = 0
    """How long before that their owners are told; 0: never."""
    client_certificates: bool = False
    """People and programs may bind by a certificate (SASL EXTERNAL); control knows which ones it believes."""


@dataclass(frozen=True, slots=True)
class ReplyAttribute:
    """Of a RADIUS answer, by its dictionary name; ``value`` as people write it. ``tag``: of RFC 2868, 0 is none."""

    name: str
    value: str | int
    tag: int = 0


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """`rules.replies.Rule`."""

    attributes: tuple[ReplyAttribute, ...]
    group: str | None = None
    nas: str = ""
    ssid: str = ""
    weekdays: tuple[int, ...] = ()
    begins: int = 0
    ends: int = 1440


@dataclass(frozen=True, slots=True)
class NasRecord:
    """A NAS, or a network of them, with a secret of its own beside its provider's ``client_networks``."""

    pk: str
    name: str
    network: str
    """CIDR, or one address."""
    shared_secret: str = field(repr=False)
    identifier: str = ""
    """NAS-Identifier, where several NAS share one address (behind a gateway or a container bridge)."""
    message_authenticator: str = "pinned"
    """pinned, required, optional, unsigned (`protocols.radius.nas.Requirement`)."""
    coa_port: int = 3799
    """UDP port at which it takes orders (RFC 5176); 0: it takes none."""
    radsec_name: str = ""
    """Name in the certificate by which it may speak over TLS (RFC 6614); empty: it may not."""


@dataclass(frozen=True, slots=True)
class RadiusSettings:
    client_networks: tuple[str, ...]
    """CIDR networks whose NAS speak with ``shared_secret``; the longest prefix over all providers wins."""
    shared_secret: str = field(repr=False)
    mfa_support: bool = True
    certificate: str | None = None
    eap_methods: tuple[str, ...] = EAP_METHODS
    """The first is proposed, the others are there for whoever asks for them."""
    client_authorities: str = ""
    """PEM of those that issue certificates for EAP-TLS; empty: there is no EAP-TLS."""
    client_revocations: str = ""
    """PEM of their revocation lists."""
    rules: tuple[ReplyRule, ...] = ()
    """In their order."""
    nas: tuple[NasRecord, ...] = ()
    stripped_realms: tuple[str, ...] = ()
    """Taken off the names of users: ``example.com`` of bob@example.com and EXAMPLE.COM\\bob; ``*``: every one."""
    mac_authentication: bool = False
    """Devices may show a hardware address alone."""
    remember_network_passwords: bool = False
    """What control answers to MS-CHAPv2 may come with `Authenticated.network_hash`."""
    coa_port: int = 3799
    """Of the NAS in ``client_networks``, as that of `NasRecord`."""
    pinned: tuple[str, ...] = ()
    """Addresses that have shown that they sign (`protocols.radius.pins`)."""


@dataclass(frozen=True, slots=True)
class PathRule:
    """`rules.access.PathRule`."""

    match: Literal["exact", "prefix", "pattern"]
    path: str


@dataclass(frozen=True, slots=True)
class AccessRule:
    """`rules.access.Rule`."""

    level: Literal["bypass", "sign_in", "second_factor", "deny"]
    paths: tuple[PathRule, ...] = ()
    methods: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    preflight: bool = False
    weekdays: tuple[int, ...] = ()
    begins: int = 0
    ends: int = 1440
    max_age: int = 900


@dataclass(frozen=True, slots=True)
class ProxySettings:
    mode: Literal["proxy", "forward_single", "forward_domain"]
    external_host: str
    internal_host: str = ""
    internal_host_ssl_validation: bool = True
    internal_host_authorities: str = ""
    """PEM, in place of the system's; and next what we show."""
    internal_host_certificate: str = ""
    internal_host_key: str = field(default="", repr=False)
    cookie_domain: str = ""
    skip_path_regex: str = ""
    intercept_header_auth: bool = True
    basic_auth_enabled: bool = False
    basic_auth_user_attribute: str = ""
    basic_auth_password_attribute: str = ""
    certificate: str | None = None
    client_id: str = ""
    cookie_secret: str = field(default="", repr=False)
    """What the browser sessions of this provider are sealed with, at every outpost that serves it (D15)."""
    assertion_header: str = ""
    """In which the application is shown a signed assertion of who came in; empty: in none."""
    cookie_secret_previous: str = field(default="", repr=False)
    """The one before; what it has sealed still counts."""
    access_rules: tuple[AccessRule, ...] = ()
    mapped: bool = False
    """Property mappings say more of users than the directory does: `UserRecord.mapped`."""
    nested_groups: bool = False
    """Groups above a user's own are told of as well."""


@dataclass(frozen=True, slots=True)
class NetworkHash:
    """The NT hash of a user's network password, which stands for that password wherever NTLM or MS-CHAPv2 is spoken."""

    user: int
    nt_hash: str = field(repr=False)
    """32 hexadecimal digits."""
    until: float | None = None


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """A provider that is live on this outpost, together with its application and that application's bindings."""

    pk: int
    name: str
    protocol: Literal["ldap", "radius", "proxy"]
    application: str
    """Slug. A provider without an application is not delivered."""
    application_name: str
    application_pk: str
    policy_engine_mode: Literal["any", "all"]
    settings: LdapSettings | RadiusSettings | ProxySettings
    bindings: tuple[BindingRecord, ...] = ()
    full_search_roles: tuple[str, ...] = ()
    """Of LDAP: pks of the roles whose holders may find everybody (``search_full_directory``), `GroupRecord.roles`.
    Members of a superuser group may without any."""
    network_hashes: tuple[NetworkHash, ...] = field(default=(), repr=False)
    """Of LDAP with ``samba_password_hashes``: one of each user who has a network password."""


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    pk: str
    name: str
    certificate: str
    """PEM, leaf first."""
    key: str = field(repr=False)
    """PEM."""


@dataclass(frozen=True, slots=True)
class OutpostRecord:
    """The outpost itself, as control sees it."""

    pk: str
    name: str
    type: str
    managed: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    public_url: str = ""
    """Under which browsers reach control, as an administrator has set it; empty: not set."""
    password_attributes: tuple[str, ...] = ()
    """Names of those that are some proxy provider's ``basic_auth_password_attribute``, served here or not."""
    added_headers: tuple[str, ...] = ()
    """Names of headers that anybody's attributes add, where an outpost with proxies does not know everybody."""


@dataclass(frozen=True, slots=True)
class EndedSessionRecord:
    """A session of control's that ended early, and with it every sign-in through a proxy that it was the ground of; or
    such a sign-in at one provider alone, or an access token that was taken back."""

    pk: str
    """`BrowserSessionRecord.sid`, `sign_in_of` that, or the token's."""
    expires: float
    """When the last of those sign-ins would have ended by itself: nothing need be remembered longer."""


def sign_in_of(sid: str, provider: int) -> str:
    """What the sign-in at one provider is called that a session is the ground of. It says neither of the two."""
    return hashlib.sha256(f"{sid} {provider}".encode()).hexdigest()


Record = UserRecord | GroupRecord | ProviderRecord | CertificateRecord | OutpostRecord | EndedSessionRecord

# --- changes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Put:
    record: Record


@dataclass(frozen=True, slots=True)
class Remove:
    kind: Literal["user", "group", "ended_session", "provider"]
    """``provider`` only for those who say so in their `Hello`."""
    pk: int | str


@dataclass(frozen=True, slots=True)
class Members:
    """Users who joined and left a group: a 50,000-member group is never sent again for one of them."""

    group: str
    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """All providers, certificates and the outpost's own record, in place of those before.

    They depend on one another, so they travel together; but a change of some providers alone puts or removes these.
    """

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Pinned:
    """`RadiusSettings.pinned` of this provider, in place of those before; for those who say so in their `Hello`.

    All else stays as it was: whoever holds the secret of a NAS can add to them, and must not make outposts forget whom
    they know.
    """

    provider: int
    addresses: tuple[str, ...]


Change = Put | Remove | Members | Configuration | Pinned

# --- frames: control to outpost ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """A part of a whole snapshot; the outpost publishes it when ``last`` has come, never before."""

    revision: int
    incarnation: str
    """Identifies the store; another one means: forget everything."""
    chain: str
    """Hash over all revisions up to this one; a restored backup has another chain at the same number."""
    index: int
    last: bool
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    previous: int
    """The revision that this one stands on; if it is not the outpost's, there is a gap."""
    revision: int
    chain: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    revision: int


@dataclass(frozen=True, slots=True)
class ChangeSession:
    """An order to a NAS about a session that it has (RFC 5176). What became of it is reported as ``radius_order``."""

    pk: str
    kind: Literal["disconnect", "coa"]
    nas: str
    """Its address, and the name that it gives itself."""
    nas_name: str
    session: str
    """Acct-Session-Id."""
    calling_station: str = ""
    attributes: tuple[ReplyAttribute, ...] = ()
    """What is to change."""


# --- frames: outpost to control ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """What the outpost has; control answers with deltas from there, or with a whole snapshot."""

    instance: str
    hostname: str
    version: str
    protocol: int = PROTOCOL_VERSION
    incarnation: str = ""
    revision: int = 0
    chain: str = ""
    some_providers: bool = False
    """Are changes of some providers alone understood?"""
    pins: bool = False
    """Are changes of what NAS have shown alone understood? Whoever understands none hears of them with the next
    configuration."""


@dataclass(frozen=True, slots=True)
class VisitorRequest:
    """What a proxy has told of a browser's request beside host, path and method."""

    scheme: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """Without credentials (`protocols.proxy.shown_lines`)."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Prove, then admit (D8): the whole question in one message."""

    id: str
    """Correlates outpost and control logs; shown to operators with every refusal."""
    provider: int
    username: str
    proof: dict[str, Any] = field(repr=False)
    """One of these; octets are written in hexadecimal:

    - ``{"kind": "password", "password": str}``
    - ``{"kind": "chap", "identifier": int, "challenge": hex, "response": hex}`` (RFC 1994; 16 octets of response)
    - ``{"kind": "mschapv2", "authenticator_challenge": hex, "peer_challenge": hex, "nt_response": hex, "name": str}``
      (RFC 2759; ``name`` as it was hashed, a domain in front of it already taken off or not)
    - ``{"kind": "certificate", "chain": [base64 of DER, leaf first]}`` (the handshake has shown that the key is theirs)
    - ``{"kind": "device", "address": "aa:bb:cc:dd:ee:ff"}``
    - ``{"kind": "reply", "state": str, "response": str}``: to a `Challenge`
    """
    protocol: str
    peer: str
    """Address of whoever asks the listener: the LDAP client, the NAS, the browser behind the proxy."""
    attributes: dict[str, str] = field(default_factory=dict)
    """What else is known of the request: nas, calling_station, ssid, host, path, method."""
    can_ask: bool = False
    """The door can put a `Challenge` to whoever asks, and bring back the reply."""
    known_good: bool = False
    """These very credentials were the last that were accepted from there: what others tried does not hold them up."""
    again: bool = False
    """The same wrong credentials came from there the last time: a program that repeats them tries but once."""
    visitor: VisitorRequest | None = None
    """At the forward-auth door."""


@dataclass(frozen=True, slots=True)
class IdentityRecord:
    """Who it turned out to be."""

    user: int
    uuid: str
    uid: str
    username: str
    name: str
    email: str
    credential_version: int
    is_superuser: bool = False
    groups: tuple[str, ...] = ()
    """Names of the groups whose direct member the user is."""
    entitlements: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    host_header: str = ""
    """What a reverse proxy sends as Host in place of the browser's; and where to, in place of the provider's
    ``internal_host``: as property mappings say it, unchecked. Empty: nothing else."""
    backend_override: str = ""


@dataclass(frozen=True, slots=True)
class Reuse:
    """How the outpost may remember that these credentials were right (D13)."""

    seconds: float
    peer_only: bool = False
    """Only for questions from the same address."""
    not_after: float | None = None
    """When the credential itself ends, or a policy's yes: not even the grace reaches beyond."""
    words: dict[str, bool] = field(default_factory=dict)
    """pk of a binding to what its policy said: with them the outpost decides anew when groups have changed."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """More is needed: show ``message``, and ask again with a proof of the kind ``reply`` and this ``state``."""

    state: str = field(repr=False)
    """Printable ASCII, at most 64 characters. Good once, for the same name, provider and peer, and for a short time."""
    message: str


@dataclass(frozen=True, slots=True)
class PasswordEnd:
    """When a right password ends, and from when on its owner is to hear of it."""

    at: float
    warned_from: float


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Control's answer. ``outcome`` and ``reason`` are values of `rules.reasons`; identity only when accepted."""

    id: str
    outcome: str
    reason: str
    revision: int
    identity: IdentityRecord | None = None
    reuse: Reuse | None = None
    """None: not at all, as for whatever consumed a one-time code."""
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    """What an accepted proof gives besides, for the door alone. After mschapv2: ``authenticator_response``
    (``S=`` and 40 digits, RFC 2759) and ``password_hash_hash`` (hex), from which the keys of RFC 3079 follow.
    ``session``: control's word for what a RADIUS session stands on beside the user, for its Class."""
    challenge: Challenge | None = None
    """With the outcome *challenged*, for a door that can ask."""
    reply: tuple[ReplyAttribute, ...] = ()
    """What the provider's property mappings add to a RADIUS answer; each beats the rules' values of its name."""
    password_end: PasswordEnd | None = None
    """Of an accepted password, token or certificate that does not last for ever."""
    ends_with: tuple[str, ...] = ()
    """pks of `EndedSessionRecord`: when there is one of them, what was accepted is good no more."""
    network_hash: NetworkHash | None = None
    """Of the network password that answered MS-CHAPv2, as far as ``reuse`` goes; of a RADIUS provider with
    ``remember_network_passwords``. For memory alone."""


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Somebody who is signed in at a door wants another password, and proves the old one once more."""

    id: str
    provider: int
    user: int
    old: str = field(repr=False)
    """As at a login: a one-time code may stand behind it, and is not looked at."""
    new: str | None = field(repr=False)
    """None: control makes one."""
    protocol: str
    peer: str


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """``reason`` is a code of `rules.reasons`; the rest only when it is accepted, ``sentences`` only when it is not."""

    id: str
    reason: str
    credential_version: int = 0
    generated: str | None = field(default=None, repr=False)
    sentences: tuple[str, ...] = ()
    """For the person: what the new password lacks."""


@dataclass(frozen=True, slots=True)
class AskAccess:
    """Somebody who has signed in at a proxy wants in where policies decide: may they, now, from there?"""

    id: str
    provider: int
    user: int
    peer: str
    attributes: dict[str, str] = field(default_factory=dict)
    """host, path, method."""
    visitor: VisitorRequest | None = None


@dataclass(frozen=True, slots=True)
class AccessSaid:
    """``reason`` is a code of `rules.reasons`; ``reuse`` says how long it may be taken for granted, yes or no."""

    id: str
    reason: str
    reuse: Reuse
    strict: bool = True
    """While control is away, this yes is none."""


@dataclass(frozen=True, slots=True)
class RedeemCode:
    """Somebody comes back from control's sign-in with a code: who is it? (RFC 6749, 4.1.3)

    The outpost is the client; that it serves the provider stands in for the client's secret.
    """

    id: str
    provider: int
    code: str = field(repr=False)
    redirect_uri: str
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    control_url: str
    """Under which address the browser was sent to control: the issuer's, unless control knows better."""
    peer: str
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class BrowserSessionRecord:
    """A sign-in through a proxy."""

    sid: str
    """Hex of SHA-256 over the pk of control's session."""
    user: int
    signed_in: float
    expires: float
    access_token: str = field(repr=False)
    """For X-Authentik-Jwt; it ends with the session."""
    second_factor: float = 0.0
    """When one was shown last; 0: never."""
    until: float = 0.0
    """Until when it counts without asking control again, before ``expires``; 0: all that time."""


@dataclass(frozen=True, slots=True)
class CodeRedeemed:
    """``reason`` is a code of `rules.reasons`; a session only when it is accepted."""

    id: str
    reason: str
    session: BrowserSessionRecord | None = None


@dataclass(frozen=True, slots=True)
class RenewSession:
    """A session is in use: does it still count, and until when?"""

    id: str
    provider: int
    sid: str
    user: int
    until: float
    """Until when the access token is good that is there; 0: there is none."""
    control_url: str
    """Where browsers reach control, as the outpost knows it."""
    peer: str


@dataclass(frozen=True, slots=True)
class SessionRenewed:
    """``reason`` is a code of `rules.reasons`; a session only when it is accepted, its access token empty if the one
    that is there is good enough."""

    id: str
    reason: str
    session: BrowserSessionRecord | None = None


@dataclass(frozen=True, slots=True)
class EndSession:
    """Somebody signs out at an application: control's session ends, and with it what it was the ground of."""

    id: str
    provider: int
    sid: str
    user: int
    peer: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """There is no such session any more, whether or not there was one."""

    id: str


@dataclass(frozen=True, slots=True)
class Report:
    """Something that happened at an outpost and that control keeps: numbered from 1, without holes."""

    number: int
    kind: str
    """``logins``: accepted from the credential cache, counted by the minute. ``knock``, ``knock_answered``: something
    unknown was refused, or is known now; ``kind``, ``what``, ``count`` and texts (`rules.knocks`).
    ``throttled``: who was held up without asking; ``reason``, ``username``, ``peer``, ``protocol``, ``count``.
    ``accounting``: what a NAS told of a session (`protocols.radius.accounting`). ``radius_order``: what became of a
    `ChangeSession`; ``order``, ``outcome``, ``cause``."""
    time: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reports:
    """What control has not acknowledged yet, oldest first; sent again until it has."""

    instance: str
    reports: tuple[Report, ...]
    revision: int = 0
    """The one that is in force at the outpost now; 0: it does not say."""


@dataclass(frozen=True, slots=True)
class ReportsTaken:
    """Everything up to this number is kept; it is never sent again."""

    number: int


Frame = (
    SnapshotChunk
    | Delta
    | Heartbeat
    | ChangeSession
    | Hello
    | Authenticate
    | Authenticated
    | ChangePassword
    | PasswordChanged
    | AskAccess
    | AccessSaid
    | RedeemCode
    | CodeRedeemed
    | RenewSession
    | SessionRenewed
    | EndSession
    | SessionEnded
    | Reports
    | ReportsTaken
)
