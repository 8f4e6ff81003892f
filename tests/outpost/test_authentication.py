"""The only way in: one question, and whatever goes wrong denies."""

from dataclasses import replace
from typing import Any

import pytest

from outpost.authentication import Authentication, LinkRevoked
from outpost.directory.draft import whole
from outpost.directory.snapshot import Directory, Touched
from outpost.kept.credential_cache import GRACE_SECONDS, MOST_SECONDS, CredentialCache
from outpost.outcome import (
    HTTP_STATUS,
    LDAP_RESULT_CODE,
    RADIUS_CODE,
    CertificateProof,
    ChallengeReply,
    Chap,
    Circumstances,
    Credentials,
    Decision,
    Device,
    MsChapV2,
    Password,
)
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    Challenge,
    LdapSettings,
    ProviderRecord,
    Reuse,
    UserRecord,
)
from rules.reasons import REASONS, Outcome
from tests.fakes import FakeClock, FakeLink, an_identity, run

WHERE = Circumstances("ldap", "127.0.0.1", {"host": "app"})
ALICE = Password("alice", "right")


def ask(link: FakeLink, faults: list[str] | None = None) -> Decision:
    report = (faults if faults is not None else []).append
    return run(Authentication(link, lambda: "q1", report).authenticate(ALICE, 7, WHERE))


def test_the_whole_question_goes_out_once() -> None:
    link = FakeLink({"alice": "right"})
    assert ask(link) == Decision("accepted", an_identity("alice"), "q1")
    (question,) = link.questions
    assert (question.provider, question.username, question.proof) == (
        7,
        "alice",
        {"kind": "password", "password": "right"},
    )
    assert (question.protocol, question.peer, question.attributes) == ("ldap", "127.0.0.1", {"host": "app"})


@pytest.mark.parametrize("reason", [code for code in REASONS if code != "accepted"])
def test_every_refusal_is_passed_on_without_an_identity(reason: str) -> None:
    link = FakeLink()
    link.verdicts["alice"] = reason
    assert ask(link) == Decision(reason, None, "q1")


@pytest.mark.parametrize("name", ["", "x" * 255, "bob\0", "\ud800"])
def test_a_name_that_nobody_can_have_is_refused_without_asking(name: str) -> None:
    link = FakeLink({name: "right"})
    authentication = Authentication(link, lambda: "q1", lambda _: None)
    decision = run(authentication.authenticate(Password(name, "right"), 7, WHERE))
    assert decision == Decision("impossible_name", id="q1")
    assert link.questions == []


def test_control_away_is_unavailable() -> None:
    link = FakeLink()
    link.away = True
    assert ask(link).outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyError("x"), ValueError("y"), OSError(5, "z")])
def test_any_exception_denies_and_is_reported(error: Exception) -> None:
    link, faults = FakeLink(), list[str]()
    link.fails = error
    assert ask(link, faults).outcome is Outcome.UNAVAILABLE
    assert faults == ["q1"]


def test_an_unheard_of_reason_denies() -> None:
    link = FakeLink()
    link.verdicts["alice"] = "from the future"
    assert ask(link) == Decision("internal_error", None, "q1")


def test_an_answer_to_another_question_denies() -> None:
    link = FakeLink({"alice": "right"})
    ids = iter(["q1", "q2"])

    class Crossed(FakeLink):
        async def ask(self, question):  # type: ignore[no-untyped-def]
            return await link.ask(
                type(question)(**{**{f: getattr(question, f) for f in question.__slots__}, "id": "q0"})
            )

    decision = run(Authentication(Crossed(), lambda: next(ids), lambda _: None).authenticate(ALICE, 7, WHERE))
    assert decision.outcome is Outcome.UNAVAILABLE


def test_acceptance_without_an_identity_denies() -> None:
    class Nameless(FakeLink):
        async def ask(self, question):  # type: ignore[no-untyped-def]
            from protocols.link.messages import Authenticated

            return Authenticated(question.id, "accepted", "accepted", 1)

    assert ask(Nameless()).outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize("reason", REASONS)
def test_an_identity_belongs_to_acceptance_alone(reason: str) -> None:
    wrong = None if reason == "accepted" else an_identity("alice")
    with pytest.raises(ValueError, match="identity"):
        Decision(reason, wrong)


