"""Values that stand elsewhere: ``env://NAME?default`` and ``file:///path?default``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

LARGEST_FILE = 65536
"""Bytes: a secret or a certificate chain, not a device that never ends."""


def resolve(raw: object, environ: Mapping[str, str]) -> object:
    """The value that ``raw``, or each item of the list ``raw``, points at. Raises ValueError when it is not there."""
    if isinstance(raw, list):
        return [resolve(item, environ) for item in raw]
    if not isinstance(raw, str):
        return raw
    scheme, separator, rest = raw.partition("://")
    if not separator or scheme not in ("env", "file"):
        return raw
    target, has_default, default = rest.partition("?")
    found = environ.get(target) if scheme == "env" else _content(Path(target))
    if found is not None:
        return found
    if has_default:
        return default
    what = f"variable {target}, which is not set" if scheme == "env" else f"file {target}, which cannot be read"
    raise ValueError(f"points at the {what}")


def _content(path: Path) -> str | None:
    """The file's text without the line end that editors add. Raises ValueError if it is too large: the beginning of a
    secret is another secret."""
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST_FILE + 1)
        if len(octets) <= LARGEST_FILE:
            return octets.decode().rstrip("\r\n")
    except (OSError, ValueError):  # among these: it is no UTF-8, or its name is none
        return None
    raise ValueError(f"points at the file {path}, which is larger than {LARGEST_FILE} bytes")
