"""One spelling for a path, so that rules match what the application will see; what it could see differently is none.

Every reverse proxy hands over the raw target, and applications decode differently: some resolve `..` after decoding,
some drop what follows a semicolon, some decode twice. Where two of them could disagree there is no canonical path, and
no rule that opens something matches.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_to_bytes

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SEPARATING = re.compile(r"[\\;%\u2044\u2215\u2216\xa5\u20a9]")
"""The last five too become slashes and backslashes in code pages of Windows, which takes what fits best."""
_AMBIGUOUS = re.compile(r"[\\;\x00-\x20\x7f]|%(?:25|2F|5C|3B|[01][0-9A-F]|7F)")
"""Separators of segments and parameters however they are written, an escape that is escaped itself, controls."""


def canonical_path(path: str) -> str | None:
    """``path`` without its query. None: ambiguous.

    Escapes of unreserved characters are decoded, the others written in upper case (RFC 3986, 6.2.2); single dots and
    doubled slashes go. ``..`` is ambiguous, because not everybody resolves it.
    """
    if not path.startswith("/") or not path.isascii():
        return None
    decoded = _ESCAPE.sub(_decoded, path)
    if _AMBIGUOUS.search(decoded) or ("%" in decoded and not _is_read_alike(decoded)):
        return None
    segments = decoded.split("/")
    if ".." in segments:
        return None
    kept = [segment for segment in segments if segment not in ("", ".")]
    ending = "/" if kept and segments[-1] in ("", ".") else ""
    return f"/{'/'.join(kept)}{ending}"


def _decoded(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else f"%{escape[1].upper()}"


def _is_read_alike(path: str) -> bool:
    """Overlong forms and halves of characters are read in several ways; wide dots and slashes by some as plain ones."""
    try:
        text = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    folded = unicodedata.normalize("NFKC", text)
    return folded.count("/") == text.count("/") and not _SEPARATING.search(folded) and ".." not in folded.split("/")
