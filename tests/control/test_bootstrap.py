from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from control.bootstrap import (
    ADMINISTRATOR,
    ADMINISTRATORS,
    BOOTSTRAP_TOKEN,
    SETUP_CODE,
    FirstStart,
    bootstrap,
    first_start,
    setup_pending,
)
from control.certificates.generated import NAMES, RENEWED_BEFORE, SHOWN, SIGNING
from control.certificates.making import KeyPair, self_signed
from control.mail.post import Post
from control.notifications import owners
from control.notifications.mailing import by_mail
from control.notifications.matching import Matching
from control.passwords.hashing import Unfit
from control.policies.judge import Judge
from control.records import (
    DIRECTORY_RECORDS,
    Certificate,
    Event,
    Flow,
    Group,
    Letter,
    Notification,
    NotificationRule,
    NotificationTransport,
    Outpost,
    Setting,
    Stage,
    StageBinding,
    Token,
    UntoldEvent,
    User,
)
from control.store.interface import Query, Transaction
from control.verbs import outposts, rights, tokens
from tests.fakes import FakeClock
from tests.stores import ImmediatePasswords, ImmediateStore, open_store, run

NOTHING_ASKED = FirstStart()
PAIRS = dict.fromkeys(NAMES, KeyPair("certificate", "key"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ImmediateStore]:
    opened = ImmediateStore(open_store(tmp_path, FakeClock()))
    yield opened
    opened.close()


@pytest.fixture
def passwords() -> Iterator[ImmediatePasswords]:
    made = ImmediatePasswords()
    yield made
    made.close()


def start(store: ImmediateStore, asked: FirstStart = NOTHING_ASKED, hashed: str | None = None) -> str | None:
    return store.sql.write_now(lambda tx: bootstrap(tx, asked, hashed, PAIRS, os.urandom))


def counts(tx: Transaction) -> dict[str, int]:
    return {kind.TABLE: tx.count(kind) for kind in DIRECTORY_RECORDS}


def test_administrators_hear_of_what_is_broken_and_nothing_else_is_noted(store: ImmediateStore) -> None:
    """Under authentik's names; and without a mail server, in their own list alone."""
    start(store)
    sql = store.sql
    rules = {rule.name: rule for rule in sql.read_now(lambda tx: tx.select(NotificationRule))}
    assert rules.keys() == {
        "default-notify-configuration-error",
        "default-notify-exception",
        "default-notify-update",
    }
    ways = {way.pk: (way.name, way.mode) for way in sql.read_now(lambda tx: tx.select(NotificationTransport))}
    assert set(ways.values()) == {("default-email-transport", "email"), ("default-local-transport", "local")}
    assert all(set(rule.transports) == ways.keys() for rule in rules.values())
    matching = Matching(store, Judge(lambda: 0.0), by_mail(Post()), owners.by_mail(Post()))
    actions = ("login", "login_failed", "model_created", "configuration_error", "policy_exception")
    sql.write_now(lambda tx: [tx.insert(Event(one, context={"message": "so"}, created=tx.now)) for one in actions])
    assert len(sql.read_now(lambda tx: tx.select(UntoldEvent))) == 2
    run(matching.look())
    told = sql.read_now(lambda tx: tx.select(Notification))
    assert sorted(one.body for one in told) == ["Configuration error: so", "Policy exception: so"]
    assert {one.severity for one in told} == {"alert"}
    assert sql.read_now(lambda tx: tx.count(Letter)) == 0


def test_a_rule_that_somebody_has_deleted_does_not_come_back(store: ImmediateStore) -> None:
    start(store)
    for rule in store.sql.read_now(lambda tx: tx.select(NotificationRule)):
        store.sql.write_now(partial(_deleted, rule=rule))
    start(store)
    assert store.sql.read_now(lambda tx: tx.count(NotificationRule)) == 0


def _deleted(tx: Transaction, rule: NotificationRule) -> None:
    tx.delete(rule)


def test_the_first_start_makes_everything_in_one_revision(store: ImmediateStore) -> None:
    start(store)

    def check(tx: Transaction) -> None:
        user, group = tx.find(User, username=ADMINISTRATOR), tx.find(Group, name=ADMINISTRATORS)
        assert user is not None
        assert group is not None
        assert (user.type, user.path, user.email, user.password) == ("internal", "users", "root@example.com", None)
        assert user.is_active
        assert group.is_superuser
        assert tx.members_of([group.pk]) == {group.pk: [user.pk]}
        assert rights.is_superuser(tx, user.pk)
        assert tx.revision().number == 1

    store.sql.read_now(check)


def test_the_default_flows_have_their_names_and_stages(store: ImmediateStore) -> None:
    start(store)

    def stages(tx: Transaction, slug: str) -> list[tuple[int, str]]:
        flow = tx.find(Flow, slug=slug)
        assert flow is not None
        lines = tx.select(StageBinding, Query(equal={"flow": flow.pk}, ordering=("order",)))
        return [(line.order, tx.get(Stage, line.stage).kind) for line in lines]

    def check(tx: Transaction) -> None:
        assert {flow.slug: flow.designation for flow in tx.select(Flow)} == {
            "default-authentication-flow": "authentication",
            "default-invalidation-flow": "invalidation",
            "default-provider-authorization-implicit-consent": "authorization",
            "default-provider-authorization-explicit-consent": "authorization",
            "default-provider-invalidation-flow": "invalidation",
            "initial-setup": "stage_configuration",
            "default-password-change": "stage_configuration",
            "default-authenticator-email-setup": "stage_configuration",
            "default-authenticator-totp-setup": "stage_configuration",
            "default-authenticator-webauthn-setup": "stage_configuration",
            "default-authenticator-static-setup": "stage_configuration",
            "default-second-factor-flow": "stage_configuration",
            "default-recovery-flow": "recovery",
            "default-enrollment-flow": "enrollment",
            "default-source-enrollment": "enrollment",
            "default-user-settings-flow": "stage_configuration",
            "default-email-confirmation-flow": "stage_configuration",
            "default-unenrollment-flow": "unenrollment",
        }
        assert stages(tx, "default-authentication-flow") == [
            (10, "identification"),
            (20, "password"),
            (30, "authenticator_validate"),
            (100, "user_login"),
        ]
        assert stages(tx, "default-recovery-flow") == [
            (10, "identification"),
            (20, "email"),
            (25, "authenticator_validate"),
            (30, "prompt"),
            (40, "user_write"),
        ]
        assert stages(tx, "default-invalidation-flow") == [(0, "user_logout")]
        assert stages(tx, "default-provider-authorization-implicit-consent") == []
        assert stages(tx, "default-provider-authorization-explicit-consent") == [(0, "consent")]
        assert stages(tx, "default-provider-invalidation-flow") == []
        assert stages(tx, "initial-setup") == [(10, "initial_setup"), (100, "user_login")]

    store.sql.read_now(check)


def test_the_embedded_outpost_has_an_account_and_a_token(store: ImmediateStore) -> None:
    start(store)

    def check(tx: Transaction) -> None:
        (outpost,) = tx.select(Outpost)
        assert (outpost.name, outpost.type) == ("authentik Embedded Outpost", "any")
        assert outpost.managed == "goauthentik.io/outposts/embedded"
        assert outpost.user is not None
        account = tx.get(User, outpost.user)
        assert account.username == f"ak-outpost-{outpost.pk.replace('-', '')}"
        assert account.type == "internal_service_account"
        assert account.password is None
        token = tx.find(Token, identifier=f"ak-outpost-{outpost.pk}-api")
        assert token is not None
        assert (token.user, token.intent, token.expiring) == (account.pk, "api", False)
        assert tokens.owner(tx, token.key) == account

    store.sql.read_now(check)


def test_a_second_start_makes_nothing_again(store: ImmediateStore) -> None:
    start(store, hashed="hash")
    before = store.sql.read_now(lambda tx: (counts(tx), tx.revision()))
    assert start(store, FirstStart(password="other", email="other@example.com", token="other"), "other hash") is None
    assert store.sql.read_now(lambda tx: (counts(tx), tx.revision())) == before
    user = store.sql.read_now(lambda tx: tx.find(User, username=ADMINISTRATOR))
    assert user is not None
    assert (user.password, user.email) == ("hash", "root@example.com")


def test_what_the_operator_changed_or_removed_stays_so(store: ImmediateStore) -> None:
    start(store, FirstStart(token="key"), "hash")

    def change(tx: Transaction) -> None:
        user, group = tx.find(User, username=ADMINISTRATOR), tx.find(Group, name=ADMINISTRATORS)
        flow = tx.find(Flow, slug="default-authentication-flow")
        assert user is not None
        assert group is not None
        assert flow is not None
        tx.delete(user)
        tx.update(replace(group, is_superuser=False))
        tx.update(replace(flow, title="Mine"))
        tx.delete(tx.select(StageBinding, Query(equal={"flow": flow.pk}))[0])

    store.sql.write_now(change)
    before = store.sql.read_now(lambda tx: (counts(tx), tx.revision()))
    assert start(store) is None
    assert store.sql.read_now(lambda tx: (counts(tx), tx.revision())) == before


def test_missing_system_objects_are_made_again(store: ImmediateStore) -> None:
    start(store, hashed="hash")
    before = store.sql.read_now(counts)

    def lose(tx: Transaction) -> None:
        for kind in (Flow, Outpost, Certificate):
            for record in tx.select(kind):
                tx.delete(record)

    store.sql.write_now(lose)
    start(store)
    assert store.sql.read_now(counts) == before


def test_names_that_the_operator_took_are_no_obstacle(store: ImmediateStore) -> None:
    start(store, hashed="hash")

    def take(tx: Transaction) -> None:
        (outpost,) = tx.select(Outpost)
        tx.update(replace(outpost, managed=None))
        for certificate in tx.select(Certificate):
            tx.update(replace(certificate, managed=None))

    store.sql.write_now(take)
    start(store)
    assert [
        outpost.name for outpost in store.sql.read_now(lambda tx: tx.select(Outpost, Query(ordering=("name",))))
    ] == [
        "authentik Embedded Outpost",
        "authentik Embedded Outpost 2",
    ]
    assert store.sql.read_now(lambda tx: tx.count(Outpost, Query(equal={"managed": outposts.EMBEDDED}))) == 1
    generated = store.sql.read_now(lambda tx: tx.select(Certificate, Query(within={"managed": list(NAMES)})))
    assert sorted(str(one.managed) for one in generated) == sorted(NAMES)


def test_a_bootstrap_password_closes_the_setup(store: ImmediateStore, passwords: ImmediatePasswords) -> None:
    asked = FirstStart(password="correct horse", email="me@example.com")
    assert run(first_start(store, passwords, asked, os.urandom, FakeClock())) is None

    def check(tx: Transaction) -> None:
        user = tx.find(User, username=ADMINISTRATOR)
        assert user is not None
        assert user.email == "me@example.com"
        assert user.password_change_date == tx.now
        assert passwords.verify_now(user.password, "correct horse").ok
        assert not setup_pending(tx)
        assert tx.find(Setting, pk=SETUP_CODE) is None
        assert "correct horse" not in repr(tx.select(Event))

    store.sql.read_now(check)


def test_a_bootstrap_token_opens_the_api(store: ImmediateStore) -> None:
    start(store, FirstStart(token="bootstrap key"))

    def check(tx: Transaction) -> None:
        token = tx.find(Token, identifier=BOOTSTRAP_TOKEN)
        assert token is not None
        assert not token.expiring
        owner = tokens.owner(tx, "bootstrap key")
        assert owner is not None
        assert owner.username == ADMINISTRATOR
        assert "bootstrap key" not in repr(tx.select(Event))

    store.sql.read_now(check)
    assert BOOTSTRAP_TOKEN == "authentik-bootstrap-token"


def test_the_code_is_new_at_each_start_while_the_setup_is_pending(store: ImmediateStore) -> None:
    first, second = start(store), start(store)
    assert first is not None
    assert second is not None
    assert first != second
    assert len(second) == 24
    setting = store.sql.read_now(lambda tx: tx.get(Setting, SETUP_CODE))
    assert setting.value == hashlib.sha256(second.encode()).hexdigest()
    assert second not in repr(store.sql.read_now(lambda tx: tx.select(Event)))


def test_the_code_ends_when_akadmin_gets_a_password_elsewhere(store: ImmediateStore) -> None:
    assert start(store) is not None

    def give(tx: Transaction) -> None:
        user = tx.find(User, username=ADMINISTRATOR)
        assert user is not None
        tx.update(replace(user, password="hash"))
        assert not setup_pending(tx)

    store.sql.write_now(give)
    assert start(store) is None
    assert store.sql.read_now(lambda tx: tx.find(Setting, pk=SETUP_CODE)) is None


def test_a_store_without_akadmin_has_no_setup(store: ImmediateStore) -> None:
    start(store)

    def remove(tx: Transaction) -> None:
        user = tx.find(User, username=ADMINISTRATOR)
        assert user is not None
        tx.delete(user)

    store.sql.write_now(remove)
    assert start(store) is None


def test_the_certificates_are_made_once_and_stored(store: ImmediateStore, passwords: ImmediatePasswords) -> None:
    clock = FakeClock()
    run(first_start(store, passwords, FirstStart(), os.urandom, clock))
    certificates = store.sql.read_now(lambda tx: tx.select(Certificate))
    run(first_start(store, passwords, FirstStart(), os.urandom, clock))
    assert store.sql.read_now(lambda tx: tx.select(Certificate)) == certificates
    named = {certificate.managed: certificate.name for certificate in certificates}
    assert named == {
        SIGNING: "authentik Self-signed Certificate",
        SHOWN: "Self-signed Certificate of Outposts",
    }
    for certificate in certificates:
        parsed = x509.load_pem_x509_certificate(certificate.certificate_data.encode())
        key = load_pem_private_key(certificate.key_data.encode(), None)
        assert key.public_key() == parsed.public_key()
    assert len({certificate.key_data for certificate in certificates}) == 2


def test_a_start_renews_the_certificate_that_is_shown_and_keeps_the_key_that_signs(
    tmp_path: Path, passwords: ImmediatePasswords
) -> None:
    clock = FakeClock()
    store = ImmediateStore(open_store(tmp_path, clock))

    def after_a_start() -> dict[str | None, Certificate]:
        run(first_start(store, passwords, FirstStart(), os.urandom, clock))
        return {one.managed: one for one in store.sql.read_now(lambda tx: tx.select(Certificate))}

    first = after_a_start()
    clock.advance(365 * 86_400 - RENEWED_BEFORE - 100)
    assert after_a_start() == first
    clock.advance(200)
    second = after_a_start()
    assert second[SIGNING] == first[SIGNING]
    assert second[SHOWN].pk == first[SHOWN].pk
    assert second[SHOWN].key_data != first[SHOWN].key_data
    store.close()


def test_a_start_leaves_a_certificate_of_somebodys_own(tmp_path: Path, passwords: ImmediatePasswords) -> None:
    clock = FakeClock()
    store = ImmediateStore(open_store(tmp_path, clock))
    pair = self_signed("auth.example.com", ("auth.example.com",), clock.now(), os.urandom, days=20)

    def put(tx: Transaction) -> Certificate:
        tx.insert(Certificate("ours", pair.certificate, key_data=pair.key, managed=SHOWN))
        return tx.select(Certificate)[0]

    ours = store.sql.write_now(put)
    run(first_start(store, passwords, FirstStart(), os.urandom, clock))
    clock.advance(25 * 86_400)
    run(first_start(store, passwords, FirstStart(), os.urandom, clock))
    assert store.sql.read_now(lambda tx: tx.select(Certificate, Query(equal={"managed": SHOWN}))) == [ours]
    store.close()


def test_a_self_signed_certificate() -> None:
    clock = FakeClock()
    pair = self_signed("Name", ("localhost", "127.0.0.1", "::1"), clock.now(), lambda length: b"\xff" * length)
    parsed = x509.load_pem_x509_certificate(pair.certificate.encode())
    key = load_pem_private_key(pair.key.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048
    parsed.verify_directly_issued_by(parsed)
    now = datetime.fromtimestamp(clock.now(), UTC)
    assert parsed.not_valid_before_utc < now
    assert (parsed.not_valid_after_utc - now).days == 365
    assert 0 < parsed.serial_number < 2**159
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]
    assert pair.key not in repr(pair)


@pytest.mark.parametrize("password", ["seven 7", "known to everybody"])
def test_a_bootstrap_password_that_nobody_may_choose_is_refused(
    store: ImmediateStore, passwords: ImmediatePasswords, password: str
) -> None:
    passwords._breached = lambda asked: int(asked == "known to everybody")
    with pytest.raises(Unfit):
        run(first_start(store, passwords, FirstStart(password=password), os.urandom, FakeClock()))
    assert store.sql.read_now(lambda tx: tx.find(User, username=ADMINISTRATOR)) is None
