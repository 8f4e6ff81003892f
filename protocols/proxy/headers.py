"""Identity headers: who came in, for the application behind the proxy.

All of them are written on every 2xx, empty where there is nothing to say: a proxy that copies a header only when it is
there would otherwise let a browser's own through.

Values are UTF-8. What a header cannot carry is written as percent escapes: control characters anywhere, white space at
either end, inside the name of a group or entitlement what joins them (``|`` in X-Authentik-*, a comma elsewhere), and a
percent sign that would look like such an escape, so that two names never become one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

MAX_VALUE_BYTES = 1024
"""One value about a person. Longer ones would be cut somewhere on the way, and two people could become one."""
MAX_LIST_BYTES = 16 * 1024
"""Groups or entitlements; nginx must be given buffers as large."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|\A\s+|\s+\Z")
_PLAIN = bytes(range(0x20, 0x7F))
"""What needs no escape, but at the ends: nearly every value is made of these, and tokens are long."""
_LIKE_AN_ESCAPE = re.compile(r"%(?=[0-9A-Fa-f]{2})")


class Unwritable(ValueError):
    """A value is too long for a header; the text names the header."""


class Identity(Protocol):
    @property
    def username(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def uid(self) -> str: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def entitlements(self) -> tuple[str, ...]: ...


def identity_fields(identity: Identity | None) -> list[tuple[bytes, bytes]]:
    """Headers about the person; None is nobody. Raises Unwritable."""
    if identity is None:
        return list(_ANONYMOUS)
    return [
        _person_field("X-Authentik-Username", identity.username),
        _list_field("X-Authentik-Groups", identity.groups),
        _list_field("X-Authentik-Entitlements", identity.entitlements),
        _person_field("X-Authentik-Email", identity.email),
        _person_field("X-Authentik-Name", identity.name),
        _person_field("X-Authentik-Uid", identity.uid),
    ]


def token_field(token: str) -> tuple[bytes, bytes]:
    """The access token of a session; empty for whoever has none. Raises Unwritable."""
    return field("X-Authentik-Jwt", token, MAX_LIST_BYTES)


def remote_fields(identity: Identity | None) -> list[tuple[bytes, bytes]]:
    """As Authelia and Tinyauth name them. Raises Unwritable."""
    who = _NOBODY if identity is None else identity
    return [
        _person_field("Remote-User", who.username),
        _list_field("Remote-Groups", who.groups, ","),
        _person_field("Remote-Name", who.name),
        _person_field("Remote-Email", who.email),
    ]


def auth_request_fields(identity: Identity | None) -> list[tuple[bytes, bytes]]:
    """As oauth2-proxy's ``set_xauthrequest`` names them. Raises Unwritable."""
    who = _NOBODY if identity is None else identity
    return [
        _person_field("X-Auth-Request-User", who.username),
        _person_field("X-Auth-Request-Preferred-Username", who.username),
        _person_field("X-Auth-Request-Email", who.email),
        _list_field("X-Auth-Request-Groups", who.groups, ","),
    ]


def meta_fields(jwks: str, outpost: str, provider: str, application: str, version: str) -> list[tuple[bytes, bytes]]:
    """Headers about who says so: the same for everyone at one provider. Raises Unwritable."""
    return [
        field("X-Authentik-Meta-Jwks", jwks),
        field("X-Authentik-Meta-Outpost", outpost),
        field("X-Authentik-Meta-Provider", provider),
        field("X-Authentik-Meta-App", application),
        field("X-Authentik-Meta-Version", version),
    ]


def _escaped(value: str) -> str:
    if value.isprintable() and value == value.strip():
        return value
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8")), value)


def _told(value: str) -> str:
    """Of a person, escaped so that it can be read back."""
    return _escaped(_LIKE_AN_ESCAPE.sub("%25", value) if "%" in value else value)


def field(name: str, value: str, limit: int = MAX_VALUE_BYTES) -> tuple[bytes, bytes]:
    """One header, its value escaped. Raises Unwritable."""
    written = value.encode("utf-8", "backslashreplace")
    if written.translate(None, _PLAIN) or value != value.strip():
        written = _escaped(value).encode("utf-8", "backslashreplace")
    if len(written) > limit:
        raise Unwritable(f"{name} would be longer than {limit} bytes")
    return name.encode("ascii"), written


def _person_field(name: str, value: str) -> tuple[bytes, bytes]:
    return field(name, _told(value))


def _list_field(name: str, values: Iterable[str], joint: str = "|") -> tuple[bytes, bytes]:
    """``joint`` inside a value is escaped, so that one name never becomes two."""
    instead = f"%{ord(joint):02X}"
    return field(name, joint.join(_told(value).replace(joint, instead) for value in values), MAX_LIST_BYTES)


class _Nobody:
    username = name = email = uid = ""
    groups: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()


_NOBODY = _Nobody()
_ANONYMOUS = tuple(identity_fields(_NOBODY))
