"""One LDAP session (RFC 4511 s4.2, RFC 4513 s4): bytes in, events out, answers in, bytes out.

Rule 1: who may speak when is decided here and nowhere else.
Rule 2: nothing here waits, logs, reads a clock or knows a user.

    session.receive_data(octets)
    while not isinstance(event := session.next_event(), Signal):
        ...                                     # answer with session.bind_answered(...) and the like
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.ldap import again, ber, cancel, messages, password_modify, password_policy, sasl
from protocols.ldap.controls import PASSWORD_POLICY, problem
from protocols.ldap.events import (
    Abandoned,
    Answered,
    BindReceived,
    Cancelled,
    CompareReceived,
    Event,
    SearchReceived,
    StartTLSRequested,
    Unbound,
    WhoAmIReceived,
)
from protocols.ldap.messages import (
    AbandonRequest,
    BindRequest,
    CompareRequest,
    Envelope,
    ExtendedRequest,
    Request,
    UnbindRequest,
    UnservedRequest,
)
from protocols.ldap.modify import ModifyRequest
from protocols.ldap.password_modify import PasswordChange, PasswordChangeReceived
from protocols.ldap.password_policy import PolicyError
from protocols.ldap.result import SUCCESS, Refused, Result, ResultCode
from protocols.ldap.sasl import ExternalBindReceived
from protocols.ldap.schema import CANCEL, PASSWORD_MODIFY, START_TLS, WHO_AM_I
from protocols.ldap.search_request import SearchRequest

IdentityT = TypeVar("IdentityT")

MAX_MESSAGE_ANONYMOUS = 256 * 1024
"""Octets before a bind. OpenLDAP's default for anonymous peers; no bind or search of a real client comes near."""
MAX_MESSAGE = 1024 * 1024
"""Octets after a bind: room for generated filters over thousands of names."""
MAX_OUTSTANDING = 64
"""Searches of one session that are not yet answered; what comes after them waits."""


def _no(name: str) -> bool:
    return False


class Signal(Enum):
    NEED_DATA = "need data"
    """Nothing to do until more octets come."""
    PAUSED = "paused"
    """Nothing more until an outstanding answer is given: stop reading from the peer."""


NEED_DATA, PAUSED = Signal.NEED_DATA, Signal.PAUSED


NO_PASSWORD = Result(ResultCode.UNWILLING_TO_PERFORM, "", "A name needs a password.", reason="empty_credentials")
"""An unauthenticated bind, RFC 4513 s5.1.2: many clients would take success for a login."""
_BIND_SUCCESS = messages.encode_result(messages.BIND.response, SUCCESS)


def _asks_for_policy(message: Envelope) -> bool:
    return any(control.oid == PASSWORD_POLICY for control in message.controls)


def _is_served_before_a_change(request: Request) -> bool:
    """Whether it is of one's own password is seen later, as for everybody."""
    match request:
        case BindRequest() | UnbindRequest() | AbandonRequest() | ModifyRequest():
            return True
        case ExtendedRequest(oid=oid):
            return oid in (PASSWORD_MODIFY, START_TLS)
    return False


def _change_first(message: Envelope) -> Refused:
    controls = password_policy.response(PolicyError.CHANGE_AFTER_RESET) if _asks_for_policy(message) else b""
    said = "Change your password first."
    return Refused(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, said, controls=controls, reason="must_change_password")


