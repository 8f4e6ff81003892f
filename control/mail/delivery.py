"""What a control process does with the outbox, again and again."""

from __future__ import annotations

import asyncio
from functools import partial

from control.mail import outbox
from control.mail.message import BadAddress, message
from control.mail.post import Post
from control.mail.sending import LEASE_SECONDS
from control.mail.trial import NO_SERVER
from control.mail.trouble import Step, Trouble
from control.records import Letter, MailServer
from control.repeating import Repeating
from control.store.interface import Store, Transaction

REST = 1.0
"""Seconds between looks: whoever waits for a link does not wait for us."""
LONGEST_REST = 60.0
"""While the server cannot be used: soon enough after somebody has repaired it."""
UNUSABLE = frozenset({Step.NAME, Step.CONNECT, Step.TLS, Step.LOGIN})
"""Steps whose failure is no letter's own."""


class Delivery:
    def __init__(self, store: Store, post: Post) -> None:
        self._store = store
        self._post = post
        self.rest = REST
        """Seconds until the next look."""
        self.work = Repeating("sending mail", self.look, lambda: asyncio.sleep(self.rest))

    async def look(self) -> None:
        """Sends what is due, one letter after another. Writes only if there is something."""
        if not await self._store.read(outbox.is_any_due):
            return
        while (claimed := await self._store.write(self._claim)) is not None:
            letter, server = claimed
            trouble = await self._try(letter, server)
            await self._store.write(partial(_answered, letter=letter, trouble=trouble))
            if trouble is not None and trouble.step in UNUSABLE:
                self.rest = min(self.rest * 2, LONGEST_REST)
                return
            self.rest = REST

    def _claim(self, tx: Transaction) -> tuple[Letter, MailServer | None] | None:
        letter = outbox.claim(tx, LEASE_SECONDS)
        return (letter, self._post.server(tx)) if letter is not None else None

    async def _try(self, letter: Letter, server: MailServer | None) -> Trouble | None:
        if server is None:
            return Trouble(Step.CONNECT, NO_SERVER)
        try:
            await self._post.send(server, letter.to, message(letter, server.from_address, letter.created))
        except Trouble as trouble:
            return trouble
        except BadAddress as error:
            return Trouble(Step.LOGIN, str(error))
        except TimeoutError:
            return Trouble(Step.CONNECT, f"{server.host} took too long over it.")
        return None


def _answered(tx: Transaction, letter: Letter, trouble: Trouble | None) -> None:
    if trouble is None:
        outbox.sent(tx, letter)
    else:
        outbox.not_sent(tx, letter, trouble.text, trouble.for_good)