@pytest.mark.parametrize("answers", [LDAP_RESULT_CODE, RADIUS_CODE, HTTP_STATUS])
def test_every_door_can_say_every_outcome_and_success_only_for_acceptance(answers: dict[Outcome, int | None]) -> None:
    assert set(answers) == set(Outcome)
    success = answers[Outcome.ACCEPTED]
    assert [outcome for outcome, said in answers.items() if said == success] == [Outcome.ACCEPTED]


def test_a_password_does_not_show() -> None:
    assert "right" not in repr(ALICE)


# --- other proofs ---

CHAP = Chap("alice", 7, b"c" * 16, b"r" * 16)
MSCHAPV2 = MsChapV2("EXAMPLE\\alice", "alice", b"a" * 16, b"p" * 16, b"n" * 24)
CERTIFICATE = CertificateProof("anonymous", (b"leaf", b"authority"))
DEVICE = Device("aabbccddeeff", "aa:bb:cc:dd:ee:ff")
REPLY = ChallengeReply("alice", "state", "123456")


@pytest.mark.parametrize(
    ("credentials", "proof"),
    [
        (CHAP, {"kind": "chap", "identifier": 7, "challenge": "63" * 16, "response": "72" * 16}),
        (
            MSCHAPV2,
            {
                "kind": "mschapv2",
                "authenticator_challenge": "61" * 16,
                "peer_challenge": "70" * 16,
                "nt_response": "6e" * 24,
                "name": "alice",
            },
        ),
        (CERTIFICATE, {"kind": "certificate", "chain": ["bGVhZg==", "YXV0aG9yaXR5"]}),
        (DEVICE, {"kind": "device", "address": "aa:bb:cc:dd:ee:ff"}),
        (REPLY, {"kind": "reply", "state": "state", "response": "123456"}),
    ],
    ids=lambda given: type(given).__name__,
)
def test_every_kind_of_proof_is_asked_as_it_is(credentials: Credentials, proof: dict[str, Any]) -> None:
    link = FakeLink()
    link.verdicts[credentials.username] = "accepted"
    where = Circumstances("radius", "192.0.2.1", can_ask=True)
    decision = run(Authentication(link, lambda: "q1", lambda _: None).authenticate(credentials, 7, where))
    assert decision.outcome is Outcome.ACCEPTED
    (question,) = link.questions
    assert (question.username, question.proof, question.can_ask) == (credentials.username, proof, True)


def test_what_could_be_repeated_does_not_show() -> None:
    shown = repr((CHAP, MSCHAPV2, REPLY))
    assert "rrr" not in shown
    assert "nnn" not in shown
    assert "123456" not in shown


def test_keys_come_with_acceptance_and_a_challenge_with_challenged() -> None:
    link = FakeLink()
    link.keys, link.challenge = {"password_hash_hash": "00"}, Challenge("s", "Code?")
    link.verdicts["alice"] = "accepted"
    accepted = ask(link)
    assert (accepted.keys, accepted.challenge) == ({"password_hash_hash": "00"}, None)
    assert "password_hash_hash" not in repr(accepted)
    link.verdicts["alice"] = "code_needed"
    challenged = ask(link)
    assert (challenged.keys, challenged.challenge) == ({}, Challenge("s", "Code?"))
    link.verdicts["alice"] = "wrong_password"
    assert (ask(link).keys, ask(link).challenge) == ({}, None)


def test_a_decision_holds_nothing_that_belongs_to_another_outcome() -> None:
    with pytest.raises(ValueError, match="keys"):
        Decision("wrong_password", keys={"a": "b"})
    with pytest.raises(ValueError, match="challenge"):
        Decision("wrong_password", challenge=Challenge("s", "Code?"))


# --- what is remembered ---

USER = UserRecord(1, "u1", "uid1", "alice", "Alice", "alice@example.com", "internal", True, 1, 1)
DIRECTORY = (USER, ProviderRecord(7, "dir", "ldap", "app", "App", "a1", "any", LdapSettings()))


class Reusable(FakeLink):
    """Control that lets outposts remember what it accepts."""

    async def ask(self, question: Authenticate) -> Authenticated:
        answer = await super().ask(question)
        return replace(answer, revision=5, reuse=Reuse(600.0) if answer.identity is not None else None)


class Kept:
    def __init__(self, decision: Decision | None) -> None:
        self.decision = decision
        self.checked: list[Password] = []

    async def check(self, credentials: Password, provider: int, peer: str) -> Decision | None:
        self.checked.append(credentials)
        return self.decision


