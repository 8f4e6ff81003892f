"""The LDAP door: octets to `protocols.ldap.session`, binds to `outpost.authentication`, searches to the directory."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as Conversation
from twisted.python.failure import Failure
from zope.interface import implementer

from outpost.authentication import Authentication
from outpost.directory.contexts import NamingContexts
from outpost.directory.snapshot import Directory
from outpost.listeners.certificates.clients import shown_over
from outpost.listeners.direct import direct_end, direct_write
from outpost.listeners.ldap_again import Again
from outpost.listeners.ldap_binds import Answer, Binds, Bound
from outpost.listeners.ldap_cautions import Cautions
from outpost.listeners.ldap_endings import Endings
from outpost.listeners.ldap_passwords import PasswordChanges
from outpost.listeners.ldap_reads import Reads
from outpost.listeners.ldap_refusals import Refusals
from outpost.listeners.lean_tls import start_tls
from outpost.listeners.leftovers import Leftovers
from outpost.listeners.limits import Connections, nobody, turn_away
from outpost.listeners.outgoing import Outgoing
from outpost.listeners.streams import Stream, Streams
from outpost.outcome import Circumstances
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.ldap import events, messages
from protocols.ldap.events import BindReceived, CompareReceived, Event, SearchReceived
from protocols.ldap.password_modify import PasswordChangeReceived
from protocols.ldap.result import SUCCESS, Refused, Result, ResultCode
from protocols.ldap.sasl import ExternalBindReceived
from protocols.ldap.search import Slice
from protocols.ldap.session import NEED_DATA, PAUSED, LDAPSession

PROTOCOL = "ldap"

FIRST_MESSAGE_TIMEOUT = 30.0
"""Seconds for the TLS handshake and the first whole message."""
IDLE_TIMEOUT = 900.0
"""Seconds without a message; Active Directory's MaxConnIdleTime, to which connection pools are accustomed."""
SEND_TIMEOUT = 60.0
"""Seconds without progress while a peer does not take its answer."""
EVENTS_A_TURN = 100
"""Messages of one peer that are answered before others have their turn: some 5 ms of pipelined searches."""

TOO_MANY = messages.encode_notice_of_disconnection(ResultCode.BUSY, "Too many connections.")
FAULT = Result(ResultCode.OTHER, "", "Something went wrong here; the operator's log says what.")


