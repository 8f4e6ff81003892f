"""Credentials that control has accepted lately, so that it need not be asked again (DESIGN D13, D14).

Only accepted passwords are kept, and only as a keyed digest. A hit is admitted again: the snapshot says whether the
user is still the same, active, valid and bound to the application.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2s
from hmac import compare_digest
from typing import Any, NamedTuple, Protocol

from outpost.directory.snapshot import NO_GROUPS, Directory, Snapshot, Touched
from outpost.outcome import Decision, Identity, Password
from protocols.link.messages import GroupRecord, ProviderRecord, ProxySettings, Reuse, UserRecord
from rules import attributes, bindings, claimed, validity
from rules.reasons import Outcome

MOST_ENTRIES = 100_000
"""About 60 MB when full of real identities; the one unused for longest makes room."""
MOST_SECONDS = 600.0
"""However long control allows, a password is asked for again after ten minutes (D13)."""
GRACE_SECONDS = 4 * 3600.0
"""While control is away, what was accepted stays good this long (D14)."""


Place = tuple[int, str, str]
"""Provider, name as typed, and the peer's address or "" for every peer."""


class Use(NamedTuple):
    """A login for which control was not asked; ``away``: because it could not be."""

    provider: int
    user: int
    away: bool


@dataclass(slots=True)
class Entry:
    """A yes of control's: until when it may be used, and on what it stands."""

    place: Place
    digest: bytes
    good_until: float
    grace_until: float
    decision: Decision
    use: Use
    words: bindings.Words = field(default_factory=dict)
    """What policies said, on which it stands too."""
    revision: int = -1
    """The one on which ``decision`` stands; -1: none yet, the first hit is admitted anew."""
    since: float = 0.0
    until: float = 0.0
    """From when and until just before when the user is valid, on that revision."""


NOTHING: dict[str, Any] = {}
NO_DIRECTIONS: dict[str, Any] = dict.fromkeys(claimed.DIRECTIONS, "")


class Shown(Protocol):
    """A name and a password, as a door has them."""

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str: ...


class Keeper(Protocol):
    """Keeps what the cache remembers beyond this process (D14)."""

    def remembered(self, place: Place, credentials: Password, identity: Identity, grace_until: float) -> None: ...

    def forgotten(self, place: Place) -> None: ...

    def emptied(self) -> None: ...


