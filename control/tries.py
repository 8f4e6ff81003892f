"""Wrong tries, counted for all doors, outposts and replicas together, and kept through restarts (DESIGN section 4).

Verbs over a transaction. Outposts count in front of this, in memory (`outpost/throttle.py`); here stands what pages and
the flow executor ask, and what guessing through many outposts adds up to. Names that nobody has count like all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.records import Event, Tries, User
from control.store.interface import Query, Transaction
from rules.names import account_of, shown
from rules.reasons import REASONS, Outcome

FREE = 20
"""Wrong tries for one account from one place: twice what one outpost lets through at once."""
LONGEST_BLOCK = 120.0
"""Seconds. Each further wrong try doubles the pause, from one second up to this."""
QUIET = 900.0
"""Seconds without a wrong try after which it begins anew."""
ACCOUNT_FREE, ACCOUNT_SECONDS = 200, 6.0
"""Wrong tries for one account from all places that were never right; then one in so many seconds."""
RIGHT_SECONDS = 30 * 86_400.0
"""How long a place is remembered where an account was right: other places' guesses do not count against it."""
RIGHT_AGAIN_SECONDS = 60.0
"""That it was right once more is written at most this often: a device that roams logs in at every access point."""
EVERYWHERE = ""
"""The place of an account's sum."""
SWEPT_AT_ONCE = 10
MOST_COUNT = 1_000_000_000
MOST_HELD = 1000
"""Lines that are shown or forgotten at once."""

NO_GUESSES = frozenset(
    {
        "unsupported_proof",
        "flow_needs_browser",
        "flow_proved_nothing",
        "flow_denied",
        "credential_changed",
        "needs_network_password",
        "password_is_elsewhere",
        "password_expired",
        "must_change_password",
        "device_password_expired",
        "device_password_in_browser",
    }
)
"""Refusals of an account or configuration that say nothing about what was tried, or that it was right."""


def refusal(tx: Transaction, username: str, place: str, known_good: bool = False) -> str | None:
    """The reason why nothing may be tried now. ``known_good``: an outpost says that these very credentials were right
    at this place the last time; believed if they were right there for us too."""
    account = account_of(username)
    here = _find(tx, account, place)
    was_right = _was_right(here, tx.now)
    if was_right and known_good:
        return None
    if here is not None and tx.now < here.until:
        return "too_many_tries"
    everywhere = _find(tx, account, EVERYWHERE)
    if not was_right and everywhere is not None and _left(everywhere, tx.now)[0] >= ACCOUNT_FREE:
        return "too_many_tries_for_account"
    return None


def wrong(tx: Transaction, username: str, place: str) -> None:
    """One more."""
    account = account_of(username)
    here = _find(tx, account, place)
    before = here.wrong if here is not None and tx.now - here.last < QUIET else 0
    until = tx.now + min(2.0 ** min(before - FREE, 10), LONGEST_BLOCK) if before >= FREE else 0.0
    _put(tx, here, account, place, wrong=before + 1, until=until)
    if not _was_right(here, tx.now):
        everywhere = _find(tx, account, EVERYWHERE)
        left, since = _left(everywhere, tx.now) if everywhere is not None else (0, tx.now)
        _put(tx, everywhere, account, EVERYWHERE, wrong=left + 1, until=0.0, last=since)
    _sweep(tx)


def take_back(tx: Transaction, username: str, place: str) -> None:
    """The last one was none: neither there nor, where it has counted for that, for all places."""
    account = account_of(username)
    here = _find(tx, account, place)
    if here is None or not here.wrong:
        return
    tx.update(replace(here, wrong=here.wrong - 1, until=0.0))
    everywhere = _find(tx, account, EVERYWHERE)
    if not _was_right(here, tx.now) and everywhere is not None and everywhere.wrong:
        tx.update(replace(everywhere, wrong=everywhere.wrong - 1))


def right(tx: Transaction, username: str, place: str) -> None:
    """Everything was right: this place begins anew."""
    account = account_of(username)
    here = _find(tx, account, place)
    if here is None or here.wrong or here.until or here.right <= tx.now - RIGHT_AGAIN_SECONDS:
        _put(tx, here, account, place, wrong=0, until=0.0, right=tx.now)


