"""Tokens: found by the digest of their key, so that the database opens no door."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from control.records import Outpost, Token, User
from control.store.interface import NotFound, Transaction
from control.verbs import system
from control.verbs.fields import (
    MAX_INTEGER,
    NON_FIELD,
    Fields,
    Invalid,
    LongText,
    Moment,
    existing,
    overlaid,
    parse,
    seconds,
    slug,
    unique,
)
from rules import validity

KEY_BYTES = 30
"""Of randomness in a key; written as 60 hexadecimal digits, authentik's length."""
MAX_KEY_LENGTH = 4096
"""Longer ones are nobody's; they are not hashed."""

Random = Callable[[int], bytes]

GIVEN_INTENTS = ("api", "app_password")
"""What people make by hand; the others belong to flows."""


class TokenFields(Fields):
    identifier: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(slug)]
    intent: Literal["api", "app_password"] = "api"
    user: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    description: LongText = ""
    expires: Moment = None
    expiring: bool = True


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
    length: int = 2 * KEY_BYTES,
) -> Token:
    """A token with a new key of so many characters. Without ``expires`` it never ends.

    Raises Invalid if the identifier is taken.
    """
    key = random(-(-length // 2)).hex()[:length]
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


def issue(tx: Transaction, given: Mapping[str, Any], random: Random) -> Token:
    """A token as a person asks for it; one that expires without a given moment does so as the settings say.

    Raises Invalid.
    """
    fields = parse(TokenFields, given)
    existing(tx, User, "user", [fields.user])
    settings = system.read(tx)
    ends = None
    if fields.expiring:
        ends = tx.now + seconds(settings.default_token_duration) if fields.expires is None else fields.expires
    return create(
        tx,
        fields.user,
        fields.identifier,
        random,
        intent=fields.intent,
        expires=ends,
        description=fields.description,
        length=settings.default_token_length,
    )


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Token:
    """The key stays. Raises Invalid, NotFound."""
    token = tx.get(Token, pk)
    _refuse_outposts(tx, token)
    current = {name: getattr(token, name) for name in TokenFields.model_fields}
    fields = overlaid(TokenFields, current, {"user": token.user, **given}, partial)
    existing(tx, User, "user", [fields.user])
    if fields.expiring and fields.expires is None:
        raise Invalid({"expires": ["A token that expires needs a moment when it does."]})
    changed = fields.model_dump() | ({} if fields.expiring else {"expires": None})
    with unique():
        return tx.update(replace(token, **changed))


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound; Invalid for the token that an outpost speaks with."""
    token = tx.get(Token, pk)
    _refuse_outposts(tx, token)
    tx.delete(token)


def _refuse_outposts(tx: Transaction, token: Token) -> None:
    outpost = tx.find(Outpost, user=token.user)
    if outpost is not None:
        sentence = f"The outpost “{outpost.name}” speaks with this token. Delete the outpost instead."
        raise Invalid({NON_FIELD: [sentence]})


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
