"""What an answer that lets somebody in says in its header, kept ready: the same people come in again and again between
two configurations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from outpost.bounded import Bounded
from outpost.browsers.added_headers import AddedHeaders
from outpost.browsers.assertions import KEPT_SECONDS, Assertions
from outpost.browsers.sessions import NO_TOKEN
from outpost.directory.snapshot import Snapshot
from outpost.outcome import Identity
from protocols.link.messages import OutpostRecord
from protocols.proxy.conventions import Convention
from protocols.proxy.decision import Site
from protocols.proxy.headers import MAX_LIST_BYTES, Unwritable, field, meta_fields
from protocols.proxy.http1 import field_lines
from protocols.proxy.injected import injected_fields

ALLOWED = field_lines([(b"Cache-Control", b"no-store")])
"""With every answer that lets somebody in: a proxy that kept one would let in others."""
MAX_RENDERED = 10_000
"""Identities whose headers are kept ready; some 10 MB."""


class Lines(NamedTuple):
    """Of headers that say who came in."""

    octets: bytes
    until: float
    """When they are too old."""


class IdentityLines:
    """``control_url``: where browsers reach control; ``now``: seconds since the epoch."""

    def __init__(
        self, version: str, control_url: Callable[[], str], now: Callable[[], float], added: AddedHeaders
    ) -> None:
        self._version = version
        self._now = now
        self._assertions = Assertions(now)
        self._control_url = control_url
        self._added = added
        self._names = added.names
        self._outpost: OutpostRecord | None = None
        self._meta: dict[int, tuple[Site, bytes]] = {}
        self._rendered: Bounded[tuple[int, int, Convention], tuple[Identity, Lines]] = Bounded(MAX_RENDERED)

    def configured(self, snapshot: Snapshot) -> None:
        self._outpost = snapshot.outpost
        self._meta = {}
        self._rendered.clear()

    def nobody(self, site: Site, convention: Convention) -> bytes:
        """Every identity header, empty: nobody's own gets through where nobody has to sign in."""
        injected = injected_fields({}, "", site.basic, site.assertion_header, self._added.names)
        lines = ALLOWED + field_lines([*convention.identity(None), *injected, *self._assertion(site, None)])
        return lines + self._about(site) + NO_TOKEN if convention.tells_more else lines

    def of(self, site: Site, identity: Identity, convention: Convention) -> Lines:
        """Of somebody who has no session. Raises Unwritable."""
        lines = self._of_person(site, identity, convention)
        return Lines(lines.octets + NO_TOKEN, lines.until) if convention.tells_more else lines

    def of_session(self, site: Site, identity: Identity, convention: Convention, token: bytes | None) -> bytes:
        """``token``: `Word.token` of their session. Raises Unwritable."""
        lines = self._of_person(site, identity, convention).octets
        if not convention.tells_more:
            return lines
        if token is None:
            raise Unwritable("the session's token is too long for a header")
        return lines + token

    def _of_person(self, site: Site, identity: Identity, convention: Convention) -> Lines:
        """A known credential, and a session, give the same identity again until the directory changes."""
        if self._names is not self._added.names:
            self._names = self._added.names
            self._rendered.clear()
        place = (site.provider, identity.user, convention)
        kept = self._rendered.get(place)
        if kept is not None and kept[0] is identity and not self.are_old(kept[1]):
            return kept[1]
        lines = Lines(self._fresh(site, identity, convention), self._until(site))
        self._rendered[place] = identity, lines
        return lines

    def are_old(self, lines: Lines) -> bool:
        return self._now() >= lines.until

    def _until(self, site: Site) -> float:
        return self._now() + KEPT_SECONDS if site.assertion_header else math.inf

    def _fresh(self, site: Site, identity: Identity, convention: Convention) -> bytes:
        names, only = self._added.names, self._added.too_many
        injected = injected_fields(identity.attributes, identity.email, site.basic, site.assertion_header, names, only)
        lines = ALLOWED + field_lines([*convention.identity(identity), *injected, *self._assertion(site, identity)])
        return lines + self._about(site) if convention.tells_more else lines

    def _assertion(self, site: Site, identity: Identity | None) -> list[tuple[bytes, bytes]]:
        """Empty for nobody, so that a browser's own never gets through."""
        if not site.assertion_header:
            return []
        said = self._assertions.of(site, identity) if identity is not None else ""
        return [field(site.assertion_header, said, MAX_LIST_BYTES)]

    def _about(self, site: Site) -> bytes:
        kept = self._meta.get(site.provider)
        if kept is None or kept[0] is not site:  # who waited for control may ask about it as it was before
            outpost = self._outpost
            jwks = f"{self._control_url().rstrip('/')}/application/o/{site.application}/jwks/"
            name = outpost.name if outpost is not None else ""
            lines = field_lines(
                meta_fields(jwks, name, site.provider_name, site.application, f"outpost/{self._version}")
            )
            kept = self._meta[site.provider] = site, lines
        return kept[1]