class LDAPSession(Generic[IdentityT]):
    """``secure``: TLS protects the session already. ``offers_start_tls``: the listener could start it.

    ``allows_unauthenticated``: may this name, without a password, bind anonymously (RFC 4513 s5.1.2)?
    """

    def __init__(
        self, secure: bool = False, offers_start_tls: bool = False, allows_unauthenticated: Callable[[str], bool] = _no
    ) -> None:
        self.identity: IdentityT | None = None
        """Whoever bound last, successfully; None is anonymous."""
        self.secure = secure
        self._offers_start_tls = offers_start_tls
        self._allows_unauthenticated = allows_unauthenticated
        self._received: bytes | bytearray = b""
        """Mutable only while a message is incomplete: what comes whole is read where it is."""
        self._read = 0
        """Octets of ``_received`` that are done with."""
        self._closed = False
        self._binding: int | None = None
        """A bind, or the change of a password, that must be answered before anything else is given out."""
        self._must_change = False
        self._starting_tls: int | None = None
        self._searches: set[int] = set()

    def receive_data(self, octets: bytes) -> None:
        """Only stores. After the end of the session everything is ignored (RFC 4511 s4.3)."""
        if self._closed:
            return
        if self._read == len(self._received):
            self._received, self._read = octets, 0
            return
        if not isinstance(self._received, bytearray):
            self._received = bytearray(self._received)
        self._received += octets

    def next_event(self) -> Event | Signal:
        """The next thing to do, one at a time, so that later garbage never spoils earlier messages.

        Raises RemoteProtocolError, with the notice of disconnection as its answer, and nothing else.
        """
        if self._closed:
            return NEED_DATA
        if self._binding is not None or self._starting_tls is not None or len(self._searches) >= MAX_OUTSTANDING:
            return PAUSED
        try:
            received, at = self._received, self._read
            if at == len(received):
                return NEED_DATA
            message = again.request_alone(received) if not at and isinstance(received, bytes) else None
            end = len(received)
            if message is None:
                size = ber.frame(received, MAX_MESSAGE if self.identity is not None else MAX_MESSAGE_ANONYMOUS, at)
                if size is None:
                    return NEED_DATA
                end = at + size
                if isinstance(received, bytearray):
                    message = messages.envelope(bytes(received[at:end]))
                else:
                    message = messages.envelope(received, at, end)
            if self._searches and message.operation is messages.BIND:
                return PAUSED  # what was asked before a bind is finished before it (RFC 4511 s4.2.1)
            self._done_with(end)
            return self._event(message)
        except RemoteProtocolError as error:
            self._closed = True
            self._forget_received()
            error.answer = messages.encode_notice_of_disconnection(
                ResultCode.PROTOCOL_ERROR, "The message breaks the LDAP protocol."
            )
            raise

    @property
    def at_rest(self) -> bool:
        """Does nothing stand in the way of a request that comes now: nothing to be answered, finished or done first,
        and nothing received that is not taken?"""
        if self._received or self._searches or self._must_change or self._closed:
            return False
        return self._binding is None and self._starting_tls is None

    def _done_with(self, read: int) -> None:
        if read == len(self._received):
            self._received, self._read = b"", 0
        elif isinstance(self._received, bytearray):
            del self._received[:read]  # takes no time: a bytearray only moves its beginning
            self._read = 0
        else:
            self._read = read

    def _forget_received(self) -> None:
        self._received, self._read = b"", 0

    def _event(self, message: Envelope) -> Event:
        if message.operation is messages.BIND:
            self.identity = None  # RFC 4513 s4: on receipt, whatever comes of it
            self._must_change = False
        if message.message_id in self._searches:
            raise ber.Malformed("a message ID that is still in use")
        if message.controls and message.operation is not messages.UNBIND:  # there criticality means nothing (s4.1.11)
            refusal = problem(message.operation.name, message.controls)
            if refusal is not None:
                return self._answered(message, refusal) if message.operation.response else Answered(b"")
        try:
            request = message.request()
            if self._must_change and not _is_served_before_a_change(request):
                raise _change_first(message)
            match request:
                case SearchRequest() as request:
                    self._searches.add(message.message_id)
                    return SearchReceived(message.message_id, request, message.controls, message.content)
                case CompareRequest() as request:
                    return CompareReceived(message.message_id, request)
                case BindRequest() as request:
                    return self._bind(message, request)
                case AbandonRequest(message_id=abandoned):
                    if abandoned in self._searches:
                        self._searches.remove(abandoned)
                        return Abandoned(abandoned)
                    return Answered(b"")
                case UnbindRequest():
                    self._closed = True
                    self._forget_received()
                    return Unbound()
                case ExtendedRequest() as request:
                    return self._extended(message, request)
                case ModifyRequest() as request:
                    return self._password_change(message, password_modify.of_modify(request))
                case UnservedRequest():
                    raise password_modify.read_only("This directory is only read over LDAP.")
        except Refused as refused:
            return self._answered(message, refused.result)

    def _bind(self, message: Envelope, request: BindRequest) -> Event:
        message_id, policy = message.message_id, _asks_for_policy(message)
        if request.version != 3:
            refusal = Result(ResultCode.PROTOCOL_ERROR, "", "Only version 3 of LDAP is spoken here.")
        elif request.password is None:
            return self._sasl(message_id, request, policy)
        elif request.name and request.password:
            self._binding = message_id
            content = b"" if message.controls else message.content
            return BindReceived(message_id, request.name, request.password, False, policy, "", content)
        elif request.password:
            refusal = Result(ResultCode.INVALID_CREDENTIALS, reason="empty_credentials")
        elif request.name and not self._allows_unauthenticated(request.name):
            refusal = NO_PASSWORD
        else:
            refusal = SUCCESS  # anonymous, RFC 4513 s5.1.1
        return self._bind_answered(message_id, request.name, refusal)

    def _bind_answered(self, message_id: int, name: str, result: Result) -> Answered:
        response = messages.encode_message(message_id, messages.encode_result(messages.BIND.response, result))
        return Answered(response, None if result is SUCCESS else result, name)

    def _sasl(self, message_id: int, request: BindRequest, policy: bool) -> Event:
        found = sasl.bind(message_id, request, self.secure, policy)
        if isinstance(found, Result):
            return self._bind_answered(message_id, request.name, found)
        self._binding = message_id
        if isinstance(found, ExternalBindReceived):
            return found
        return BindReceived(message_id, found.name, found.password, True, policy, found.acts_as)

    def _extended(self, message: Envelope, request: ExtendedRequest) -> Event:
        if request.value is not None and request.oid in (WHO_AM_I, START_TLS):
            raise Refused(ResultCode.PROTOCOL_ERROR, "This operation takes no value.")
        if request.oid == WHO_AM_I:
            return WhoAmIReceived(message.message_id)
        if request.oid == CANCEL:
            return self._cancel(message, request)
        if request.oid == PASSWORD_MODIFY:
            return self._password_change(message, password_modify.decode(request.value))
        if request.oid != START_TLS or not self._offers_start_tls:
            raise Refused(ResultCode.PROTOCOL_ERROR, "This extended operation is not served here.")
        if self.secure or self._searches:
            refusal = Result(ResultCode.OPERATIONS_ERROR, "", "TLS cannot start now.")
            return Answered(self.extended_answered(message.message_id, refusal, START_TLS), refusal)
        if self._read < len(self._received):
            raise ber.Malformed("octets behind StartTLS, which would be taken for protected ones")
        self._starting_tls = message.message_id
        return StartTLSRequested(message.message_id)

    def _cancel(self, message: Envelope, request: ExtendedRequest) -> Event:
        """Only searches are ever outstanding."""
        cancelled = cancel.decode(request.value)
        if cancelled not in self._searches:
            raise Refused(ResultCode.NO_SUCH_OPERATION, "No such operation is in progress.")
        ended = self.search_refused(cancelled, Result(ResultCode.CANCELED))
        return Cancelled(cancelled, ended + self.extended_answered(message.message_id, SUCCESS))

    def _password_change(self, message: Envelope, change: PasswordChange) -> Event:
        """Of their own, by somebody who has bound, over TLS (RFC 3062 s3 and s4)."""
        if not self.secure:
            raise Refused(ResultCode.CONFIDENTIALITY_REQUIRED, "Passwords are taken over TLS only. Start TLS first.")
        if self.identity is None:
            said = "Bind first, with the old password."
            raise Refused(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, said, reason="not_bound")
        self._binding = message.message_id
        by_modify = message.operation is messages.MODIFY
        return PasswordChangeReceived(message.message_id, change, by_modify, _asks_for_policy(message))

    # --- answers ---------------------------------------------------------------------------------------------------

    def bind_answered(
        self, message_id: int, result: Result, identity: IdentityT | None = None, must_change: bool = False
    ) -> bytes:
        """Success needs an identity, and nothing else may have one. ``must_change``: until their password is another,
        it is good for nothing else (draft-behera-ldap-password-policy-10 s8.1.2.2)."""
        if message_id != self._binding:
            raise LocalProtocolError("no such bind is in progress")
        if (identity is not None) != (result.code == ResultCode.SUCCESS):
            raise LocalProtocolError("a bind names somebody exactly when it succeeds")
        self._binding = None
        self.identity = identity
        self._must_change = must_change
        if result is SUCCESS:
            return messages.encode_message(message_id, _BIND_SUCCESS)
        response = messages.encode_result(messages.BIND.response, result)
        return messages.encode_message(message_id, response, result.controls)

    def bound_again(self, message_id: int, identity: IdentityT) -> bytes:
        """The answer to a successful bind that was not given out, because it came before as it came now."""
        if not self.at_rest:
            raise LocalProtocolError("something comes before this bind")
        self.identity = identity
        return messages.encode_short_message(message_id, _BIND_SUCCESS)

    def password_change_answered(
        self, received: PasswordChangeReceived, result: Result, identity: IdentityT | None, generated: str | None = None
    ) -> bytes:
        """``identity``: who has bound, as they are now; ``generated``: the new password, if it was made here."""
        if received.message_id != self._binding:
            raise LocalProtocolError("no such change is in progress")
        self._binding = None
        self.identity = identity
        if result.code == ResultCode.SUCCESS:
            self._must_change = False
        if received.by_modify:
            response = messages.encode_result(messages.MODIFY.response, result)
            return messages.encode_message(received.message_id, response, result.controls)
        value = None if generated is None else password_modify.encode_generated(generated)
        return self.extended_answered(received.message_id, result, value=value)

    def search_finished(self, message_id: int) -> bool:
        """Call when the last octet of the answer is handed over; False if it was abandoned before."""
        if message_id not in self._searches:
            return False
        self._searches.remove(message_id)
        return True

    def search_refused(self, message_id: int, result: Result) -> bytes:
        """A search that ends without entries."""
        self.search_finished(message_id)
        response = messages.encode_result(messages.SEARCH.response, result)
        return messages.encode_message(message_id, response, result.controls)

    def compare_answered(self, message_id: int, result: Result) -> bytes:
        return messages.encode_message(message_id, messages.encode_result(messages.COMPARE.response, result))

    def extended_answered(
        self, message_id: int, result: Result, oid: str | None = None, value: bytes | None = None
    ) -> bytes:
        return messages.encode_message(message_id, messages.encode_extended_result(result, oid, value), result.controls)

    def start_tls_answered(self, message_id: int, result: Result) -> bytes:
        """These octets go out in the clear, and TLS starts right behind them if they say success."""
        if message_id != self._starting_tls:
            raise LocalProtocolError("no StartTLS is in progress")
        self._starting_tls = None
        self.secure = result.code == ResultCode.SUCCESS
        return self.extended_answered(message_id, result, START_TLS)

    def _answered(self, message: Envelope, result: Result) -> Answered:
        answer = messages.encode_result(message.operation.response, result)
        name = "" if message.operation is messages.BIND else None
        return Answered(messages.encode_message(message.message_id, answer, result.controls), result, name)
