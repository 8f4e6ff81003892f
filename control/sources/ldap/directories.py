"""What directories are asked: is this somebody's password, and who is there."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from control.passwords.hashing import Busy
from control.sources.ldap.connection import Away, Connection, Dial, connected, dial
from control.sources.ldap.described import Directory, identifier
from protocols.errors import RemoteProtocolError
from protocols.ldap.asking import Entry
from protocols.ldap.dn import escape
from protocols.ldap.filter import Filter
from protocols.ldap.result import ResultCode
from rules.places import host as host_of

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
"""For one password, from the first octet to the last: RADIUS clients wait about that long."""
READ_SECONDS = 300.0
"""For all of a directory's people or groups."""
MOST_AT_ONCE = 32
"""Passwords that are being tried at all directories together; whoever comes then is told Busy."""
MOST_OF_HOST = MOST_AT_ONCE // 2
"""Of these from one host: while a directory is slow, whoever guesses leaves places to others."""
MOST_ENTRIES = 50_000
"""People, or groups, of one directory."""
NOBODY_OCTETS = 16
WRONG = frozenset(
    {
        ResultCode.INVALID_CREDENTIALS,
        ResultCode.NO_SUCH_OBJECT,
        ResultCode.INAPPROPRIATE_AUTHENTICATION,
        ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
        ResultCode.CONSTRAINT_VIOLATION,
        ResultCode.UNWILLING_TO_PERFORM,
    }
)
"""Results of a bind that mean: not this person with this password. Locked and expired accounts get several of them."""
NEEDLESS = frozenset({"dn", "distinguishedname"})


class Directories:
    """``random`` gives that many bytes from a cryptographic source."""

    def __init__(self, random: Callable[[int], bytes], dial: Dial = dial) -> None:
        self._random = random
        self._dial = dial
        self._trying = 0
        self._of_host: Counter[str] = Counter()
        self._away: set[str] = set()

    async def accepts(self, directory: Directory, whose: str | None, password: str, peer: str = "") -> bool:
        """Does the directory let the person with this identifier bind? None is nobody: the same is asked, and the
        answer is no. ``peer``: who waits for it, empty if nobody knows. Raises Away, Busy."""
        host = host_of(peer)
        if self._trying >= MOST_AT_ONCE or (host and self._of_host[host] >= MOST_OF_HOST):
            raise Busy(f"{self._trying} passwords are being tried at directories")
        self._trying += 1
        self._of_host[host] += 1
        try:
            async with self._asked(directory, CHECK_SECONDS) as connection:
                return await self._binds(connection, directory, whose, password)
        finally:
            self._trying -= 1
            self._of_host[host] -= 1
            if not self._of_host[host]:
                del self._of_host[host]

    async def people(self, directory: Directory, attributes: Sequence[str]) -> list[Entry]:
        """Raises Away, also if they are more than `MOST_ENTRIES`."""
        return await self._all(directory, directory.people_base, directory.people, attributes)

    async def groups(self, directory: Directory, attributes: Sequence[str]) -> list[Entry]:
        """Raises Away, also if they are more than `MOST_ENTRIES`."""
        return await self._all(directory, directory.groups_base, directory.groups, attributes)

    async def _all(self, directory: Directory, base: str, filter: Filter, attributes: Sequence[str]) -> list[Entry]:
        asked = [name for name in dict.fromkeys(attributes) if name.lower() not in NEEDLESS]
        async with self._asked(directory, READ_SECONDS) as connection:
            return await connection.search(base, filter, asked, MOST_ENTRIES)

    async def _binds(self, connection: Connection, directory: Directory, whose: str | None, password: str) -> bool:
        nobody = self._random(NOBODY_OCTETS).hex()
        wanted = directory.person(whose if whose is not None else identifier(nobody.encode()))
        found = await connection.search(directory.people_base, wanted, ["1.1"], 1)
        usable = whose is not None and is_usable(password)
        name = found[0].dn if usable and found else f"cn={escape(nobody)},{directory.people_base}"
        code = await connection.bind(name, password if usable else nobody)
        if code == ResultCode.SUCCESS:
            return usable and bool(found)
        if code in WRONG:
            return False
        raise Away(f"a bind ended with result {code}")

    @asynccontextmanager
    async def _asked(self, directory: Directory, seconds: float) -> AsyncIterator[Connection]:
        """Bound as the source says. What goes wrong becomes Away, and is told once until it goes well again."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                if directory.authorities is None:
                    raise Away("the certificate that it trusts is deleted: choose another one for the source, or none")
                connection = await connected(directory.servers, directory.start_tls, directory.authorities, self._dial)
                if directory.bind_name:
                    code = await connection.bind(directory.bind_name, directory.bind_password)
                    if code != ResultCode.SUCCESS:
                        raise Away(f"bind_cn and bind_password were refused with result {code}")
                yield connection
        except (OSError, EOFError, RemoteProtocolError, UnicodeError, ValueError, Away) as error:
            trouble = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
            if directory.pk not in self._away:
                told = {"event": "source_away", "source": directory.slug}
                log.warning("the directory %s is away: %s", directory.slug, trouble, extra={"fields": told})
            self._away.add(directory.pk)
            raise Away(trouble) from None
        else:
            if directory.pk in self._away:
                self._away.discard(directory.pk)
                told = {"event": "source_back", "source": directory.slug}
                log.info("the directory %s answers again", directory.slug, extra={"fields": told})
        finally:
            if connection is not None:
                connection.close()


def is_usable(password: str) -> bool:
    """An empty one would be an unauthenticated bind, which succeeds (RFC 4513, 5.1.2), and servers in C may take one
    with a NUL for its beginning."""
    if not password or "\0" in password:
        return False
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True
