"""Frames as newline-delimited JSON (DESIGN D6, D7).

Every frame and record is an object whose field ``_`` names its kind. Unknown fields are ignored; a missing field
without a default, or one of the wrong JSON type, is an error of the neighbour's.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from protocols.errors import RemoteProtocolError
from protocols.link import messages
from protocols.link.messages import Frame

MAX_FRAME = 64 * 1024 * 1024
"""Bytes. A chunk of 1,000 users with photographs in their attributes fits; a stream that never ends a line does not."""

KINDS: dict[str, type[Any]] = {
    "user": messages.UserRecord,
    "group": messages.GroupRecord,
    "binding": messages.BindingRecord,
    "ldap": messages.LdapSettings,
    "radius": messages.RadiusSettings,
    "reply_attribute": messages.ReplyAttribute,
    "reply_rule": messages.ReplyRule,
    "nas": messages.NasRecord,
    "path_rule": messages.PathRule,
    "access_rule": messages.AccessRule,
    "proxy": messages.ProxySettings,
    "network_hash": messages.NetworkHash,
    "provider": messages.ProviderRecord,
    "certificate": messages.CertificateRecord,
    "outpost": messages.OutpostRecord,
    "ended_session": messages.EndedSessionRecord,
    "put": messages.Put,
    "remove": messages.Remove,
    "members": messages.Members,
    "configuration": messages.Configuration,
    "pinned": messages.Pinned,
    "snapshot_chunk": messages.SnapshotChunk,
    "delta": messages.Delta,
    "heartbeat": messages.Heartbeat,
    "change_session": messages.ChangeSession,
    "hello": messages.Hello,
    "visitor_request": messages.VisitorRequest,
    "authenticate": messages.Authenticate,
    "identity": messages.IdentityRecord,
    "reuse": messages.Reuse,
    "challenge": messages.Challenge,
    "password_end": messages.PasswordEnd,
    "authenticated": messages.Authenticated,
    "change_password": messages.ChangePassword,
    "password_changed": messages.PasswordChanged,
    "ask_access": messages.AskAccess,
    "access_said": messages.AccessSaid,
    "redeem_code": messages.RedeemCode,
    "browser_session": messages.BrowserSessionRecord,
    "code_redeemed": messages.CodeRedeemed,
    "renew_session": messages.RenewSession,
    "session_renewed": messages.SessionRenewed,
    "end_session": messages.EndSession,
    "session_ended": messages.SessionEnded,
    "report": messages.Report,
    "reports": messages.Reports,
    "reports_taken": messages.ReportsTaken,
}
_TAG = {cls: kind for kind, cls in KINDS.items()}
_NAMES = {cls: tuple(field.name for field in fields(cls)) for cls in _TAG}


def encode(frame: Frame) -> bytes:
    """One frame, its newline included."""
    return json.dumps(frame, default=_as_object, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _as_object(value: Any) -> dict[str, Any]:
    cls = type(value)
    # "kind" is also a field of Remove; the tag therefore has a name that no field has.
    return {"_": _TAG[cls], **{name: getattr(value, name) for name in _NAMES[cls]}}


def decode(line: bytes) -> Frame:
    """The frame that a line holds. Raises RemoteProtocolError."""
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RemoteProtocolError(f"a link frame is not JSON: {error}") from error
    frame = _record(value)
    if not isinstance(frame, Frame):
        raise RemoteProtocolError(f"{type(frame).__name__} is not a frame")
    return frame


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class Lines:
    """Cuts a byte stream into lines of at most MAX_FRAME bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._held = 0

    def receive_data(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, newlines off. Raises RemoteProtocolError when one is too long."""
        head, *rest = data.split(b"\n")
        self._parts.append(head)
        self._held += len(head)
        if self._held > MAX_FRAME or any(len(line) > MAX_FRAME for line in rest):
            raise RemoteProtocolError("a link frame is longer than the bound", "oversize")
        if not rest:
            return []
        lines = [b"".join(self._parts), *rest[:-1]]
        self._parts, self._held = [rest[-1]], len(rest[-1])
        return lines


# --- JSON values to dataclasses, by converters made once from the annotations -------------------------------------

_Converter = Callable[[Any], Any]


def _record(value: Any) -> Any:
    try:
        cls = KINDS[value["_"]]
    except (KeyError, TypeError, IndexError):
        raise RemoteProtocolError("a link object has no known kind") from None
    return _build(cls, value)


def _build(cls: type[Any], value: dict[str, Any]) -> Any:
    arguments = {}
    for name, convert, required in _FIELDS[cls]:
        if name in value:
            try:
                arguments[name] = convert(value[name])
            except (TypeError, ValueError):
                raise RemoteProtocolError(f"{cls.__name__}.{name} has a wrong value") from None
        elif required:
            raise RemoteProtocolError(f"{cls.__name__}.{name} is missing")
    return cls(**arguments)


def _scalar(*allowed: type) -> _Converter:
    def convert(value: Any) -> Any:
        if type(value) not in allowed:
            raise TypeError
        return value

    return convert


def _tuple_of(convert: _Converter) -> _Converter:
    def convert_all(value: Any) -> Any:
        if type(value) is not list:
            raise TypeError
        return tuple(map(convert, value))

    return convert_all


def _optional(convert: _Converter) -> _Converter:
    return lambda value: None if value is None else convert(value)


def _one_of(allowed: tuple[Any, ...]) -> _Converter:
    def convert(value: Any) -> Any:
        if value not in allowed:
            raise ValueError
        return value

    return convert


def _nested(allowed: tuple[type, ...]) -> _Converter:
    def convert(value: Any) -> Any:
        record = _record(value)
        if type(record) not in allowed:
            raise TypeError
        return record

    return convert


def _converter(hint: Any) -> _Converter:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return _tuple_of(_converter(arguments[0]))
    if origin is Literal:
        return _one_of(arguments)
    if origin is dict:
        return _scalar(dict)
    if origin in (types.UnionType, Union):
        some = tuple(argument for argument in arguments if argument is not types.NoneType)
        inner = _nested(some) if all(map(is_dataclass, some)) else _any_of(some)
        return inner if len(some) == len(arguments) else _optional(inner)
    if is_dataclass(hint):
        return _nested((cast(type, hint),))
    return _scalar(int, float) if hint is float else _scalar(hint)


def _any_of(some: tuple[Any, ...]) -> _Converter:
    if len(some) == 1:
        return _converter(some[0])
    return _scalar(*some)


_FIELDS: dict[type[Any], tuple[tuple[str, _Converter, bool], ...]] = {
    cls: tuple(
        (
            field.name,
            _converter(get_type_hints(cls)[field.name]),
            field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(cls)
    )
    for cls in _TAG
}
