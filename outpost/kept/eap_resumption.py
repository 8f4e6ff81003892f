"""Which TLS sessions of an EAP tunnel may be resumed, and by whom: a login without a password (CVE-2017-9148).

A session is here only after everything in it has ended well; every use of it is admitted again by the newest snapshot,
as a remembered password is. Another configuration empties it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept.credential_cache import still_admitted
from outpost.outcome import Decision
from rules import validity
from rules.bindings import Words

RESUMABLE_SECONDS = 3600.0
"""How long a device may come back without a full login: a working morning's roaming between access points."""
MOST_SESSIONS = 16_384
"""As many as OpenSSL keeps by default (20,480), and a little less."""

SESSION = "session"
"""Of the keys of a decision: what the session stands on beside the user, for its Class. The others were for one use."""

Place = tuple[int, int]
"""Provider and EAP type: a session of one method is nothing to another."""


@dataclass(slots=True)
class _Session:
    place: Place
    decision: Decision
    nas: str
    """Empty: from every NAS."""
    until: float
    words: Words = field(default_factory=dict)
    """What policies said, on which it stands too."""
    revision: int = -1
    """Of the snapshot that has admitted it: what follows from that one alone is worked out once."""


class Resumption:
    """``now`` gives seconds since the epoch."""

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self._directory = directory
        self._now = now
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        directory.follow(self._follow)

    def __len__(self) -> int:
        return len(self._sessions)

    def remember(self, session_id: bytes, place: Place, decision: Decision, nas: str) -> None:
        """``decision``: an accepted one. What control does not let us reuse is not resumed either."""
        reuse = decision.reuse
        if not session_id or decision.identity is None or reuse is None:
            return
        until = min(self._now() + RESUMABLE_SECONDS, reuse.not_after or float("inf"))
        self._sessions[session_id] = _Session(place, decision, nas if reuse.peer_only else "", until, reuse.words)
        self._sessions.move_to_end(session_id)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)

    def resumed(self, session_id: bytes, place: Place, nas: str) -> Decision | None:
        """The accepted decision that the session stands on, as it would be now; None if it would not be."""
        session, now = self._sessions.get(session_id), self._now()
        if session is None or session.place != place or session.nas not in ("", nas):
            return None
        if now >= session.until:
            del self._sessions[session_id]
            return None
        snapshot = self._directory.current
        if session.revision != snapshot.revision and not _admitted(session, snapshot):
            return None
        identity = session.decision.identity
        if identity is None or validity.refusal(snapshot.users[identity.user], now) is not None:
            return None
        self._sessions.move_to_end(session_id)
        return session.decision

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        if touched.everything or touched.configuration:
            self._sessions.clear()


def _admitted(session: _Session, snapshot: Snapshot) -> bool:
    """By this snapshot, whatever the time; its decision is then as it would be now."""
    decision = session.decision
    identity = decision.identity and still_admitted(decision.identity, session.place[0], snapshot, session.words)
    if identity is None:
        return False
    keys = {name: text for name, text in decision.keys.items() if name == SESSION}
    session.decision, session.revision = replace(decision, identity=identity, keys=keys), snapshot.revision
    return True
