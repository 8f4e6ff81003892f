"""One EAP conversation (RFC 3748): identity, agreement on a method, and the method. The same inside a tunnel."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.errors import RemoteProtocolError
from protocols.radius.eap.packet import Response, Type, parse_response, request, wanted_instead
from protocols.radius.eap.steps import Ask, Failed, Method, Say, Step, Succeeded, Verdict
from protocols.radius.offers import typed_name

MAX_IDENTITY = 1024  # octets; an NAI has at most 253 (RFC 7542 section 2.3)

Methods = Mapping[int, Callable[[str], Method]]
"""Type to what makes the method for an identity; the first is proposed, the others if the peer asks for them."""


class Unexpected(RemoteProtocolError):
    """To be discarded silently: it answers nothing that was asked (RFC 3748 section 4.1)."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "eap_unexpected")


class Conversation:
    """``identifier``: of the first Request. ``inside``: a tunnel, through which nothing comes twice or late, so that
    what answers nothing there ends it all."""

    def __init__(self, methods: Methods, identifier: int = 0, inside: bool = False) -> None:
        self.identity: str | None = None
        self.identifier = identifier
        """Of the Request that waits for its Response."""
        self._methods = methods
        self._method: Method | None = None
        self._proposed: set[int] = set()
        self._may_refuse = False
        self._asking = False
        self._inside = inside

    @property
    def method(self) -> int:
        """EAP type of the method in use; 0: none yet."""
        return self._method.type if self._method is not None else 0

    @property
    def can_ask(self) -> bool:
        """Could the method in use put another question to the person?"""
        return self._method is not None and self._method.can_ask

    def start(self) -> Say:
        return Say(request(self.identifier, Type.IDENTITY, b""))

    def introduced(self, octets: bytes) -> Step:
        """Begins with a Response/Identity that nobody here asked for: the NAS did."""
        answer = parse_response(octets)
        self.identifier = answer.identifier
        return self._receive(answer)

    def receive(self, octets: bytes) -> Step:
        """Raises Unexpected, and RemoteProtocolError for what ends the conversation in failure."""
        answer = parse_response(octets)
        if self._asking:
            raise self._unexpected("the last Response is still being decided")
        if answer.identifier != self.identifier:
            raise self._unexpected(f"EAP Identifier {answer.identifier} instead of {self.identifier}")
        return self._receive(answer)

    def decided(self, verdict: Verdict) -> Step:
        if self._method is None or not self._asking:
            raise RuntimeError("nothing was asked")
        self._asking = False
        return self._framed(self._method.decided(verdict))

    def _receive(self, answer: Response) -> Step:
        if self._method is None:
            if answer.type != Type.IDENTITY:
                raise RemoteProtocolError(f"EAP type {answer.type} instead of an identity")
            return self._identified(answer.data)
        if self._may_refuse and (wanted := wanted_instead(answer)) is not None:
            return self._refused(wanted)
        if answer.type != self._method.type:
            raise self._unexpected(f"EAP type {answer.type} instead of {self._method.type}")
        self._may_refuse = False
        return self._framed(self._method.receive(answer.data))

    def _identified(self, data: bytes) -> Step:
        """What follows a NUL are options (RFC 3748 section 5.1)."""
        identity = typed_name(data.partition(b"\0")[0])
        if identity is None or len(data) > MAX_IDENTITY:
            raise RemoteProtocolError("an EAP identity that is no name")
        self.identity = identity
        if not self._methods:
            return Failed("eap_not_offered")
        self._may_refuse = True
        return self._propose(next(iter(self._methods)))

    def _refused(self, wanted: bytes) -> Step:
        """``wanted``: the types that the peer would rather use; 0 is none."""
        for kind in wanted:
            if kind in self._methods and kind not in self._proposed:
                return self._propose(kind)
        return Failed("eap_no_common_method", f"the device asks for EAP types {list(wanted)}")

    def _unexpected(self, text: str) -> RemoteProtocolError:
        return RemoteProtocolError(text) if self._inside else Unexpected(text)

    def _propose(self, kind: int) -> Step:
        self._proposed.add(kind)
        self._method = self._methods[kind](self.identity or "")
        return self._framed(self._method.start())

    def _framed(self, step: Step) -> Step:
        match step:
            case Say(data):
                self.identifier = (self.identifier + 1) & 0xFF
                assert self._method is not None
                return Say(request(self.identifier, self._method.type, data))
            case Ask():
                self._asking = True
                return step
            case Succeeded() | Failed():
                return step
