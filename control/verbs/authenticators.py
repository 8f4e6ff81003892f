"""Second factors: programs that make one-time codes (TOTP, RFC 6238), and lists of codes that are good once each.
Those that sign are in `control.verbs.passkeys`, addresses that a code is mailed to in `control.verbs.mailed_codes`.

A code is checked and used up in one writing transaction, so that it can never be right twice. Wrong codes are counted
at every factor that they were tried against, and each further one makes the next wait longer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pyotp

from control import audit
from control.records import FACTOR_ADDED, FACTOR_REMOVED, Authenticator, AuthenticatorUse, User
from control.store.interface import Query, Transaction
from control.verbs.fields import NON_FIELD, Fields, Invalid, Name, overlaid

Random = Callable[[int], bytes]

TOTP, STATIC, WEBAUTHN, EMAIL = "totp", "static", "webauthn", "email"
KINDS = (TOTP, STATIC, WEBAUTHN, EMAIL)
WORDS = {
    WEBAUTHN: "Passkey or security key",
    TOTP: "Program that shows codes",
    EMAIL: "Codes by e-mail",
    STATIC: "Recovery codes",
}
"""In the order in which they are offered."""
CODES = (TOTP, STATIC)
"""Kinds whose codes people have at hand, which a door without a browser can ask for as well."""
TYPED = (*CODES, EMAIL)
PERIOD = 30
"""Seconds that a code of a program is shown (RFC 6238 section 5.2)."""
DRIFT = 1
"""Periods that a clock may be off from where it was last time: a code is good for a minute and a half."""
MOST_DRIFT = 10
"""Periods that a clock may be off in all; beyond five minutes it should be set right."""
KEY_OCTETS = 20
"""RFC 4226 section 4: 160 bits."""
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of codes on paper: nothing that looks like something else."""
FREE_FAILURES = 3
"""Wrong codes in a row that nobody has to wait for: people mistype."""
MOST_WAIT = 600.0
"""Seconds that the next code may have to wait at most: 144 guesses a day against a million codes."""
MOST_ORIGINS = 10
"""Places that a factor was used from, of which the latest are remembered."""
MOST_FACTORS = 20
"""Of one user: every one is tried."""


class AuthenticatorFields(Fields):
    name: Name


@dataclass(frozen=True, slots=True)
class Mailed:
    """A code that was sent: for which factor, and when, in milliseconds since the epoch."""

    factor: int
    at: int


