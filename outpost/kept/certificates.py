"""Clients' certificates that control has accepted lately, so that it need not be asked at each login of a device.

Such a yes stands on the whole directory: whose name it is, what they may, what was revoked. It is good while nothing in
there has changed, at most as long as a known password (DESIGN D13), and through the grace while control is away (D14).
The handshake has shown each time that the key is theirs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2s

from outpost.directory.snapshot import Directory
from outpost.kept.credential_cache import GRACE_SECONDS, MOST_SECONDS, Use
from outpost.outcome import CertificateProof, Decision
from protocols.link.messages import Reuse
from rules import validity

MOST_ENTRIES = 20_000
"""Some 15 MB; the one unused for longest makes room."""

Place = tuple[int, str, bytes, str]
"""Provider, the name that goes with it, a digest of the chain, and the peer's address or "" for every peer."""


@dataclass(frozen=True, slots=True)
class _Yes:
    decision: Decision
    revision: int
    good_until: float
    grace_until: float


class KnownCertificates:
    """``now``: seconds since the epoch. ``used`` hears of each use."""

    def __init__(self, directory: Directory, now: Callable[[], float], used: Callable[[Use], None]) -> None:
        self._directory = directory
        self._now = now
        self._used = used
        self._known: OrderedDict[Place, _Yes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def known(self, shown: CertificateProof, provider: int, peer: str, away: bool = False) -> Decision | None:
        """An accepted decision, if control would still say so; ``away``: it cannot be asked."""
        for place in _places(shown, provider, peer):
            yes = self._known.get(place)
            if yes is None:
                continue
            identity, snapshot, now = yes.decision.identity, self._directory.current, self._now()
            if identity is None or yes.revision != snapshot.revision or now >= yes.grace_until:
                del self._known[place]
                continue
            user = snapshot.users.get(identity.user)
            if user is None or validity.refusal(user, now) is not None or (now >= yes.good_until and not away):
                continue
            self._known.move_to_end(place)
            self._used(Use(provider, identity.user, away))
            return yes.decision
        return None

    def learn(
        self,
        shown: CertificateProof,
        provider: int,
        peer: str,
        decision: Decision,
        reuse: Reuse | None,
        revision: int,
    ) -> None:
        """What control said when its directory stood at ``revision``; nothing but a yes is remembered."""
        every, own = _places(shown, provider, peer)
        for place in (every, own):
            self._known.pop(place, None)
        if decision.identity is None or reuse is None or reuse.seconds <= 0:
            return
        now = self._now()
        grace_until = min(now + GRACE_SECONDS, reuse.not_after or float("inf"))
        good_until = min(now + min(reuse.seconds, MOST_SECONDS), grace_until)
        self._known[own if reuse.peer_only else every] = _Yes(decision, revision, good_until, grace_until)
        while len(self._known) > MOST_ENTRIES:
            self._known.popitem(last=False)


def _places(shown: CertificateProof, provider: int, peer: str) -> tuple[Place, Place]:
    """For every peer, and for this one."""
    chain = blake2s(b"".join(len(one).to_bytes(4) + one for one in shown.chain)).digest()
    return (provider, shown.username, chain, ""), (provider, shown.username, chain, peer)