def count(tx: Transaction, username: str, place: str, reason: str, again: bool = False) -> None:
    """What came of one try, by the code of its reason. ``again``: the same as the one before, which was counted."""
    outcome = REASONS[reason].outcome
    if outcome is Outcome.ACCEPTED:
        right(tx, username, place)
    elif outcome is Outcome.BAD_CREDENTIALS and reason not in NO_GUESSES and not again:
        wrong(tx, username, place)


def reported(tx: Transaction, outpost: str, body: Mapping[str, Any]) -> None:
    """An outpost's report of the kind `rules.knocks.THROTTLED`: whom it held up, without asking."""
    reason = REASONS.get(str(body.get("reason")))
    if reason is None or reason.outcome is not Outcome.THROTTLED:
        return
    count = body.get("count")
    tx.insert(
        Event(
            action="login_failed",
            app="outpost",
            context={
                "username": shown(str(body.get("username", ""))),
                "reason": reason.code,
                "explanation": reason.operator,
                "protocol": shown(str(body.get("protocol", ""))),
                "count": max(1, min(count, MOST_COUNT)) if type(count) is int else 1,
                "outpost": outpost,
            },
            client_ip=shown(str(body.get("peer", ""))),
            created=tx.now,
        )
    )


def held(tx: Transaction, username: str = "") -> list[Tries]:
    """Where tries were wrong lately, of one account or of all; the latest first."""
    mine = {"account": account_of(username)} if username else {}
    lines = tx.select(Tries, Query(equal=mine, ordering=("-last",), limit=MOST_HELD))
    return [line for line in lines if line.wrong]


def clear(tx: Transaction, username: str = "") -> int:
    """Forgets those, and releases their accounts at all outposts; how many they were. An outpost may hold up somebody
    of whom nothing is known here any more."""
    lines = held(tx, username)
    for line in lines:
        tx.delete(line)
    accounts = {account_of(username)} if username else {line.account for line in lines} | _held_up_lately(tx)
    for account in sorted(accounts):
        release_at_outposts(tx, account)
    return len(lines)


def _held_up_lately(tx: Transaction) -> set[str]:
    """Accounts by the reports of outposts."""
    told = tx.select(
        Event, Query(equal={"action": "login_failed", "app": "outpost"}, ordering=("-created",), limit=MOST_HELD)
    )
    return {account_of(str(one.context.get("username", ""))) for one in told if one.created > tx.now - QUIET} - {""}


def delete(tx: Transaction, pk: str) -> None:
    """Forgets one line, and releases its account at all outposts: they hear that the user has changed. Raises
    NotFound."""
    line = tx.get(Tries, pk)
    tx.delete(line)
    release_at_outposts(tx, line.account)


def release_at_outposts(tx: Transaction, account: str) -> None:
    for user in tx.select(User, Query(alike={"username": account})):
        tx.update(replace(user, released=tx.now))


def _was_right(here: Tries | None, now: float) -> bool:
    """Lately. What is wrong there then counts there alone."""
    return here is not None and here.right > now - RIGHT_SECONDS


def _left(everywhere: Tries, now: float) -> tuple[int, float]:
    """Wrong tries of an account that still count, and when the last was forgotten: one is every `ACCOUNT_SECONDS`."""
    forgotten = max(0, int((now - everywhere.last) / ACCOUNT_SECONDS))
    if forgotten >= everywhere.wrong:
        return 0, now
    return everywhere.wrong - forgotten, everywhere.last + forgotten * ACCOUNT_SECONDS


def _find(tx: Transaction, account: str, place: str) -> Tries | None:
    return tx.find(Tries, account=shown(account), place=shown(place))


def _put(
    tx: Transaction,
    line: Tries | None,
    account: str,
    place: str,
    wrong: int,
    until: float,
    right: float | None = None,
    last: float | None = None,
) -> None:
    """``last``: None is now."""
    before = line if line is not None else Tries(shown(account), shown(place))
    last_right, last_wrong = before.right if right is None else right, tx.now if last is None else last
    after = replace(before, wrong=wrong, until=until, last=last_wrong, right=last_right)
    if line is None:
        tx.insert(after)
    else:
        tx.update(after)


def _sweep(tx: Transaction) -> None:
    for line in tx.select(Tries, Query(ordering=("last",), limit=SWEPT_AT_ONCE)):
        if line.last < tx.now - (RIGHT_SECONDS if line.right else QUIET + ACCOUNT_FREE * ACCOUNT_SECONDS):
            tx.delete(line)
