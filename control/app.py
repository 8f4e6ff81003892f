"""Composition of control: store, passwords, authentication, the link, and the ASGI application.

The only file that names the concrete store.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from control import __version__
from control.authentication import Authentication
from control.backlog import Backlog
from control.bootstrap import FirstStart, first_start
from control.config import CannotStart, ControlConfig
from control.mail.delivery import Delivery
from control.mail.letters import Letters
from control.mail.post import Post
from control.notifications import owners
from control.notifications.delivering import Delivering
from control.notifications.mailing import by_mail
from control.notifications.matching import Matching
from control.oidc.back_channel import BackChannel
from control.oidc.bearing import bearer
from control.oidc.fetching import fetch, inquire
from control.oidc.foreign import ForeignTokens
from control.oidc.posting import post as post_form
from control.oidc.proxied import SignIns
from control.outposts.audit import OutpostAudit
from control.outposts.callers import AskedAuthorities
from control.outposts.cookie_secrets import CookieSecrets
from control.outposts.link import Link
from control.outposts.view import shown_certificate
from control.passwords.breached import BreachedPasswords
from control.passwords.changes import PasswordChanges
from control.passwords.hashing import Passwords, Unfit
from control.policies.judge import Judge
from control.policies.places import places
from control.proofs import proofs
from control.radius.dictionaries import learn_from
from control.radius.watch import RadiusWatch
from control.records import Outpost
from control.repeating import Repeating
from control.rotating import rotate_key
from control.scheduled_backups import Schedule, ScheduledBackups
from control.sources.asking import SourceTokens
from control.sources.ldap.directories import Directories
from control.sources.ldap.syncing import Looks, Syncing
from control.sources.renewing import Renewing
from control.store.interface import AccessDenied, Query, Transaction, Unavailable, WrongSecretKey
from control.store.sql import NewerStore, SqlStore
from control.store.sql.rotation import left, rotate
from control.verbs import system
from control.verbs.outposts import EMBEDDED
from control.web import admin_api, oidc_api, outposts_api, pages, revocations, sources
from control.web.request_ids import RequestIds
from control.web.services import Services
from protocols.link.messages import CertificateRecord

RETRY_FIRST, RETRY_MOST = 0.25, 2.0
"""Seconds until a database that does not answer is asked again: soon, as it may be starting, and then calmly."""

log = logging.getLogger(__name__)


def open_store(config: ControlConfig) -> SqlStore:
    """The store, made or upgraded where needed. Raises CannotStart, also when the database does not answer."""
    try:
        return _opened(config)
    except Unavailable as error:
        raise CannotStart(f"{error}.") from error


def _opened(config: ControlConfig) -> SqlStore:
    """Raises CannotStart and Unavailable."""
    try:
        learn_from(config.dictionaries)
        again = config.key_file.again if config.key_file is not None else lambda: None
        return SqlStore(config.database, config.secret_keys, keys_again=again)
    except (WrongSecretKey, NewerStore, ValueError) as error:
        raise CannotStart(str(error)) from error
    except AccessDenied as error:
        fix = (
            ""
            if config.database.startswith("sqlite:")
            else " Check OUTPOST_POSTGRESQL__* and the server's permissions."
        )
        raise CannotStart(f"{error}.{fix}") from error


def rotate_secret_key(config: ControlConfig) -> Iterator[str]:
    """As `control.rotating` says. Raises CannotStart, CannotRotate, Unavailable, AccessDenied, OSError."""
    _opened(config).close()
    yield from rotate_key(config.database, config.secret_keys, config.key_file, rotate, left)


def open_passwords(config: ControlConfig, random: Callable[[int], bytes]) -> Passwords:
    listed = config.breached_passwords
    return Passwords(random, breached=BreachedPasswords(listed).times) if listed is not None else Passwords(random)


async def await_store(config: ControlConfig) -> SqlStore:
    """As `open_store`, waiting for a database that does not answer yet; says so once."""
    delay, told = RETRY_FIRST, False
    while True:
        try:
            return await asyncio.to_thread(_opened, config)
        except Unavailable as error:
            if not told:
                log.warning("%s. Waiting until it does.", error)
            told = True
        await asyncio.sleep(delay)
        delay = min(delay * 2, RETRY_MOST)


@dataclass(slots=True)
class Control:
    """A control process, open for questions. ``embedded_outpost`` is the pk of the outpost inside `outpost up`."""

    config: ControlConfig
    store: SqlStore
    passwords: Passwords
    authentication: Authentication
    link: Link
    requests: RequestIds
    """The ASGI application, which counts its requests."""
    asked_authorities: AskedAuthorities
    """Whose certificates outposts have to show."""
    embedded_outpost: str
    certificate: CertificateRecord | None
    """The generated self-signed one, for HTTPS in front of control alone."""
    setup_code: str | None = field(repr=False)
    repeated: tuple[Repeating, ...]
    """What it does beside answering."""
    backlog: Backlog
    looks: Looks
    """How taking over people from directories went."""
    backups: ScheduledBackups | None = None
    public_url: str = ""
    """As the administrator has set it; empty: not yet."""

    @classmethod
    async def open(
        cls,
        config: ControlConfig,
        now: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
        schedule: Schedule | None = None,
    ) -> Control:
        """Waits for the database. ``schedule``: of backups. Raises CannotStart."""
        store = await await_store(config)
        passwords = open_passwords(config, random)
        try:
            setup_code = await first_start(store, passwords, _first_start(config), random, now)
        except (ValueError, Unfit) as error:
            store.close()
            passwords.close()
            raise CannotStart(f"OUTPOST_BOOTSTRAP_PASSWORD cannot be used: {error}") from error
        except Unavailable as error:
            store.close()
            passwords.close()
            raise CannotStart(f"{error}.") from error
        judge = Judge(places=places(config.geoip, config.asn, time.monotonic))
        post = Post(config.mail_server, Letters(config.mail_templates))
        audit = OutpostAudit(store, now)
        services = Services(
            store,
            passwords,
            now,
            random,
            config.trusted_proxies,
            __version__,
            config.public_url,
            config.media,
            directories=Directories(random),
            judge=judge,
            post=post,
            audit=audit,
        )
        foreign = ForeignTokens(fetch, now)
        tokens = SourceTokens(foreign, inquire)
        kinds = {**proofs(services), "bearer": bearer(store, foreign)}
        authentication = Authentication(store, kinds, now, services.judge)
        backups = ScheduledBackups(store, schedule) if schedule is not None else None
        backlog = Backlog(store)
        repeated = (
            *((backups.work,) if backups is not None else ()),
            audit.work,
            backlog.work,
            RadiusWatch(store, judge).work,
            BackChannel(store, random, post_form).work,
            Delivery(store, post).work,
            CookieSecrets(store, random).work,
            Matching(store, judge, by_mail(post), owners.by_mail(post)).work,
            Delivering(store, services.post_json).work,
            Syncing(store, services.directories, services.looks).work,
            Renewing(store, tokens, now).work,
        )
        for work in repeated:
            work.start()
        link = Link(
            store,
            authentication,
            SignIns(store, now, random, config.public_url),
            PasswordChanges(store, passwords, random, now, services.judge),
            audit,
        )
        asked = AskedAuthorities(store)
        await asked.look()
        return cls(
            config=config,
            asked_authorities=asked,
            store=store,
            passwords=passwords,
            authentication=authentication,
            link=link,
            requests=RequestIds(application(services, link, tokens), random),
            embedded_outpost=await store.read(embedded_outpost),
            certificate=await store.read(shown_certificate),
            setup_code=setup_code,
            repeated=repeated,
            backlog=backlog,
            looks=services.looks,
            backups=backups,
            public_url=await store.read(system.public_url),
        )

    @property
    def application(self) -> ASGIApp:
        return self.requests

    def close(self) -> None:
        """Waits for what is being written."""
        for work in self.repeated:
            work.stop()
        self.passwords.close()
        self.store.close()

    def next_steps(self, http: str) -> list[str]:
        """What a person does next, in sentences; ``http`` is where a browser reaches us."""
        http = self.public_url or http
        if not self.config.has_pages:
            return ["Sends mail and notices, and clears up, beside the other processes on this database."]
        made = self.config.secret_key_made
        lines = [] if made is None else [f"A secret key was made in {made}. Keep a copy of it apart from the data.", ""]
        if self.setup_code is not None:
            return [
                *lines,
                "Nobody is set up yet. Open this link to make the first administrator (the code works once):",
                f"  {http}/if/flow/initial-setup/?code={self.setup_code}",
            ]
        return [*lines, f"Sign in at {http}/"]


def application(services: Services, link: Link, tokens: SourceTokens) -> Starlette:
    """Everything that control says over HTTP."""
    return Starlette(
        routes=[
            *outposts_api.routes(services, link),
            Mount("/api/v3", routes=admin_api.routes(services)),
            *oidc_api.routes(services),
            *sources.routes(services, tokens),
            *revocations.routes(services),
            *pages.routes(services),
        ]
    )


def embedded_outpost(tx: Transaction) -> str:
    return tx.select(Outpost, Query(equal={"managed": EMBEDDED}))[0].pk


def _first_start(config: ControlConfig) -> FirstStart:
    asked = FirstStart(
        password=config.bootstrap_password.reveal() if config.bootstrap_password else "",
        token=config.bootstrap_token.reveal() if config.bootstrap_token else "",
    )
    return FirstStart(asked.password, config.bootstrap_email or asked.email, asked.token, config.has_pages)
