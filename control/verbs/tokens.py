"""Tokens: found by the digest of their key, so that the database opens no door.

Two kinds are passwords of one device or program each: an *app password* stands where a password stands, but in
browsers; a *network password* also answers CHAP and MS-CHAPv2. Both are generated, shown once, and end at once when
they are taken back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from control import endings
from control.records import AccessToken, Outpost, Session, Token, TokenUse, User
from control.store.interface import NotFound, Query, Transaction
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
SHORTEST_KEY = 20
"""Characters of one that an administrator has chosen; it is stored under a fast digest."""
SHORTEST_OUTPOST_KEY, LONGEST_OUTPOST_KEY = 32, 255
"""Characters of an outpost's, wherever it is chosen: files that say what should be have to take what is exported."""
OUTPOST_KEY = (
    f"Enter {SHORTEST_OUTPOST_KEY} to {LONGEST_OUTPOST_KEY} characters of ASCII without spaces, "
    "such as `openssl rand -hex 30` prints."
)
MAX_KEY_LENGTH = 4096
"""Longer ones are nobody's; they are not hashed."""

Random = Callable[[int], bytes]

APP_PASSWORD, NETWORK_PASSWORD = "app_password", "network_password"
PASSWORD_INTENTS = frozenset({APP_PASSWORD, NETWORK_PASSWORD})
GIVEN_INTENTS = ("api", APP_PASSWORD, NETWORK_PASSWORD)
"""What people make by hand; the others belong to flows."""
LETTERS = "abcdefghijkmnpqrstuvwxyz"
"""Of a network password: small letters alone, so that a phone's keyboard need not change; without l and o, which look
like digits."""
NETWORK_GROUPS, NETWORK_GROUP = 4, 6
"""Four groups of six letters: 110 bits. Whoever records an MS-CHAPv2 exchange may try passwords as fast as DES goes."""
NETWORK_SECONDS = 365 * 86_400.0
"""A network password that is given no end: nobody wants to type it into every device each month."""
MOST_NETWORK_PASSWORDS = 50
"""Of one user: each may have to be tried against a response, at 60 us."""
USE_SECONDS = 60.0
"""The last use is written at most this often."""


class TokenFields(Fields):
    identifier: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(slug)]
    intent: Literal["api", "app_password", "network_password"] = "api"
    user: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    description: LongText = ""
    expires: Moment = None
    expiring: bool = True


def _key(text: str) -> str:
    if len(text) < SHORTEST_KEY:
        raise ValueError(f"Ensure this field has at least {SHORTEST_KEY} characters.")
    if not _is_visible(text):
        raise ValueError("A key is made of visible ASCII characters.")
    return text


