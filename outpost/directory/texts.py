"""All values of one attribute as a single text, in which parts of values are found a thousand times faster than entry
after entry: a million characters take about a millisecond.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from protocols.ldap.substrings import Pieces, holds_pieces

BETWEEN = "\n"
"""No normalised value holds one: blanks of all kinds have become spaces."""
MOST_LOOKED_AT = 2000
"""Values that hold the longest part; of more, the filter decides entry by entry and takes turns: some 2 ms."""
MOST_STALE = 2
"""Lines of a text for each value that there is; past it the text is made anew."""
FEW = 1000
"""Lines that are never too many."""


def grown(text: str, added: Sequence[str], values: Collection[object]) -> str:
    """The text with more values. Those that are gone stay in it, since nobody has them: ``values`` are those of now."""
    longer = f"{text or BETWEEN}{BETWEEN.join((*added, ''))}"
    if longer.count(BETWEEN) > max(MOST_STALE * len(values), FEW):
        return BETWEEN.join(("", *(value for value in values if isinstance(value, str)), ""))
    return longer


def holding(text: str, pieces: Pieces) -> list[str] | None:
    """The values in a text that hold the pieces; None: too many to look at."""
    initial, middle, final = pieces
    parts = (f"{BETWEEN}{initial}" if initial else "", *middle, f"{final}{BETWEEN}" if final else "")
    longest = max(parts, key=len)
    if not longest:
        return None
    found: list[str] = []
    at = text.find(longest)
    for _ in range(MOST_LOOKED_AT):
        if at < 0:
            return found
        start = text.rfind(BETWEEN, 0, at + 1) + 1
        end = text.index(BETWEEN, start)
        if holds_pieces(value := text[start:end], pieces):
            found.append(value)
        at = text.find(longest, end)
    return None
