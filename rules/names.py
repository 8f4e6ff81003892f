"""What can be anybody's name at all, so that nothing else is asked, stored or written to a log."""

from __future__ import annotations

import unicodedata

LONGEST_NAME = 254
"""Characters: the longest e-mail address (RFC 5321, section 4.5.3.1.3, less its angle brackets)."""


def is_possible_name(name: str) -> bool:
    """A user name or an e-mail address: printable (so neither NUL nor lone surrogates), and not too long."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def folded(text: str) -> str:
    """The text without case and compatibility variants (RFC 4518, 2.2 and 2.3, in effect): as names are found."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def domain_of(email: str) -> str:
    """Of an address that has one; empty for what could be read in two ways (quotes, several @)."""
    name, at, domain = email.partition("@")
    if not name or not at or "@" in domain or any(letter in ' "\\,;:<>()[]\r\n\t' for letter in email):
        return ""
    return domain.lower()


def account_of(name: str) -> str:
    """Under which name its tries are counted: the same for all spellings by which one account is found."""
    return folded(name.strip())


def shown(name: str) -> str:
    """What a stranger typed, fit to be stored and read: cut, and escaped where it does not print."""
    cut = name[:LONGEST_NAME]
    return cut if cut.isprintable() else cut.encode("unicode_escape").decode("ascii")[:LONGEST_NAME]


def printable(text: str) -> str:
    """What people have called something, fit for a terminal: nothing in it moves, colours or hides anything."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\t\n" else one.encode("unicode_escape").decode() for one in text)
