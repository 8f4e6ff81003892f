"""One letter to one server (RFC 5321), step by step, so that whoever reads of a failure knows which step it was."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import TYPE_CHECKING

from control.mail.message import BadAddress, bare, sender
from control.mail.trouble import Step, Trouble, not_offered, told
from control.records import MailServer

if TYPE_CHECKING:
    from aiosmtplib import SMTP

TAKING_SECONDS = 120.0
"""How long a server may think about a letter once it has all of it. RFC 5321, 4.5.3.2.6 asks for patience here: who
hangs up meanwhile gets the letter delivered, and sends it again."""
LEASE_SECONDS = 600.0
"""Longer than a whole try with the longest usual time-outs takes."""

Send = Callable[[MailServer, str, EmailMessage], Awaitable[None]]
"""As `send`, for those who are given one."""


async def send(server: MailServer, to: str, mail: EmailMessage, trust: ssl.SSLContext | None = None) -> None:
    """Returns when the server has taken the letter. ``trust``: None for what this machine trusts. Raises Trouble."""
    try:
        author, recipient = sender(server.from_address).addr_spec, bare(to)
    except BadAddress as error:
        raise Trouble(Step.SENDER, str(error)) from None
    async with asyncio.timeout(LEASE_SECONDS / 2):
        await _send(server, author, recipient, mail, trust or ssl.create_default_context())


async def _send(server: MailServer, author: str, recipient: str, mail: EmailMessage, trust: ssl.SSLContext) -> None:
    from aiosmtplib import SMTP  # only who sends mail needs it

    with _at(Step.NAME, server):
        await asyncio.get_running_loop().getaddrinfo(server.host, server.port)
    client = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=_greeted_as(author),
        timeout=server.timeout,
        use_tls=server.use_ssl,
        start_tls=False,
        tls_context=trust,
    )
    try:
        with _at(Step.CONNECT, server):
            await client.connect()
        if server.use_tls and not server.use_ssl:
            with _at(Step.TLS, server):
                await client.ehlo()
                _require(client, "starttls", Step.TLS, server)
                await client.starttls(tls_context=trust)
        if server.username:
            with _at(Step.LOGIN, server):
                await client.ehlo()
                _require(client, "auth", Step.LOGIN, server)
                await client.login(server.username, server.password)
        with _at(Step.SENDER, server):
            await client.mail(author)
        with _at(Step.RECIPIENT, server):
            await client.rcpt(recipient)
        with _at(Step.CONTENT, server):
            await client.data(mail.as_bytes(), timeout=max(TAKING_SECONDS, server.timeout))
        await _quit(client)
    finally:
        _hang_up(client.transport)
        client.close()


def _require(client: SMTP, extension: str, step: Step, server: MailServer) -> None:
    """Raises Trouble: what was asked for is never gone without."""
    if not client.supports_extension(extension):
        raise not_offered(step, server)


async def _quit(client: SMTP) -> None:
    """The letter is taken: what happens now changes nothing, and nobody waits for a goodbye under TLS."""
    from aiosmtplib import SMTPException

    transport = client.transport
    try:
        await client.quit()
    except (SMTPException, OSError):
        pass
    finally:
        _hang_up(transport)


def _hang_up(transport: asyncio.BaseTransport | None) -> None:
    if isinstance(transport, asyncio.Transport):
        transport.abort()


@contextmanager
def _at(step: Step, server: MailServer) -> Iterator[None]:
    from aiosmtplib import SMTPException

    try:
        yield
    except (SMTPException, OSError, EOFError, UnicodeError, ValueError) as error:
        raise told(step, server, error) from error


def _greeted_as(author: str) -> str:
    """What we call ourselves (RFC 5321, 4.1.4): the domain that we send for; looking up our own name could hang."""
    domain = author.rpartition("@")[2]
    return domain if "." in domain else "localhost.localdomain"
