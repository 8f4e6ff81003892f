"""What an outpost is sent: its own providers and no others, and changes that lead where a snapshot would."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from control.certificates import authority
from control.certificates.authority import Subject
from control.certificates.generated import SHOWN, SIGNING
from control.certificates.making import KeyPair
from control.outposts import view as outposts
from control.outposts.needs import NOBODY, WHOLE
from control.outposts.people import EverythingChanged
from control.outposts.told import Told, told_after
from control.radius import provider as radius
from control.records import (
    Application,
    Binding,
    Certificate,
    Group,
    IssuedCertificate,
    Outpost,
    PropertyMapping,
    Provider,
    Stage,
    Token,
    User,
)
from control.store.interface import Query, Transaction
from control.store.sql import SqlStore
from control.verbs import authorities, system
from control.verbs.authorities import IssueFields
from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Snapshot
from protocols.link.messages import (
    CertificateRecord,
    Configuration,
    LdapSettings,
    Members,
    ProviderRecord,
    Put,
    RadiusSettings,
    Remove,
)
from tests.fakes import counted_random
from tests.stores import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


RADIUS = {"client_networks": "10.0.0.0/8, ::1/128", "mfa_support": False, "from_the_future": 1}


def populate(tx: Transaction) -> str:
    alice, bob = tx.insert(User(username="alice")), tx.insert(User(username="bob"))
    staff = tx.insert(Group(name="staff"))
    engineering = tx.insert(Group(name="engineering", parents=(staff.pk,)))
    tx.add_members(engineering.pk, [alice.pk, bob.pk])
    served = tx.insert(Provider("wifi", "radius", settings=RADIUS, secrets={"shared_secret": "hush"}))
    orphan = tx.insert(Provider("no application", "ldap"))
    foreign = tx.insert(Provider("elsewhere", "ldap"))
    for provider in (served, foreign):
        application = tx.insert(Application(name=provider.name, slug=f"app-{provider.pk}", provider=provider.pk))
        tx.insert(Binding(application.pk, group=staff.pk, order=2))
        tx.insert(Binding(application.pk, user=bob.pk, order=1))
    return tx.insert(Outpost("o", "any", providers=(served.pk, orphan.pk))).pk


def provider_of(snapshot: Snapshot) -> ProviderRecord:
    (provider,) = snapshot.providers.values()
    return provider


def view(store: SqlStore, outpost: str) -> Snapshot:
    return store.read_now(lambda tx: whole(tx.revision().number, outposts.snapshot(tx, outpost)))


def test_a_snapshot_holds_everyone_and_only_the_providers_it_serves(store: SqlStore) -> None:
    snapshot = view(store, store.write_now(populate))
    assert {user.username for user in snapshot.users.values()} == {"alice", "bob"}
    provider = provider_of(snapshot)
    assert (provider.name, provider.protocol, provider.application) == ("wifi", "radius", f"app-{provider.pk}")
    assert provider.settings == RadiusSettings(("10.0.0.0/8", "::1/128"), "hush", mfa_support=False)
    assert [(line.order, line.user is not None) for line in provider.bindings] == [(1, True), (2, False)]


def test_directories_hold_confirmed_addresses_alone(store: SqlStore) -> None:
    outpost = store.write_now(populate)

    def said(tx: Transaction) -> None:
        for name, confirmed in (("alice", False), ("bob", True)):
            tx.update(replace(one(tx, User, username=name), email=f"{name}@example.com", email_verified=confirmed))

    store.write_now(said)
    told = {user.username: user.email for user in view(store, outpost).users.values()}
    assert told == {"alice": "", "bob": "bob@example.com"}


def test_a_password_that_came_with_the_account_is_as_old(store: SqlStore) -> None:
    """As where its end is decided (`control.passwords.rules`)."""
    outpost = store.write_now(populate)

    def said(tx: Transaction) -> None:
        for name, password, date in (("alice", "a hash", None), ("bob", "a hash", 7.0)):
            user = replace(one(tx, User, username=name), password=password, password_change_date=date)
            tx.update(replace(user, date_joined=5.0))

    assert {user.password_changed for user in view(store, outpost).users.values()} == {None}
    store.write_now(said)
    told = {user.username: user.password_changed for user in view(store, outpost).users.values()}
    assert told == {"alice": 5.0, "bob": 7.0}


@pytest.mark.parametrize(
    ("longest", "warning", "days"),
    [
        ("days=0", "days=14", (0, 0)),
        ("days=90", "days=14", (90, 14)),
        ("days=90;hours=5", "hours=30", (90, 1)),
        ("hours=3", "hours=1", (1, 0)),
    ],
)
def test_directories_know_how_long_passwords_are_good(
    store: SqlStore, longest: str, warning: str, days: tuple[int, int]
) -> None:
    def served(tx: Transaction) -> str:
        outpost = tx.get(Outpost, populate(tx))
        return tx.update(replace(outpost, providers=(one(tx, Provider, name="elsewhere").pk,))).pk

    outpost = store.write_now(served)
    before = view(store, outpost)
    store.write_now(lambda tx: system.change(tx, {"password_max_age": longest, "password_warning": warning}))
    after = view(store, outpost)
    settings = provider_of(after).settings
    assert isinstance(settings, LdapSettings)
    assert (settings.password_days, settings.password_warning_days) == days
    sent = store.read_now(lambda tx: outposts.changes(tx, outpost, before.revision))
    assert changed(before, after.revision, sent)[0] == after


def test_membership_and_parents_are_sent(store: SqlStore) -> None:
    snapshot = view(store, store.write_now(populate))
    alice = next(user.pk for user in snapshot.users.values() if user.username == "alice")
    assert {snapshot.groups[pk].name for pk in snapshot.groups_of(alice)} == {"engineering", "staff"}


def test_only_certificates_in_use_leave_and_only_with_their_key(store: SqlStore) -> None:
    def certify(tx: Transaction) -> str:
        outpost = populate(tx)
        used, unused = (tx.insert(Certificate(name, "PEM", key_data="KEY")) for name in ("used", "unused"))
        provider = tx.get(Provider, tx.get(Outpost, outpost).providers[0])
        tx.update(replace(provider, settings={**provider.settings, "certificate": used.pk}))
        tx.insert(Certificate("own", "PEM", key_data="KEY", managed=SHOWN))
        tx.insert(Certificate("signs tokens", "PEM", key_data="KEY", managed=SIGNING))
        assert unused.pk
        return outpost

    outpost = store.write_now(certify)
    sent = store.read_now(lambda tx: outposts.snapshot(tx, outpost))
    assert sorted(record.name for record in sent if isinstance(record, CertificateRecord)) == ["own", "used"]


def one(tx: Transaction, kind: type[Any], **equal: Any) -> Any:
    found = tx.find(kind, **equal)
    assert found is not None
    return found


CHANGES: dict[str, Callable[[Transaction], object]] = {
    "a user is renamed": lambda tx: tx.update(replace(one(tx, User, username="bob"), name="Robert")),
    "a user is made and joins": lambda tx: tx.add_members(
        one(tx, Group, name="staff").pk, [tx.insert(User(username="carol")).pk]
    ),
    "a user is deleted": lambda tx: tx.delete(one(tx, User, username="bob")),
    "a user leaves": lambda tx: tx.remove_members(
        one(tx, Group, name="engineering").pk, [one(tx, User, username="bob").pk]
    ),
    "a group is renamed": lambda tx: tx.update(replace(one(tx, Group, name="engineering"), name="builders")),
    "a group loses its parents": lambda tx: tx.update(replace(one(tx, Group, name="engineering"), parents=())),
    "a group is deleted": lambda tx: tx.delete(one(tx, Group, name="staff")),
    "a group is made with members": lambda tx: tx.add_members(
        tx.insert(Group(name="new")).pk, [one(tx, User, username="bob").pk]
    ),
    "a provider is changed": lambda tx: tx.update(replace(one(tx, Provider, name="wifi"), name="wlan")),
    "a provider is deleted": lambda tx: tx.delete(one(tx, Provider, name="wifi")),
    "a provider is taken away": lambda tx: tx.update(replace(one(tx, Outpost, name="o"), providers=())),
    "a provider is assigned": lambda tx: tx.update(
        replace(one(tx, Outpost, name="o"), providers=(one(tx, Provider, name="elsewhere").pk,))
    ),
    "an application is deleted": lambda tx: tx.delete(one(tx, Application, name="wifi")),
    "an application moves": lambda tx: (
        tx.update(replace(one(tx, Application, name="wifi"), provider=None)),
        tx.insert(Application("two", "two", provider=one(tx, Provider, name="no application").pk)),
    ),
    "a binding is made": lambda tx: tx.insert(
        Binding(one(tx, Application, name="wifi").pk, user=one(tx, User, username="alice").pk)
    ),
    "a binding is deleted": lambda tx: tx.delete(tx.select(Binding)[0]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_changes_lead_where_a_snapshot_would(store: SqlStore, change: Callable[[Transaction], object]) -> None:
    outpost = store.write_now(populate)
    before = view(store, outpost)
    store.write_now(change)
    after = view(store, outpost)
    sent = store.read_now(lambda tx: outposts.changes(tx, outpost, before.revision))
    assert sent
    followed, _ = changed(before, after.revision, sent)
    assert followed == after


def told_all(store: SqlStore, outpost: str) -> Told:
    return Told(store.read_now(lambda tx: outposts.snapshot(tx, outpost)))


SOME: dict[str, Callable[[Transaction], object]] = {
    **CHANGES,
    "a binding is deleted": lambda tx: tx.delete(_bound(tx, "wifi")[0]),
    "a provider is made and served": lambda tx: tx.update(
        replace(
            one(tx, Outpost, name="o"),
            providers=(
                *one(tx, Outpost, name="o").providers,
                _application(tx, "new", tx.insert(Provider("new", "ldap")).pk),
            ),
        )
    ),
    "an application is renamed": lambda tx: tx.update(replace(one(tx, Application, name="wifi"), name="WLAN")),
    "what had no application has one": lambda tx: _application(tx, "a", one(tx, Provider, name="no application").pk),
    "an application's provider is another": lambda tx: tx.update(
        replace(one(tx, Application, name="wifi"), provider=one(tx, Provider, name="no application").pk)
    ),
    "a binding is another application's": lambda tx: tx.update(
        replace(_bound(tx, "wifi")[0], target=one(tx, Application, name="elsewhere").pk)
    ),
    "another application's binding is ours": lambda tx: tx.update(
        replace(_bound(tx, "elsewhere")[0], target=one(tx, Application, name="wifi").pk)
    ),
    "all bindings are deleted": lambda tx: list(map(tx.delete, tx.select(Binding))),
    "another application's binding goes": lambda tx: tx.delete(_bound(tx, "elsewhere")[0]),
    "something is bound to a flow": lambda tx: tx.insert(Binding("a flow's pk", user=one(tx, User, username="bob").pk)),
    "an application's binding is a flow's": lambda tx: tx.update(replace(_bound(tx, "wifi")[0], target="a flow's pk")),
    "a proxy names a secret attribute": lambda tx: _secret_attribute(tx, "a"),
    "another outpost serves the same": lambda tx: tx.insert(
        Outpost("second", "any", providers=one(tx, Outpost, name="o").providers)
    ),
}


WITH_MORE = [SOME[name] for name in ("a user is deleted", "a group is deleted", "all bindings are deleted")] + [
    SOME["another application's binding goes"],
    SOME["something is bound to a flow"],
    SOME["an application's binding is a flow's"],
]
"""Of bindings that were deleted nobody knows whose they were, unless they were told of; a flow's say more."""


