"""One entry's attributes, encoded; a long list of values stays in pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from protocols.ldap.encoded import (
    encode_attribute,
    encode_entry,
    encode_long_attribute,
    encode_long_entry,
    encode_values,
)
from protocols.ldap.matching import Value
from protocols.ldap.schema import DESCRIBED, KNOWN
from protocols.ldap.schema import custom as custom_type
from protocols.ldap.search import Pieces, Selection


def encode(
    dn: str,
    ours: Mapping[str, Any],
    own: Callable[[str], bytes | Pieces],
    added: Mapping[str, tuple[str, tuple[Value, ...]]],
    selection: Selection,
) -> bytes | Pieces:
    """Our attributes in their order, then the custom ones. ``own``: a key to its encoded values, none custom."""
    attributes: list[bytes] = []
    long = False
    shown = _kept_shown if selection.recurring else _shown
    for key, name in shown(tuple(ours), selection):
        if values := encode_values(added[key][1]) if key in added else own(key):
            if selection.types_only:
                values = b""
            if isinstance(values, bytes):
                attributes.append(encode_attribute(name, values))
            else:
                attributes += encode_long_attribute(name, values)
                long = True
    for key, (spelt, texts) in added.items():
        attribute = KNOWN.get(key) or custom_type(spelt)
        if key not in ours and selection.shows(attribute):
            attributes.append(encode_attribute(attribute.name, b"" if selection.types_only else encode_values(texts)))
    return encode_long_entry(dn, attributes) if long else encode_entry(dn, attributes)


def _shown(keys: tuple[str, ...], selection: Selection) -> tuple[tuple[str, str], ...]:
    """Keys with the names that answers spell them by."""
    return tuple((key, DESCRIBED[key].name) for key in keys if selection.shows(DESCRIBED[key]))


_kept_shown = lru_cache(maxsize=1024)(_shown)
"""`search.selection` keeps 512, of a few kinds of entries each."""
