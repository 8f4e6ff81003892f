"""What a new password must be like. Pure; whoever sets one asks here, and so do policies about passwords.

Strength is zxcvbn's estimate, loaded when it is first asked for. What people can find out about a person adds nothing
to it: their own names are taken out before the rest is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

DEFAULT_LENGTH = 8
"""Characters (NIST SP 800-63B, section 5.1.1.1)."""
STRONGEST = 4
"""zxcvbn's highest score: more than 10^10 guesses."""
LONGEST_JUDGED = 24
"""Characters whose strength is estimated: the time grows steeply with letters that stand for others (p4$$w0rd); these
take less than a second at worst, and ten of them can have the highest score."""
SHORTEST_WORD = 3
"""Letters of a person's name that are worth taking out."""
MOST_WORDS = 20
"""Of a person's names: a display name may be a page."""


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """Least numbers of characters, of all and of each kind; 0 asks for nothing."""

    length: int = DEFAULT_LENGTH
    digits: int = 0
    uppercase: int = 0
    lowercase: int = 0
    symbols: int = 0
    symbol_charset: str = ""
    """What counts as a symbol; empty: all that is neither letter nor digit."""
    strength: int = 0
    """The least zxcvbn score, up to `STRONGEST`; 0: any."""

    def is_symbol(self, character: str) -> bool:
        return character in self.symbol_charset if self.symbol_charset else not character.isalnum()


@dataclass(frozen=True, slots=True)
class _Kind:
    least: Callable[[PasswordRules], int]
    counts: Callable[[PasswordRules, str], bool]
    name: str


_KINDS = (
    _Kind(lambda rules: rules.digits, lambda rules, one: one.isdigit(), "digit"),
    _Kind(lambda rules: rules.uppercase, lambda rules, one: one.isupper(), "capital letter"),
    _Kind(lambda rules: rules.lowercase, lambda rules, one: one.islower(), "small letter"),
    _Kind(lambda rules: rules.symbols, PasswordRules.is_symbol, "symbol"),
)


TOO_EASY = "This is too easy to guess. Use a few words that have nothing to do with one another."


def faults(password: str, rules: PasswordRules, about: Iterable[str] = ()) -> list[str]:
    """What to change, in sentences for the person; empty: nothing. ``about``: the person's names and addresses."""
    found = []
    if len(password) < rules.length:
        found.append(f"Use at least {rules.length} characters; a few words do well.")
    for kind in _KINDS:
        least = kind.least(rules)
        if sum(kind.counts(rules, one) for one in password) < least:
            found.append(f"Use at least {least} {kind.name}{'' if least == 1 else 's'}.")
    if not found and rules.strength and strength(password, about) < rules.strength:
        found.append(TOO_EASY)
    return found


def strength(password: str, about: Iterable[str]) -> int:
    """0 to `STRONGEST`."""
    from zxcvbn import zxcvbn

    rest = _without(password, about)[:LONGEST_JUDGED]
    return int(zxcvbn(rest)["score"]) if rest else 0


# --- and how long it is good ---------------------------------------------------------------------------------------


class HasPassword(Protocol):
    @property
    def password(self) -> str | None: ...
    @property
    def password_change_date(self) -> float | None: ...
    @property
    def date_joined(self) -> float: ...
    @property
    def must_change_password(self) -> bool: ...


def since(user: HasPassword) -> float:
    """When the password was set (seconds since the epoch); one that came with the account, from elsewhere, is as old as
    the account."""
    return user.password_change_date or user.date_joined


def good_until(user: HasPassword, longest: float) -> float | None:
    """When the password ends, if passwords are good for ``longest`` seconds; None: never."""
    return since(user) + longest if longest else None


def due(user: HasPassword, longest: float, now: float) -> str | None:
    """The reason code why the person must choose another password, although this one is right; None: they need not."""
    if user.password is None:
        return None
    if user.must_change_password:
        return "must_change_password"
    ends = good_until(user, longest)
    return "password_expired" if ends is not None and now >= ends else None


# --- the rules, one by one -----------------------------------------------------------------------------------------


def _without(password: str, about: Iterable[str]) -> str:
    words = {word for name in about for word in (name, *re.split(r"[\W_]+", name)) if len(word) >= SHORTEST_WORD}
    longest_first = sorted(words, key=len, reverse=True)[:MOST_WORDS]
    for word in longest_first:
        password = re.sub(re.escape(word), "", password, flags=re.IGNORECASE)
    return password
