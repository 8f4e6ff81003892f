"""Envoy's external authorization over gRPC: a port of its own, in front of the forward-auth door."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from outpost.listeners.asked import Asked, AskedConnection, AskedFactory, Fields
from outpost.listeners.direct import direct_write
from protocols.errors import RemoteProtocolError
from protocols.proxy import ext_authz
from protocols.proxy.conventions import TOLD
from protocols.proxy.grpc import Call, GrpcConnection
from protocols.proxy.protobuf import BadMessage

IDLE_TIMEOUT = 3660.0
"""Seconds without a question; Envoy itself keeps a connection for an hour."""
BUSY_TIMEOUT = 60.0
"""Seconds without a byte while a question has begun to come or waits for its answer, or from whoever is not trusted."""
UNREADABLE = b"The question cannot be read: it is no CheckRequest of envoy.service.auth.v3.\n"
TOO_LONG = b"The question is longer than there is room for: let Envoy send less of the request's body along.\n"
NOTHING = ext_authz.Question(b"", b"", b"", b"", (), "")
"""What is heard of whoever is not trusted."""


class ExtAuthzConnection(AskedConnection):
    def _opened(self) -> None:
        self._trusted = self._owner.door.trusts(self.peer)
        self._grpc = GrpcConnection(ext_authz.CHECK, listens=self._trusted)
        self._send = direct_write(cast(Any, self.transport))
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        try:
            for call in self._grpc.receive_data(data):
                self._open(call)
        except RemoteProtocolError as error:
            self._owner.telemetry.discarded("http", self.peer, error.reason)
            self._flush()
            cast(Any, self.transport).loseConnection()
        except Exception:
            self._owner.telemetry.fault("ext_authz")
            self.abort()
        else:
            self._flush()
            if self._grpc.ended:
                cast(Any, self.transport).loseConnection()

    def _open(self, call: Call) -> None:
        """A question that cannot be read is refused, too: an error would let it through where Envoy is told to let
        errors through."""
        if not self._trusted:  # the door says so, before it looks at anything
            self._ask(call, NOTHING, b"", [])
            return
        if not call.whole:
            self._owner.telemetry.discarded("proxy", self.peer, "bad_forwarding")
            self._grpc.answer(call, ext_authz.denied(413, [], TOO_LONG))
            return
        try:
            asked = ext_authz.question(call.message)
        except BadMessage:
            self._owner.telemetry.discarded("proxy", self.peer, "bad_forwarding")
            self._grpc.answer(call, ext_authz.denied(400, [], UNREADABLE))
            return
        fields = [field for field in asked.headers if field[0] != b"x-forwarded-for"]
        if asked.client:
            fields.append((b"x-forwarded-for", asked.client.encode("latin-1")))
        if asked.scheme and not any(name == b"x-forwarded-proto" for name, _ in fields):
            fields.append((b"x-forwarded-proto", asked.scheme))
        method = asked.method if asked.method.isascii() else b""
        self._ask(call, asked, method, fields)

    def _ask(self, call: Call, asked: ext_authz.Question, method: bytes, fields: Fields) -> None:
        answered = partial(self._answer, call, asked)
        self._owner.door.answer(Asked(self.peer, method, asked.target, asked.host, fields, answered), "", TOLD)

    def _answer(
        self, call: Call, question: ext_authz.Question, asked: Asked, status: int, fields: Fields, body: bytes
    ) -> None:
        if status == TOLD.allowed:
            said = [field for field in fields if field[0] != b"Cache-Control"]
            message = ext_authz.allowed(question, said, keeps_authorization=not asked.spent_authorization)
        else:
            message = ext_authz.denied(status, fields, body)
        self._grpc.answer(call, message)
        self._flush()

    def _flush(self) -> None:
        data = self._grpc.data_to_send()
        if data:
            self._send(data)
        patience = IDLE_TIMEOUT if self._trusted and self._grpc.idle else BUSY_TIMEOUT
        self.deadline = self._owner.clock.seconds() + patience


class ExtAuthzFactory(AskedFactory):
    connection = ExtAuthzConnection
