"""An outpost that does not know everybody: its doors show and decide what they would if it did, and no record of others
ever reaches it. Any directory, any providers, any changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.outposts.news import Newsroom
from control.records import (
    Application,
    Binding,
    EndedSession,
    Group,
    Outpost,
    Policy,
    Provider,
    User,
)
from control.store.interface import Query, Transaction
from tests.control.outposts.following import (
    KINDS,
    SECRETS,
    SETTINGS,
    Follower,
    agree,
    everything,
    needed,
    people_in,
)
from tests.extent import FULL, UNHURRIED
from tests.stores import ImmediateStore, open_store

USERS, GROUPS, PROVIDERS = 5, 4, 3


def the(tx: Transaction, kind: type[Any], at: int) -> Any:
    """One of them, if there is one."""
    every = tx.select(kind, Query(ordering=("pk",)))
    return every[at % len(every)] if every else None


@dataclass(frozen=True)
class Does:
    """One change; numbers choose what it is done to."""

    what: str
    one: int
    other: int
    flag: bool

    def __call__(self, tx: Transaction) -> None:
        user, group, other = the(tx, User, self.one), the(tx, Group, self.other), the(tx, Group, self.one)
        provider, binding = the(tx, Provider, self.other), the(tx, Binding, self.one)
        application = tx.find(Application, provider=provider.pk)
        name = f"n{tx.revision().number}-{self.one}-{self.other}-{int(tx.count(User))}-{int(tx.count(Group))}"
        match self.what:
            case "join" if user and group:
                tx.add_members(group.pk, [user.pk])
            case "leave" if user and group:
                tx.remove_members(group.pk, [user.pk])
            case "hire":
                made = tx.insert(User(username=name, attributes={"a": self.one}))
                if group and self.flag:
                    tx.add_members(group.pk, [made.pk])
            case "dismiss" if user:
                tx.delete(user)
            case "rename" if user:
                tx.update(replace(user, name=name, credential_version=user.credential_version + 1))
            case "found":
                tx.insert(Group(name, parents=(group.pk,) if group and self.flag else ()))
            case "dissolve" if group:
                tx.delete(group)
            case "nest" if group and other and group.pk > other.pk:
                tx.update(replace(group, parents=(other.pk,) if self.flag else ()))
            case "crown" if group:
                tx.update(replace(group, is_superuser=self.flag, attributes={"b": self.one}))
            case "bind" if application:
                whom = {"group": group.pk} if group and self.flag else {"user": user.pk} if user else {"group": "gone"}
                tx.insert(Binding(application.pk, order=self.one, negate=self.one % 3 == 0, **whom))
            case "unbind" if binding:
                tx.delete(binding)
            case "switch" if binding:
                tx.update(replace(binding, enabled=self.flag))
            case "ask" if application:
                policy = tx.insert(Policy(name, "expression", settings={"expression": "return True"}))
                tx.insert(Binding(application.pk, order=9, policy=policy.pk))
            case "mode" if application:
                tx.update(replace(application, policy_engine_mode="all" if self.flag else "any"))
            case "serve":
                own = tx.get(Outpost, "o")
                tx.update(replace(own, providers=tuple({*own.providers} ^ {provider.pk})))
            case "show" if provider.kind == "ldap":
                shown = [group.pk] if group and self.flag else []
                limits = {"show_only_groups": shown, "show_only_admitted": self.one % 2 == 0}
                tx.update(replace(provider, settings={**provider.settings, **limits}))
            case "add header" if user:
                tx.update(replace(user, attributes={"additionalHeaders": {f"X-H{self.other}": "1"}}))
            case "secret" if provider.kind == "proxy":
                basic = {
                    "basic_auth_enabled": self.flag,
                    "basic_auth_password_attribute": f"P{self.one % 3}",
                }
                tx.update(replace(provider, settings={**provider.settings, **basic, "basic_auth_user_attribute": "a"}))
            case "secret of a person" if user:
                tx.update(replace(user, attributes={**user.attributes, f"p{self.other % 2}": f"s{self.one}"}))
            case "secret of a group" if group:
                tx.update(replace(group, attributes={**group.attributes, f"p{self.other % 2}": f"s{self.one}"}))
            case "end":
                tx.insert(EndedSession(name, expires=2e9))


WHATS = (
    *("join", "leave") * 3,
    *("secret", "secret of a person", "secret of a group"),
    *("hire", "dismiss", "rename", "found", "dissolve", "nest", "nest", "crown", "bind", "unbind"),
    *("switch", "ask", "mode", "serve", "show", "add header", "end"),
)
does = st.builds(Does, st.sampled_from(WHATS), st.integers(0, 11), st.integers(0, 11), st.booleans())


@dataclass(frozen=True)
class House:
    kinds: tuple[str, ...]
    bound: tuple[frozenset[int], ...]
    """To each provider, which groups."""
    parents: tuple[int, ...]
    members: tuple[frozenset[int], ...]
    named: tuple[bool, ...]
    """Has each proxy an attribute with passwords?"""

    def furnish(self, tx: Transaction) -> None:
        users = [tx.insert(User(username=f"u{at}", attributes={"a": at, "p0": f"u{at}"})) for at in range(USERS)]
        groups: list[Group] = []
        for at in range(GROUPS):
            above = (groups[self.parents[at] % at].pk,) if at and self.parents[at] else ()
            groups.append(tx.insert(Group(f"g{at}", parents=above, attributes={"p1": f"g{at}"})))
            if self.members[at]:
                tx.add_members(groups[at].pk, [users[one].pk for one in self.members[at]])
        providers = []
        for at, kind in enumerate(self.kinds):
            basic = {"basic_auth_user_attribute": "a", "basic_auth_password_attribute": f"p{at % 2}"}
            chosen = {"basic_auth_enabled": True, **basic} if self.named[at] and kind == "proxy" else {}
            made = Provider(f"p{at}", kind, settings={**SETTINGS[kind], **chosen}, secrets=SECRETS[kind])
            providers.append(tx.insert(made).pk)
            application = tx.insert(Application(f"a{at}", f"a{at}", provider=providers[-1]))
            for group in sorted(self.bound[at]):
                tx.insert(Binding(application.pk, order=group, group=groups[group].pk))
        tx.insert(Outpost("o", "any", pk="o", providers=tuple(providers[:2])))


def _do(tx: Transaction, together: Sequence[Does]) -> None:
    for one in together:
        one(tx)


some = st.frozensets(st.integers(0, GROUPS - 1), min_size=1, max_size=2)
houses = st.builds(
    House,
    st.tuples(*[st.sampled_from(KINDS)] * PROVIDERS),
    st.tuples(*[some] * PROVIDERS),
    st.tuples(*[st.integers(0, 3)] * GROUPS),
    st.tuples(*[st.frozensets(st.integers(0, USERS - 1), max_size=3)] * GROUPS),
    st.tuples(*[st.booleans()] * PROVIDERS),
)


@given(house=houses, changes=st.lists(st.lists(does, min_size=1, max_size=3), max_size=8), again=st.integers(0, 7))
@settings(
    max_examples=500 if FULL else 20,
    suppress_health_check=[*UNHURRIED, HealthCheck.function_scoped_fixture],
)
def test_whoever_is_known_is_known_as_by_those_who_know_everybody(
    tmp_path_factory: pytest.TempPathFactory, house: House, changes: Sequence[Sequence[Does]], again: int
) -> None:
    store = open_store(tmp_path_factory.mktemp("store"))
    try:
        store.write_now(house.furnish)
        follower = Follower(store)
        agree(follower.follow(), everything(store))
        for at, together in enumerate(changes):
            before = set(follower.snapshot.users)
            store.write_now(partial(_do, together=together))
            if at == again:
                follower.connect(Newsroom(ImmediateStore(store)))
            told, every = follower.follow(), everything(store)
            agree(told, every)
            found, removed = people_in(follower.frames)
            assert found <= needed(every) | (before if not follower.was_whole else set())
            assert removed <= before
    finally:
        store.close()
