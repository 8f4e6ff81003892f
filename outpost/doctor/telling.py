"""How the doctor says what it has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence


def told(findings: Iterable[tuple[str, Sequence[str]]], tell: Callable[[str], object]) -> int:
    """Tells line by line, as they are found: what was looked at, and what is wrong with it. How much is wrong."""
    wrong = 0
    for what, sentences in findings:
        tell(f"{'WRONG' if sentences else 'ok   '} {what}")
        for sentence in sentences:
            tell(f"      {sentence}")
        wrong += len(sentences)
    tell(f"{wrong} to mend" if wrong else "nothing is wrong")
    return wrong
