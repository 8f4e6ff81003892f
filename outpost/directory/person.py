"""What LDAP wants to know of a person, made from the one name that there is."""

from __future__ import annotations

from unicodedata import normalize

from protocols.link.messages import UserRecord

Values = tuple[str, ...]


def boolean(truth: bool) -> Values:
    return ("TRUE" if truth else "FALSE",)


def given_name(name: str) -> Values:
    """Everything before the last word; best effort, as there is only one name field."""
    words = name.split()
    return (" ".join(words[:-1]),) if len(words) > 1 else ()


def surname(user: UserRecord) -> Values:
    """The last word; person requires one (RFC 4519), so that the user name stands in for an empty name."""
    words = user.name.split()
    return (words[-1] if words else user.username,)


def gecos(user: UserRecord) -> Values:
    """The full name as ASCII, without what separates its fields (passwd(5))."""
    plain = normalize("NFKD", user.name).encode("ascii", "ignore").decode().translate(_NO_GECOS).strip()
    return (plain,) if plain else ()


def password_days(many: int, user: UserRecord) -> Values:
    """None where nobody knows how old the password is."""
    return (str(many),) if many and user.password_changed else ()


_NO_GECOS = str.maketrans("", "", ":,=\n\r")