def _application(tx: Transaction, name: str, provider: int) -> int:
    application = tx.insert(Application(name, name, provider=provider))
    tx.insert(Binding(application.pk, user=one(tx, User, username="alice").pk))
    return provider


def _secret_attribute(tx: Transaction, name: str) -> None:
    settings = {
        "mode": "forward_single",
        "external_host": "https://a.example.com",
        "basic_auth_password_attribute": name,
    }
    found = tx.find(Provider, name="basic")
    if found is None:
        tx.insert(Provider("basic", "proxy", settings=settings))
    else:
        tx.update(replace(found, settings=settings))


def _bound(tx: Transaction, name: str) -> Sequence[Binding]:
    return tx.select(Binding, Query(equal={"target": one(tx, Application, name=name).pk}))


@pytest.mark.parametrize("change", SOME.values(), ids=SOME.keys())
def test_changes_of_some_providers_lead_there_alone(store: SqlStore, change: Callable[[Transaction], object]) -> None:
    """And so do those that come after, which stand on what was told before."""
    outpost = store.write_now(populate)
    before, known = view(store, outpost), told_all(store, outpost)
    for verb in (change, _made_later, _clear):
        store.write_now(verb)
        after = view(store, outpost)
        sent = store.read_now(partial(outposts.changes, outpost=outpost, since=before.revision, told=known))
        assert any(isinstance(part, Configuration) for part in sent) == (verb in WITH_MORE)
        before, _ = changed(before, after.revision, sent)
        assert before == after
        known = told_after(known, sent) or known
        assert vars(known) == vars(told_all(store, outpost))


