"""Tokens: found by the digest of their key, so that the database opens no door."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from control.records import Token, User
from control.store.interface import NotFound, Transaction
from control.verbs.fields import unique
from rules import validity

KEY_BYTES = 30
"""Of randomness in a key; written as 60 hexadecimal digits, authentik's length."""
MAX_KEY_LENGTH = 4096
"""Longer ones are nobody's; they are not hashed."""

Random = Callable[[int], bytes]


def digest(key: str) -> str:
    """What is stored to find a key by: SHA-256, hexadecimal. Keys are random, so that a fast digest is safe."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def create(
    tx: Transaction,
    user: int,
    identifier: str,
    random: Random,
    intent: str = "api",
    expires: float | None = None,
    description: str = "",
) -> Token:
    """A token with a new key. Without ``expires`` it never ends. Raises Invalid if the identifier is taken."""
    key = random(KEY_BYTES).hex()
    with unique():
        return tx.insert(
            Token(
                identifier=identifier,
                user=user,
                intent=intent,
                key=key,
                key_digest=digest(key),
                description=description,
                expiring=expires is not None,
                expires=expires,
            )
        )


def owner(tx: Transaction, key: str, intent: str = "api") -> User | None:
    """Whose key this is: None unless token and account are both good now."""
    if not 0 < len(key) <= MAX_KEY_LENGTH:
        return None
    token = tx.find(Token, key_digest=digest(key))
    if token is None or token.intent != intent or _expired(token, tx.now):
        return None
    try:
        user = tx.get(User, token.user)
    except NotFound:
        return None
    return user if validity.refusal(user, tx.now) is None else None


def _expired(token: Token, now: float) -> bool:
    return token.expiring and token.expires is not None and token.expires <= now
