"""What is true of mails, whoever asked for them, and what was done with them: known apart from the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from control.default_flows import CONFIRMATION
from control.flows.state import Done
from control.mail import outbox
from control.mail.post import Post
from control.records import Authenticator, Flow, Invitation, Letter, MailServer, User
from control.store.interface import Query, Transaction
from control.verbs import authenticators, invitations, mailed_codes, system, users
from tests.control.flows.house import House

RECOVERY, ENROLLMENT = "default-recovery-flow", "default-enrollment-flow"
SIGN_IN, SETUP = "default-authentication-flow", "default-authenticator-email-setup"
DETAILS = "default-user-settings-flow"
PUBLIC = "https://auth.example.org"
LASTS = {RECOVERY: 30 * 60, ENROLLMENT: 24 * 3600, CONFIRMATION: 24 * 3600}
CODE_LASTS = 15 * 60
DAY = 86_400

PEOPLE = ("alice", "bob", "carol")
NEWCOMERS = ("nina", "olaf", "alice")
PASSWORDS = ("the first password", "the second password", "the third password", "the fourth password")


@dataclass(frozen=True)
class Code:
    to: str
    digits: str
    until: float


@dataclass(frozen=True)
class Trail:
    """What the browser behind a state has shown on the way to it."""

    mail: int | None = None
    """The number of the mail by whose link it came."""
    proved: int | None = None
    by: str = ""
    """How: by `link` or by `password`."""
    code: Code | None = None
    """The last one that was mailed on this way."""
    shown: bool = False
    """It was shown, too."""
    typed: tuple[str, str, str] = ("", "", "")
    """Name, address and password of who wants an account."""
    invitation: str = ""
    needed: bool = False
    """Nobody could begin without one."""


@dataclass
class Mail:
    """With a link."""

    to: str
    key: str
    slug: str
    made: float
    trail: Trail
    """Of whoever asked for it."""
    person: int | None
    version: int
    over: bool = False


@dataclass
class Invited:
    single: bool
    expires: float
    ours: bool
    """For the flow that they are shown to."""
    used: bool = False


@dataclass
class World:
    """What is true."""

    mails: list[Mail] = field(default_factory=list)
    spent: set[Code] = field(default_factory=set)
    invitations: dict[str, Invited] = field(default_factory=dict)
    enrollment: str = "off"


class Mailed:
    """alice has no second factor, bob an address elsewhere, carol the mailbox that links go to."""

    def __init__(self) -> None:
        self.folder = TemporaryDirectory()
        self.house = House(Path(self.folder.name))
        post = Post(MailServer(host="smtp.example.com"))
        self.house.services = replace(self.house.services, post=post, public_url=PUBLIC)
        self.password = dict(zip(PEOPLE, PASSWORDS, strict=False))
        self.pk = {name: self.house.user(name, word, email=mailbox(name)) for name, word in self.password.items()}
        self.name = {pk: name for name, pk in self.pk.items()}
        self.world = World()
        self.seen: set[str] = set()
        self.factor("bob", "bob@elsewhere.example")
        self.factor("carol", mailbox("carol"))
        self.write(lambda tx: system.change(tx, {"default_user_change_email": True}))
        self.switch_enrollment("open")
        self.invite(single=True, lasts=10.0 * DAY, ours=True)

    def close(self) -> None:
        self.house.close()
        self.folder.cleanup()

    def write(self, verb: Callable[[Transaction], Any]) -> Any:
        return self.house.sql.write_now(verb)

    def read(self, verb: Callable[[Transaction], Any]) -> Any:
        return self.house.sql.read_now(verb)

    @property
    def now(self) -> float:
        return self.house.clock.now()

    def stored(self, pk: int) -> User:
        found: User = self.read(lambda tx: tx.get(User, pk))
        return found

    def everybody(self) -> dict[int, User]:
        return {user.pk: user for user in self.read(lambda tx: tx.select(User))}

    def factors(self, pk: int, mailbox: str = "") -> list[Authenticator]:
        """But for the mailbox that was shown already."""
        every: list[Authenticator] = self.read(lambda tx: authenticators.of(tx, pk))
        return [one for one in every if one.settings["address"] != mailbox]

    def is_good(self, mail: Mail) -> bool:
        if mail.over or self.now >= mail.made + LASTS[mail.slug]:
            return False
        if mail.person is None:
            closed = {"open": False, "invitation": not mail.trail.invitation, "off": True}[self.world.enrollment]
            return mail.slug == ENROLLMENT and not closed
        user = self.stored(mail.person)
        return user.is_active and user.email == mail.to and user.credential_version == mail.version

    def is_invited(self, pk: str) -> bool:
        one = self.world.invitations.get(pk)
        return one is not None and one.ours and self.now < one.expires and not (one.single and one.used)

    def new_letters(self) -> list[Letter]:
        every: list[Letter] = self.read(lambda tx: tx.select(Letter, Query(ordering=("created",))))
        fresh = [one for one in every if one.pk not in self.seen and one.to]
        self.seen |= {one.pk for one in every}
        return fresh

    def factor(self, name: str, address: str) -> None:
        def verb(tx: Transaction) -> None:
            begun = mailed_codes.begin(tx, self.pk[name], self.house.services.random, address, CODE_LASTS)
            tx.update(replace(begun, confirmed=True))

        self.write(verb)

    def deliver(self) -> None:
        def verb(tx: Transaction) -> None:
            for letter in tx.select(Letter, Query(equal={"state": outbox.WAITING})):
                tx.update(replace(letter, state=outbox.SENT))

        self.write(verb)

    def administer(self, name: str, what: str, new: str) -> None:
        pk = self.pk[name]
        if what == "password":
            self.write(lambda tx: users.set_password(tx, pk, self.house.passwords.hash_now(new)))
            self.password[name] = new
            return
        if what == "typed":
            self.type_address(name, f"{name}@typed.example")
            return
        given: dict[str, dict[str, Any]] = {
            "disabled": {"is_active": False},
            "enabled": {"is_active": True},
            "moved": {"email": f"{name}@moved.example"},
            "back": {"email": mailbox(name)},
        }
        self.write(lambda tx: users.update(tx, pk, given[what]))

    def type_address(self, name: str, address: str) -> None:
        """As they do under their details: nobody has confirmed it then. Who is disabled does not."""
        before = self.stored(self.pk[name])
        step = self.house.reply(
            self.house.enter(DETAILS, before.pk), username=before.username, name=before.name, email=address
        )
        after = self.stored(before.pk)
        assert isinstance(step, Done) == before.is_active
        assert after.email == (address if before.is_active else before.email)
        assert after.email_verified == (before.email_verified and after.email == before.email)

    def switch_enrollment(self, to: str) -> None:
        self.write(lambda tx: system.change(tx, {"enrollment": to}))
        self.world.enrollment = to

    def invite(self, single: bool, lasts: float, ours: bool) -> None:
        expires = self.now + lasts

        def verb(tx: Transaction) -> Invitation:
            other = tx.find(Flow, slug="default-source-enrollment")
            assert other is not None
            flow = None if ours else other.pk
            made = invitations.create(tx, {"name": "x", "single_use": single, "flow": flow})
            return tx.update(replace(made, expires=expires))

        self.world.invitations[self.write(verb).pk] = Invited(single, expires, ours)


def mailbox(name: str) -> str:
    return f"{name}@example.com"
