"""What a policy is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.expression.http import HttpFacts
from control.passwords.hashing import Candidate
from control.policies.places import Places
from control.records import Application, Flow, NotificationRule, StageBinding, User
from protocols.link.messages import Reuse, VisitorRequest


@dataclass(frozen=True, slots=True)
class Asking:
    """Who wants to use what, from where."""

    user: User | None
    """None: nobody has signed in yet."""
    now: float
    """Seconds since the epoch."""
    peer: str = ""
    """The address of whoever asks the door: an LDAP client, a NAS, a browser."""
    identifier: str = ""
    """The name as it was typed."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """`Authenticate.attributes`, and the door's ``protocol``."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """More that an expression may look up, by authentik's names."""
    target: Application | Flow | StageBinding | NotificationRule | None = None
    visitor: VisitorRequest | None = None
    """More of the request that the forward-auth door was asked about."""
    http: HttpFacts | None = None
    """The request, where it came to control itself."""
    candidate: Candidate | None = None
    """The password that is being chosen."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a policy may use beside the transaction. ``seconds``: how long it may take by the ``clock``."""

    clock: Callable[[], float]
    seconds: float
    places: Places


class Broken(Exception):
    """A policy could not be decided. The text is a sentence; ``verdict`` holds what it said before."""

    def __init__(self, text: str, verdict: Verdict) -> None:
        super().__init__(text)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Verdict:
    passing: bool
    messages: tuple[str, ...] = ()
    """Sentences for the person."""
    reuse: Reuse | None = None
    """For how long, and for whom, it may be taken for granted (D13); None: it is asked each time."""
    log: tuple[str, ...] = ()
    """Lines for the operator."""
    value: Any = None
    """What an expression gave, and ``steps`` how many it took."""
    steps: int = 0
