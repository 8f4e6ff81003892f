"""A small directory: alice is a superuser, bob is in two nested groups, carol is nobody special, dora is disabled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from outpost.directory.contexts import NamingContexts
from outpost.directory.draft import changed, whole
from outpost.directory.reader import Reader
from outpost.directory.snapshot import Directory, Touched
from outpost.outcome import Identity
from protocols.ldap import dn
from protocols.ldap.filter_text import parse
from protocols.ldap.search import results
from protocols.ldap.search_request import Scope, SearchRequest
from protocols.link.messages import (
    BindingRecord,
    Change,
    GroupRecord,
    LdapSettings,
    ProviderRecord,
    Record,
    UserRecord,
)
from tests.fakes import an_identity
from tests.protocols.ldap.peer import Answer, answers, joined

BASE = "DC=ldap,DC=goauthentik,DC=io"
USERS, GROUPS, VIRTUAL = f"ou=users,{BASE}", f"ou=groups,{BASE}", f"ou=virtual-groups,{BASE}"
NOW = 1_700_000_000.0
PROVIDER = 5


def a_user(pk: int, username: str, **fields: Any) -> UserRecord:
    return replace(
        UserRecord(
            pk,
            f"00000000-0000-4000-8000-{pk:012d}",
            f"{pk:064x}",
            username,
            username.title() + " Example",
            f"{username}@example.com",
            "internal",
            True,
            pk,
            1,
            created=NOW,
            updated=NOW,
        ),
        **fields,
    )


def a_provider(
    *bindings: BindingRecord, pk: int = PROVIDER, base: str = BASE, mode: Any = "any", **settings: Any
) -> ProviderRecord:
    chosen = LdapSettings(base, **settings)
    return ProviderRecord(pk, f"ldap-{pk}", "ldap", "app", "App", "a" * 32, mode, chosen, bindings)


ALICE, BOB, CAROL, DORA = 1, 2, 3, 4
RECORDS: tuple[Record, ...] = (
    a_user(ALICE, "alice"),
    a_user(BOB, "bob", attributes={"department": ["Sales", "EMEA"], "badge": 17, "loginShell": "/bin/zsh"}),
    a_user(CAROL, "carol", name="", email=""),
    a_user(DORA, "dora", is_active=False),
    GroupRecord("g-admins", "admins", True, 1, (), (ALICE,)),
    GroupRecord("g-staff", "staff", False, 2, (), (CAROL,)),
    GroupRecord("g-sales", "Sales, EMEA", False, 3, ("g-staff",), (BOB, DORA), attributes={"site": "Basel"}),
    a_provider(),
)


class People:
    """The directory with its naming contexts, and a way to ask."""

    def __init__(self, records: Iterable[Record] = RECORDS) -> None:
        self.directory = Directory()
        self.contexts = NamingContexts(self.directory)
        self.directory.publish(whole(1, records), Touched(everything=True))

    def change(self, *changes: Change) -> None:
        current = self.directory.current
        self.directory.publish(*changed(current, current.revision + 1, changes))

    def identity(self, pk: int) -> Identity:
        user = self.directory.current.users[pk]
        return an_identity(user.username, pk, uuid=user.uuid)

    def reader(self, pk: int, provider: int = PROVIDER, now: float = NOW) -> Reader:
        reader = self.contexts.readable_by(self.identity(pk), provider, now)
        assert reader is not None
        return reader

    def search(
        self,
        filter: str = "(objectClass=*)",
        base: str = BASE,
        scope: Scope = Scope.SUB,
        attributes: tuple[bytes, ...] = (),
        by: int = ALICE,
    ) -> list[Answer]:
        """Entries only. Raises Refused."""
        return read(self.reader(by), filter, base, scope, attributes)

    def names(
        self, filter: str = "(objectClass=*)", base: str = BASE, scope: Scope = Scope.SUB, by: int = ALICE
    ) -> list[str]:
        return sorted(short(entry.text) for entry in self.search(filter, base, scope, (b"1.1",), by))

    def entry(self, base: str, by: int = ALICE, attributes: tuple[bytes, ...] = ()) -> dict[str, list[str]]:
        (entry,) = self.search(base=base, scope=Scope.BASE, attributes=attributes, by=by)
        return {name: [value.decode() for value in values] for name, values in entry.attributes.items()}


def read(
    reader: Reader,
    filter: str = "(objectClass=*)",
    base: str = BASE,
    scope: Scope = Scope.SUB,
    attributes: tuple[bytes, ...] = (),
) -> list[Answer]:
    request = SearchRequest(base, scope, 0, 0, False, parse(filter), attributes)
    octets = joined(results(1, request, reader.search(request, dn.parse(base)), reader.recognise))
    *entries, done = answers(octets)
    assert done.code == 0
    return entries


def short(name: str) -> str:
    """``user:bob`` for cn=bob,ou=users and so on."""
    for container, kind in ((USERS, "user"), (GROUPS, "group"), (VIRTUAL, "virtual")):
        if name.endswith("," + container):
            return f"{kind}:{name.removesuffix(',' + container).removeprefix('cn=')}"
        if name == container:
            return f"ou:{kind}"
    return "base" if name == BASE else name
