"""The EAP conversations that are going on, each found by the State that its NAS sends back (RFC 3579 section 2.6.1).

Strangers can begin as many as they like, so that all is bounded: how many, for how long, how many rounds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from protocols.errors import RemoteProtocolError
from protocols.radius.eap.conversation import Conversation, Methods, Unexpected
from protocols.radius.eap.packet import failure, success
from protocols.radius.eap.steps import Ask, Failed, Say, Step, Succeeded, Verdict
from protocols.radius.mppe import Keys
from protocols.radius.offers import Offer

MOST_SESSIONS = 4096  # at once: some 100 kB each with TLS, and a login takes less than a second
MOST_PER_NAS = 1024  # so that one flooded NAS leaves room to the others; hostapd has 1,000 in all
SESSION_SECONDS = 60.0  # hostapd's: people who type a code are slow, and NAS give up before
MOST_ROUNDS = 100  # hostapd's; a login with fragments of 100 octets takes about 70
MOST_SHORT_ROUNDS = 50  # of Responses that carry next to nothing; hostapd's
SHORT = 20  # octets
STATE_SIZE = 16


@dataclass(slots=True)
class Continue:
    """Access-Challenge with this EAP packet and State. Never changed; not frozen, as `protocols.radius.packet.Packet`
    is not."""

    eap: bytes
    state: bytes


@dataclass(frozen=True, slots=True)
class Decide:
    """Decide about ``offer``, then call `EapSessions.decided` with ``session``, whatever happens."""

    session: Session
    offer: Offer


@dataclass(frozen=True, slots=True)
class Accept:
    """``session_id``: of a TLS session that may be resumed in place of all this."""

    eap: bytes
    session: Session
    keys: Keys | None
    session_id: bytes
    grant: object
    """Of the verdict that let the peer in."""


@dataclass(frozen=True, slots=True)
class Reject:
    eap: bytes
    reason: str
    text: str
    identity: str
    told: bool = False
    """The reason is that of the last verdict."""


Answer = Continue | Decide | Accept | Reject


@dataclass(slots=True, eq=False)
class Session:
    state: bytes
    nas: str
    """The NAS that it came through; no other may go on with it."""
    provider: int
    conversation: Conversation
    began: float
    rounds: int = 0
    short_rounds: int = 0
    undecided: tuple[bytes, Offer] | None = None
    """The Response that led to a question, and the offer, until it is decided."""
    deciding: bool = False
    verdict: Verdict | None = None

    @property
    def proved(self) -> bool:
        """Whoever it is would be let in, and only has to hear it to the end."""
        return self.verdict is not None and self.verdict.accepted


class EapSessions:
    """``random`` gives so many random octets. ``identifier`` of the first Request is random, too."""

    def __init__(
        self,
        random: Callable[[int], bytes],
        most_sessions: int = MOST_SESSIONS,
        most_per_nas: int = MOST_PER_NAS,
    ) -> None:
        self.evicted = 0
        """How many had to make room."""
        self._random = random
        self._most_sessions = most_sessions
        self._most_per_nas = most_per_nas
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._by_nas: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._sessions)

    def receive(
        self, eap: bytes, state: bytes | None, nas: str, provider: int, methods: Callable[[], Methods], now: float
    ) -> Answer:
        """``methods``: what a new conversation offers. Raises RemoteProtocolError for what is to be discarded."""
        self._expire(now)
        if state is not None:
            session = self._sessions.get(state)
            if session is None or session.nas != nas or session.provider != provider:
                return _reject(eap, "eap_session_unknown")
            return self._go_on(session, eap)
        session = self._begin(nas, provider, Conversation(methods(), self._random(1)[0]), now)
        if not eap:  # EAP-Start (RFC 3579 section 2.1)
            return self._answer(session, session.conversation.start())
        return self._step(session, eap, session.conversation.introduced)

    def decided(self, session: Session, verdict: Verdict | None) -> Answer | None:
        """``verdict`` None: nobody could decide; the NAS' next copy asks again. The answer is then None, too."""
        session.deciding = False
        if verdict is None or self._sessions.get(session.state) is not session:
            return None
        session.undecided, session.verdict = None, verdict
        try:
            return self._answer(session, session.conversation.decided(verdict))
        except RemoteProtocolError as error:
            return self._fail(session, "eap_malformed", str(error))
        except Exception:
            self._end(session)
            raise

    def _go_on(self, session: Session, eap: bytes) -> Answer:
        if session.undecided is not None:
            response, offer = session.undecided
            if session.deciding or response != eap:
                raise Unexpected("the last Response is still being decided")
            session.deciding = True
            return Decide(session, offer)
        session.rounds += 1
        session.short_rounds += len(eap) < SHORT
        if session.rounds > MOST_ROUNDS or session.short_rounds > MOST_SHORT_ROUNDS:
            return self._fail(session, "eap_too_many_rounds", f"{session.rounds} rounds")
        return self._step(session, eap, session.conversation.receive)

    def _step(self, session: Session, eap: bytes, receive: Callable[[bytes], Step]) -> Answer:
        try:
            step = receive(eap)
        except Unexpected:
            raise
        except RemoteProtocolError as error:
            return self._fail(session, "eap_malformed", str(error), failure_of(eap))
        except Exception:
            self._end(session)
            raise
        if isinstance(step, Ask):
            session.undecided = (eap, step.offer)
        return self._answer(session, step)

    def _answer(self, session: Session, step: Step) -> Answer:
        match step:
            case Say(octets):
                return Continue(octets, session.state)
            case Ask(offer):
                session.deciding = True
                return Decide(session, offer)
            case Succeeded(keys, session_id):
                self._end(session)
                if session.verdict is None or not session.verdict.accepted:
                    raise RuntimeError("a method succeeded that nobody was let in by")
                eap = success(session.conversation.identifier)
                return Accept(eap, session, keys, session_id, session.verdict.grant)
            case Failed(reason, text):
                return self._fail(session, reason, text)

    def _fail(self, session: Session, reason: str, text: str, eap: bytes = b"") -> Reject:
        """``eap``: the Failure, if it is not to answer what was asked last."""
        self._end(session)
        told = session.verdict is not None and session.verdict.reason == reason
        conversation = session.conversation
        return Reject(eap or failure(conversation.identifier), reason, text, conversation.identity or "", told)

    def _begin(self, nas: str, provider: int, conversation: Conversation, now: float) -> Session:
        if self._by_nas[nas] >= self._most_per_nas:
            self._evict(one for one in self._sessions.values() if one.nas == nas)
        elif len(self._sessions) >= self._most_sessions:
            self._evict(iter(self._sessions.values()))
        session = Session(self._random(STATE_SIZE), nas, provider, conversation, now)
        self._sessions[session.state] = session
        self._by_nas[nas] += 1
        return session

    def _evict(self, sessions: Iterator[Session]) -> None:
        """The oldest of somebody who has proved nothing yet; of all, if everybody has."""
        self.evicted += 1
        oldest = next(sessions)
        self._end(next((one for one in chain((oldest,), sessions) if not one.proved), oldest))

    def _end(self, session: Session) -> None:
        if self._sessions.pop(session.state, None) is not None:
            self._by_nas[session.nas] -= 1
            if not self._by_nas[session.nas]:
                del self._by_nas[session.nas]

    def _expire(self, now: float) -> None:
        while self._sessions:
            oldest = next(iter(self._sessions.values()))
            if oldest.began > now - SESSION_SECONDS:
                return
            self._end(oldest)


def failure_of(eap: bytes) -> bytes:
    """The Failure that answers a Response (RFC 3748 section 4.2); empty if that has no Identifier."""
    return failure(eap[1]) if len(eap) > 1 else b""


def _reject(eap: bytes, reason: str) -> Reject:
    return Reject(failure_of(eap), reason, "", "")
