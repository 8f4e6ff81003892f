"""First start (DESIGN section 7): administrator and their group, default flows, mappings and rules of
notifications, outpost, certificate.

Everything has the names that authentik gives it, so that files and scripts which refer to them keep working. What is
there already, by name or by ``managed``, stays as it is; what is missing is made again, except users and groups.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from control.brands import ensure_brand
from control.certificates import generated
from control.certificates.making import KeyPair
from control.default_flows import ensure_flows
from control.mappings.defaults import ensure_mappings
from control.notifications.defaults import ensure_notifications
from control.passwords.hashing import Passwords, Wanted
from control.records import Group, Outpost, Setting, User
from control.store.interface import Query, Store, Transaction
from control.verbs import outposts, system, tokens
from control.verbs.fields import free_name

ADMINISTRATOR = "akadmin"
ADMINISTRATORS = "authentik Admins"
EMBEDDED_OUTPOST = "authentik Embedded Outpost"
BOOTSTRAP_TOKEN = "authentik-bootstrap-token"  # noqa: S105  a token's name, not its key
DEFAULT_EMAIL = "root@example.com"

BOOTSTRAPPED = "bootstrapped"
"""The setting that says that the first start is over."""
SETUP_CODE = "initial_setup_code"
"""The setting that holds the SHA-256 hex of the code that opens the initial setup. Without it there is none."""
SETUP_CODE_BYTES = 15
"""120 bits, written as 24 letters and digits: nobody guesses it, and a fast digest of it is safe."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What the operator asks for; it counts at the first start only."""

    password: str = field(default="", repr=False)
    """Of akadmin. Empty: the initial setup asks for one."""
    email: str = DEFAULT_EMAIL
    token: str = field(default="", repr=False)
    """Key of an API token of akadmin."""
    renews_code: bool = True
    """Not whoever has no page on which it could be entered: the code that was printed last is the one that works."""


async def first_start(
    store: Store,
    passwords: Passwords,
    asked: FirstStart,
    random: Callable[[int], bytes],
    now: Callable[[], float],
) -> str | None:
    """Makes a new store usable and an old one complete. The one-time code of the initial setup, while that is pending.

    Call it at every start, before anything is served. Raises ValueError for a bootstrap password that cannot be hashed,
    Unfit for one that nobody may choose.
    """
    is_first, wanted = await store.read(lambda tx: (is_new(tx), generated.wanting(tx, now())))
    hashed = await _measured_hash(store, passwords, asked) if is_first and asked.password else None
    pairs = generated.make(wanted, now(), random)
    return await store.write(lambda tx: bootstrap(tx, asked, hashed, pairs, random))


async def _measured_hash(store: Store, passwords: Passwords, asked: FirstStart) -> str:
    """The account can do everything: its password keeps the rules that everybody's keeps."""
    rules = await store.read(system.password_rules)
    await passwords.measure(asked.password, Wanted(rules, (ADMINISTRATOR, asked.email)))
    return await passwords.hash(asked.password)


def bootstrap(
    tx: Transaction, asked: FirstStart, hashed: str | None, pairs: Mapping[str, KeyPair], random: Callable[[int], bytes]
) -> str | None:
    """The verb behind `first_start`. ``hashed`` is the bootstrap password's hash, ``pairs`` as `generated.make` gives
    them. Returns a fresh code for the initial setup while that is pending; earlier codes end."""
    if is_new(tx):
        _administrator(tx, asked, hashed)
        tx.insert(Setting(BOOTSTRAPPED, True))
        if hashed is None:
            tx.insert(Setting(SETUP_CODE, ""))
    ensure_flows(tx)
    ensure_brand(tx)
    ensure_mappings(tx)
    administrators = tx.find(Group, name=ADMINISTRATORS)
    ensure_notifications(tx, administrators.pk if administrators is not None else None)
    generated.keep(tx, pairs)
    if not tx.select(Outpost, Query(equal={"managed": outposts.EMBEDDED}, limit=1)):
        name = free_name(tx, Outpost, EMBEDDED_OUTPOST)
        outposts.create(tx, {"name": name, "type": outposts.ANY}, random, managed=outposts.EMBEDDED)
    if setup_pending(tx):
        return _renew_code(tx, random) if asked.renews_code else None
    left_over = tx.find(Setting, pk=SETUP_CODE)
    if left_over is not None:
        tx.delete(left_over)
    return None


def is_new(tx: Transaction) -> bool:
    return tx.find(Setting, pk=BOOTSTRAPPED) is None


def setup_pending(tx: Transaction) -> bool:
    """May whoever has the code still become akadmin? Not after anybody gave akadmin a password."""
    if tx.find(Setting, pk=SETUP_CODE) is None:
        return False
    administrator = tx.find(User, username=ADMINISTRATOR)
    return administrator is not None and administrator.password is None


def _administrator(tx: Transaction, asked: FirstStart, hashed: str | None) -> None:
    user = tx.insert(
        User(
            username=ADMINISTRATOR,
            name="authentik Default Admin",
            email=asked.email,
            password=hashed,
            password_change_date=tx.now if hashed is not None else None,
        )
    )
    group = tx.insert(Group(name=ADMINISTRATORS, is_superuser=True))
    tx.add_members(group.pk, [user.pk])
    if asked.token:
        tokens.put(tx, user.pk, BOOTSTRAP_TOKEN, asked.token, "Given at the first start.")


def _renew_code(tx: Transaction, random: Callable[[int], bytes]) -> str:
    code = base64.b32encode(random(SETUP_CODE_BYTES)).decode().lower()
    tx.update(Setting(SETUP_CODE, hashlib.sha256(code.encode()).hexdigest()))
    return code
