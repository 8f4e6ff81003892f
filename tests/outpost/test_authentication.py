"""The only way in: one question, and whatever goes wrong denies."""

import pytest

from outpost.authentication import Authentication
from outpost.outcome import HTTP_STATUS, LDAP_RESULT_CODE, RADIUS_CODE, Circumstances, Decision, Password
from rules.reasons import REASONS, Outcome
from tests.fakes import FakeLink, an_identity, run

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
