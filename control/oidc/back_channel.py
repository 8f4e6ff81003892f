"""Applications hear that a session is over, wherever it ended (OpenID Connect Back-Channel Logout 1.0).

What ends a session leaves a `LogoutNotice`. It is sent until the application has understood (`control.redelivery`);
after a day of that an event tells the operator.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from control.oidc import claims, clients
from control.oidc.claims import Person
from control.oidc.clients import Client
from control.oidc.keys import NoKey, signing_key
from control.oidc.tokens import UNIQUE_BYTES, Random, text
from control.records import Application, Event, LogoutNotice, Provider, SessionClient
from control.redelivery import Redelivery
from control.repeating import Repeating
from control.store.interface import Store, Transaction

EVENT = "http://schemas.openid.net/event/backchannel-logout"
"""Section 2.4: the claim that makes a logout token one."""
TYPE = "logout+jwt"
TOKEN_SECONDS = 120
"""Section 2.4 recommends at most two minutes."""
REST = 0.25
"""Seconds between looks: an application hears within one."""
AT_ONCE = 100
"""Notices sent at the same time."""
FIRST_WAIT = 1.0
"""Seconds until the second try."""

Post = Callable[[str, bytes], Awaitable[bool]]
"""Sends a form to a URL; whether it was understood. Raises nothing."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    url: str
    token: str


def remember(tx: Transaction, asking: Client, session: str, issuer: str, person: Person) -> None:
    """Who has to hear of this session's end: outposts, and applications that want to, by the names that their tokens
    have."""
    asks = bool(asking.provider.settings.get("logout_uri"))
    if not asks and asking.provider.kind != "proxy":
        return
    if tx.find(SessionClient, session=session, provider=asking.provider.pk) is None:
        subject = claims.subject(person, asking.provider.settings.get("sub_mode", "hashed_user_id"))
        names = {"issuer": issuer, "subject": subject} if asks else {}
        tx.insert(SessionClient(session, asking.provider.pk, **names))


class BackChannel:
    def __init__(self, store: Store, random: Random, post: Post) -> None:
        self._random = random
        self._post = post
        self.queue = Redelivery(
            store, LogoutNotice, self._sending, self._send, _give_up, "provider", AT_ONCE, FIRST_WAIT
        )
        what = "telling applications of ended sessions"
        self.work = Repeating(what, self.queue.begin, lambda: asyncio.sleep(REST), stopped=self.queue.stop)

    async def _send(self, sending: Sending) -> bool:
        return await self._post(sending.url, urlencode({"logout_token": sending.token}).encode("ascii"))

    def _sending(self, tx: Transaction, notice: LogoutNotice) -> Sending | None:
        return _sending(tx, notice, self._random)


def _sending(tx: Transaction, notice: LogoutNotice, random: Random) -> Sending | None:
    """None: the application is gone, or wants to hear nothing any more."""
    provider = tx.find(Provider, pk=notice.provider)
    application = tx.find(Application, provider=notice.provider)
    client = clients.client(tx, provider, application) if provider is not None and application is not None else None
    url = client.provider.settings.get("logout_uri") if client is not None else None
    if client is None or not url:
        return None
    try:
        return Sending(url, _token(tx, client, notice, random))
    except NoKey as error:
        log.error("%s", error)
        return None


def _token(tx: Transaction, client: Client, notice: LogoutNotice, random: Random) -> str:
    """Section 2.4. Raises NoKey."""
    told = {
        "iss": notice.issuer,
        "sub": notice.subject,
        "aud": client.client_id,
        "iat": int(tx.now),
        "exp": int(tx.now) + TOKEN_SECONDS,
        "jti": text(random(UNIQUE_BYTES)),
        "events": {EVENT: {}},
        "sid": notice.sid,
    }
    return signing_key(tx, client).sign(told, TYPE)


def _give_up(tx: Transaction, notice: LogoutNotice) -> None:
    provider = tx.find(Provider, pk=notice.provider)
    if provider is None or not provider.settings.get("logout_uri"):
        return
    message = (
        f"The application of provider “{provider.name}” did not understand for a day that a session was over. "
        "Look at its log, and at the provider's logout URI."
    )
    tx.insert(
        Event(
            "configuration_error",
            app="oidc",
            context={"message": message, "provider": provider.pk, "tries": notice.tries},
            created=tx.now,
        )
    )