def _made_later(tx: Transaction) -> None:
    _application(tx, "later", tx.insert(Provider("later", "ldap")).pk)


def _clear(tx: Transaction) -> None:
    """The outpost serves nothing any more."""
    tx.update(replace(one(tx, Outpost, name="o"), providers=(), config={"a": "b"}))


def test_no_more_providers_are_read_than_it_takes_to_know_that_everybody_is_needed(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    outpost = store.write_now(populate)
    (known,) = view(store, outpost).providers.values()
    directory = replace(known, protocol="ldap", settings=LdapSettings(), bindings=())
    every = iter([directory, replace(directory, pk=99)])
    monkeypatch.setattr(outposts, "served", lambda tx, outpost: every)
    assert store.read_now(lambda tx: outposts.view_of(tx, outpost)) == WHOLE
    assert next(every).pk == 99
    store.write_now(partial(_secret_attribute, name="a"))
    every = iter([directory, replace(directory, pk=99)])
    found = store.read_now(lambda tx: outposts.view_of(tx, outpost))
    assert found == replace(WHOLE, passwords=frozenset({("a", NOBODY)}))


def test_attributes_are_secret_for_as_long_as_any_proxy_says_so(store: SqlStore) -> None:
    outpost = store.write_now(populate)
    known: Told | None = told_all(store, outpost)
    for name in ("a", "b", ""):
        before = view(store, outpost)
        store.write_now(partial(_secret_attribute, name=name))
        sent = store.read_now(partial(outposts.changes, outpost=outpost, since=before.revision, told=known))
        assert [type(part) for part in sent] == [Put]
        known = told_after(known, sent)
        assert changed(before, before.revision + 1, sent)[0] == view(store, outpost)


def test_where_a_certificate_is_shown_no_more_it_does_not_stay(store: SqlStore) -> None:
    outpost = store.write_now(populate)
    shown = store.write_now(lambda tx: tx.insert(Certificate("shown", "PEM", key_data="KEY")).pk)
    for certificate in (shown, None):

        def show(tx: Transaction, certificate: str | None = certificate) -> None:
            wifi = one(tx, Provider, name="wifi")
            tx.update(replace(wifi, settings={**wifi.settings, "certificate": certificate}))

        before, known = view(store, outpost), told_all(store, outpost)
        store.write_now(show)
        sent = store.read_now(partial(outposts.changes, outpost=outpost, since=before.revision, told=known))
        followed, _ = changed(before, before.revision + 1, sent)
        assert set(followed.certificates) == ({shown} if certificate else set())


def test_what_is_more_than_some_providers_sends_everything(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    outpost = store.write_now(populate)
    for verb in (lambda tx: tx.insert(Stage("s", "deny")), CHANGES["a provider is changed"]):
        before, known = view(store, outpost), told_all(store, outpost)
        store.write_now(verb)
        sent = store.read_now(partial(outposts.changes, outpost=outpost, since=before.revision, told=known))
        assert [type(part) for part in sent] == [Configuration]
        monkeypatch.setattr(outposts, "MOST_CONCERNED", 0)


MAPPED = {
    **CHANGES,
    "a group above gets an attribute": lambda tx: tx.update(
        replace(one(tx, Group, name="staff"), attributes={"floor": 7})
    ),
    "somebody's attributes change": lambda tx: tx.update(replace(one(tx, User, username="bob"), attributes={"a": 1})),
    "a mapping is written anew": lambda tx: tx.update(
        replace(one(tx, PropertyMapping, name="m"), expression="return {'x': user.pk}")
    ),
    "a mapping is deleted": lambda tx: tx.delete(one(tx, PropertyMapping, name="m")),
    "a provider gets another mapping": lambda tx: tx.update(
        replace(
            one(tx, Provider, name="elsewhere"),
            property_mappings=(tx.insert(PropertyMapping("n", "ldap", "return {'y': 1}")).pk,),
        )
    ),
    "a provider lets its mapping go": lambda tx: tx.update(
        replace(one(tx, Provider, name="elsewhere"), property_mappings=())
    ),
}
EXPRESSION = """\
return {"groups": [group.name for group in user.all_groups()], "floor": user.group_attributes().get("floor")}
"""


@pytest.mark.parametrize("change", MAPPED.values(), ids=MAPPED.keys())
def test_what_mappings_say_follows_whatever_it_depends_on(
    store: SqlStore, change: Callable[[Transaction], object]
) -> None:
    """A delta leads where a snapshot would, or says that everything is to be told anew."""

    def populated(tx: Transaction) -> str:
        outpost = tx.get(Outpost, populate(tx))
        elsewhere = one(tx, Provider, name="elsewhere")
        mapping = tx.insert(PropertyMapping("m", "ldap", EXPRESSION))
        tx.update(replace(elsewhere, property_mappings=(mapping.pk,)))
        return tx.update(replace(outpost, providers=(*outpost.providers, elsewhere.pk))).pk

    outpost = store.write_now(populated)
    before = view(store, outpost)
    bob = next(user for user in before.users.values() if user.username == "bob")
    assert [values["groups"] for values in bob.mapped.values()] == [["engineering", "staff"]]
    store.write_now(change)
    after = view(store, outpost)
    try:
        sent = store.read_now(lambda tx: outposts.changes(tx, outpost, before.revision))
    except EverythingChanged:
        return
    followed, _ = changed(before, after.revision, sent)
    assert told(followed) == told(after)


def told(snapshot: Snapshot) -> list[tuple[str, str, Any]]:
    """What counts: a provider without mappings looks at nothing that was said for it before."""
    return [
        (provider.name, user.username, user.mapped.get(str(provider.pk)))
        for provider in snapshot.providers.values()
        if isinstance(provider.settings, LdapSettings) and provider.settings.mapped
        for user in snapshot.users.values()
    ]


def test_all_changes_together_lead_there_too(store: SqlStore) -> None:
    outpost = store.write_now(populate)
    before = view(store, outpost)
    for name in ("a user is made and joins", "a user leaves", "a group is deleted", "a user is deleted"):
        store.write_now(CHANGES[name])
    after = view(store, outpost)
    followed, _ = changed(
        before, after.revision, store.read_now(lambda tx: outposts.changes(tx, outpost, before.revision))
    )
    assert followed == after


def test_one_membership_is_one_small_change(store: SqlStore) -> None:
    outpost = store.write_now(populate)
    revision = view(store, outpost).revision
    store.write_now(CHANGES["a user leaves"])
    sent = store.read_now(lambda tx: outposts.changes(tx, outpost, revision))
    assert [type(change) for change in sent] == [Members]


def test_users_and_groups_do_not_send_the_configuration_again(store: SqlStore) -> None:
    outpost = store.write_now(populate)
    revision = view(store, outpost).revision
    for name in ("a user is renamed", "a group is renamed"):
        store.write_now(CHANGES[name])
    store.write_now(lambda tx: tx.delete(one(tx, User, username="alice")))
    sent = store.read_now(lambda tx: outposts.changes(tx, outpost, revision))
    assert {type(change) for change in sent} == {Put, Members, Remove}


def test_a_token_changes_nothing_at_an_outpost(store: SqlStore) -> None:
    outpost = store.write_now(populate)
    revision = view(store, outpost).revision
    store.write_now(lambda tx: tx.insert(Token("t", user=one(tx, User, username="alice").pk, key="k", key_digest="d")))
    assert store.read_now(lambda tx: outposts.changes(tx, outpost, revision)) == []


@dataclass(frozen=True)
class Believed:
    """An authority of our own that the provider ``wifi`` believes, and what it has issued."""

    outpost: str
    authority: str
    pair: KeyPair

    def issue(self, tx: Transaction, name: str, days: int = 30) -> IssuedCertificate:
        pair = authority.issue(self.pair, Subject(name), tx.now, counted_random(name), days, "ecdsa")
        return authorities.keep(tx, self.authority, IssueFields(name=name, user=1), pair)

    def told(self, store: SqlStore) -> str:
        settings = provider_of(view(store, self.outpost)).settings
        assert isinstance(settings, RadiusSettings)
        return settings.client_revocations


@pytest.fixture(params=["ecdsa", "rsa"])
def believed(store: SqlStore, request: pytest.FixtureRequest) -> Believed:
    def furnish(tx: Transaction) -> Believed:
        outpost = populate(tx)
        pair = authority.new_authority("Devices", tx.now, counted_random("authority"), algorithm=request.param)
        above = tx.insert(Certificate("Devices", pair.certificate, key_data=pair.key)).pk
        wifi = one(tx, Provider, name="wifi")
        tx.update(replace(wifi, settings={**wifi.settings, "client_authorities": [above]}))
        return Believed(outpost, above, pair)

    return store.write_now(furnish)


def test_what_an_authority_of_ours_revokes_is_told_at_once(store: SqlStore, believed: Believed) -> None:
    issued = store.write_now(lambda tx: believed.issue(tx, "laptop"))
    revision = view(store, believed.outpost).revision
    assert believed.told(store) == ""
    store.write_now(lambda tx: authorities.revoke(tx, issued.pk))
    (sent,) = store.read_now(lambda tx: outposts.changes(tx, believed.outpost, revision))
    assert isinstance(sent, Configuration)
    listed = x509.load_pem_x509_crl(believed.told(store).encode())
    assert [one.serial_number for one in listed] == [int(issued.serial, 16)]
    above = x509.load_pem_x509_certificate(believed.pair.certificate.encode())
    assert listed.is_signature_valid(above.public_key())  # type: ignore[arg-type]


def test_another_change_sends_the_same_list_again(store: SqlStore, believed: Believed) -> None:
    """Or every NAS over TLS would have to come again."""
    issued = store.write_now(lambda tx: believed.issue(tx, "laptop"))
    store.write_now(lambda tx: authorities.revoke(tx, issued.pk))
    before = believed.told(store)
    radius.signed.cache_clear()  # as in another control process
    store.write_now(lambda tx: tx.insert(Stage("s", "deny")))
    assert believed.told(store) == before


def test_a_certificate_that_is_issued_sends_nothing(store: SqlStore, believed: Believed) -> None:
    revision = view(store, believed.outpost).revision
    store.write_now(lambda tx: believed.issue(tx, "laptop"))
    assert store.read_now(lambda tx: outposts.changes(tx, believed.outpost, revision)) == []


def test_what_has_expired_is_not_listed_any_more(store: SqlStore, believed: Believed) -> None:
    issued = store.write_now(lambda tx: believed.issue(tx, "old"))
    store.write_now(lambda tx: tx.update(replace(issued, revoked=tx.now - 9, not_after=tx.now - 5)))
    assert believed.told(store) == ""


def test_the_operators_list_comes_first(store: SqlStore, believed: Believed) -> None:
    issued = store.write_now(lambda tx: believed.issue(tx, "laptop"))

    def change(tx: Transaction) -> None:
        wifi = one(tx, Provider, name="wifi")
        tx.update(replace(wifi, settings={**wifi.settings, "client_revocations": "OPERATOR'S"}))
        authorities.revoke(tx, issued.pk)

    store.write_now(change)
    assert believed.told(store).startswith("OPERATOR'S\n-----BEGIN X509 CRL")


def test_another_stage_sends_the_configuration(store: SqlStore) -> None:
    outpost = store.write_now(populate)
    revision = view(store, outpost).revision
    store.write_now(lambda tx: tx.insert(Stage("s", "deny")))
    sent = store.read_now(lambda tx: outposts.changes(tx, outpost, revision))
    assert [type(change) for change in sent] == [Configuration]


class Counting:
    """A transaction that counts what is asked of it."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        self.asked += name in ("select", "find", "get", "count", "members_of", "groups_of")
        return getattr(self._tx, name)


def questions(store: SqlStore, applications: int) -> int:
    """That are asked of the store for a configuration with so many more applications behind proxies."""

    def verb(tx: Transaction) -> str:
        settings = {"mode": "forward_single", "external_host": "https://a.example.com"}
        made = [tx.insert(Provider(f"p{at}-{applications}", "proxy", settings=settings)) for at in range(applications)]
        for one in made:
            application = tx.insert(Application(name=one.name, slug=one.name, provider=one.pk))
            tx.insert(Binding(application.pk, order=1))
        return tx.insert(Outpost(f"o{applications}", "any", providers=tuple(one.pk for one in made))).pk

    outpost = store.write_now(verb)

    def read(tx: Transaction) -> int:
        counting: Any = Counting(tx)
        records = outposts.configuration(counting, outpost)
        bound = [len(record.bindings) for record in records if isinstance(record, ProviderRecord)]
        assert bound == [1] * applications
        return int(counting.asked)

    return store.read_now(read)


def test_many_applications_are_read_with_as_many_questions_as_few(store: SqlStore) -> None:
    """With a handful of questions for each of ten thousand, outposts would give up before the first line came."""
    assert questions(store, 2) == questions(store, 40)
