"""Certificates that need not be asked about again: nothing that control looked at may have changed meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outpost.authentication import Authentication, LinkRevoked
from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from outpost.kept.certificates import MOST_ENTRIES, KnownCertificates
from outpost.kept.credential_cache import GRACE_SECONDS, MOST_SECONDS, CredentialCache, Use
from outpost.outcome import CertificateProof, Circumstances, Decision, Password
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    ProviderRecord,
    RadiusSettings,
    Reuse,
    UserRecord,
)
from rules.reasons import Outcome
from tests.fakes import FakeClock, FakeLink, an_identity, run

REVISION = 5
ALICE = UserRecord(1, "u1", "uid1", "alice", "Alice", "alice@example.com", "internal", True, 1, 1)
PROVIDER = ProviderRecord(7, "wifi", "radius", "app", "App", "a1", "any", RadiusSettings(("127.0.0.0/8",), "hush"))
SHOWN = CertificateProof("alice", (b"leaf", b"authority"))
WHERE = Circumstances("radius", "192.0.2.7")
ELSEWHERE = Circumstances("radius", "192.0.2.8")


class Answers(FakeLink):
    reuse: Reuse | None = Reuse(600.0)
    revision = REVISION

    async def ask(self, question: Authenticate) -> Authenticated:
        answer = await super().ask(question)
        return replace(answer, revision=self.revision, reuse=self.reuse if answer.identity is not None else None)


class Door:
    def __init__(self) -> None:
        self.directory = Directory()
        self.publish(REVISION)
        self.link = Answers()
        self.link.verdicts["alice"] = "accepted"
        self.clock = FakeClock()
        self.cache = CredentialCache(b"k" * 32, self.directory, self.clock)
        self.certificates = KnownCertificates(self.directory, self.clock, self.cache.used)
        self.authentication = Authentication(
            self.link, lambda: "q1", lambda _: None, self.cache, clock=self.clock, certificates=self.certificates
        )

    def publish(self, revision: int, user: UserRecord = ALICE) -> None:
        self.directory.publish(whole(revision, (user, PROVIDER)), Touched(everything=True))

    def show(self, shown: CertificateProof = SHOWN, where: Circumstances = WHERE) -> Decision:
        return run(self.authentication.authenticate(shown, 7, where))

    @property
    def asked(self) -> int:
        return len(self.link.questions)


@pytest.fixture
def door() -> Door:
    return Door()


def test_control_is_asked_once(door: Door) -> None:
    assert {door.show().outcome for _ in range(3)} == {Outcome.ACCEPTED}
    assert door.asked == 1
    assert door.cache.uses == {Use(7, an_identity("alice").user, False): 2}, "the others are told of afterwards"


@pytest.mark.parametrize(
    "shown",
    [
        CertificateProof("alice", (b"another", b"authority")),
        CertificateProof("alice", (b"leaf",)),
        CertificateProof("alice", (b"lea", b"fauthority")),
        CertificateProof("anonymous", SHOWN.chain),
    ],
)
def test_another_certificate_chain_or_name_is_asked_about(door: Door, shown: CertificateProof) -> None:
    door.show()
    door.link.verdicts[shown.username] = "certificate_revoked"
    assert door.show(shown).reason == "certificate_revoked"


def test_whatever_changes_in_the_directory_it_is_asked_about_again(door: Door) -> None:
    door.show()
    door.publish(REVISION + 1)
    door.link.verdicts["alice"] = "certificate_names_nobody"
    assert door.show().reason == "certificate_names_nobody"


def test_an_answer_of_an_older_directory_is_not_remembered(door: Door) -> None:
    door.link.revision = REVISION - 1
    door.show()
    door.show()
    assert door.asked == 2


def test_a_no_is_never_remembered_and_ends_a_yes(door: Door) -> None:
    door.show()
    door.clock.advance(MOST_SECONDS)
    door.link.verdicts["alice"] = "no_binding"
    assert door.show().reason == "no_binding"
    door.link.away = True
    assert door.show() == Decision("control_away", id="q1")


def test_what_control_does_not_let_be_reused_is_not(door: Door) -> None:
    door.link.reuse = None
    door.show()
    door.show()
    assert (door.asked, len(door.certificates)) == (2, 0)


def test_a_yes_for_one_peer_is_none_for_another(door: Door) -> None:
    door.link.reuse = Reuse(600.0, peer_only=True)
    door.show()
    door.show()
    assert door.asked == 1
    door.show(where=ELSEWHERE)
    assert door.asked == 2


def test_after_ten_minutes_it_is_asked_about_again(door: Door) -> None:
    door.link.reuse = Reuse(86_400.0)
    door.show()
    door.clock.advance(MOST_SECONDS)
    door.show()
    assert door.asked == 2


def test_it_is_known_no_longer_than_the_certificate_is_good_not_even_by_grace(door: Door) -> None:
    door.link.reuse = Reuse(600.0, not_after=door.clock.now() + 60)
    door.show()
    door.clock.advance(60)
    door.link.away = True
    assert door.show() == Decision("control_away", id="q1")


def test_an_account_that_ends_meanwhile_is_asked_about(door: Door) -> None:
    door.publish(REVISION, replace(ALICE, valid_until=door.clock.now() + 60))
    door.show()
    door.show()
    assert door.asked == 1
    door.clock.advance(60)
    door.link.verdicts["alice"] = "expired"
    assert door.show().reason == "expired"


def test_the_grace_is_for_while_control_is_away_and_ends(door: Door) -> None:
    door.show()
    door.clock.advance(MOST_SECONDS)
    door.link.away = True
    assert door.show().outcome is Outcome.ACCEPTED
    door.link.away, door.link.fails = False, LinkRevoked()
    assert door.show() == Decision("control_away", id="q1"), "it was shut out"
    door.link.away, door.link.fails = True, None
    door.clock.advance(GRACE_SECONDS)
    assert door.show() == Decision("control_away", id="q1")


def test_no_password_is_a_certificate(door: Door) -> None:
    """Whoever has seen a certificate can write down all of it."""
    door.show()
    door.link.verdicts["alice"] = "wrong_password"
    for guess in ("leafauthority", "leaf"):
        assert run(door.authentication.authenticate(Password("alice", guess), 7, WHERE)).reason == "wrong_password"


def test_there_are_only_so_many(door: Door) -> None:
    yes = Decision("accepted", an_identity("alice"))
    for number in range(MOST_ENTRIES + 10):
        one = CertificateProof("alice", (number.to_bytes(4),))
        door.certificates.learn(one, 7, "192.0.2.7", yes, Reuse(600.0), REVISION)
    assert len(door.certificates) == MOST_ENTRIES
