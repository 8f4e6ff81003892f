"""What the mappings of a provider behind a door add to its answer."""

from __future__ import annotations

from dataclasses import dataclass

from control.expression.environment import Asked
from control.mappings import radius
from control.mappings.answers import Broken, Mappings, provider_facts, refuses
from control.people import person_facts
from control.records import Application, Provider, User
from control.store.interface import Transaction
from control.verbs import property_mappings
from control.verbs.property_mappings import RADIUS
from protocols.link.messages import Authenticate, ReplyAttribute


@dataclass(frozen=True, slots=True)
class Mapped:
    """``any``: there were mappings. They see the request and the hour, so that no answer of theirs is used again."""

    any: bool = False
    reply: tuple[ReplyAttribute, ...] = ()
    broken: tuple[Broken, ...] = ()

    @property
    def refused(self) -> bool:
        return refuses(self.broken)


def mapped(tx: Transaction, provider: Provider, user: User, question: Authenticate, run: Mappings) -> Mapped:
    """For whoever has been admitted."""
    chosen = [one for one in property_mappings.of(tx, provider.property_mappings) if one.kind == RADIUS]
    if not chosen:
        return Mapped()
    application = tx.find(Application, provider=provider.pk)
    context = {**question.attributes, "protocol": question.protocol}
    asked = Asked(person_facts(tx, user), question.peer, context=context, of=provider_facts(provider, application))
    told, broken = radius.reply(chosen, asked, run)
    return Mapped(True, told, broken)