class Remembering:
    def __init__(self, kept: Kept | None = None) -> None:
        directory = Directory()
        directory.publish(whole(5, DIRECTORY), Touched(everything=True))
        self.link = Reusable({"alice": "right"})
        self.clock = FakeClock()
        self.cache = CredentialCache(b"k" * 32, directory, self.clock)
        self.authentication = Authentication(
            self.link, lambda: "q1", lambda _: None, self.cache, kept=kept, clock=self.clock
        )

    def ask(self, credentials: Credentials = ALICE) -> Decision:
        return run(self.authentication.authenticate(credentials, 7, WHERE))


def test_control_is_asked_once() -> None:
    bench = Remembering()
    assert bench.authentication.known(ALICE, 7, "127.0.0.1") is None
    decisions = [bench.ask() for _ in range(3)]
    assert {decision.outcome for decision in decisions} == {Outcome.ACCEPTED}
    assert len(bench.link.questions) == 1
    assert bench.authentication.known(ALICE, 7, "127.0.0.1") is not None


@pytest.mark.parametrize("credentials", [CHAP, DEVICE, REPLY], ids=lambda given: type(given).__name__)
def test_only_passwords_are_remembered(credentials: Credentials) -> None:
    """A response to a challenge that could be used again, or a reply with a one-time code, would be worth stealing."""
    kept = Kept(Decision("accepted", an_identity("alice")))
    bench = Remembering(kept)
    bench.link.verdicts[credentials.username] = "accepted"
    assert [bench.ask(credentials).outcome for _ in range(2)] == [Outcome.ACCEPTED] * 2
    assert len(bench.link.questions) == 2
    bench.link.away = True
    assert bench.ask(credentials) == Decision("control_away", id="q1")
    assert (len(bench.cache), kept.checked) == (0, [])


def test_another_password_is_asked_for_and_changes_nothing() -> None:
    bench = Remembering()
    bench.ask()
    assert bench.ask(Password("alice", "wrong")).reason == "wrong_password"
    assert len(bench.link.questions) == 2
    assert bench.ask().outcome is Outcome.ACCEPTED
    assert len(bench.link.questions) == 2


def test_while_control_is_away_the_known_are_let_in_and_the_others_told_to_wait() -> None:
    bench = Remembering()
    bench.ask()
    bench.clock.advance(MOST_SECONDS)
    bench.link.away = True
    assert bench.ask().outcome is Outcome.ACCEPTED
    assert bench.ask(Password("alice", "wrong")) == Decision("control_away", id="q1")
    assert bench.ask(Password("bob", "right")) == Decision("control_away", id="q1")
    bench.clock.advance(GRACE_SECONDS)
    assert bench.ask() == Decision("control_away", id="q1")


def test_an_outpost_that_was_shut_out_lets_nobody_in_by_grace() -> None:
    bench = Remembering()
    bench.ask()
    bench.clock.advance(MOST_SECONDS)
    bench.link.fails = LinkRevoked()
    assert bench.ask() == Decision("control_away", id="q1")


@pytest.mark.parametrize("reason", [code for code, reason in REASONS.items() if reason.outcome is Outcome.UNAVAILABLE])
def test_a_control_that_is_there_but_cannot_decide_is_like_one_away(reason: str) -> None:
    bench = Remembering()
    bench.ask()
    bench.clock.advance(MOST_SECONDS)
    bench.link.verdicts = {"alice": reason, "bob": reason}
    assert bench.ask().outcome is Outcome.ACCEPTED
    assert bench.ask(Password("bob", "right")) == Decision(reason, id="q1")


def test_what_control_refuses_is_refused_although_it_was_accepted() -> None:
    """The grace is for control's silence, never against its word."""
    bench = Remembering()
    bench.ask()
    bench.clock.advance(MOST_SECONDS)
    bench.link.verdicts["alice"] = "no_binding"
    assert bench.ask() == Decision("no_binding", id="q1")
    bench.link.away = True
    assert bench.ask() == Decision("control_away", id="q1")


@pytest.mark.parametrize("decision", [Decision("accepted", an_identity("alice")), None], ids=["kept", "not kept"])
def test_what_was_kept_on_disk_counts_only_while_control_is_away(decision: Decision | None) -> None:
    kept = Kept(decision)
    bench = Remembering(kept)
    assert bench.ask(Password("alice", "wrong")).reason == "wrong_password"
    assert kept.checked == []
    bench.link.away = True
    assert bench.ask() == (decision or Decision("control_away", id="q1"))
    assert kept.checked == [ALICE]
