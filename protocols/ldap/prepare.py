"""String preparation (RFC 4518), as far as comparison ignores case and blanks."""

from __future__ import annotations

from unicodedata import combining, normalize

MOST_MARKS = 30
"""Combining marks on one letter (UAX #15, stream-safe text: no writing system needs more).

Normalising sorts each run of marks, in time that grows with the square of its length; a stranger's 100 KB of them
would stop everything for seconds.
"""


_INVISIBLE = (
    *((0xAD, 0xAD), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x180E, 0x180E), (0x200B, 0x200F), (0x202A, 0x202E)),
    *((0x2060, 0x2063), (0x206A, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0x1D173, 0x1D17A), (0xE0001, 0xE0001)),
    (0xE0020, 0xE007F),
)
"""First and last of what is mapped to nothing (RFC 4518 s2.2): hyphens that only break lines, marks of direction,
joiners. Control characters stay, which nobody types: a name with a NUL is not the one without. So does what may be
in a name (`rules.names.is_possible_name`), as variation selectors: of two names that control keeps apart, neither is to
be taken for the other."""
_TO_NOTHING = dict.fromkeys(point for first, last in _INVISIBLE for point in range(first, last + 1))


def text(octets: bytes) -> str:
    """Octets that should be UTF-8. Others survive as lone surrogates, which no DN and no name of ours contains."""
    return octets.decode("utf-8", "surrogateescape")


def blanks_collapsed(text: str) -> str:
    """Leading and trailing blanks gone, inner runs as one (insignificant space handling)."""
    if " " not in text and text.isprintable():
        return text
    return " ".join(text.split())


def case_exact(text: str) -> str:
    return blanks_collapsed(text if text.isascii() else _compatible(text))


def case_ignore(text: str) -> str:
    if text.isascii():
        return blanks_collapsed(text.lower())
    return blanks_collapsed(_compatible(_compatible(text).casefold()))


def _compatible(text: str) -> str:
    """NFKC of what is seen; text that no one writes is left as it is, so that it equals itself and nothing else."""
    text = text.translate(_TO_NOTHING)
    return normalize("NFKC", text) if len(text) <= MOST_MARKS or _is_stream_safe(text) else text


def _is_stream_safe(text: str) -> bool:
    marks = 0
    for letter in text:
        marks = marks + 1 if combining(letter) else 0
        if marks > MOST_MARKS:
            return False
    return True
