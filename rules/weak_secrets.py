"""Which secrets whoever listens in, or tries, finds first."""

from __future__ import annotations

SHORTEST = 16
"""Characters (RFC 2865 section 3 asks for a well-chosen one; a capture of one packet is enough to try shorter ones)."""
FEWEST_DIFFERENT = 6
WELL_KNOWN = ("secret", "testing", "password", "changeme", "radius", "shared", "example")


def weakness(secret: str) -> str:
    """The end of a sentence; empty: none is seen."""
    if len(secret) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    if len(set(secret)) < FEWEST_DIFFERENT:
        return "repeats a few characters"
    if any(word in secret.lower() for word in WELL_KNOWN):
        return "has a word in it that everybody tries first"
    return ""
