"""Decides the bindings of an application, flow or stage binding: users and groups first, then the policies it needs.

Nothing is written here: what has to be kept of it, `events` makes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from control.policies.asking import Around, Asking, Broken, Verdict
from control.policies.kinds import KINDS
from control.policies.kinds.kind import LASTING
from control.policies.places import Places, places
from control.records import Application, Binding, Event, Flow, NotificationRule, Policy, StageBinding
from control.store.interface import Query, StoreTrouble, Transaction
from control.verbs import password_terms
from control.verbs.rights import closure
from protocols.link.messages import Reuse
from rules import bindings
from rules.names import shown

NOBODY = 0
"""No user has this pk."""
MOST_MESSAGES = 20
"""Of one policy, and so many lines of its log."""

Target = Application | Flow | StageBinding | NotificationRule


@dataclass(frozen=True, slots=True)
class Answer:
    """What one policy said, asked for one binding."""

    binding: Binding
    policy: Policy
    verdict: Verdict
    fault: str = ""
    """Why it could not be decided, a sentence; ``verdict`` is then what the binding says for that case."""

    @property
    def word(self) -> bool:
        return self.verdict.passing

    @property
    def passing(self) -> bool:
        return self.word != self.binding.negate


@dataclass(frozen=True, slots=True)
class Decided:
    passing: bool
    answers: tuple[Answer, ...] = ()
    """Of the policies that were asked, in their order."""
    reuse: Reuse | None = LASTING
    """How long a yes may be taken for granted."""

    @property
    def words(self) -> dict[str, bool]:
        """pk of a binding to what its policy said."""
        return {one.binding.pk: one.word for one in self.answers}

    @property
    def reason(self) -> str:
        """A code of `rules.reasons`."""
        if self.passing:
            return "accepted"
        if not self.answers:
            return "no_binding"
        return "policy_failed" if any(one.fault and not one.passing for one in self.answers) else "policy_denied"

    @property
    def messages(self) -> tuple[str, ...]:
        """For the person: what the policies said that did not let them in."""
        return tuple(dict.fromkeys(text for one in self.answers if not one.passing for text in one.verdict.messages))


NOWHERE = places(None, None, time.monotonic)
"""Without databases."""
REFUSED = Decided(False)
"""Before any policy was asked."""


@dataclass(frozen=True, slots=True)
class Judge:
    """``clock`` only counts seconds."""

    clock: Callable[[], float] = field(default=time.monotonic)
    places: Places = NOWHERE

    def decide(self, tx: Transaction, target: Target, asking: Asking) -> Decided:
        """May they? Policies are asked only where users and groups leave it open."""
        lines = tx.select(Binding, Query(equal={"target": target.pk, "enabled": True}, ordering=("order",)))
        if not isinstance(target, Application):
            lines = password_terms.entering(tx, lines)
        return self.weigh(tx, target, lines, asking)

    def judge_password(self, tx: Transaction, lines: Sequence[Binding], asking: Asking) -> Decided:
        """May the candidate be the person's password? All of these have to pass, whatever their flow's mode."""
        answers = tuple(self.ask(tx, line, asking) for line in lines)
        return Decided(all(one.passing for one in answers), answers, None)

    def weigh(self, tx: Transaction, target: Target, lines: Sequence[Binding], asking: Asking) -> Decided:
        """The same for bindings that are known already."""
        user, groups = standing(tx, asking)
        mode, words, answers = target.policy_engine_mode, dict[str, bool](), list[Answer]()
        asking = replace(asking, target=target)
        for line in lines:
            if bindings.verdict(mode, lines, user, groups, words) is not None:
                break
            if line.policy is not None and line.enabled:
                answers.append(self.ask(tx, line, asking))
                words[line.pk] = answers[-1].word
        passing = bindings.admits(mode, lines, user, groups, words)
        return Decided(passing, tuple(answers), _reuse(mode, answers, words) if passing else None)

    def ask(self, tx: Transaction, binding: Binding, asking: Asking) -> Answer:
        """One policy, for one binding. Raises StoreTrouble alone."""
        policy = tx.get(Policy, binding.policy or "")
        try:
            verdict = self.consult(tx, policy, asking, float(binding.timeout))
        except StoreTrouble:
            raise
        except Exception as error:
            # Negating a failure would open what a broken policy was to close: the binding's own word counts as it is.
            word = binding.failure_result != binding.negate
            said = error.verdict if isinstance(error, Broken) else Verdict(word)
            verdict = _bounded(replace(said, passing=word, reuse=None))
            return Answer(binding, policy, verdict, shown(str(error) or type(error).__name__))
        return Answer(binding, policy, _bounded(verdict))

    def consult(self, tx: Transaction, policy: Policy, asking: Asking, seconds: float) -> Verdict:
        """Raises whatever goes wrong, TimeoutError among others."""
        began = self.clock()
        verdict = KINDS[policy.kind].decide(tx, policy.settings, asking, Around(self.clock, seconds, self.places))
        if self.clock() - began >= seconds:
            raise TimeoutError(f"It took longer than the {seconds:g} seconds that its binding allows.")
        return verdict


def recalled(tx: Transaction, target: Target, user: int, words: Mapping[str, bool], since: float) -> bool:
    """Do they still let in whom they let in at ``since``, when policies said this? One that was changed after that
    has not said it."""
    lines = tx.select(Binding, Query(equal={"target": target.pk, "enabled": True}, ordering=("order",)))
    asked = Query(within={"pk": [line.policy for line in lines if line.pk in words and line.policy is not None]})
    same = {policy.pk for policy in tx.select(Policy, asked) if policy.last_updated <= since} if words else set()
    said = {line.pk: words[line.pk] for line in lines if line.pk in words and line.policy in same}
    groups = frozenset(group.pk for group in closure(tx, user))
    return bindings.admits(target.policy_engine_mode, lines, user, groups, said)


def standing(tx: Transaction, asking: Asking) -> tuple[int, frozenset[str]]:
    """The user's pk, and those of all their groups."""
    if asking.user is None:
        return NOBODY, frozenset()
    return asking.user.pk, frozenset(group.pk for group in closure(tx, asking.user.pk))


