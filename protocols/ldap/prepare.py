"""String preparation (RFC 4518), as far as comparison ignores case and blanks."""

from __future__ import annotations

from unicodedata import normalize


def blanks_collapsed(text: str) -> str:
    """Leading and trailing blanks gone, inner runs as one (insignificant space handling)."""
    if " " not in text and text.isprintable():
        return text
    return " ".join(text.split())


def case_exact(text: str) -> str:
    return blanks_collapsed(text if text.isascii() else normalize("NFKC", text))


def case_ignore(text: str) -> str:
    if text.isascii():
        return blanks_collapsed(text.lower())
    return blanks_collapsed(normalize("NFKC", normalize("NFKC", text).casefold()))