@implementer(IPushProducer)
class LdapConnection(Conversation):
    """As a producer it is told when the peer does not take its answers: then it answers, and reads, no further."""

    def __init__(self, owner: LdapFactory, peer: str) -> None:
        self._owner = owner
        self._session: LDAPSession[Bound] = LDAPSession()
        self._streams = Streams(owner.clock, self._slice, self._send_slice, self._advance)
        self._out = Outgoing(owner.clock, self._emptied)
        self._advancing = False
        self._reading_paused = False
        self._waiting_turn = False
        self._closed = False
        self._changing_password = False
        self.peer = peer
        self.deadline = owner.clock.seconds() + FIRST_MESSAGE_TIMEOUT

    # --- the transport ---------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._out.write = direct_write(transport)
        secure = ISSLTransport.providedBy(transport)
        self._session = LDAPSession(secure, self._owner.tls is not None, self._owner.binds.allows_unauthenticated)
        self._circumstances = Circumstances(PROTOCOL, self.peer)
        if self._owner.connections.admit(self):
            transport.registerProducer(self, True)
        else:
            self._closed = True
            self._owner.telemetry.discarded(PROTOCOL, self.peer, "too_many_connections")
            turn_away(transport, TOO_MANY)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._closed = True
        self._streams.stop()
        self._out.stop()
        self._owner.connections.leave(self)
        self._owner.reads.open_sets.forget(self)

    def dataReceived(self, data: bytes) -> None:
        if self._closed:
            return
        if self._out.is_idle:
            said = self._owner.again.answer(data, self._session, self.peer)
            if said is not None:
                self.deadline = self._owner.clock.seconds() + IDLE_TIMEOUT
                self._out.write(said)
                return
        self._session.receive_data(data)
        self._advance()

    @property
    def bound(self) -> Bound | None:
        return self._session.identity

    def end_if_refused(self) -> None:
        """The account behind it is not good any more: the peer is told, and the connection ends."""
        bound = self._session.identity
        if bound is None or self._closed or self._changing_password or self._owner.binds.is_good(bound):
            return  # who changes their own password is told before they are believed under it
        self.disconnect(ResultCode.STRONGER_AUTH_REQUIRED, "This account may not be used any more.")

    def disconnect(self, code: ResultCode, why: str) -> None:
        """The peer is told, and the connection ends (RFC 4511, 4.4.1)."""
        if not self._closed:
            self._out.say(messages.encode_notice_of_disconnection(code, why))
            self._close()

    def abort(self) -> None:
        self._closed = True
        self._streams.stop()
        self._out.stop()
        cast(Any, self.transport).abortConnection()

    def _close(self) -> None:
        """What was said is still delivered, within the time-out."""
        self._out.finish()
        self._closed = True
        self._streams.stop()
        self.deadline = self._owner.clock.seconds() + SEND_TIMEOUT
        transport = cast(Any, self.transport)
        transport.unregisterProducer()
        direct_end(transport)

    def pauseProducing(self) -> None:
        self._out.pause()
        self._streams.pause()
        self.deadline = self._owner.clock.seconds() + SEND_TIMEOUT

    def resumeProducing(self) -> None:
        self.deadline = self._owner.clock.seconds() + IDLE_TIMEOUT
        self._out.resume()

    def _emptied(self) -> None:
        """All that was said is written, and the peer takes it."""
        if not self._closed:
            self._streams.resume()
            self._advance()

    def stopProducing(self) -> None:
        self._streams.stop()

    def _flush(self) -> None:
        if self._out.flush():
            self._streams.pause()

    def _pace_reading(self, paused: bool) -> None:
        if not self._closed:
            self._reading_paused = paused
            transport = cast(Any, self.transport)
            (transport.pauseProducing if paused else transport.resumeProducing)()

    # --- events ----------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Takes what has come in, until more is needed, an answer is outstanding, or others should have their turn."""
        if self._advancing or self._closed or self._waiting_turn:
            return
        self._advancing = True
        try:
            paused = self._take_events()
        except RemoteProtocolError as error:
            self._owner.telemetry.discarded(PROTOCOL, self.peer, error.reason)
            self._out.say(error.answer)
            self._close()
        except Exception:
            self._owner.telemetry.fault(PROTOCOL)
            self.abort()
        else:
            self._flush()
            paused = paused or self._out.paused or self._out.waits
            if paused != self._reading_paused:
                self._pace_reading(paused)
        finally:
            self._advancing = False

    def _take_events(self) -> bool:
        """Should reading pause?"""
        for taken in range(EVENTS_A_TURN):
            if self._closed:
                return False
            if self._out.paused or self._out.waits:
                return True
            event: Any = self._session.next_event()
            if event is NEED_DATA:
                return False
            if event is PAUSED:
                return True
            if not taken:
                self.deadline = self._owner.clock.seconds() + IDLE_TIMEOUT
            self._take(event)
        self._waiting_turn = True
        self._owner.clock.callLater(0, self._next_turn)
        return True

    def _next_turn(self) -> None:
        self._waiting_turn = False
        self._advance()

    def _take(self, event: Event) -> None:
        match event:
            case SearchReceived():
                self._search(event)
            case BindReceived():
                self._bind_received(event)
            case ExternalBindReceived():
                binding = self._owner.binds.external(event, shown_over(self.transport), self._circumstances)
                self._await_bind(event.message_id, binding)
            case events.Answered():
                self._out.say(event.octets)
                self._owner.refusals.answered(event, self._session.identity, self._circumstances)
            case CompareReceived():
                self._compare(event)
            case events.Abandoned(message_id):
                self._streams.drop(message_id)
            case events.Cancelled(message_id, octets):
                self._streams.drop(message_id)
                self._out.say(octets)
            case events.WhoAmIReceived(message_id):
                name = self._owner.binds.who_am_i(self._session.identity)
                self._out.say(self._session.extended_answered(message_id, SUCCESS, value=name))
            case PasswordChangeReceived():
                Deferred.fromCoroutine(self._change_password(event)).addErrback(self._failed)
            case events.StartTLSRequested(message_id):
                self._start_tls(message_id)
            case events.Unbound():
                self._close()

    def _failed(self, failure: Failure) -> None:
        """A bind of which not even the refusal could be said."""
        self._owner.telemetry.failed(PROTOCOL, failure)
        self.abort()

    # --- bind ------------------------------------------------------------------------------------------------------

    def _bind_received(self, event: BindReceived) -> None:
        try:
            known = self._owner.binds.known_bind(event, self._circumstances, self._session.secure)
            if known is not None:
                self._owner.again.remember(event, known[1], self._session.secure, self.peer)
        except Exception:
            self._owner.telemetry.fault("ldap bind")
            known = FAULT, None
        if known is not None:
            self._out.say(self._session.bind_answered(event.message_id, *known))
        else:
            binding = self._owner.binds.bind(event, self._circumstances, self._session.secure)
            self._await_bind(event.message_id, binding)

    def _await_bind(self, message_id: int, binding: Awaitable[Answer]) -> None:
        Deferred.fromCoroutine(self._bind(message_id, binding)).addErrback(self._failed)

    async def _bind(self, message_id: int, binding: Awaitable[Answer]) -> None:
        try:
            answer = await binding
        except Exception:
            self._owner.telemetry.fault("ldap bind")
            answer = FAULT, None
        if not self._closed:
            result, bound = answer
            must_change = bound is not None and bound.must_change
            self._out.say(self._session.bind_answered(message_id, result, bound, must_change))
            self._advance()

    async def _change_password(self, event: PasswordChangeReceived) -> None:
        bound = self._session.identity
        if bound is None:
            raise ValueError("nobody has bound")
        self._changing_password = True
        result, bound, generated = await self._owner.password_changes.change(event, bound, self._circumstances)
        self._changing_password = False
        if not self._closed:
            self._out.say(self._session.password_change_answered(event, result, bound, generated))
            self._advance()

    def _start_tls(self, message_id: int) -> None:
        self._out.say(self._session.start_tls_answered(message_id, SUCCESS))
        self._out.flush()
        start_tls(self, cast(Any, self._owner.tls), self._owner.clock)
        self._out.write = direct_write(self.transport)

    # --- search ----------------------------------------------------------------------------------------------------

    def _search(self, event: SearchReceived) -> None:
        try:
            found = self._owner.reads.search(event, self._session.identity, self._session.secure, self)
        except Refused as refused:
            self._owner.refusals.request(refused.result, self._session.identity, self._circumstances)
            self._out.say(self._session.search_refused(event.message_id, refused.result))
            return
        except Exception:
            self._owner.telemetry.fault("ldap search")
            self._out.say(self._session.search_refused(event.message_id, FAULT))
            return
        if isinstance(found, bytes):
            self._session.search_finished(event.message_id)
            self._out.say(found)
            return
        stream = (event.message_id, found)
        ahead: Slice | None = b""
        if not self._streams:  # nearly every answer is one slice and goes out with the others of this turn
            self._out.say(self._slice(stream) or b"")
            ahead = self._slice(stream)
        if ahead is not None:
            self._streams.add(stream, ahead)

    def _compare(self, event: CompareReceived) -> None:
        try:
            result = self._owner.reads.compare(event.request, self._session.identity, self._session.secure)
        except Refused as refused:
            result = refused.result
            self._owner.refusals.request(result, self._session.identity, self._circumstances)
        except Exception:
            self._owner.telemetry.fault("ldap compare")
            result = FAULT
        self._out.say(self._session.compare_answered(event.message_id, result))

    def _slice(self, stream: Stream) -> Slice | None:
        """The next octets of an answer; None when it has ended."""
        message_id, slices = stream
        try:
            octets = next(slices, None)
        except Exception:
            self._owner.telemetry.fault("ldap search")
            slices.close()  # type: ignore[attr-defined]
            return self._session.search_refused(message_id, FAULT)
        if octets is None:
            self._session.search_finished(message_id)
        return octets

    def _send_slice(self, octets: Slice) -> None:
        self._out.say(octets)
        self._flush()


