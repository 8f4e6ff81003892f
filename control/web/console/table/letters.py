"""Mail: what was sent, what waits, and why."""

from __future__ import annotations

from control.mail import outbox
from control.web.admin_api.mail import LETTERS
from control.web.console.cells import Cell, Column, moment, text
from control.web.console.sections import Choice, Section

TONES = {outbox.SENT: "good", outbox.WAITING: "quiet", outbox.FAILED: "wrong", outbox.NOBODY: "quiet"}

MAIL = Section(
    path="mail/letters",
    title="Mail",
    one="mail",
    about="What was sent to people, what waits, and what the mail server said.",
    resource=lambda random: LETTERS,
    columns=(
        Column("Written", moment("created"), "created"),
        Column("To", lambda body: Cell(body["to"] or "(nobody)", to="."), "to"),
        Column("Subject", text("subject"), "subject"),
        Column("State", lambda body: Cell(body["state"], tone=TONES[body["state"]]), "state"),
        Column("Trouble", text("trouble")),
        Column("Next try", moment("next_try"), "due"),
    ),
    name=lambda body: str(body["subject"]),
    affects=lambda tx, letter: ["Nobody gets it any more."] if letter.state == outbox.WAITING else [],
    template="console/letter.html",
    choices=(Choice("state", "State", tuple((state, state.capitalize()) for state in TONES)),),
    empty="No mail was written yet.",
)
