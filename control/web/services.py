"""What the HTTP faces of control are given by `control.app`; they name no concrete store."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from control.expression.http import HttpFacts
from control.mail.post import Post
from control.notifications.posting import PostJson, post_json
from control.outposts.audit import OutpostAudit
from control.passwords.hashing import OnBehalf, Passwords
from control.policies.judge import Judge
from control.sources.ldap.directories import Directories
from control.sources.ldap.syncing import Looks
from control.store.interface import Store
from rules.knocks import Knocks


@dataclass(frozen=True, slots=True)
class Services:
    store: Store
    passwords: Passwords | OnBehalf
    now: Callable[[], float]
    """Seconds since the epoch."""
    random: Callable[[int], bytes]
    """That many bytes from a cryptographic source."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    """Peers whose X-Forwarded-* headers are believed (D25)."""
    version: str
    public_url: str = ""
    """Under which browsers reach us; empty: each request's own scheme and host stand in for it (D25)."""
    media: Path | None = None
    """The operator's folder of pictures; there need be no such folder."""
    origin: str = ""
    """Where what is asked comes from: door and address."""
    http: HttpFacts | None = None
    """What was asked, as expressions see it."""

    directories: Directories = field(default_factory=lambda: Directories(os.urandom))
    """LDAP sources, at which passwords are tried."""
    looks: Looks = field(default_factory=dict)
    """How taking over their people went."""
    judge: Judge = field(default_factory=Judge)
    """Decides bindings, and asks policies."""
    post: Post = field(default_factory=Post)
    """For writing to people."""
    audit: OutpostAudit | None = None
    """Of what outposts ask; None: nobody keeps it."""
    post_json: PostJson = post_json
    """To a URL of the operator's."""
    knocks: Knocks = field(default_factory=Knocks)
    """Who or what was refused here for being unknown."""

    def on_behalf(self, owner: str, http: HttpFacts | None = None) -> Services:
        """The same for one origin, with passwords checked in its turns."""
        return replace(self, passwords=self.passwords.on_behalf(owner), origin=owner, http=http)
