"""A one-time code asked for after a password: Access-Challenge, and the request that brings the code."""

from __future__ import annotations

import hashlib

import pytest

from outpost.listeners.radius_challenge import MARK
from protocols.link.messages import Challenge
from tests.outpost.listeners.test_radius import ACCEPT, CHALLENGE, REJECT, Door
from tests.protocols.radius import nas_side
from tests.protocols.radius.nas_side import attribute

CODE = "123456"


def asking(challenge: Challenge | None) -> Door:
    """A door whose control wants a code of alice."""
    door = Door()
    door.link.verdicts["alice"] = "code_needed"
    door.link.challenge = challenge
    return door


QUESTION = Challenge("a-state-of-controls", "Enter the code.")
ASKED = (
    attribute(24, MARK + b"a-state-of-controls")
    + attribute(18, b"Enter the code.")
    + attribute(76, bytes((0, 0, 0, 1)))
)


def reply(state: bytes, code: str = CODE) -> bytes:
    authenticator = hashlib.md5(state).digest()
    return nas_side.pap(password=code.encode(), extra=attribute(24, state), authenticator=authenticator, identifier=8)


def test_a_code_is_asked_for_and_brought() -> None:
    door = asking(QUESTION)
    door.send(nas_side.pap())
    assert door.replies() == [nas_side.expected_reply(CHALLENGE, nas_side.pap(), ASKED)]
    assert door.link.questions[0].can_ask
    del door.link.verdicts["alice"]
    door.link.verdicts["alice"] = "accepted"
    door.link.challenge = None
    door.send(reply(MARK + b"a-state-of-controls"))
    [answer] = door.replies()
    assert answer[0] == ACCEPT
    proof = {"kind": "reply", "state": "a-state-of-controls", "response": CODE}
    assert door.link.questions[1].proof == proof


def test_a_copy_of_the_request_gets_the_same_challenge_and_asks_nobody() -> None:
    door = asking(QUESTION)
    for _ in range(2):
        door.send(nas_side.pap())
    first, second = door.replies()
    assert first == second
    assert len(door.link.questions) == 1


def test_a_long_question_is_cut_between_characters() -> None:
    door = asking(Challenge("s", "ü" * 200))
    door.send(nas_side.pap())
    [answer] = door.replies()
    assert nas_side.believes(answer, nas_side.pap())
    assert attribute(18, b"\xc3\xbc" * 126) in answer


@pytest.mark.parametrize("state", [b"another server's", b"", MARK[:-1]])
def test_64_a_state_that_is_not_ours_means_nothing(state: bytes) -> None:
    door = Door()
    packet = reply(state, "correct horse") if state else nas_side.pap(extra=attribute(24, b""))
    door.send(packet)
    [answer] = door.replies()
    assert answer[0] == ACCEPT
    assert door.link.questions[0].proof["kind"] == "password"


def test_a_reply_to_nothing_is_refused_and_never_tried_as_a_password() -> None:
    door = Door()
    door.link.verdicts["alice"] = "challenge_over"
    door.send(reply(MARK + b"made up", "correct horse"))
    door.clock.advance(1)
    assert [octets[0] for octets in door.replies()] == [REJECT]
    assert [question.proof["kind"] for question in door.link.questions] == ["reply"]


def test_a_code_that_cannot_be_asked_for_is_a_refusal() -> None:
    door = asking(None)
    door.send(nas_side.pap())
    door.clock.advance(1)
    assert [octets[0] for octets in door.replies()] == [REJECT]


def test_while_control_is_away_a_reply_is_silence() -> None:
    door = Door()
    door.link.away = True
    door.send(reply(MARK + b"a-state"))
    door.clock.advance(1)
    assert door.replies() == []
