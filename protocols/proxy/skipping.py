"""authentik's ``skip_path_regex``: paths that need no sign-in, one pattern a line.

The meaning is authentik's, a search that may match anywhere; the subject is the canonical path, never the query. In
domain mode it is the URL without its query. RE2, as authentik's Go has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import re2

from protocols.proxy.canonical import canonical_path

MAX_PATTERNS = 200
"""Lines; each costs time in every request without a session."""
MAX_PATTERN_MEMORY = 1024 * 1024
"""Bytes that one compiled pattern may take."""


class SkippedPaths:
    """``text``: the setting. ``faulty`` and ``unanchored`` hold the lines to tell the operator about."""

    def __init__(self, text: str, whole_url: bool) -> None:
        self.faulty: list[str] = []
        self.unanchored: list[str] = []
        self._whole_url = whole_url
        self._patterns = []
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        self.faulty += lines[MAX_PATTERNS:]
        for line in lines[:MAX_PATTERNS]:
            try:
                self._patterns.append(_compiled(line))
            except re2.error:
                self.faulty.append(line)
                continue
            if not line.startswith(("^", r"\A")):
                self.unanchored.append(line)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def skips(self, origin: str, path: str) -> bool:
        """``origin``: scheme and authority. An ambiguous path is never skipped."""
        subject = canonical_path(path)
        if subject is None:
            return False
        if self._whole_url:
            subject = origin + subject
        return any(pattern.search(subject) is not None for pattern in self._patterns)

    def mistakes(self) -> Iterator[str]:
        """Sentences for the operator about what opens something that was not meant, or nothing."""
        yield from (f"{line!r} is no pattern that can be used, and skips nothing." for line in self.faulty)
        for line in self.unanchored:
            yield (
                f"{line!r} matches anywhere in a path, so that more may need no sign-in than was meant. Begin it with "
                "^ if it is the beginning of the path."
            )


@lru_cache(1024)
def _compiled(line: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PATTERN_MEMORY
    return re2.compile(line, options)