def _reuse(mode: str, answers: Sequence[Answer], words: dict[str, bool]) -> Reuse | None:
    """As far as all the policies go on which the yes stands: of ``any``, the one that gave it."""
    standing = [one.verdict.reuse for one in answers if one.passing]
    reuse = narrowest(standing if mode == "all" else standing[:1])
    return replace(reuse, words=words) if reuse is not None and words else reuse


def narrowest(several: Iterable[Reuse | None]) -> Reuse | None:
    """What all of them allow; None if one allows nothing."""
    found = LASTING
    for one in several:
        if one is None:
            return None
        ends = [moment for moment in (found.not_after, one.not_after) if moment is not None]
        found = Reuse(
            seconds=min(found.seconds, one.seconds),
            peer_only=found.peer_only or one.peer_only,
            not_after=min(ends, default=None),
            words={**found.words, **one.words},
        )
    return found


def _bounded(verdict: Verdict) -> Verdict:
    """What an expression says goes into events and onto pages."""
    messages = tuple(shown(text) for text in verdict.messages[:MOST_MESSAGES])
    return replace(verdict, messages=messages, log=tuple(shown(text) for text in verdict.log[:MOST_MESSAGES]))


# --- what is kept of it --------------------------------------------------------------------------------------------


def traced(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """What each policy said, as JSON."""
    return [
        {
            "binding": one.binding.pk,
            "policy": one.policy.pk,
            "name": one.policy.name,
            "kind": one.policy.kind,
            "negate": one.binding.negate,
            "result": one.word,
            "passing": one.passing,
            "messages": list(one.verdict.messages),
            "log": list(one.verdict.log),
            "fault": one.fault,
        }
        for one in answers
    ]


def events(decided: Decided, asking: Asking) -> list[Event]:
    """Of each policy that broke, and of each that is to leave a trace whenever it is asked."""
    user = asking.user
    about = {"pk": user.pk, "username": user.username, "email": user.email} if user is not None else {}
    return [
        Event(
            action="policy_exception" if one.fault else "policy_execution",
            app="policies",
            context={
                "message": one.fault or f"The policy {one.policy.name!r} was asked.",
                "target": one.binding.target,
                **told,
            },
            user=about,
            client_ip=shown(asking.peer),
            created=asking.now,
        )
        for one, told in zip(decided.answers, traced(decided.answers), strict=True)
        if one.fault or one.policy.execution_logging
    ]
