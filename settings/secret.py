"""A text that never prints."""

from __future__ import annotations

from typing import Final

MASK: Final = "********"


class Secret:
    """Wraps a secret; `reveal` is the only way to it. ``repr``, ``str`` and ``format`` give asterisks."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
