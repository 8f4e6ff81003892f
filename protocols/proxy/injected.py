"""Headers for the application beside the identity's: its own credentials for a person, and whatever else the person's
attributes hold for it (authentik's ``basic_auth_enabled`` and ``additionalHeaders``)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from protocols.proxy.headers import MAX_VALUE_BYTES, field

ADDITIONAL = "additionalHeaders"
"""The attribute, of a user or a group, whose entries become headers."""
MAX_ADDITIONAL = 20
"""Headers of one person's; nginx has room for a few dozen in all."""

_NAME = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_OURS = re.compile(
    r"(?:connection|content-.*|transfer-encoding|trailer|te|upgrade|keep-alive|proxy-.*|host|date|server|location|"
    r"set-cookie|cookie|cache-control|www-authenticate|x-forwarded-.*|x-original-.*|x-authentik-.*|remote-.*|x-auth-request-.*)",
    re.IGNORECASE,
)
"""Names that say something of the answer itself or of who it is, and that no attribute may say."""
_ASSERTION = re.compile(r"x-authentik-[a-z0-9-]*assertion", re.IGNORECASE)
"""Of ours, the only ones that an assertion may have."""
_TAKEN = re.compile(r"authorization|x-real-ip|accept.*|user-agent|origin|referer", re.IGNORECASE)
"""What an application reads other things from."""


class BasicAttributes(NamedTuple):
    """Which attributes hold the credentials that the application wants."""

    user: str
    password: str


def injected_fields(
    attributes: Mapping[str, Any],
    email: str,
    basic: BasicAttributes | None,
    assertion_header: str = "",
    others: Collection[str] = (),
    only: bool = False,
) -> list[tuple[bytes, bytes]]:
    """Raises Unwritable. With ``basic`` there is an Authorization field in any case: an empty one removes the
    browser's own, as the identity headers do; and so do those of ``others``, the names that other people have.
    ``only``: there are more names than these, and nobody's is said: whoever has none could bring it themselves."""
    fields = [] if basic is None else [(b"Authorization", _basic(attributes, email, basic))]
    said = [one for one in _additional(attributes) if _may_be_set(one[0], basic, assertion_header)]
    if only:
        known = {name.lower() for name in others}
        said = [one for one in said if one[0].lower() in known]
    fields += [field(name, str(value)) for name, value in said]
    own = {name.lower() for name, _ in said}
    left = (name for name in others if name.lower() not in own and _may_be_set(name, basic, assertion_header))
    return [*fields, *((name.encode("ascii"), b"") for name in left)]


def added_names(attributes: Mapping[str, Any]) -> list[str]:
    """Of the headers that these attributes add."""
    if ADDITIONAL not in attributes:
        return []
    return [name for name, _ in _additional(attributes) if _may_be_set(name, None, "")]


def _additional(attributes: Mapping[str, Any]) -> list[tuple[str, str | int]]:
    found = attributes.get(ADDITIONAL)
    if not isinstance(found, Mapping):
        return []
    return [one for one in list(found.items())[:MAX_ADDITIONAL] if type(one[1]) in (str, int)]


def may_carry_assertion(name: str) -> bool:
    """A header of its own, which neither the answer nor anything about the person is said in."""
    if _TAKEN.fullmatch(name) or not _NAME.fullmatch(name):
        return False
    return _OURS.fullmatch(name) is None or _ASSERTION.fullmatch(name) is not None


def _may_be_set(name: str, basic: BasicAttributes | None, assertion_header: str) -> bool:
    if assertion_header and name.lower() == assertion_header.lower():
        return False
    if basic is not None and name.lower() == "authorization":
        return False
    return _NAME.fullmatch(name) is not None and _OURS.fullmatch(name) is None


def _basic(attributes: Mapping[str, Any], email: str, names: BasicAttributes) -> bytes:
    """Without a password there are no credentials; without a name, the address is one (as authentik has it)."""
    password = attributes.get(names.password)
    if not isinstance(password, str) or not password:
        return b""
    user = attributes.get(names.user)
    said = f"{user if isinstance(user, str) and user else email}:{password}".encode()
    return b"Basic " + b64encode(said) if len(said) <= MAX_VALUE_BYTES else b""