def _is_visible(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def fits_outpost(key: str) -> bool:
    """If not, `OUTPOST_KEY` says what would."""
    return SHORTEST_OUTPOST_KEY <= len(key) <= LONGEST_OUTPOST_KEY and _is_visible(key)


class KeyFields(Fields):
    key: Annotated[str, Field(max_length=MAX_KEY_LENGTH), AfterValidator(_key)]


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

    Raises Invalid if the identifier is taken, or the user has as many network passwords as there may be.
    """
    if intent == NETWORK_PASSWORD:
        _refuse_too_many(tx, user)
        key = network_key(random)
    else:
        key = random(-(-length // 2)).hex()[:length]
    return _with_key(tx, Token(identifier, user, intent, description=description, expires=expires), key)


def put(tx: Transaction, user: int, identifier: str, key: str, description: str) -> Token:
    """A token for the API that never ends, with a key that somebody has chosen, in place of what had the identifier.

    Raises Invalid if another one has that key.
    """
    there = tx.find(Token, identifier=identifier)
    token = Token(identifier, user, description=description) if there is None else there
    return _with_key(tx, replace(token, user=user, intent="api", expires=None), key)


def _with_key(tx: Transaction, token: Token, key: str) -> Token:
    """Raises Invalid."""
    token = replace(token, key=key, key_digest=digest(key), expiring=token.expires is not None)
    with unique():
        return tx.update(token) if token.pk else tx.insert(token)


def network_key(random: Random) -> str:
    """``kqmeyx-wvpnrt-ghabcd-fzsuwa``"""
    number = int.from_bytes(random(32))
    letters = []
    for _ in range(NETWORK_GROUPS * NETWORK_GROUP):
        number, place = divmod(number, len(LETTERS))
        letters.append(LETTERS[place])
    text = "".join(letters)
    return "-".join(text[at : at + NETWORK_GROUP] for at in range(0, len(text), NETWORK_GROUP))


def _refuse_too_many(tx: Transaction, user: int) -> None:
    if tx.count(Token, Query(equal={"user": user, "intent": NETWORK_PASSWORD})) >= MOST_NETWORK_PASSWORDS:
        raise Invalid(
            {NON_FIELD: [f"A user has at most {MOST_NETWORK_PASSWORDS} network passwords. Delete one first."]}
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
        lasting = NETWORK_SECONDS if fields.intent == NETWORK_PASSWORD else seconds(settings.default_token_duration)
        ends = tx.now + lasting if fields.expires is None else fields.expires
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
    current = {name: getattr(token, name) for name in TokenFields.model_fields}
    fields = overlaid(TokenFields, current, {"user": token.user, **given}, partial)
    existing(tx, User, "user", [fields.user])
    if fields.user != token.user and tx.find(Outpost, user=token.user) is not None:
        raise Invalid({"user": ["An outpost has this token: nobody else becomes its owner. Make another one."]})
    if fields.expiring and fields.expires is None:
        raise Invalid({"expires": ["A token that expires needs a moment when it does."]})
    if fields.intent != token.intent and {fields.intent, token.intent} & PASSWORD_INTENTS:
        raise Invalid({"intent": ["What a password is for stays as it is. Make a new one."]})
    changed = fields.model_dump() | ({} if fields.expiring else {"expires": None})
    with unique():
        after = tx.update(replace(token, **changed))
    if after != token:
        _disbelieve(tx, token)
    return after


def set_key(tx: Transaction, pk: str, given: Mapping[str, Any]) -> Token:
    """Another key, which somebody has chosen; the one before is worth nothing. Raises Invalid, NotFound."""
    key = parse(KeyFields, given).key
    token = tx.get(Token, pk)
    if token.intent == NETWORK_PASSWORD:
        raise Invalid({"key": ["The key of a network password is made here: make a new one."]})
    if not fits_outpost(key) and tx.find(Outpost, user=token.user) is not None:
        raise Invalid({"key": [OUTPOST_KEY]})
    after = _with_key(tx, replace(token, revealed=False), key)
    _disbelieve(tx, token)
    return after


def delete(tx: Transaction, pk: str) -> None:
    """Whoever has its key is shut out at once, an outpost too. Raises NotFound."""
    token = tx.get(Token, pk)
    tx.delete(token)
    _disbelieve(tx, token)


def _disbelieve(tx: Transaction, token: Token) -> None:
    """Outposts forget what they remember of the owner's passwords: this may be one of them. So do we, of sessions, and
    of what programs have got with it."""
    owner = tx.find(User, pk=token.user) if token.intent in PASSWORD_INTENTS else None
    if owner is None:
        return
    tx.update(replace(owner, credential_version=owner.credential_version + 1))
    for session in tx.select(Session, Query(equal={"user": owner.pk})):
        if session.token == token.pk:
            endings.end(tx, session)
    for access in tx.select(AccessToken, Query(equal={"user": owner.pk})):
        if access.granted.get("by_token") == token.pk:
            endings.take_back(tx, access)


def reveal(tx: Transaction, pk: str) -> str | None:
    """The key; of a device's password only the first time, then None. Raises NotFound."""
    token = tx.get(Token, pk)
    if token.intent not in PASSWORD_INTENTS:
        return token.key
    if token.revealed:
        return None
    kept = token.key if token.intent == NETWORK_PASSWORD else ""
    tx.update(replace(token, key=kept, revealed=True))
    return token.key


def app_password(tx: Transaction, user: int, typed: str, intents: Sequence[str] = (APP_PASSWORD,)) -> Token | None:
    """The user's password of a device that this is, if it is good now."""
    token = _device_password(tx, user, typed, intents)
    return token if token is not None and not expired(token, tx.now) else None


def is_app_password(tx: Transaction, user: int, pk: str) -> bool:
    """Is there still one of the user's that is good now?"""
    token = tx.find(Token, pk=pk)
    return token is not None and (token.user, token.intent) == (user, APP_PASSWORD) and not expired(token, tx.now)


def has_ended(tx: Transaction, user: int, typed: str, intents: Sequence[str] = (APP_PASSWORD,)) -> bool:
    """Is this a password of a device of the user's that was good, and has expired?"""
    token = _device_password(tx, user, typed, intents)
    return token is not None and expired(token, tx.now)


def _device_password(tx: Transaction, user: int, typed: str, intents: Sequence[str]) -> Token | None:
    if not 0 < len(typed) <= MAX_KEY_LENGTH:
        return None
    token = tx.find(Token, key_digest=digest(typed))
    return token if token is not None and token.user == user and token.intent in intents else None


def network_passwords(tx: Transaction, user: int) -> tuple[list[Token], list[Token]]:
    """Those of the user that are good now, and those that have ended; in no particular order."""
    found = tx.select(Token, Query(equal={"user": user, "intent": NETWORK_PASSWORD}, limit=MOST_NETWORK_PASSWORDS))
    good = [token for token in found if not expired(token, tx.now)]
    return good, [token for token in found if token not in good]


def lately_used(tx: Transaction, those: Sequence[Token]) -> frozenset[str]:
    """pks of which `used` would have nothing to remember."""
    known = tx.select(TokenUse, Query(within={"pk": [token.pk for token in those]}))
    return frozenset(use.pk for use in known if tx.now - use.last_used < USE_SECONDS)


def used(tx: Transaction, pk: str) -> None:
    """Remembers that this password has just been used, unless that is known or the password is gone."""
    known = tx.find(TokenUse, pk=pk)
    if known is None:
        if tx.find(Token, pk=pk) is not None:
            tx.insert(TokenUse(pk, tx.now))
    elif tx.now - known.last_used >= USE_SECONDS:
        tx.update(TokenUse(pk, tx.now))


def owner(tx: Transaction, key: str, intent: str = "api") -> User | None:
    """Whose key this is: None unless token and account are both good now."""
    if not 0 < len(key) <= MAX_KEY_LENGTH:
        return None
    token = tx.find(Token, key_digest=digest(key))
    if token is None or token.intent != intent or expired(token, tx.now):
        return None
    try:
        user = tx.get(User, token.user)
    except NotFound:
        return None
    return user if validity.refusal(user, tx.now) is None else None


def expired(token: Token, now: float) -> bool:
    return token.expiring and token.expires is not None and token.expires <= now
