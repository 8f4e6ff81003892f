"""What an outpost says of a proof's last time, believed as far as it is so: an outpost may be in the wrong hands.

What was tried is remembered here as a keyed digest in memory, never stored. After a restart, and at another replica, it
is not known: what comes again then counts once more, and what was right before is let through once unseen.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from dataclasses import replace

from protocols.link.messages import Authenticate
from rules.names import account_of
from rules.proofs import digest as digest_of
from rules.reasons import Outcome

MOST_REMEMBERED = 50_000
"""Pairs of account and place, of those that were right and of those that were wrong each; some 15 MB at worst. The one
unused for longest makes room."""
KEY_BYTES = 32

_Lately = OrderedDict[tuple[str, str], bytes]


class LastTries:
    """``key``: of this process alone."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key if key is not None else os.urandom(KEY_BYTES)
        self._right: _Lately = OrderedDict()
        self._wrong: _Lately = OrderedDict()

    def believed(self, question: Authenticate, place: str) -> Authenticate:
        """The question without what is not so. Counts as a wrong try until `settled` knows better, so that guesses
        that are sent all at once do not pass as one."""
        if not (question.again or question.known_good):
            return question
        which, digest = (account_of(question.username), place), digest_of(self._key, question.proof)
        again = question.again and _is(self._wrong.get(which), digest)
        if (right := self._right.get(which)) is not None:
            known_good = question.known_good and _is(right, digest)
        else:
            known_good = question.known_good and _is(self._wrong.get(which, digest), digest)
        if not again:
            _keep(self._wrong, which, digest)
        return replace(question, again=again, known_good=known_good)

    def settled(self, question: Authenticate, place: str, outcome: Outcome) -> None:
        which, digest = (account_of(question.username), place), digest_of(self._key, question.proof)
        if outcome is Outcome.ACCEPTED:
            _keep(self._right, which, digest)
            self._wrong.pop(which, None)
        elif outcome is Outcome.BAD_CREDENTIALS:
            _keep(self._wrong, which, digest)
            if _is(self._right.get(which), digest):  # it was right once, and is not any more
                del self._right[which]


def _is(known: bytes | None, digest: bytes) -> bool:
    return known is not None and hmac.compare_digest(known, digest)


def _keep(lately: _Lately, which: tuple[str, str], digest: bytes) -> None:
    lately[which] = digest
    lately.move_to_end(which)
    if len(lately) > MOST_REMEMBERED:
        lately.popitem(last=False)
