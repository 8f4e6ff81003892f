"""What stages have in common that mail a code."""

from __future__ import annotations

from dataclasses import dataclass

from control.flows import links
from control.flows.state import Ask, Context, Deny, FlowServices, Invalid, Verdict
from control.mail import outbox
from control.mail.letters import Written, greeted, moment
from control.records import Authenticator, User
from control.store.interface import Transaction
from control.verbs import mailed_codes
from control.verbs.authenticators import Mailed

TEMPLATE, SUBJECT = "email/email_otp", "Your code"
NO_MAIL = Deny("mail_not_possible", "No mail can be sent from here yet. Use another second factor.")
ENOUGH = Invalid({"code": [("Several codes were mailed already. Use the last one, or wait a while.", "throttled")]})


async def mail(factor: Authenticator, user: User, services: FlowServices, template: str, subject: str) -> Verdict:
    """A code for this flow alone; one that was sent before is good no more."""
    server, brand = await services.store.read(lambda tx: (services.post.server(tx), links.brand(tx, services)))
    if server is None:
        return NO_MAIL
    code = mailed_codes.code(factor, services.now())
    to, shown = factor.settings["address"], {"name": user.name, "username": user.username}
    if not factor.confirmed:
        to, shown = links.same_for_all(to), greeted(user.name, user.username)
    try:
        words = services.post.letters.write(
            template or TEMPLATE, user=shown, code=code.digits, expires=moment(code.until), brand=brand
        )
    except KeyError:
        return links.NO_WORDS
    letter = _Letter(to, subject or SUBJECT, words, user.pk, code.until)
    if not await services.store.write(letter.queue):
        return ENOUGH
    return Ask({"code_for": code.mailed.factor, "code_at": code.mailed.at})


@dataclass(frozen=True, slots=True)
class _Letter:
    to: str
    subject: str
    words: Written
    user: int
    until: float

    def queue(self, tx: Transaction) -> bool:
        """False: enough were sent to them lately."""
        if not links.is_welcome(tx, self.to):
            return False
        try:
            outbox.queue(tx, self.to, self.subject, self.words.text, TEMPLATE, self.words.html, self.user, self.until)
        except outbox.CannotQueue:
            return False
        return True


def mailed(context: Context) -> Mailed:
    return Mailed(context.code_for, context.code_at)
