"""Applications, who may use them, and the providers and outposts that open their doors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record


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
class Entitlement(Record):
    """What somebody may do in one application; its bindings say who. Told to the application, never asked here."""

    TABLE = "entitlement"
    DIRECTORY = True
    SEARCHED = ("name",)
    INDEXED = ("application",)
    UNIQUE = (("application", "name"),)

    name: str
    application: str
    """pk"""
    pk: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Provider(Record):
    TABLE = "provider"
    DIRECTORY = True
    SECRETS = frozenset({"secrets"})
    SEARCHED = ("name",)
    INDEXED = ("host",)
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
    host: str | None = None
    """Of a proxy's application, as outposts look it up: by it, whoever wants the same is found among thousands."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class PropertyMapping(Record):
    """An expression that says what is told of a person: claims, headers, attributes of answers and of entries."""

    TABLE = "property_mapping"
    DIRECTORY = True
    HIDDEN = frozenset({"expression"})
    SEARCHED = ("name", "managed")
    UNIQUE = (("name",), ("managed",))

    name: str
    kind: str
    """A key of `control.verbs.property_mappings.KINDS`: scope, radius, ldap, notification, ldap_source."""
    expression: str
    """Superusers alone read it: a webhook's header lines may be in it."""
    pk: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """The fields of the kind: ``scope_name`` and ``description`` of a scope."""
    on_failure: str = "omit"
    """What becomes of a login when it breaks: omit (what it would have said is left out) or refuse."""
    managed: str | None = None
    """Of those that are there from the start, authentik's word for it."""


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
class Setting(Record):
    """One system setting; ``pk`` is its name."""

    TABLE = "setting"
    DIRECTORY = True

    pk: str
    value: Any = None
    managed: str | None = None
