"""NT hashes of network passwords, by which MS-CHAPv2 is answered here, without asking control (DESIGN D16).

Control hands one over with its yes to a right proof, where ``remember_network_passwords`` is on. It is known as a
password is: for ten minutes (D13), through the grace while control is away (D14), and as far as the snapshot still
admits its owner. It is as good as the password, so it stays in memory alone, and goes when its owner's account changes.
A proof that fits none is control's to judge: there may be another password. CHAP is made of the password itself, which
a hash does not tell.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept.credential_cache import CredentialCache, Entry, Place
from outpost.outcome import Decision, MsChapV2
from protocols.link.messages import NetworkHash, RadiusSettings, Reuse
from protocols.radius.mschapv2 import authenticator_response, verifies
from rules.reasons import Outcome

MOST_NAMES = 20_000
"""Some 40 MB with one password each; the one learned longest ago makes room."""
MOST_OF_A_NAME = 16
"""Each may have to be tried against a response, at 20 us; the one used longest ago makes room."""

SIGNED, TWICE_HASHED = "authenticator_response", "password_hash_hash"
"""Of `Authenticated.keys`: the first is for one proof alone, the second is the password's."""


@dataclass(frozen=True, slots=True)
class _Held:
    nt_hash: bytes = field(repr=False)
    name: str
    """As it was hashed: control looks for whoever has this name, too."""
    entry: Entry

    def fits(self, shown: MsChapV2) -> bool:
        challenges = shown.peer_challenge, shown.authenticator_challenge
        return self.name == shown.name and verifies(self.nt_hash, *challenges, shown.name, shown.nt_response)


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whom a name stands for."""

    user: int
    passwords: tuple[_Held, ...]
    """The latest used first."""


_NOBODY = _Owner(0, ())


class KnownHashes:
    """``now``: seconds since the epoch, as the cache has them."""

    def __init__(self, cache: CredentialCache, directory: Directory, now: Callable[[], float]) -> None:
        self._cache = cache
        self._directory = directory
        self._now = now
        self._owners: OrderedDict[Place, _Owner] = OrderedDict()
        """In the order in which something was learned of them."""
        directory.follow(self._follow)

    def __len__(self) -> int:
        return sum(len(owner.passwords) for owner in self._owners.values())

    def known(self, shown: MsChapV2, provider: int, peer: str, away: bool = False) -> Decision | None:
        """An accepted decision with the keys of this proof, if control would still say so; ``away``: it cannot be
        asked."""
        now = self._now()
        self._forget_old(now)
        for place in _places(shown, provider, peer):
            owner = self._owners.get(place, _NOBODY)
            for held in owner.passwords:
                until = held.entry.grace_until if away else held.entry.good_until
                if now < until and held.fits(shown):
                    return self._use(place, held, shown, away)
        return None

    def learn(
        self,
        shown: MsChapV2,
        provider: int,
        peer: str,
        decision: Decision,
        network_hash: NetworkHash | None,
        revision: int,
    ) -> None:
        """What control said of this proof when it stood at ``revision``: only a yes with a hash is remembered, and
        whatever else it says ends what was."""
        if decision.outcome in (Outcome.UNAVAILABLE, Outcome.THROTTLED):
            return
        self._forget_old(self._now())
        for place in _places(shown, provider, peer):
            for held in self._owners.get(place, _NOBODY).passwords:
                if held.fits(shown):
                    self._forget(place, held)
        if network_hash is None or not self._remembers(provider):
            return
        place = provider, shown.username, peer
        if (new := _taken(self._cache, shown, place, decision, network_hash, revision)) is not None:
            self._keep(new, network_hash.user)

    def _remembers(self, provider: int) -> bool:
        record = self._directory.current.providers.get(provider)
        settings = record.settings if record is not None else None
        return isinstance(settings, RadiusSettings) and settings.remember_network_passwords

    def _use(self, place: Place, held: _Held, shown: MsChapV2, away: bool) -> Decision | None:
        decision = self._cache.use(held.entry, away)
        if decision is None:
            self._forget(place, held)
            return None
        owner = self._owners[place]
        if owner.passwords[0] is not held:
            others = tuple(one for one in owner.passwords if one is not held)
            self._owners[place] = replace(owner, passwords=(held, *others))
        challenges = shown.peer_challenge, shown.authenticator_challenge
        twice = bytes.fromhex(decision.keys[TWICE_HASHED])
        signed = authenticator_response(twice, shown.nt_response, *challenges, shown.name)
        return replace(decision, keys={**decision.keys, SIGNED: signed})

    def _keep(self, held: _Held, user: int) -> None:
        place = held.entry.place
        before = self._owners.pop(place, _NOBODY)
        others = before.passwords if before.user == user else ()
        self._owners[place] = _Owner(user, (held, *others)[:MOST_OF_A_NAME])
        if len(self._owners) > MOST_NAMES:
            self._owners.popitem(last=False)

    def _forget(self, place: Place, held: _Held) -> None:
        owner = self._owners[place]
        if others := tuple(one for one in owner.passwords if one is not held):
            self._owners[place] = replace(owner, passwords=others)
        else:
            del self._owners[place]

    def _forget_old(self, now: float) -> None:
        """Whose grace is over: not to be found in memory either."""
        while self._owners:
            place, owner = next(iter(self._owners.items()))
            if any(now < held.entry.grace_until for held in owner.passwords):
                return
            del self._owners[place]

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        self._forget_old(self._now())
        if touched.everything or touched.configuration:
            self._owners.clear()
        elif touched.users:
            of_touched = [place for place, owner in self._owners.items() if owner.user in touched.users]
            for place in of_touched:
                for held in self._owners[place].passwords:
                    if not _is_as_it_was(held, snapshot):
                        self._forget(place, held)


def _taken(
    cache: CredentialCache,
    shown: MsChapV2,
    place: Place,
    decision: Decision,
    network_hash: NetworkHash,
    revision: int,
) -> _Held | None:
    """None: control lets nobody remember it, or it is not what ``shown`` was made with."""
    identity, reuse = decision.identity, decision.reuse
    if identity is None or reuse is None or identity.user != network_hash.user or TWICE_HASHED not in decision.keys:
        return None
    entry = cache.entry(place, b"", decision, _until(reuse, network_hash.until), revision)
    try:
        held = _Held(bytes.fromhex(network_hash.nt_hash), shown.name, entry) if entry is not None else None
    except ValueError:
        return None
    return held if held is not None and held.fits(shown) else None


def _until(reuse: Reuse, ends: float | None) -> Reuse:
    return reuse if ends is None else replace(reuse, not_after=min(ends, reuse.not_after or ends))


def _is_as_it_was(held: _Held, snapshot: Snapshot) -> bool:
    """The owner's account, as far as passwords go."""
    identity = held.entry.decision.identity
    user = snapshot.users.get(identity.user) if identity is not None else None
    return (
        user is not None
        and identity is not None
        and user.is_active
        and user.credential_version == identity.credential_version
    )


def _places(shown: MsChapV2, provider: int, peer: str) -> tuple[Place, Place]:
    """For every peer, and for this one."""
    return (provider, shown.username, ""), (provider, shown.username, peer)
