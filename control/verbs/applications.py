"""Applications: what people use, each in front of at most one provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field

from control.records import Application, Binding, Provider, User
from control.store.interface import Query, Transaction
from control.verbs.fields import (
    MAX_INTEGER,
    Fields,
    Invalid,
    LongText,
    Name,
    Slug,
    Text,
    existing,
    overlaid,
    parse,
    unique,
)
from control.verbs.rights import closure
from rules.bindings import verdict

RESERVED_SLUGS = frozenset({"authorize", "token", "device", "userinfo", "introspect", "revoke"})
"""Path segments beside the slugs under /application/o/."""


def _launch_url(url: str) -> str:
    """Only what a browser may be sent to: a stored ``javascript:`` address would run in the launcher."""
    if url and urlsplit(url).scheme.lower() not in ("http", "https", "blank"):
        raise ValueError("Enter a valid URL.")
    return url


class ApplicationFields(Fields):
    name: Name
    slug: Slug
    group: Text = ""
    provider: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    open_in_new_tab: bool = False
    meta_launch_url: Annotated[str, Field(max_length=2048), AfterValidator(_launch_url)] = ""
    meta_icon: Annotated[str, Field(max_length=2048)] = ""
    meta_description: LongText = ""
    meta_publisher: Text = ""
    meta_hide: bool = False
    policy_engine_mode: Literal["any", "all"] = "any"


def create(tx: Transaction, given: Mapping[str, Any]) -> Application:
    """Raises Invalid."""
    fields = parse(ApplicationFields, given)
    _check(tx, fields, "")
    with unique():
        return tx.insert(Application(**fields.model_dump()))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Application:
    """Raises Invalid, NotFound."""
    application = tx.get(Application, pk)
    current = {name: getattr(application, name) for name in ApplicationFields.model_fields}
    fields = overlaid(ApplicationFields, current, given, partial)
    _check(tx, fields, pk)
    with unique():
        return tx.update(replace(application, **fields.model_dump()))


def delete(tx: Transaction, pk: str) -> None:
    """The application with its bindings; its provider stays. Raises NotFound."""
    tx.delete(tx.get(Application, pk))


def visible_to(tx: Transaction, user: int) -> list[str]:
    """pks of the applications that users and groups let this user use; where policies decide, the door asks them."""
    groups = frozenset(group.pk for group in closure(tx, user))
    lines: dict[str, list[Binding]] = {}
    for binding in tx.select(Binding, Query(ordering=("order",))):
        lines.setdefault(binding.target, []).append(binding)
    return [
        application.pk
        for application in tx.select(Application)
        if verdict(application.policy_engine_mode, lines.get(application.pk, ()), user, groups) is not False
    ]


def launch_url(application: Application, provider: Provider | None, user: User) -> str | None:
    """Where the launcher leads: the given address with ``%(username)s`` and such filled in, else the proxied host, or
    the site of an OIDC client's first redirect URI."""
    if not application.meta_launch_url:
        return _site(provider) if provider is not None else None
    url = application.meta_launch_url
    for name in ("username", "name", "email", "uuid", "pk"):
        url = url.replace(f"%({name})s", quote(str(getattr(user, name)), safe=""))
    return url


def _site(provider: Provider) -> str | None:
    if provider.kind == "proxy":
        return provider.settings.get("external_host") or None
    for uri in provider.settings.get("redirect_uris", ()):
        parts = urlsplit(uri["url"]) if uri["matching_mode"] == "strict" else None
        if parts is not None and parts.scheme in ("http", "https"):
            return f"{parts.scheme}://{parts.netloc}"
    return None


def _check(tx: Transaction, fields: ApplicationFields, pk: str) -> None:
    if fields.slug in RESERVED_SLUGS:
        raise Invalid({"slug": [f"The slug '{fields.slug}' is reserved and cannot be used for applications."]})
    if fields.provider is None:
        return
    existing(tx, Provider, "provider", [fields.provider])
    other = tx.find(Application, provider=fields.provider)
    if other is not None and other.pk != pk:
        raise Invalid({"provider": [f"The application “{other.name}” uses this provider already."]})
