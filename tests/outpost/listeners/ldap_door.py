"""A listener over a small directory, and connections to it."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from outpost.authentication import Authentication
from outpost.kept.credential_cache import CredentialCache
from outpost.listeners.ldap import LdapFactory
from outpost.listeners.limits import MAX_CONNECTIONS, MAX_CONNECTIONS_OF_HOST, Connections
from outpost.listeners.tls import ServerTls
from outpost.telemetry import Telemetry
from protocols.link.messages import Authenticate, Authenticated
from tests.certificates import issue
from tests.fakes import FakeLink, an_identity
from tests.outpost.directory.people import NOW, USERS, People
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer, answers

DOOR = issue("door").record
ALICE_DN, BOB_DN = f"cn=alice,{USERS}", f"cn=bob,{USERS}"
TLS = ServerTls(lambda name: DOOR)
PASSWORDS = {"alice": "secret", "bob": "hunter2", "carol": "carol's", "dora": "dora's"}


class RecordingTelemetry(Telemetry):
    """Swallows faults after noting them."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.notes: list[str] = []

    def fault(self, where: str) -> None:
        self.faults.append(where)

    def noted(self, sentence: str) -> None:
        self.notes.append(sentence)


class Wire(StringTransport):
    """Also remembers what became of the connection, and tells its producer to pause when asked to."""

    def __init__(self) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "127.0.0.1", 5555))  # type: ignore[no-untyped-call]
        self.protocol: Any = None
        self.aborted = False
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        super().write(data)  # type: ignore[no-untyped-call]

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()  # type: ignore[no-untyped-call]


class SlowLink(FakeLink):
    """Answers when told to."""

    gate: Deferred[None]

    async def ask(self, question: Authenticate) -> Authenticated:
        answer = await super().ask(question)
        self.gate = Deferred()
        await self.gate
        return answer


class Turns(Clock):
    """A clock that can do what a reactor does in one turn: what is due, but nothing that this brings up."""

    def turn(self) -> None:
        for call in [call for call in self.calls if call.getTime() <= self.seconds()]:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


class Door:
    """A listener over a small directory, and connections to it."""

    def __init__(
        self, people: People | None = None, link: FakeLink | None = None, tls: Any = None, caches: bool = False
    ) -> None:
        """``caches``: what is accepted is known from then on, as far as ``link.reuse`` says."""
        self.people = people or People()
        self.clock = Turns()
        self.now = NOW
        self.telemetry = RecordingTelemetry()
        self.link = link or FakeLink(dict(PASSWORDS))
        users = self.people.directory.current.users
        self.link.identities = {
            user.username: an_identity(user.username, user.pk, uuid=user.uuid) for user in users.values()
        }
        self.cache = CredentialCache(b"k" * 32, self.people.directory, lambda: self.now) if caches else None
        authentication = Authentication(self.link, lambda: "id", self.telemetry.fault, self.cache)
        self.factory = LdapFactory(
            authentication, self.people.directory, self.telemetry, self.clock, tls, now=lambda: self.now
        )
        self.factory.connections = Connections(
            self.clock, MAX_CONNECTIONS, MAX_CONNECTIONS_OF_HOST, lambda: self.factory.endings.look()
        )

    def connect(self, host: str = "127.0.0.1", secure: bool = False) -> Client:
        client = Client(self, host)
        client.connection._session.secure = secure
        return client


class Client:
    def __init__(self, door: Door, host: str = "127.0.0.1") -> None:
        self.door = door
        self.wire: Any = Wire()
        self.connection: Any = door.factory.buildProtocol(IPv4Address("TCP", host, 5555))
        self.connection.makeConnection(self.wire)  # type: ignore[no-untyped-call]

    def send(self, *messages: bytes) -> None:
        self.connection.dataReceived(b"".join(messages))

    def ask(self, *messages: bytes) -> list[Answer]:
        self.send(*messages)
        return self.answers()

    def answers(self) -> list[Answer]:
        octets = self.wire.value()
        self.wire.clear()
        return answers(octets)

    def turn(self) -> None:
        """One turn of the reactor."""
        self.door.clock.turn()

    def bind(self, name: str = ALICE_DN, password: str = "secret") -> int | None:
        (answer,) = self.ask(peer.bind(1, name, password))
        return answer.code

    def code(self, message: bytes) -> int | None:
        """Of the one result to this message."""
        return self.ask(message)[-1].code

    def names(self, message: bytes) -> list[str]:
        *entries, done = self.ask(message)
        assert done.code == 0
        return [entry.text for entry in entries]

    @property
    def closed(self) -> bool:
        return bool(self.wire.disconnecting)

    @property
    def reading(self) -> bool:
        return bool(self.wire.producerState == "producing")