class CredentialCache:
    """``key``: 32 random bytes of this process. ``now`` gives seconds since the epoch."""

    def __init__(
        self,
        key: bytes,
        directory: Directory,
        now: Callable[[], float],
        most_entries: int = MOST_ENTRIES,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self.uses: Counter[Use] = Counter()
        """How often entries were used since somebody last emptied this."""
        self.keeper: Keeper | None = None
        self.hits = {False: 0, True: 0}
        """Away or not, to how often in all."""
        self._key = key
        self._directory = directory
        self._now = now
        self._most_entries = most_entries
        self._crowded = most_entries // 2
        """Entries, from which on it is noted who was used when: nobody makes room before there are twice as many."""
        self._grace = grace
        self._entries: OrderedDict[Place, Entry] = OrderedDict()
        self._peers_matter = False
        self._emptied_at = 0
        """An answer that control gave on an earlier revision, and that comes only now, is not remembered."""
        directory.follow(self._follow)

    def __len__(self) -> int:
        return len(self._entries)

    def known(self, credentials: Shown, provider: int, peer: str) -> Decision | None:
        """An accepted decision, if these credentials were accepted lately and still would be; otherwise None."""
        entry = self._find(credentials, provider, peer)
        if entry is None:
            return None
        now = self._now()
        if now >= entry.good_until:
            return None
        revision = self._directory.current.revision
        if not (entry.revision == revision and entry.since <= now < entry.until):
            return self._use(entry, provider, now, away=False)
        self.uses[entry.use] += 1  # as `_use` would, had it been called
        self.hits[False] += 1
        return entry.decision

    def standing(self, credentials: Password, provider: int, peer: str) -> Callable[[], bool] | None:
        """Of credentials that are `known`: asks whether they still are, without being shown them; each yes is a use."""
        entry = self._find(credentials, provider, peer)
        return partial(self._still, entry) if entry is not None else None

    def _still(self, entry: Entry) -> bool:
        now = self._now()
        if now >= entry.good_until or not entry.since <= now < entry.until:
            return False
        if entry.revision != self._directory.current.revision:
            return False
        if len(self._entries) > self._crowded and entry.place in self._entries:
            self._entries.move_to_end(entry.place)
        self.uses[entry.use] += 1
        self.hits[False] += 1
        return True

    def used(self, use: Use) -> None:
        """Somebody was let in who is known by something else than a password."""
        self.uses[use] += 1
        self.hits[use.away] += 1

    def in_grace(self, credentials: Password, provider: int, peer: str) -> Decision | None:
        """As `known`, for while control cannot be asked."""
        entry = self._find(credentials, provider, peer)
        now = self._now()
        if entry is None or now >= entry.grace_until:
            return None
        return self._use(entry, provider, now, away=True)

    def entry(
        self, place: Place, digest: bytes, decision: Decision, reuse: Reuse | None, revision: int
    ) -> Entry | None:
        """Of an accepted decision, for whoever remembers by something else than a password what is admitted as here.

        ``place`` names the peer that asked; where it is good for every peer, the entry's does not. None: control lets
        nobody remember it, or spoke when another configuration was in force.
        """
        if reuse is None or reuse.seconds <= 0 or revision < self._emptied_at:
            return None
        now = self._now()
        seconds = min(reuse.seconds, MOST_SECONDS)
        grace_until = now + max(seconds, self._grace)
        if reuse.not_after is not None:
            grace_until = min(grace_until, reuse.not_after)
        provider, name, peer = place
        place = (provider, name, peer if reuse.peer_only else "")
        return _entry(place, digest, decision, min(now + seconds, grace_until), grace_until, reuse.words)

    def use(self, entry: Entry, away: bool) -> Decision | None:
        """The decision of one that somebody else remembers and has found to be good now, if its user would still be let
        in."""
        return self._use(entry, entry.place[0], self._now(), away)

    def learn(
        self,
        credentials: Password,
        provider: int,
        peer: str,
        decision: Decision,
        reuse: Reuse | None,
        revision: int,
    ) -> None:
        """What control said of these credentials when it stood at ``revision``, and how it may be reused."""
        match decision.outcome:
            case Outcome.ACCEPTED:
                place = (provider, credentials.username, peer)
                entry = self.entry(place, self._digest(credentials), decision, reuse, revision)
                if entry is None:
                    self._forget(credentials, provider, peer)
                else:
                    self._remember(entry, credentials)
            case Outcome.BAD_CREDENTIALS | Outcome.NOT_ALLOWED | Outcome.CHALLENGED:
                self._forget(credentials, provider, peer)

    def recall(self, place: Place, credentials: Password, identity: Identity, grace_until: float) -> Decision | None:
        """Takes back what was kept elsewhere and has just been proved: good for the grace alone, if still admitted."""
        decision = Decision("accepted", identity, reuse=Reuse(0.0, not_after=grace_until))
        entry = _entry(place, self._digest(credentials), decision, good_until=0.0, grace_until=grace_until)
        self._put(entry)
        now = self._now()
        return self._use(entry, place[0], now, away=True) if now < grace_until else None

    def _remember(self, entry: Entry, credentials: Password) -> None:
        self._put(entry)
        if self.keeper is not None and entry.decision.identity is not None:
            self.keeper.remembered(entry.place, credentials, entry.decision.identity, entry.grace_until)

    def _put(self, entry: Entry) -> None:
        self._peers_matter |= bool(entry.place[2])
        if (before := self._entries.get(entry.place)) is not None:
            before.good_until = 0.0
        self._entries[entry.place] = entry
        self._entries.move_to_end(entry.place)
        while len(self._entries) > self._most_entries:
            self._entries.popitem(last=False)[1].good_until = 0.0  # nobody is told any more if it is forgotten

    def _forget(self, credentials: Password, provider: int, peer: str) -> None:
        """Only what was accepted before: somebody else's wrong guess forgets nothing."""
        for place in ((provider, credentials.username, ""), (provider, credentials.username, peer)):
            entry = self._entries.get(place)
            if entry is not None and compare_digest(entry.digest, self._digest(credentials)):
                entry.good_until = 0.0
                del self._entries[place]
                if self.keeper is not None:
                    self.keeper.forgotten(place)

    def _find(self, credentials: Shown, provider: int, peer: str) -> Entry | None:
        entries = self._entries
        entry = entries.get((provider, credentials.username, ""))
        if entry is None and self._peers_matter:
            entry = entries.get((provider, credentials.username, peer))
        if entry is None or not compare_digest(entry.digest, self._digest(credentials)):
            return None
        if len(entries) > self._crowded:
            entries.move_to_end(entry.place)
        return entry

    def _use(self, entry: Entry, provider: int, now: float, away: bool) -> Decision | None:
        snapshot = self._directory.current
        if entry.revision != snapshot.revision:
            identity = entry.decision.identity
            identity = identity and still_admitted(identity, provider, snapshot, entry.words)
            if identity is None:
                return None
            entry.decision, entry.revision = replace(entry.decision, identity=identity), snapshot.revision
            entry.since = entry.until = 0.0
        identity = entry.decision.identity
        if identity is None:
            return None
        user = snapshot.users[identity.user]
        if validity.refusal(user, now) is not None:
            return None
        entry.since, entry.until = validity.holds(user, now)
        self.uses[Use(provider, identity.user, away)] += 1
        self.hits[away] += 1
        return entry.decision

    def _digest(self, credentials: Shown) -> bytes:
        """The key stands in front: to BLAKE2, which is no Merkle-Damgard hash, that is as good as its keyed mode, and
        takes half of the time."""
        return blake2s(self._key + credentials.password.encode("utf-8", "surrogatepass")).digest()

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        """Another configuration may ask for more than a password; another store's revisions say nothing about ours."""
        if touched.everything or touched.configuration:
            self._entries.clear()
            self._emptied_at = snapshot.revision
            if self.keeper is not None:
                self.keeper.emptied()


def _entry(
    place: Place,
    digest: bytes,
    decision: Decision,
    good_until: float,
    grace_until: float,
    words: bindings.Words = bindings.NO_WORDS,
) -> Entry:
    user = decision.identity.user if decision.identity is not None else 0
    return Entry(place, digest, good_until, grace_until, decision, Use(place[0], user, away=False), words)


def still_admitted(
    identity: Identity, provider: int, snapshot: Snapshot, words: bindings.Words = bindings.NO_WORDS
) -> Identity | None:
    """The identity as this snapshot has it; None if the user, their credential or their access is another.

    ``words``: what policies said when they were let in, under the configuration that is still in force.
    """
    user = snapshot.users.get(identity.user)
    record = snapshot.providers.get(provider)
    if user is None or record is None or user.credential_version != identity.credential_version:
        return None
    if verdict(record, user.pk, snapshot, words) is not True:
        return None
    return replace(identity, **told_of(user, snapshot, record))


def told_of(user: UserRecord, snapshot: Snapshot, provider: ProviderRecord) -> dict[str, Any]:
    """What an identity says of a user beside names that stay: as this snapshot has it."""
    direct = snapshot.memberships.get(user.pk, NO_GROUPS)
    groups = sorted((snapshot.groups[pk] for pk in snapshot.groups_of(user.pk)), key=lambda group: group.name)
    settings = provider.settings if isinstance(provider.settings, ProxySettings) else None
    nested = settings is not None and settings.nested_groups
    told: dict[str, Any] = {
        "name": user.name,
        "email": user.email,
        "is_superuser": any(group.is_superuser for group in groups),
        "groups": tuple(group.name for group in groups if nested or group.pk in direct),
        "attributes": attributes.merged((group.attributes for group in groups), user.attributes),
        **NO_DIRECTIONS,
    }
    if settings is not None and settings.basic_auth_enabled:
        told["attributes"] |= _password(settings.basic_auth_password_attribute, user, groups, snapshot)
    if settings is not None and settings.mapped:
        told["entitlements"] = ()
        told |= claimed.instead(user.mapped.get(str(provider.pk), {}))
    return told


def _password(name: str, user: UserRecord, groups: Iterable[GroupRecord], snapshot: Snapshot) -> dict[str, Any]:
    """Theirs for the application: for this provider alone."""
    found = attributes.merged(
        (snapshot.secrets.get(group.pk, NOTHING) for group in groups), snapshot.secrets.get(user.pk, NOTHING)
    )
    return {name: found[name]} if name in found else {}


def verdict(
    provider: ProviderRecord, user: int, snapshot: Snapshot, words: bindings.Words = bindings.NO_WORDS
) -> bool | None:
    """By the bindings; None where a policy decides it that has not been asked: that is control's to say."""
    groups = snapshot.groups_of(user)
    return bindings.verdict(provider.policy_engine_mode, provider.bindings, user, groups, words)
