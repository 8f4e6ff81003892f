"""A mail server of the test's own (aiosmtpd) on loopback: what it has taken, and how it misbehaves when asked to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

LOGIN = ("outpost", "s3cret, really")


@dataclass
class Taken:
    sender: str
    to: list[str]
    mail: EmailMessage

    @property
    def text(self) -> str:
        part = self.mail.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        part = self.mail.get_body(("html",))
        assert part is not None
        return str(part.get_content())


@dataclass
class Mailbox:
    """``answers``: verb (``MAIL``, ``RCPT``, ``DATA``) to what is said once for each, instead of taking it; ``drop``
    ends the connection, ``hang`` says nothing."""

    taken: list[Taken] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    tries: int = 0
    arrived: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    host: str = "127.0.0.1"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, opts: list[str]
    ) -> str:
        self.tries += 1
        if (said := await self._said(server, "MAIL")) is not None:
            return said
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, opts: list[str]
    ) -> str:
        if (said := await self._said(server, "RCPT")) is not None:
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if (said := await self._said(server, "DATA")) is not None:
            return said
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.taken.append(Taken(envelope.mail_from or "", list(envelope.rcpt_tos), mail))
        self.arrived.set()
        return "250 taken"

    async def _said(self, server: SMTP, verb: str) -> str | None:
        answers = self.answers.get(verb)
        if not answers:
            return None
        said = answers.pop(0)
        if said == "drop":
            assert server.transport is not None
            server.transport.close()
        elif said == "hang":
            await asyncio.sleep(60)
        return said

    def wait(self, count: int = 1, seconds: float = 60.0) -> list[Taken]:
        """What was taken, once there are so many."""
        while len(self.taken) < count:
            self.arrived.clear()
            if len(self.taken) < count:
                assert self.arrived.wait(seconds), f"{len(self.taken)} of {count} mails came"
        return list(self.taken)


def _authenticator(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == LOGIN
    return AuthResult(success=right, handled=False) if not right else AuthResult(success=True)


@contextmanager
def mailbox(
    starttls: ssl.SSLContext | None = None,
    implicit: ssl.SSLContext | None = None,
    login: bool = False,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[Mailbox]:
    """A server in a thread of its own; ``port`` 0: any free one."""
    found = Mailbox(host=host)
    loop = asyncio.new_event_loop()
    options: dict[str, Any] = {
        "enable_SMTPUTF8": True,
        "hostname": "mail.example.com",
        "loop": loop,
        "tls_context": starttls,
    }
    if login:
        options |= {"authenticator": _authenticator, "auth_required": True, "auth_require_tls": implicit is None}

    spoken: list[SMTP] = []

    def connected() -> SMTP:
        spoken.append(SMTP(found, **options))
        return spoken[-1]

    async def listen() -> asyncio.Server:
        return await loop.create_server(connected, host, port, ssl=implicit)

    server = loop.run_until_complete(listen())
    found.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(_close(server, spoken), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(server: asyncio.Server, spoken: list[SMTP]) -> None:
    server.close()
    for one in spoken:
        if one.transport is not None:
            cast(asyncio.Transport, one.transport).abort()
    mine = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not mine]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for _ in range(10):
        await asyncio.sleep(0)  # transports close in turns of the loop


@contextmanager
def silence(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server((host, 0)) as listening:
        yield listening.getsockname()[1]
