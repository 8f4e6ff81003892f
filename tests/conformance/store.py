"""What every store must do. Each check gets a `Bench`: a fresh, empty store, and ways to open it again.

``CHECKS`` holds them all; a test file runs them over each kind of store.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from threading import Thread
from typing import Any, Protocol, TypeVar

import pytest

from control.records import (
    ACTIVITY_RECORDS,
    DIRECTORY_RECORDS,
    AccessToken,
    Application,
    Authenticator,
    AuthenticatorUse,
    AuthorizationCode,
    Binding,
    Brand,
    Certificate,
    Device,
    EndedSession,
    Entitlement,
    Event,
    Flow,
    FlowToken,
    FormerPassword,
    Group,
    Instance,
    Invitation,
    IssuedCertificate,
    Knock,
    KnownDevice,
    Letter,
    Login,
    LogoutNotice,
    MailServer,
    Notification,
    NotificationDelivery,
    NotificationRule,
    NotificationTransport,
    Outpost,
    PendingChallenge,
    Policy,
    Prompt,
    PropertyMapping,
    Provider,
    RadiusNas,
    RadiusOrder,
    RadiusPin,
    RadiusRule,
    RadiusSession,
    Record,
    RefreshToken,
    Reputation,
    Role,
    Session,
    SessionClient,
    Setting,
    Source,
    SourceConnection,
    SourceGrant,
    SourceSession,
    SourceSignIn,
    SpentLogoutToken,
    Stage,
    StageBinding,
    Token,
    TokenUse,
    Tries,
    UntoldEvent,
    User,
    UserConsent,
)
from control.store.interface import (
    SYSTEM,
    Actor,
    AlreadyExists,
    LoggedChange,
    NotFound,
    Query,
    Store,
    Transaction,
    WrongSecretKey,
)
from control.store.secrets import CannotOpen
from control.store.sql import postgresql, sqlite
from tests.fakes import FakeClock
from tests.pace import within
from tests.stores import FORGET_LAST_REVISION

T = TypeVar("T")

KEY = "conformance key 0123456789 abcdef"
OTHER_KEY = "another conformance key 987654321"


class AnyStore(Store, Protocol):
    """A store that can also be asked without an event loop."""

    def read_now(self, verb: Callable[[Transaction], T]) -> T: ...

    def write_now(self, verb: Callable[[Transaction], T], actor: Actor = ...) -> T: ...


@dataclass
class Bench:
    open: Callable[[tuple[str, ...]], AnyStore]
    """Another opening of the same store, with these secret keys. Whoever opens it closes it."""
    statement: Callable[[str], list[tuple[Any, ...]]]
    """Runs one SQL statement past the store and returns its rows."""
    clock: FakeClock = field(default_factory=FakeClock)
    heard_within: float = 0.3
    """Seconds after which one opening has heard, on an idle machine, of what another has changed."""

    def __post_init__(self) -> None:
        self.store = self.open((KEY,))

    def read(self, verb: Callable[[Transaction], T]) -> T:
        return self.store.read_now(verb)

    def write(self, verb: Callable[[Transaction], T], actor: Actor = SYSTEM) -> T:
        return self.store.write_now(verb, actor)

    def insert(self, record: T) -> T:
        return self.write(lambda tx: tx.insert(record))  # type: ignore[type-var]

    @property
    def revision(self) -> int:
        return self.read(lambda tx: tx.revision().number)


Check = Callable[[Bench], None]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


# --- records -------------------------------------------------------------------------------------------------------

ONE_OF_EACH: tuple[Record, ...] = (
    User("alice", attributes={"a": {"b": [1, 2.5, None, "ü"]}}, valid_until=12.5, email="A@example.com"),
    Group("staff", parents=("p1", "p2"), is_superuser=True, attributes={"gid": 7}),
    Application("Wiki", "wiki", provider=3),
    Entitlement("editor", "application", attributes={"level": 2}),
    Provider("radius", "radius", settings={"networks": ["::/0"]}, secrets={"shared_secret": "geheim"}),
    PropertyMapping("roles", "scope", "return {}", settings={"scope_name": "roles"}, on_failure="refuse"),
    RadiusRule("vlan", 3, weekdays=(0, 6), attributes=({"name": "Filter-Id", "value": "x", "tag": 0},)),
    RadiusNas("ap", 3, "192.0.2.0/24", shared_secret="geheim"),
    RadiusPin("192.0.2.7", 3, "nas", created=2.0),
    Policy("hours", "time", execution_logging=True, settings={"weekdays": [0]}),
    Binding("target", user=4, order=-1, negate=True),
    Outpost("edge", "any", providers=(3, 1, 2), config={"log_level": "info"}),
    Certificate("web", "PEM", key_data="KEY"),
    IssuedCertificate("authority", "2a", "Bob's laptop", certificate_data="PEM", not_after=9.0, revoked=3.0),
    Device("aa:bb:cc:dd:ee:ff", name="printer", vlan="20", secrets={"psk": "geheim"}),
    Setting("colour", {"deep": [True, False]}),
    Setting("nothing", None),
    Flow("login", "Login", "Welcome", "authentication"),
    Stage("password", "password", settings={"tries": 5}),
    StageBinding("flow", "stage", 10),
    Role("auditor", permissions=("authentik_events.view_event",)),
    Token("t1", 1, key="k", key_digest="d", expires=99.0),
    Event("login", context={"x": [1]}, user={"pk": 1}, client_ip="::1"),
    EndedSession("digest", expires=2.0),
    NotificationTransport("chat", mode="webhook", webhook_url="https://chat.example.com/secret"),
    NotificationRule("alarms", transports=("t1",), severity="alert", destination_group="g1"),
    Notification(1, "Somebody came.", event="e1", created=2.0, expires=3.0),
    NotificationDelivery("t1", "Somebody came.", user=1, event="e1", tries=2, due=3.0, created=2.0),
    UntoldEvent("e1", 2.0),
    RadiusOrder("session", "coa", "edge", attributes=({"name": "Filter-Id", "value": "x", "tag": 0},), created=2.0),
    Session("digest", user=1, data={"flow": None}, created=1.0, expires=2.0),
    AuthorizationCode("code", 3, 1, "digest", granted={"scopes": ["openid"]}, used=True, expires=2.0),
    AccessToken("access", 3, 1, "code", granted={"nonce": "ü"}, expires=2.0),
    RefreshToken("refresh", 3, 1, "code", revoked=True, expires=2.0),
    SessionClient("digest", 3, issuer="https://a/", subject="s"),
    LogoutNotice(3, "sid", issuer="https://a/", subject="s", tries=2, due=4.0, created=2.0),
    UserConsent(1, "application", scopes=("openid", "email"), expires=3.0),
    Login(5, 77.0, ({"time": 77.0, "peer": "2001:db8::1"},)),
    FormerPassword(1, "hash", "f1", until=77.0),
    TokenUse("t1", 78.0),
    Authenticator(1, "totp", settings={"digits": 6}, secrets={"key": "GEHEIM"}),
    AuthenticatorUse(9, 78.0, step=3, spent=("a",), origins={"b": 1.5}),
    PendingChallenge("state", 1, {"peer": "::1"}, {"slug": "f"}, 2.0),
    RadiusSession("192.0.2.1", "ap", "01", user=4, live=False, ended=3.0, input_octets=2**40, expires=9.0),
    Instance("i1", "outpost", hostname="edge-1", last_seen=3.0),
    Tries("alice", "192.0.2.0/24", "t1", wrong=3, last=1.0, until=2.0, right=3.0),
    Reputation("alice", "192.0.2.1", "r1", score=-2, updated=3.0),
    Knock("nas", "192.0.2.1", "k1", outpost="o", count=3, first=1.0, last=2.0, answered=3.0, detail={"peer": "x"}),
    Prompt("p", "email", "E-mail", "email", required=False, order=3),
    Brand("example.com", default=True, branding_title="Example", client_certificates=("c",), attributes={"a": 1}),
    Source("Elsewhere", "elsewhere", "github", settings={"pkce": "S256"}, secrets={"consumer_secret": "s"}),
    SourceConnection("source", 1, "42", created=1.0, last_updated=2.0),
    SourceSignIn("a" * 64, "source", "b" * 64, secrets={"nonce": "n", "verifier": "v"}, next="/x", expires=5.0),
    SourceSession("b" * 64, "source", "42", "sid"),
    SourceGrant("b" * 64, "source", {"refresh_token": "r"}, due=3.0),
    SpentLogoutToken("c" * 64, 7.0),
    KnownDevice("d" * 64, 3, expires=5.0),
    Invitation("guests", expires=3.0, fixed_data={"name": "Ann"}, single_use=False, created_by=1),
    FlowToken("ft1", 3, {"slug": "x"}, created=1.0, expires=2.0),
    MailServer(host="smtp.example.com", port=587, password="geheim", use_tls=True),
    Letter("ann@example.com", "Hello", "test", text="a link", html="<p>", user=3, due=2.0, good_until=3.0),
)


@check
def a_record_reads_back_as_it_was_stored(bench: Bench) -> None:
    assert {type(record) for record in ONE_OF_EACH} == {*DIRECTORY_RECORDS, *ACTIVITY_RECORDS}
    for record in ONE_OF_EACH:
        stored = bench.insert(record)
        kind: type[Any] = type(record)
        assert bench.read(lambda tx, kind=kind, pk=stored.pk: tx.get(kind, pk)) == stored  # type: ignore[attr-defined,misc]
        given = {name: value for name, value in asdict(record).items() if value not in (0, "")}  # type: ignore[call-overload]
        assert {name: getattr(stored, name) for name in given} == given


@check
def the_store_gives_what_is_left_empty(bench: Bench) -> None:
    user, other = bench.insert(User("a")), bench.insert(User("b"))
    group = bench.insert(Group("g"))
    assert (user.pk, other.pk, user.ordinal, other.ordinal, group.ordinal) == (1, 2, 1, 2, 1)
    assert len(user.uuid) == len(group.pk) == 36
    assert user.uuid != other.uuid
    assert user.date_joined == user.last_updated == group.created == bench.clock.now()


@check
def json_becomes_what_json_can_say(bench: Bench) -> None:
    user = bench.insert(User("a", attributes={"t": (1, (2,)), "text": "\\u0000 \\"}, valid_from=3))
    assert user.attributes == {"t": [1, [2]], "text": "\\u0000 \\"}
    assert bench.read(lambda tx: tx.get(User, user.pk)) == user
    assert isinstance(user.valid_from, float)


@check
def what_no_column_holds_is_refused_and_never_found(bench: Bench) -> None:
    for bad in (
        User("nul\0"),
        User("half \ud800"),
        User("a", ordinal=2**63),
        User("a", attributes={"x": "nul\0"}),
        User("a", attributes={"x": "\\\0"}),
        User("a", attributes={"half \ud800": 1}),
        User("a", attributes={"x": float("nan")}),
        User("a", is_active=1),  # type: ignore[arg-type]
        User(5),  # type: ignore[arg-type]
        User(None),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError):  # noqa: PT011  the sentence differs
            bench.insert(bad)
    assert bench.read(lambda tx: tx.count(User)) == 0
    for missing in (2**63, 2**80, -1, "x", True, "\0"):
        with pytest.raises(NotFound):
            bench.read(lambda tx, pk=missing: tx.get(User, pk))  # type: ignore[misc]
    assert bench.read(lambda tx: tx.find(User, username="nul\0")) is None
    assert bench.read(lambda tx: tx.select(User, Query(search="nul\0"))) == []
    assert bench.read(lambda tx: tx.select(User, Query(alike={"username": "\ud800"}))) == []
    assert bench.read(lambda tx: tx.select(User, Query(within={"pk": [2**70, "x"]}))) == []


@check
def an_update_replaces_and_keeps_what_is_the_stores(bench: Bench) -> None:
    user = bench.insert(User("a"))
    bench.clock.advance(5)
    changed = bench.write(lambda tx: tx.update(User("b", pk=user.pk, is_active=False)))
    assert (changed.username, changed.is_active) == ("b", False)
    assert (changed.uuid, changed.ordinal, changed.date_joined) == (user.uuid, user.ordinal, user.date_joined)
    assert changed.last_updated == user.last_updated + 5
    assert bench.read(lambda tx: tx.get(User, user.pk)) == changed


@check
def what_is_not_there_is_not_found(bench: Bench) -> None:
    for verb in (
        lambda tx: tx.get(User, 1),
        lambda tx: tx.update(User("a", pk=1)),
        lambda tx: tx.delete(User("a", pk=1)),
        lambda tx: tx.add_members("g", [1]),
    ):
        with pytest.raises(NotFound):
            bench.write(verb)
    assert bench.read(lambda tx: tx.find(User, username="a")) is None
    group = bench.insert(Group("g"))
    for unknown in (1, 2**70):
        with pytest.raises(NotFound):
            bench.write(lambda tx, unknown=unknown: tx.add_members(group.pk, [unknown]))  # type: ignore[misc]


@check
def unique_fields_name_what_is_taken(bench: Bench) -> None:
    bench.insert(User("a", ordinal=7))
    second = bench.insert(User("b"))
    for record, fields in (
        (User("a"), ("username",)),
        (User("c", ordinal=7), ("ordinal",)),
        (User("A", ordinal=7), ("ordinal", "username")),
        (User("c", pk=second.pk), ("pk",)),
    ):
        with pytest.raises(AlreadyExists) as caught:
            bench.insert(record)
        assert caught.value.fields == fields
    with pytest.raises(AlreadyExists) as caught:
        bench.write(lambda tx: tx.update(replace(second, username="a")))
    assert caught.value.fields == ("username",)
    assert bench.read(lambda tx: tx.count(User)) == 2
    bench.insert(StageBinding("f", "s", 1))
    bench.insert(StageBinding("f", "s", 2))
    with pytest.raises(AlreadyExists) as caught:
        bench.insert(StageBinding("f", "s", 2))
    assert set(caught.value.fields) == {"flow", "stage", "order"}
    bench.insert(Application("x", "x"))
    bench.insert(Application("y", "y"))  # neither has a provider: None is not shared


@check
def a_caught_refusal_leaves_the_transaction_usable(bench: Bench) -> None:
    def verb(tx: Transaction) -> None:
        tx.insert(User("a"))
        with pytest.raises(AlreadyExists):
            tx.insert(User("a"))
        tx.insert(User("b"))

    bench.write(verb)
    assert bench.read(lambda tx: [user.username for user in tx.select(User)]) == ["a", "b"]


@check
def names_differ_by_more_than_case(bench: Bench) -> None:
    bench.insert(User("Straße", email="Ä@example.com"))
    bench.insert(Group("Staff"))
    for record, name in ((User("STRASSE"), "username"), (Group("staff"), "name")):
        with pytest.raises(AlreadyExists) as caught:
            bench.insert(record)
        assert caught.value.fields == (name,)
    found = bench.read(lambda tx: tx.select(User, Query(alike={"username": "strasse", "email": "ä@EXAMPLE.com"})))
    assert [user.username for user in found] == ["Straße"]
    assert bench.read(lambda tx: tx.find(User, username="straße")) is None
    user = found[0]
    bench.write(lambda tx: tx.update(replace(user, username="Otto")))
    assert bench.read(lambda tx: tx.count(User, Query(alike={"username": "strasse"}))) == 0


@check
def people_are_found_by_their_attribute_upn(bench: Bench) -> None:
    bench.insert(User("alice", attributes={"upn": "Alice@corp.example.com"}))
    bench.insert(User("bob", attributes={"upn": ["alice@corp.example.com"]}))
    bench.insert(User("carol"))

    def found(upn: str) -> list[str]:
        return [user.username for user in bench.read(lambda tx: tx.select(User, Query(alike={"upn": upn})))]

    assert found("aLICE@corp.example.com") == ["alice"]
    assert [found(upn) for upn in ("", "\ud800", "upn")] == [[], [], []]
    alice = bench.read(lambda tx: tx.get(User, 1))
    bench.write(lambda tx: tx.update(replace(alice, attributes={"upn": "elsewhere"})))
    assert (found("alice@corp.example.com"), found("elsewhere")) == ([], ["alice"])


# --- queries -------------------------------------------------------------------------------------------------------


def _names(bench: Bench, query: Query) -> list[str]:
    return [user.username for user in bench.read(lambda tx: tx.select(User, query))]


@check
def queries_select_order_and_page(bench: Bench) -> None:
    for name, active, path in (("b", True, "x"), ("a", False, "x"), ("C", True, "y"), ("ä", True, "y")):
        bench.insert(User(name, is_active=active, path=path))
    assert _names(bench, Query()) == ["b", "a", "C", "ä"]
    assert _names(bench, Query(equal={"is_active": True, "path": "y"})) == ["C", "ä"]
    assert _names(bench, Query(equal={"managed": None}, limit=1)) == ["b"]
    assert _names(bench, Query(ordering=("username",))) == ["C", "a", "b", "ä"]
    assert _names(bench, Query(ordering=("-path", "username"))) == ["C", "ä", "a", "b"]
    assert _names(bench, Query(ordering=("-pk",), offset=1, limit=2)) == ["C", "a"]
    assert _names(bench, Query(offset=3)) == ["ä"]
    assert _names(bench, Query(within={"pk": [4, 1, 99]})) == ["b", "ä"]
    assert _names(bench, Query(within={"username": ["a", "C"]})) == ["a", "C"]
    assert _names(bench, Query(within={"pk": []})) == []
    everybody = _names(bench, Query())
    assert _names(bench, Query(without={"pk": []})) == everybody
    assert _names(bench, Query(without={"username": ["a", "C", 2**70]})) == [
        n for n in everybody if n not in ("a", "C")
    ]
    assert _names(bench, Query(within={"pk": [4, 1, 99]}, without={"pk": [4]}, limit=5)) == ["b"]
    assert bench.read(lambda tx: tx.count(User, Query(without={"username": ["a"]}))) == len(everybody) - 1
    assert bench.read(lambda tx: tx.count(User, Query(equal={"path": "x"}))) == 2
    assert bench.read(lambda tx: tx.count(User, Query(within={"pk": range(1, 100_000)}))) == 4


@check
def each_gives_all_in_order_and_leaves_room_for_other_questions(bench: Bench) -> None:
    bench.write(lambda tx: [tx.insert(User(f"u{number}")) for number in range(1203)])

    def read(tx: Transaction) -> list[str]:
        return [tx.get(User, user.pk).username for user in tx.each(User)]

    assert bench.read(read) == [f"u{number}" for number in range(1203)]
    assert bench.read(lambda tx: next(tx.each(User)).username) == "u0"
    assert list(bench.read(lambda tx: list(tx.each(Group)))) == []


@check
def search_ignores_case_and_takes_every_letter_literally(bench: Bench) -> None:
    bench.insert(User("50%_off\\", name="Ärger"))
    bench.insert(User("plain", email="Bob@Example.com"))
    for text, expected in (
        ("BOB@ex", ["plain"]),
        ("äRG", ["50%_off\\"]),
        ("%", ["50%_off\\"]),
        ("0%_O", ["50%_off\\"]),
        ("_", ["50%_off\\"]),
        ("\\", ["50%_off\\"]),
        ("l_in", []),
        ("'; --", []),
    ):
        assert _names(bench, Query(search=text)) == expected, text
        assert bench.read(lambda tx, text=text: tx.count(User, Query(search=text))) == len(expected)  # type: ignore[misc]
    bench.insert(Stage("s", "deny"))
    assert bench.read(lambda tx: tx.select(Stage, Query(search="s"))) == []


@check
def only_plain_fields_can_be_asked(bench: Bench) -> None:
    for query in (
        Query(equal={"attributes": {}}),
        Query(equal={"no_such_field": 1}),
        Query(ordering=("attributes",)),
        Query(ordering=("pk; drop table user",)),
        Query(within={"attributes": [1]}),
        Query(alike={"name": "x"}),
    ):
        with pytest.raises(ValueError, match="cannot be compared"):
            bench.read(lambda tx, query=query: tx.select(User, query))  # type: ignore[misc]
    with pytest.raises(ValueError, match="cannot be compared"):
        bench.read(lambda tx: tx.find(Token, key="k"))


# --- members -------------------------------------------------------------------------------------------------------


@check
def what_providers_of_a_kind_say_in_a_setting_is_told_once(bench: Bench) -> None:
    def said(tx: Transaction) -> list[str]:
        return list(tx.provider_settings("proxy", "word"))

    words: list[Any] = ["b", "a", "b", "", 'it\'s "quoted"', None]
    proxies = [bench.insert(Provider(f"p{at}", "proxy", settings={"word": word})) for at, word in enumerate(words)]
    bench.insert(Provider("without", "proxy", settings={"words": "c"}))
    bench.insert(Provider("ldap", "ldap", settings={"word": "d"}))
    assert bench.read(said) == ["a", "b", 'it\'s "quoted"']
    assert bench.read(lambda tx: list(tx.provider_settings("proxy", "word ' \" $.x"))) == []

    def altered(tx: Transaction) -> list[str]:
        tx.update(replace(tx.get(Provider, proxies[1].pk), settings={"word": "new"}))
        return said(tx)

    assert bench.write(altered) == bench.read(said) == ["b", 'it\'s "quoted"', "new"]


@check
def members_join_and_leave_once(bench: Bench) -> None:
    users = [bench.insert(User(name)).pk for name in "abc"]
    group, other = bench.insert(Group("g")), bench.insert(Group("h"))
    before = bench.revision
    bench.write(lambda tx: tx.add_members(group.pk, [users[1], users[0], users[0]]))
    bench.write(lambda tx: tx.add_members(group.pk, users[:2]))
    bench.write(lambda tx: tx.add_members(group.pk, users))
    bench.write(lambda tx: tx.remove_members(group.pk, [users[0], 99]))
    bench.write(lambda tx: tx.remove_members(group.pk, [users[0]]))
    bench.write(lambda tx: tx.add_members(other.pk, [users[1]]))
    assert bench.read(lambda tx: tx.members_of([group.pk, other.pk, "x"])) == {
        group.pk: users[1:],
        other.pk: [users[1]],
        "x": [],
    }
    assert {pk: set(groups) for pk, groups in bench.read(lambda tx: tx.groups_of(users)).items()} == {
        users[0]: set(),
        users[1]: {group.pk, other.pk},
        users[2]: {group.pk},
    }
    assert bench.read(lambda tx: tx.changes_since(before)) == [
        LoggedChange(before + 1, "members", group.pk, joined=(users[0], users[1])),
        LoggedChange(before + 2, "members", group.pk, joined=(users[2],)),
        LoggedChange(before + 3, "members", group.pk, left=(users[0],)),
        LoggedChange(before + 4, "members", other.pk, joined=(users[1],)),
    ]


@check
def thousands_of_members_at_once(bench: Bench) -> None:
    group = bench.insert(Group("g"))

    def verb(tx: Transaction) -> list[int]:
        users = [tx.insert(User(f"u{number}")).pk for number in range(1200)]
        tx.add_members(group.pk, users)
        return users

    users = bench.write(verb)
    assert bench.read(lambda tx: tx.members_of([group.pk])) == {group.pk: users}
    bench.write(lambda tx: tx.remove_members(group.pk, users[1:]))
    assert bench.read(lambda tx: tx.members_of([group.pk])) == {group.pk: users[:1]}


# --- deletion ------------------------------------------------------------------------------------------------------


@check
def a_deleted_user_leaves_nothing_behind(bench: Bench) -> None:
    user, other = bench.insert(User("a")), bench.insert(User("b"))
    group = bench.insert(Group("g"))
    bench.write(lambda tx: tx.add_members(group.pk, [user.pk, other.pk]))
    for pk in (user.pk, other.pk):
        bench.insert(Binding("app", user=pk))
        token = bench.insert(Token(f"t{pk}", pk, key_digest=str(pk)))
        bench.insert(TokenUse(token.pk, 1.0))
        bench.insert(AuthenticatorUse(bench.insert(Authenticator(pk, "totp")).pk))
        bench.insert(PendingChallenge(f"c{pk}", pk))
        bench.insert(Session(f"s{pk}", user=pk))
        bench.insert(Login(pk, 1.0))
    outpost = bench.insert(Outpost("o", "any", user=user.pk))
    before = bench.revision
    bench.write(lambda tx: tx.delete(user))
    assert bench.read(lambda tx: tx.members_of([group.pk])) == {group.pk: [other.pk]}
    for kind in (Binding, Token, Session, Authenticator, PendingChallenge):
        assert [record.user for record in bench.read(lambda tx, kind=kind: tx.select(kind))] == [other.pk]  # type: ignore[misc]
    assert [login.pk for login in bench.read(lambda tx: tx.select(Login))] == [other.pk]
    assert bench.read(lambda tx: (tx.count(TokenUse), tx.count(AuthenticatorUse))) == (1, 1)
    assert bench.read(lambda tx: tx.get(Outpost, outpost.pk)).user is None
    log = bench.read(lambda tx: tx.changes_since(before))
    assert {line.revision for line in log} == {before + 1}
    assert [(line.kind, line.removed) for line in log] == [
        ("members", False),
        ("binding", True),
        ("token", True),
        ("authenticator", True),
        ("outpost", False),
        ("user", True),
    ]
    assert log[0].left == (user.pk,)


@check
def a_deleted_group_leaves_nothing_behind(bench: Bench) -> None:
    parent = bench.insert(Group("parent"))
    child = bench.insert(Group("child", parents=("elsewhere", parent.pk)))
    user = bench.insert(User("a"))
    bench.write(lambda tx: tx.add_members(parent.pk, [user.pk]))
    bench.insert(Binding("app", group=parent.pk))
    bench.write(lambda tx: tx.delete(parent))
    assert bench.read(lambda tx: tx.get(Group, child.pk)).parents == ("elsewhere",)
    assert bench.read(lambda tx: tx.groups_of([user.pk])) == {user.pk: []}
    assert bench.read(lambda tx: tx.count(Binding)) == 0


@check
def deleted_configuration_is_let_go(bench: Bench) -> None:
    flow, stage = bench.insert(Flow("f", "F", "F", "authorization")), bench.insert(Stage("s", "deny"))
    step = bench.insert(StageBinding(flow.pk, stage.pk, 1))
    certificate = bench.insert(Certificate("c", "PEM"))
    provider = bench.insert(
        Provider(
            "p",
            "ldap",
            authentication_flow=flow.pk,
            authorization_flow=flow.pk,
            invalidation_flow=flow.pk,
            settings={"certificate": certificate.pk, "base_dn": "dc=x"},
        )
    )
    application = bench.insert(Application("a", "a", provider=provider.pk))
    account = bench.insert(User("ak-outpost", type="internal_service_account"))
    outpost = bench.insert(Outpost("o", "any", providers=(provider.pk, 99), user=account.pk))
    bench.insert(Instance("i", outpost.pk))
    for target in (flow.pk, step.pk, application.pk):
        bench.insert(Binding(target, user=1))

    bench.write(lambda tx: tx.delete(certificate))
    assert bench.read(lambda tx: tx.get(Provider, provider.pk)).settings == {"certificate": None, "base_dn": "dc=x"}
    bench.write(lambda tx: tx.delete(flow))
    left = bench.read(lambda tx: tx.get(Provider, provider.pk))
    assert (left.authentication_flow, left.authorization_flow, left.invalidation_flow) == (None, None, None)
    assert bench.read(lambda tx: tx.count(StageBinding)) == 0
    assert [line.target for line in bench.read(lambda tx: tx.select(Binding))] == [application.pk]
    bench.write(lambda tx: tx.delete(provider))
    assert bench.read(lambda tx: tx.get(Application, application.pk)).provider is None
    assert bench.read(lambda tx: tx.get(Outpost, outpost.pk)).providers == (99,)
    bench.write(lambda tx: tx.delete(outpost))
    assert bench.read(lambda tx: tx.find(User, pk=account.pk)) is None
    assert bench.read(lambda tx: tx.count(Instance)) == 0
    bench.write(lambda tx: tx.delete(application))
    assert bench.read(lambda tx: tx.count(Binding)) == 0


@check
def a_person_who_serves_an_outpost_outlives_it(bench: Bench) -> None:
    person = bench.insert(User("person"))
    outpost = bench.insert(Outpost("o", "any", user=person.pk))
    bench.write(lambda tx: tx.delete(outpost))
    assert bench.read(lambda tx: tx.get(User, person.pk)) == person


@check
def numbers_are_never_given_twice(bench: Bench) -> None:
    first = bench.insert(User("a"))
    bench.write(lambda tx: tx.delete(first))
    second = bench.insert(User("b"))
    assert (second.pk, second.ordinal) == (2, 2)
    chosen = bench.insert(User("c", pk=40, ordinal=90))
    bench.write(lambda tx: tx.delete(chosen))
    after = bench.insert(User("d"))
    assert (after.pk, after.ordinal) == (41, 91)
    bench.write(lambda tx: tx.update(replace(after, ordinal=200)))
    bench.write(lambda tx: tx.update(replace(after, ordinal=91)))
    assert bench.insert(User("e")).ordinal == 201
    group = bench.insert(Group("g"))
    bench.write(lambda tx: tx.delete(group))
    assert bench.insert(Group("h")).ordinal == 2


# --- revisions and the journal -------------------------------------------------------------------------------------


@check
def one_transaction_is_one_revision(bench: Bench) -> None:
    assert bench.revision == 0

    def verb(tx: Transaction) -> None:
        user = tx.insert(User("a"))
        group = tx.insert(Group("g"))
        tx.add_members(group.pk, [user.pk])
        tx.update(replace(user, name="A"))
        tx.delete(group)

    bench.write(verb)
    log = bench.read(lambda tx: tx.changes_since(0))
    assert {line.revision for line in log} == {1}
    assert [(line.kind, line.removed, line.joined, line.left) for line in log] == [
        ("user", False, (), ()),
        ("group", False, (), ()),
        ("members", False, (1,), ()),
        ("user", False, (), ()),
        ("members", False, (), (1,)),
        ("group", True, (), ()),
    ]
    assert bench.revision == 1
    bench.insert(User("b"))
    assert [line.pk for line in bench.read(lambda tx: tx.changes_since(1))] == [2]
    assert bench.read(lambda tx: tx.changes_since(2)) == []


@check
def activity_makes_no_revision(bench: Bench) -> None:
    session = bench.insert(Session("s"))
    bench.write(lambda tx: tx.update(replace(session, last_used=5.0)))
    bench.insert(Login(1, 2.0))
    bench.insert(Event("login"))
    bench.write(lambda tx: tx.delete(session))
    assert bench.revision == 0
    assert bench.read(lambda tx: tx.changes_since(0)) == []
    assert [event.action for event in bench.read(lambda tx: tx.select(Event))] == ["login"]


@check
def writing_what_is_there_changes_nothing(bench: Bench) -> None:
    user = bench.insert(User("a", attributes={"x": [1]}))
    provider = bench.insert(Provider("p", "radius", secrets={"shared_secret": "s"}))
    before, events = bench.revision, bench.read(lambda tx: tx.count(Event))
    bench.clock.advance(9)
    assert bench.write(lambda tx: tx.update(replace(user, attributes={"x": (1,)}, last_updated=0.0))) == user
    assert bench.write(lambda tx: tx.update(provider)) == provider
    assert bench.revision == before
    assert bench.read(lambda tx: tx.count(Event)) == events
    assert bench.read(lambda tx: tx.get(User, user.pk)).last_updated == user.last_updated


@check
def a_failing_verb_leaves_nothing(bench: Bench) -> None:
    group = bench.insert(Group("g"))
    before = bench.read(lambda tx: tx.revision())

    def verb(tx: Transaction) -> None:
        user = tx.insert(User("a"))
        tx.add_members(group.pk, [user.pk])
        tx.insert(Session("s"))
        raise LookupError("the verb changed its mind")

    with pytest.raises(LookupError, match="changed its mind"):
        bench.write(verb)
    assert bench.read(lambda tx: tx.revision()) == before
    assert bench.read(lambda tx: (tx.count(User), tx.count(Session), tx.count(Event))) == (0, 0, 1)
    assert bench.read(lambda tx: tx.members_of([group.pk])) == {group.pk: []}
    assert bench.insert(User("a")).pk == 1


@check
def one_failing_verb_does_not_hurt_those_committed_with_it(bench: Bench) -> None:
    def failing(tx: Transaction) -> None:
        tx.insert(User("ghost"))
        raise LookupError

    async def together() -> list[Any]:
        writes = [bench.store.write(lambda tx, n=n: tx.insert(User(f"u{n}"))) for n in range(20)]  # type: ignore[misc]
        writes.insert(10, bench.store.write(failing))
        return await asyncio.gather(*writes, return_exceptions=True)

    results = asyncio.run(together())
    assert isinstance(results.pop(10), LookupError)
    assert [user.username for user in results] == [f"u{n}" for n in range(20)]
    assert bench.read(lambda tx: tx.count(User)) == 20
    assert sorted({line.revision for line in bench.read(lambda tx: tx.changes_since(0))}) == list(range(1, 21))


@check
def a_reading_transaction_cannot_write(bench: Bench) -> None:
    group = bench.insert(Group("g"))
    for verb in (
        lambda tx: tx.insert(User("a")),
        lambda tx: tx.insert(Session("s")),
        lambda tx: tx.update(group),
        lambda tx: tx.delete(group),
        lambda tx: tx.add_members(group.pk, []),
        lambda tx: tx.remove_members(group.pk, []),
    ):
        with pytest.raises(PermissionError):
            bench.read(verb)


@check
def a_reading_transaction_sees_one_moment(bench: Bench) -> None:
    bench.insert(User("a"))

    def verb(tx: Transaction) -> tuple[int, int, int]:
        before = tx.count(User)
        bench.insert(User("b"))
        return before, tx.count(User), tx.revision().number

    assert bench.read(verb) == (1, 1, 1)
    assert bench.read(lambda tx: tx.count(User)) == 2


@check
def the_chain_links_revisions(bench: Bench) -> None:
    chains = [bench.read(lambda tx: tx.revision()).chain]
    for name in "abc":
        bench.insert(User(name))
        chains.append(bench.read(lambda tx: tx.revision()).chain)
    assert len(set(chains)) == 4
    assert [bench.read(lambda tx, n=n: tx.chain_at(n)) for n in range(4)] == chains  # type: ignore[misc]
    assert bench.read(lambda tx: [tx.chain_at(n) for n in (-1, 4, 2**80)]) == [None, None, None]


@check
def a_restored_store_that_goes_the_same_way_has_another_chain(bench: Bench) -> None:
    user = bench.insert(User("a"))
    tables = ("change_log", "revision", "head", "event", "user")
    backup = {table: bench.statement(f'select * from "{table}"') for table in tables}
    bench.write(lambda tx: tx.update(replace(user, name="x")))
    first = bench.read(lambda tx: tx.revision())
    head = backup["head"][0]
    bench.statement("delete from change_log where revision = 2")
    bench.statement("delete from revision where number = 2")
    bench.statement(f"update head set number = {head[1]}, chain = '{head[2]}'")
    bench.statement("update \"user\" set name = ''")
    bench.write(lambda tx: tx.update(replace(user, name="x")))
    second = bench.read(lambda tx: tx.revision())
    assert first.number == second.number == 2
    assert first.chain != second.chain


@check
def every_directory_change_leaves_an_audit_event(bench: Bench) -> None:
    actor = Actor({"pk": 9, "username": "root"}, "192.0.2.1")
    user = bench.write(lambda tx: tx.insert(User("a", password="hash1")), actor)
    bench.write(lambda tx: tx.update(replace(user, name="A", password="hash2")), actor)
    bench.write(lambda tx: tx.delete(user), actor)
    events = {event.action: event for event in bench.read(lambda tx: tx.select(Event))}
    created, updated, deleted = (events[f"model_{what}"] for what in ("created", "updated", "deleted"))
    model = {"app": "authentik_core", "model_name": "user", "pk": user.pk, "name": "a"}
    assert created.context["model"] == model
    assert deleted.context == {"model": model}
    assert created.app == "authentik_core"
    assert created.context["diff"]["username"] == {"previous_value": None, "new_value": "a"}
    assert updated.context["diff"] == {
        "name": {"previous_value": "", "new_value": "A"},
        "password": {"previous_value": "********************", "new_value": "********************"},
    }
    for event in (created, updated, deleted):
        assert (event.user, event.client_ip) == (actor.user, actor.client_ip)
        assert event.created == bench.clock.now()
        assert event.expires is None, "how long events are kept is a setting's to say, at any time"


@check
def members_leave_an_audit_event(bench: Bench) -> None:
    user, group = bench.insert(User("a")), bench.insert(Group("g"))
    bench.write(lambda tx: tx.add_members(group.pk, [user.pk]))
    (event,) = bench.read(lambda tx: tx.select(Event, Query(equal={"action": "model_updated"})))
    assert event.context["model"]["name"] == "g"
    assert event.context["diff"] == {"members": {"joined": [user.pk], "left": []}}


@check
def a_transaction_finds_its_own_events(bench: Bench) -> None:
    def verb(tx: Transaction) -> tuple[bool, int, int]:
        tx.insert(User("a"))
        found = tx.find(Event, action="model_created") is not None
        return found, tx.count(Event), len(tx.select(Event))

    assert bench.write(verb) == (True, 1, 1)
    assert bench.read(lambda tx: tx.count(Event)) == 1


# --- secrets -------------------------------------------------------------------------------------------------------

_WITH_SECRETS: tuple[tuple[Record, str], ...] = (
    (Provider("p", "radius", secrets={"shared_secret": "S3CRET-provider"}), "S3CRET-provider"),
    (Token("t", 1, key="S3CRET-token", key_digest="d"), "S3CRET-token"),
    (Certificate("c", "PEM", key_data="S3CRET-key"), "S3CRET-key"),
)


@check
def secrets_are_sealed_at_rest_and_absent_from_events(bench: Bench) -> None:
    for record, secret in _WITH_SECRETS:
        stored = bench.insert(record)
        bench.write(lambda tx, stored=stored: tx.delete(stored))  # type: ignore[misc]
        stored = bench.insert(record)
        everything = ""
        for table in (record.TABLE, "event", "change_log"):
            everything += repr(bench.statement(f'select * from "{table}"'))
        assert "v1." in everything
        assert secret not in everything
        assert secret not in repr(bench.read(lambda tx: tx.select(Event)))
        assert secret not in repr(stored)


@check
def a_sealed_value_opens_only_where_it_was_sealed(bench: Bench) -> None:
    cheap = bench.insert(Token("cheap", 1, key="cheap", key_digest="1"))
    dear = bench.insert(Token("dear", 1, key="dear", key_digest="2"))
    bench.statement(f"update token set key = (select key from token where pk = '{dear.pk}') where pk = '{cheap.pk}'")
    with pytest.raises(CannotOpen):
        bench.read(lambda tx: tx.get(Token, cheap.pk))
    assert bench.read(lambda tx: tx.get(Token, dear.pk)) == dear
    bench.statement(f"update token set key = 'plain text' where pk = '{cheap.pk}'")
    with pytest.raises(CannotOpen):
        bench.read(lambda tx: tx.get(Token, cheap.pk))


@check
def the_wrong_key_is_refused_at_opening(bench: Bench) -> None:
    with pytest.raises(WrongSecretKey, match="SECRET_KEY"):
        bench.open((OTHER_KEY,))
    with pytest.raises(ValueError, match="SECRET_KEY"):
        bench.open(("short",))
    with pytest.raises(ValueError, match="SECRET_KEY"):
        bench.open(())


@check
def a_ring_seals_with_its_first_key_and_opens_with_any(bench: Bench) -> None:
    old = bench.insert(Token("old", 1, key="old", key_digest="1"))
    with closing(bench.open((OTHER_KEY, KEY))) as rotated:
        assert rotated.read_now(lambda tx: tx.get(Token, old.pk)) == old
        new = rotated.write_now(lambda tx: tx.insert(Token("new", 1, key="new", key_digest="2")))
        assert rotated.read_now(lambda tx: tx.get(Token, new.pk)) == new
    with pytest.raises(CannotOpen):
        bench.read(lambda tx: tx.get(Token, new.pk))


# --- several at once -----------------------------------------------------------------------------------------------


@check
def a_store_keeps_its_name_and_a_new_one_has_another(bench: Bench) -> None:
    with closing(bench.open((KEY,))) as again:
        for name in ("incarnation", "install_id"):
            mine = bench.read(lambda tx, name=name: getattr(tx, name))  # type: ignore[misc]
            assert again.read_now(lambda tx, name=name: getattr(tx, name)) == mine  # type: ignore[misc]
            assert len(mine) == 36
    assert bench.read(lambda tx: tx.incarnation != tx.install_id)


@check
def writers_side_by_side_leave_no_gap(bench: Bench) -> None:
    each = 25

    def work(store: AnyStore, prefix: str) -> None:
        for number in range(each):
            store.write_now(lambda tx, number=number: tx.insert(User(f"{prefix}{number}")))  # type: ignore[misc]

    with closing(bench.open((KEY,))) as other:
        threads = [Thread(target=work, args=(store, prefix)) for store, prefix in ((bench.store, "a"), (other, "b"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log = other.read_now(lambda tx: tx.changes_since(0))
    assert [line.revision for line in log] == list(range(1, 2 * each + 1))
    assert [line.pk for line in log] == list(range(1, 2 * each + 1))
    assert sorted(user.ordinal for user in bench.read(lambda tx: tx.select(User))) == list(range(1, 2 * each + 1))


@check
def a_check_and_its_act_are_one(bench: Bench) -> None:
    """A counter in a session row, raised by two writers: no update is lost."""
    bench.insert(Session("counter", data={"n": 0}))

    def raise_it(tx: Transaction) -> None:
        session = tx.get(Session, "counter")
        tx.update(replace(session, data={"n": session.data["n"] + 1}))

    with closing(bench.open((KEY,))) as other:
        threads = [
            Thread(target=lambda s=store: [s.write_now(raise_it) for _ in range(20)]) for store in (bench.store, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bench.read(lambda tx: tx.get(Session, "counter")).data == {"n": 40}


@check
def followers_hear_of_own_changes_without_looking(bench: Bench) -> None:
    async def follow(store: AnyStore) -> list[int]:
        heard: list[int] = []
        arrived = asyncio.Event()

        def changed(number: int) -> None:
            heard.append(number)
            arrived.set()

        store.follow(changed)
        await store.write(lambda tx: tx.insert(Session("s")))
        for name in "ab":
            arrived.clear()
            await store.write(lambda tx, name=name: tx.insert(User(name)))  # type: ignore[misc]
            await asyncio.wait_for(arrived.wait(), PATIENCE)
        return heard

    with pytest.MonkeyPatch.context() as never:
        never.setattr(sqlite, "LOOK_EVERY", NEVER)
        never.setattr(postgresql, "POLL_EVERY", NEVER)
        with closing(bench.open((KEY,))) as store:
            assert asyncio.run(follow(store)) == [1, 2]


NEVER = 3600.0
"""Seconds, in which a test has ended."""


@check
def followers_hear_of_foreign_changes(bench: Bench) -> None:
    names = count()

    async def follow() -> list[float]:
        heard: list[int] = []
        arrived = asyncio.Event()

        def changed(number: int) -> None:
            heard.append(number)
            arrived.set()

        first = bench.read(lambda tx: tx.revision()).number + 1
        bench.store.follow(changed)
        gc.collect()  # everything that the tests have loaded: it takes as long as what is measured here may
        with closing(bench.open((KEY,))) as other:
            before = time.monotonic()
            await asyncio.to_thread(other.write_now, lambda tx: tx.insert(User(f"u{next(names)}")))
            await asyncio.wait_for(arrived.wait(), PATIENCE)
            seconds = time.monotonic() - before
            await asyncio.to_thread(other.write_now, lambda tx: tx.insert(Session(f"s{next(names)}")))
            await asyncio.sleep(0.3)
        assert heard == [first]
        return [seconds]

    within(lambda: asyncio.run(follow()), lambda seconds: seconds[0] < BUSY_MACHINE * bench.heard_within)


@check
def followers_hear_of_a_store_that_went_back_and_of_what_comes_then(bench: Bench) -> None:
    async def follow() -> list[int]:
        heard: list[int] = []
        arrived = asyncio.Event()

        def changed(number: int) -> None:
            heard.append(number)
            arrived.set()

        async def hear() -> None:
            await asyncio.wait_for(arrived.wait(), PATIENCE)
            arrived.clear()

        bench.store.follow(changed)
        for name in "abc":
            await bench.store.write(lambda tx, name=name: tx.insert(User(name)))  # type: ignore[misc]
            await hear()
        for statement in FORGET_LAST_REVISION:
            await asyncio.to_thread(bench.statement, statement)
        await hear()
        await bench.store.write(lambda tx: tx.insert(User("d")))
        await hear()
        return heard

    assert asyncio.run(follow()) == [1, 2, 3, 2, 3]


BUSY_MACHINE = 3
"""What takes some time on an idle machine may take this many times as long among other tests."""
PATIENCE = 60.0
"""Seconds until what certainly comes is given up."""


@check
def a_follower_whose_loop_is_gone_is_forgotten(bench: Bench) -> None:
    async def follow() -> None:
        bench.store.follow(lambda number: None)

    asyncio.run(follow())
    assert bench.insert(User("a")).pk == 1
    assert bench.insert(User("b")).pk == 2


@check
def closing_waits_for_what_was_submitted(bench: Bench) -> None:
    other = bench.open((KEY,))

    begun = threading.Event()

    def slowly(tx: Transaction) -> None:
        begun.set()
        time.sleep(0.1)
        tx.insert(User("late"))

    thread = Thread(target=lambda: other.write_now(slowly))
    thread.start()
    assert begun.wait(PATIENCE)
    other.close()
    thread.join()
    assert bench.read(lambda tx: tx.find(User, username="late")) is not None
    with pytest.raises(RuntimeError, match="closed"):
        other.write_now(lambda tx: tx.insert(User("too late")))
