"""Credentials that control has just accepted, so that it need not be asked again (DESIGN D13, D14).

Only accepted passwords are kept, and only as a keyed digest. A hit is admitted again: the snapshot says whether the
user is still the same, active, valid and bound to the application.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass, replace

from outpost.directory.snapshot import Snapshot
from outpost.outcome import Decision, Identity, Password
from protocols.link.messages import ProviderRecord, Reuse
from rules import bindings, validity

MOST_ENTRIES = 100_000
"""About 60 MB when full of real identities; the one unused for longest makes room."""
MOST_SECONDS = 600.0
"""However long control allows, a password is asked for again after ten minutes (D13)."""
GRACE_SECONDS = 4 * 3600.0
"""While control is away, what was accepted stays good this long."""


@dataclass(slots=True)
class _Entry:
    digest: bytes
    identity: Identity
    good_until: float
    grace_until: float
    seen: int
    """The revision on which ``decision`` stands."""
    decision: Decision


class CredentialCache:
    """``key``: 32 random bytes of this process. Times are seconds since the epoch."""

    def __init__(self, key: bytes, most_entries: int = MOST_ENTRIES, grace: float = GRACE_SECONDS) -> None:
        self._key = key
        self._most_entries = most_entries
        self._grace = grace
        self._entries: OrderedDict[tuple[int, str, str], _Entry] = OrderedDict()
        self._peers_matter = False

    def __len__(self) -> int:
        return len(self._entries)

    def known(
        self, credentials: Password, provider: int, peer: str, snapshot: Snapshot, now: float, *, away: bool = False
    ) -> Decision | None:
        """An accepted decision, if these credentials were accepted lately and would still be; otherwise None.

        ``away``: control cannot be asked, so the grace counts.
        """
        entry = self._find(credentials, provider, peer)
        if entry is None or now >= (entry.grace_until if away else entry.good_until):
            return None
        if entry.seen != snapshot.revision:
            identity = still_admitted(entry.identity, provider, snapshot)
            if identity is None:
                return None
            entry.seen, entry.identity = snapshot.revision, identity
            entry.decision = Decision("accepted", identity)
        user = snapshot.users[entry.identity.user]
        return entry.decision if validity.refusal(user, now) is None else None

    def remember(
        self,
        credentials: Password,
        provider: int,
        peer: str,
        identity: Identity,
        reuse: Reuse,
        snapshot: Snapshot,
        now: float,
    ) -> None:
        """Control has accepted these credentials and allows this reuse."""
        seconds = min(reuse.seconds, MOST_SECONDS)
        if seconds <= 0:
            return
        place = (provider, credentials.username, peer if reuse.peer_only else "")
        self._peers_matter |= reuse.peer_only
        digest = self._digest(credentials)
        self._entries[place] = _Entry(
            digest, identity, now + seconds, now + max(seconds, self._grace), _NEVER, Decision("accepted", identity)
        )
        self._entries.move_to_end(place)
        while len(self._entries) > self._most_entries:
            self._entries.popitem(last=False)

    def forget(self, credentials: Password, provider: int, peer: str) -> None:
        """Control has refused these very credentials; a guess of somebody else's forgets nothing."""
        for place in ((provider, credentials.username, ""), (provider, credentials.username, peer)):
            entry = self._entries.get(place)
            if entry is not None and hmac.compare_digest(entry.digest, self._digest(credentials)):
                del self._entries[place]

    def clear(self) -> None:
        """For another configuration, or another store whose revisions say nothing about ours."""
        self._entries.clear()

    def _find(self, credentials: Password, provider: int, peer: str) -> _Entry | None:
        place = (provider, credentials.username, "")
        entry = self._entries.get(place)
        if entry is None and self._peers_matter:
            place = (provider, credentials.username, peer)
            entry = self._entries.get(place)
        if entry is None or not hmac.compare_digest(entry.digest, self._digest(credentials)):
            return None
        self._entries.move_to_end(place)
        return entry

    def _digest(self, credentials: Password) -> bytes:
        octets = credentials.password.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(octets, key=self._key, digest_size=32).digest()


_NEVER = -1
"""No revision: the first hit is admitted anew."""


def still_admitted(identity: Identity, provider: int, snapshot: Snapshot) -> Identity | None:
    """The identity as this snapshot has it; None if the user, their credential or their access is another."""
    user = snapshot.users.get(identity.user)
    record = snapshot.providers.get(provider)
    if user is None or record is None or user.credential_version != identity.credential_version:
        return None
    if not admits(record, user.pk, snapshot):
        return None
    direct = snapshot.memberships.get(user.pk, frozenset())
    return replace(
        identity,
        username=user.username,
        name=user.name,
        email=user.email,
        is_superuser=snapshot.is_superuser(user.pk),
        groups=tuple(sorted(snapshot.groups[pk].name for pk in direct if pk in snapshot.groups)),
    )


def admits(provider: ProviderRecord, user: int, snapshot: Snapshot) -> bool:
    """By the static bindings; a binding to a policy is control's to decide, so nothing is admitted here then."""
    if any(binding.policy is not None and binding.enabled for binding in provider.bindings):
        return False
    return bindings.admits(provider.policy_engine_mode, provider.bindings, user, snapshot.groups_of(user))
