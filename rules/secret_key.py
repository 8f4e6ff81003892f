"""Is this text fit to be the key that everything secret is sealed with? (DESIGN D17)"""

from __future__ import annotations

SHORTEST = 32
"""Characters. 32 hexadecimal digits are 128 bits, the least that nobody searches through."""
FEWEST_DIFFERENT = 8
"""Random text of that length has more different characters than this; `secretsecretsecret...` has fewer."""
UNEXPANDED = ("$(", "${", "`")
"""What is left over when a line for a shell is pasted into a file that no shell reads."""
EXAMPLES = ("changeme", "change-me", "change_me", "change me", "example", "placeholder", "your-secret", "your_secret")


def check_secret_key(text: str) -> str | None:
    """A sentence that says what is wrong with this SECRET_KEY and what to do, or None if it may be used."""
    lowered = text.lower()
    for mark in UNEXPANDED:
        if mark in text:
            return (
                f"SECRET_KEY contains {mark!r}: the command that should have made it was pasted as text. "
                "Run `openssl rand -hex 32` and put its output there."
            )
    if any(example in lowered for example in EXAMPLES):
        return "SECRET_KEY is an example that anyone can read. Run `openssl rand -hex 32` and put its output there."
    if len(text) < SHORTEST:
        return (
            f"SECRET_KEY has {len(text)} characters and needs at least {SHORTEST}. "
            "Run `openssl rand -hex 32` and put its output there."
        )
    if len(set(text)) < FEWEST_DIFFERENT:
        return "SECRET_KEY repeats a few characters. Run `openssl rand -hex 32` and put its output there."
    return None