class Code(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    TOO_SOON = "too_soon"
    """Too many wrong ones came before; this one was not looked at."""


@dataclass(frozen=True, slots=True)
class Checked:
    code: Code
    factor: Authenticator | None = None
    """Whose code it was, if it was right."""


def of(tx: Transaction, user: int, kinds: Sequence[str] = KINDS) -> list[Authenticator]:
    """The user's factors of these kinds that have been set up to the end."""
    query = Query(equal={"user": user, "confirmed": True}, within={"kind": list(kinds)}, ordering=("pk",))
    return tx.select(Authenticator, query)[:MOST_FACTORS]


def last_used(tx: Transaction, factors: Sequence[Authenticator]) -> dict[int, float]:
    """pk to when a code of it was right last, for those where one was."""
    uses = tx.select(AuthenticatorUse, Query(within={"pk": [factor.pk for factor in factors]}))
    return {use.pk: use.last_used for use in uses if use.last_used}


def was_right(tx: Transaction, factors: Sequence[Authenticator], origin: str, lately: float) -> bool:
    """Was a code of one of them right in the last so many seconds, and came from here?"""
    uses = tx.select(AuthenticatorUse, Query(within={"pk": [factor.pk for factor in factors]})) if lately else []
    here = digest(origin)
    return any(tx.now - use.origins.get(here, 0.0) < lately for use in uses)


# --- setting up ----------------------------------------------------------------------------------------------------


def begin_totp(tx: Transaction, user: int, random: Random, digits: int = 6, name: str = "") -> Authenticator:
    """A program's secret, which counts once a code of it was shown. What was begun before is over. Raises Invalid."""
    return begin(
        tx, Authenticator(user, TOTP, name=name, settings={"digits": digits}, secrets={"key": new_key(random)})
    )


def begin_static(
    tx: Transaction, user: int, random: Random, count: int = 6, length: int = 12, name: str = ""
) -> Authenticator:
    """So many codes, which count once somebody has said that they are kept. Raises Invalid."""
    codes = [_paper_code(random, length) for _ in range(count)]
    return begin(tx, Authenticator(user, STATIC, name=name, settings={"length": length}, secrets={"codes": codes}))


def begin(tx: Transaction, factor: Authenticator) -> Authenticator:
    """It counts once it was shown to work. What was begun of its kind is over. Raises Invalid."""
    for begun in tx.select(Authenticator, Query(equal={"user": factor.user, "kind": factor.kind, "confirmed": False})):
        tx.delete(begun)
    _check_room(tx, factor.user)
    return tx.insert(replace(factor, confirmed=False))


def add(tx: Transaction, factor: Authenticator) -> Authenticator:
    """One that has been shown to work. Raises Invalid."""
    _check_room(tx, factor.user)
    return confirm(tx, tx.insert(replace(factor, confirmed=False)))


def _check_room(tx: Transaction, user: int) -> None:
    if tx.count(Authenticator, Query(equal={"user": user})) >= MOST_FACTORS:
        raise Invalid({NON_FIELD: [f"A user has at most {MOST_FACTORS} second factors. Delete one first."]})


def begun(tx: Transaction, user: int, kind: str) -> Authenticator | None:
    """What is being set up."""
    found = tx.select(Authenticator, Query(equal={"user": user, "kind": kind, "confirmed": False}, limit=1))
    return found[0] if found else None


def confirm_totp(tx: Transaction, user: int, typed: str) -> Authenticator | None:
    """The factor, from now on good, if this is a code of what is being set up; the code is used up. Else None."""
    factor = begun(tx, user, TOTP)
    if factor is None or (use := _matched_totp(factor, AuthenticatorUse(factor.pk), normal(typed), tx.now)) is None:
        return None
    tx.insert(replace(use, last_used=tx.now))
    return confirm(tx, factor)


def confirm_static(tx: Transaction, user: int) -> Authenticator | None:
    """The list is good from now on, and takes the place of the one before."""
    factor = begun(tx, user, STATIC)
    if factor is None:
        return None
    for old in tx.select(Authenticator, Query(equal={"user": user, "kind": STATIC, "confirmed": True})):
        tx.delete(old)
    return confirm(tx, factor)


def confirm(tx: Transaction, factor: Authenticator) -> Authenticator:
    """From now on the password alone is not enough, also where an outpost remembers it."""
    _disbelieve(tx, factor, FACTOR_ADDED)
    return tx.update(replace(factor, confirmed=True))


def update(tx: Transaction, pk: int, given: Mapping[str, Any], partial: bool = True) -> Authenticator:
    """Another name; its secret stays. Raises Invalid, NotFound."""
    factor = tx.get(Authenticator, pk)
    return tx.update(replace(factor, name=overlaid(AuthenticatorFields, {"name": factor.name}, given, partial).name))


def delete(tx: Transaction, pk: int) -> None:
    """Whoever lost it signs in without it, and whoever found it no more. Raises NotFound."""
    factor = tx.get(Authenticator, pk)
    tx.delete(factor)
    if factor.confirmed:
        _disbelieve(tx, factor, FACTOR_REMOVED)


def _disbelieve(tx: Transaction, factor: Authenticator, action: str) -> None:
    """Outposts forget what they remember of the user's password: what has to come with it is another thing now."""
    owner = tx.get(User, factor.user)
    owner = tx.update(replace(owner, credential_version=owner.credential_version + 1))
    app = f"authentik_stages_authenticator_{factor.kind}"
    audit.done_to(tx, action, app, owner, factor=factor.name, kind=factor.kind)


def config_url(factor: Authenticator, account: str, issuer: str) -> str:
    """What the QR code holds (the Key URI format of such programs)."""
    return pyotp.TOTP(factor.secrets["key"], digits=_digits(factor)).provisioning_uri(name=account, issuer_name=issuer)


def unused(tx: Transaction, factor: Authenticator) -> list[str]:
    """Of a list of codes, those that are still good."""
    use = tx.find(AuthenticatorUse, pk=factor.pk)
    spent = set(use.spent) if use is not None else set()
    return [code for code in factor.secrets.get("codes", ()) if digest(code) not in spent]


# --- checking ------------------------------------------------------------------------------------------------------


def check(
    tx: Transaction, user: int, typed: str, kinds: Sequence[str] = CODES, origin: str = "", mailed: Mailed | None = None
) -> Checked:
    """Is this a code of one of the user's factors? A right one is used up. ``origin``: where it came from; ``mailed``:
    what was sent for this sign-in."""
    code = normal(typed)
    factors = of(tx, user, [kind for kind in kinds if kind in TYPED])
    uses = [tx.find(AuthenticatorUse, pk=factor.pk) or AuthenticatorUse(factor.pk) for factor in factors]
    tried = [(factor, use) for factor, use in zip(factors, uses, strict=True) if tx.now >= good_from(use)]
    for factor, use in tried:
        if (after := _matched(factor, use, code, tx.now, mailed)) is not None:
            used(tx, after, origin)
            return Checked(Code.RIGHT, factor)
    for _, use in tried:
        keep(tx, replace(use, failures=use.failures + 1, failed_at=tx.now))
    return Checked(Code.WRONG if tried or not factors else Code.TOO_SOON)


def used(tx: Transaction, use: AuthenticatorUse, origin: str) -> None:
    """What was shown was right, and came from here."""
    origins = _latest({**use.origins, digest(origin): tx.now})
    keep(tx, replace(use, last_used=tx.now, origins=origins, failures=0, failed_at=0.0))


def good_from(use: AuthenticatorUse) -> float:
    """When the next code is looked at."""
    if use.failures < FREE_FAILURES:
        return 0.0
    return use.failed_at + min(MOST_WAIT, 2.0 ** min(use.failures - FREE_FAILURES, 20))


def could_be_code(factors: Sequence[Authenticator], typed: str) -> bool:
    """Has this the form of a code of one of the factors?"""
    return any(_has_form(factor, typed) for factor in factors)


def _has_form(factor: Authenticator, typed: str) -> bool:
    if not typed.isascii() or factor.kind not in CODES:
        return False
    if factor.kind == TOTP:
        return typed.isdigit() and len(typed) == _digits(factor)
    return typed.isalnum() and len(typed) in {len(code) for code in factor.secrets.get("codes", ())}


def normal(typed: str) -> str:
    """People put blanks and hyphens between the digits, and capitals where there are none."""
    return "".join(typed[:64].split()).replace("-", "").lower()


def _matched(
    factor: Authenticator, use: AuthenticatorUse, code: str, now: float, mailed: Mailed | None
) -> AuthenticatorUse | None:
    """What is to be remembered of the factor if this is its code, so that it is never right again."""
    match factor.kind:
        case "totp":
            return _matched_totp(factor, use, code, now)
        case "static":
            return _matched_static(factor, use, code)
        case "email":
            return matched_mail(factor, use, code, now, mailed)
    return None


def matched_mail(
    factor: Authenticator, use: AuthenticatorUse, code: str, now: float, mailed: Mailed | None
) -> AuthenticatorUse | None:
    if mailed is None or mailed.factor != factor.pk or mailed.at <= use.step:
        return None
    right = hmac.compare_digest(
        pyotp.HOTP(factor.secrets["key"]).at(mailed.at).encode(), code.encode("utf-8", "replace")
    )
    in_time = now < mailed.at / 1000 + float(factor.settings["lasts"])
    return replace(use, step=mailed.at) if right and in_time else None


def _matched_totp(factor: Authenticator, use: AuthenticatorUse, code: str, now: float) -> AuthenticatorUse | None:
    program = pyotp.HOTP(factor.secrets["key"], digits=_digits(factor))
    today = int(now // PERIOD)
    found = None
    for drift in range(use.drift - DRIFT, use.drift + DRIFT + 1):
        right = hmac.compare_digest(program.at(today + drift).encode(), code.encode("utf-8", "replace"))
        if right and today + drift > use.step and abs(drift) <= MOST_DRIFT:
            found = replace(use, step=today + drift, drift=drift)
    return found


def _matched_static(factor: Authenticator, use: AuthenticatorUse, code: str) -> AuthenticatorUse | None:
    typed = digest(code)
    right = [hmac.compare_digest(digest(one), typed) for one in factor.secrets.get("codes", ())]
    return replace(use, spent=(*use.spent, typed)) if any(right) and typed not in use.spent else None


def _latest(origins: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(origins.items(), key=lambda known: known[1])[-MOST_ORIGINS:])


def keep(tx: Transaction, use: AuthenticatorUse) -> None:
    if tx.find(AuthenticatorUse, pk=use.pk) is None:
        tx.insert(use)
    else:
        tx.update(use)


def _digits(factor: Authenticator) -> int:
    return int(factor.settings.get("digits", 6))


def new_key(random: Random) -> str:
    return base64.b32encode(random(KEY_OCTETS)).decode()


def _paper_code(random: Random, length: int) -> str:
    number = int.from_bytes(random(length + 8))
    letters = []
    for _ in range(length):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return "".join(letters)


def digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