class LdapFactory(Factory[LdapConnection]):
    """``clock`` counts seconds for time-outs, ``now`` gives them since the epoch. Without ``tls`` no StartTLS."""

    noisy = False

    def __init__(
        self,
        authentication: Authentication,
        directory: Directory,
        telemetry: Telemetry,
        clock: IReactorTime,
        tls: IOpenSSLServerConnectionCreator | None = None,
        now: Callable[[], float] = time.time,
        grown: Callable[[int], object] = bool,
        random: Callable[[int], bytes] = os.urandom,
        brings_others: Callable[[str], bool] = nobody,
    ) -> None:
        """``grown`` is told of encoded entries that are kept (`Bodies`). ``brings_others``: of `Connections`."""
        self.telemetry = telemetry
        self.clock = clock
        self.tls = tls
        self.contexts = NamingContexts(directory, grown)
        self.binds = Binds(authentication, self.contexts, telemetry, now)
        self.password_changes = PasswordChanges(authentication, self.contexts, telemetry)
        leftovers = Leftovers(clock)
        self.reads = Reads(self.contexts, telemetry, now, tls is not None, leftovers.take)
        self.again = Again(random(32), self.binds, self.reads, directory, telemetry)
        self.refusals = Refusals(telemetry)
        self.connections = Connections(clock, looked=lambda: self.endings.look(), brings_others=brings_others)
        self.cautions = Cautions(directory, self.contexts, telemetry)
        self.endings = Endings(self._open, self.binds, directory)

    def buildProtocol(self, addr: IAddress | None) -> LdapConnection:
        return LdapConnection(self, str(getattr(addr, "host", "")))

    def _open(self) -> list[LdapConnection]:
        return [one for one in self.connections if isinstance(one, LdapConnection)]
