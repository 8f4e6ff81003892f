"""Links, codes and invitations over a real store: recovery, enrolment, confirming an address, codes by mail, and
setting them up.

No order of requests skips the mail, uses a link, a code or an invitation twice, changes the password of somebody else
than who was written to, makes an account for somebody else than who was written to, confirms an address to which no
mail went for this very account, or signs anybody in by a link.
What is true is known here apart from the program: which mails there are, who asked for them and what they had typed
before, what has been used, and, for every state of a flow, what its browser has shown on the way to it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from control.default_flows import CONFIRMATION
from control.flows import executor, links
from control.flows.bound import NotForYou
from control.flows.planning import plan
from control.flows.stages.invitation import HINT
from control.flows.state import Challenge, Done, PlannedStage, State, Step
from control.records import Authenticator, Flow, User
from control.store.interface import Transaction
from control.verbs import users
from tests.control.flows.mailed import (
    CODE_LASTS,
    DAY,
    ENROLLMENT,
    LASTS,
    NEWCOMERS,
    PASSWORDS,
    PEOPLE,
    PUBLIC,
    RECOVERY,
    SETUP,
    SIGN_IN,
    Code,
    Mail,
    Mailed,
    Trail,
    mailbox,
)
from tests.extent import FULL
from tests.stores import run

CHANGES = ("password", "moved", "back", "typed", "disabled", "enabled")
people, passwords = st.sampled_from(PEOPLE), st.sampled_from(PASSWORDS)
changes = st.sampled_from(["", "", "password", "moved", "typed", "disabled"])
newcomers = st.sampled_from(NEWCOMERS)


happened: Counter[str] = Counter()
"""What was seen to go well: a machine in which nothing does shows nothing."""


class Mailing(Mailed, RuleBasedStateMachine):
    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        Mailed.__init__(self)
        self.states: list[tuple[State, Trail]] = []
        self.current: tuple[State, Trail] | None = None
        self.sent: tuple[State, Trail, dict[str, str]] | None = None

    def teardown(self) -> None:
        """Whoever shows all that is asked gets through: it is not that nobody does."""
        self.house.clock.advance(DAY)
        self.deliver()
        name = list(self.pk)[len(self.states) % len(self.pk)]
        pk = self.pk[name]
        self.write(lambda tx: users.update(tx, pk, {"is_active": True, "email": mailbox(name)}))
        self.begin(RECOVERY, name)
        self.go(1, name, PASSWORDS[3])
        self.open(len(self.world.mails) - 1, steps=4, new=PASSWORDS[3])
        assert self.password[name] == PASSWORDS[3]
        assert self.house.passwords.verify_now(self.stored(pk).password, PASSWORDS[3]).ok
        self.close()

    @rule(data=st.data())
    def meanwhile(self, data: st.DataObject) -> None:
        """One rule for all of it: browsers do the most."""
        match data.draw(st.sampled_from(["time", "account", "enrollment", "invitation", "delivery"])):
            case "time":
                self.house.clock.advance(data.draw(st.sampled_from([1, 61, 301, 1000, 1800, DAY])))
            case "account":
                self.administer(data.draw(people), data.draw(st.sampled_from(CHANGES)), data.draw(passwords))
            case "enrollment":
                self.switch_enrollment(data.draw(st.sampled_from(["open", "invitation", "off"])))
            case "invitation":
                lasts = data.draw(st.sampled_from([10.0 * DAY, 60.0]))
                self.invite(data.draw(st.booleans()), lasts, data.draw(st.sampled_from([True, True, False])))
            case "delivery":
                self.deliver()

    # --- what browsers do ------------------------------------------------------------------------------------------

    @rule(
        slug=st.sampled_from([RECOVERY, ENROLLMENT, SIGN_IN, SETUP, CONFIRMATION]),
        name=people,
        new=passwords,
        invited=st.one_of(st.none(), st.integers(0, 5)),
        steps=st.sampled_from([3, 2, 1, 0]),
        change=changes,
        further=st.sampled_from([3, 0, 1]),
    )
    def begin_anything(
        self, slug: str, name: str, new: str, invited: int | None, steps: int, change: str, further: int
    ) -> None:
        """And goes on for some steps, as whoever knows everything does; and for some further ones by the new link."""
        if slug == CONFIRMATION:
            self.administer(name, "typed", new)
        mails = len(self.world.mails)
        self.begin(slug, name, invited)
        self.go(steps, name, new)
        if further and len(self.world.mails) > mails:
            self.open(len(self.world.mails) - 1, change, further, new)

    def begin(self, slug: str, name: str, invited: int | None = None) -> None:
        self.current = None
        known = list(self.world.invitations)
        shown = known[invited % len(known)] if invited is not None and known else ""
        mode = self.world.enrollment
        requester = self.pk[name] if slug in (SETUP, CONFIRMATION) else None

        def planned(tx: Transaction) -> State:
            flow = tx.find(Flow, slug=slug)
            assert flow is not None
            return plan(tx, flow, requester, hints={HINT: shown} if shown else {})

        try:
            state = self.read(planned)
        except NotForYou:
            assert (slug, mode) == (ENROLLMENT, "off")
            return
        step = run(executor.start(state, self.house.services))
        if slug == ENROLLMENT:
            assert mode != "off"
            lets_in = self.is_invited(shown) if shown else mode == "open"
            assert isinstance(step, Challenge) == lets_in
        by = "session" if requester is not None else ""
        self.follow(step, Trail(proved=requester, by=by, invitation=shown, needed=mode == "invitation"))

    def go(self, steps: int, name: str, new: str) -> None:
        """Whoever comes to the end sends the last answer again."""
        for _ in range(steps):
            if not self.is_over():
                self.send_what_is_right(name, new)
                if self.is_over():
                    self.send_again()

    def is_over(self) -> bool:
        return self.current is None

    @precondition(lambda self: self.states)
    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        self.current = data.draw(st.sampled_from(self.states))

    @precondition(lambda self: self.world.mails)
    @rule(
        data=st.data(),
        good=st.sampled_from([True, True, False]),
        change=changes,
        steps=st.sampled_from([3, 2, 1, 0]),
        new=passwords,
    )
    def open_link(self, data: st.DataObject, good: bool, change: str, steps: int, new: str) -> None:
        """And goes on for some steps, during which an administrator has changed something."""
        every = range(len(self.world.mails))
        known = [number for number in every if not good or self.is_good(self.world.mails[number])]
        number = data.draw(st.sampled_from(known or every))
        self.open(number, change, steps, new)

    def open(self, number: int, change: str = "", steps: int = 0, new: str = PASSWORDS[0]) -> None:
        mail = self.world.mails[number]
        other = ENROLLMENT if mail.slug == RECOVERY else RECOVERY
        assert self.read(lambda tx: links.find(tx, mail.key, other)) is None
        state = self.read(lambda tx: links.find(tx, mail.key, mail.slug))
        assert state is not None or not self.is_good(mail)
        self.current = None
        if state is None:
            return
        assert not mail.over
        assert self.now < mail.made + LASTS[mail.slug]
        asked = run(executor.challenge(state, self.house.services))
        assert asked is not None
        self.follow(asked, replace(mail.trail, mail=number, proved=None, by="", code=None, shown=False))
        if change and mail.person is not None:
            self.administer(self.name[mail.person], change, new)
        self.go(steps, "alice", new)

    @precondition(lambda self: self.current is not None)
    @rule(name=st.sampled_from([*PEOPLE, "nosuch"]), newcomer=newcomers, word=passwords, new=passwords, data=st.data())
    def send_anything(self, name: str, newcomer: str, word: str, new: str, data: st.DataObject) -> None:
        assert self.current is not None
        known = sorted({one.digits for _, trail in self.states if (one := trail.code) is not None})
        code = data.draw(st.sampled_from(["000000", *known]))
        fields = {"uid_field": name, "password": word, "password_repeat": new, "code": code, "username": newcomer}
        self.send({**fields, "name": "X", "email": data.draw(st.sampled_from([mailbox(newcomer), mailbox("eve")]))})

    @precondition(lambda self: self.current is not None)
    @rule(name=people, new=passwords)
    def go_on(self, name: str, new: str) -> None:
        self.send_what_is_right(name, new)

    @precondition(lambda self: self.sent is not None)
    @rule()
    def send_again(self) -> None:
        """The last answer, from the same page."""
        assert self.sent is not None
        state, trail, fields = self.sent
        self.current = state, trail
        self.send(fields)

    @rule(new=passwords)
    def begin_twice_with_one_invitation(self, new: str) -> None:
        """Before either has an account; it is good for one."""
        self.switch_enrollment("invitation")
        self.invite(single=True, lasts=10.0 * DAY, ours=True)
        first = len(self.world.mails)
        for _ in range(2):
            guest = f"guest{len(self.world.mails)}"
            self.begin(ENROLLMENT, "alice", len(self.world.invitations) - 1)
            typed = {"username": guest, "name": "X", "email": mailbox(guest)}
            self.send({**typed, "password": new, "password_repeat": new})
        for number in range(first, len(self.world.mails)):
            self.open(number, steps=1)

    @precondition(lambda self: self.current is not None)
    @rule()
    def ask_for_another_code(self) -> None:
        assert self.current is not None
        _, trail = self.current
        for factor in self.factors(trail.proved or 0):
            self.send({"selected_challenge": f'{{"device_class": "email", "device_uid": "{factor.pk}"}}'})
            return

    def send_what_is_right(self, name: str, new: str) -> None:
        assert self.current is not None
        state, trail = self.current
        stage = state.stage
        assert stage is not None
        pk = state.context.pending_user or self.pk[name]
        fields = {"uid_field": name, "password": self.password[self.name[pk]]}
        match stage.kind:
            case "prompt":
                newcomer = NEWCOMERS[len(self.world.mails) % len(NEWCOMERS)]
                fields |= {"username": newcomer, "name": "X", "email": mailbox(newcomer)}
                fields |= {"password": new, "password_repeat": new}
            case "authenticator_validate" if trail.code is not None:
                fields = {"code": trail.code.digits}
            case "authenticator_email":
                fields = {"code": trail.code.digits} if trail.code is not None else {"email": f"{name}@codes.example"}
        self.send(fields)

    def send(self, fields: dict[str, str]) -> None:
        assert self.current is not None
        state, trail = self.current
        self.sent = (state, trail, fields)
        before, factors = self.everybody(), self.factors(trail.proved or 0)
        stage = state.stage
        assert stage is not None
        mail = self.world.mails[trail.mail] if trail.mail is not None else None
        mail_is_good = mail is not None and self.is_good(mail)
        step = run(executor.answer(state, fields, self.house.services))
        moved = isinstance(step, Done) or (isinstance(step, Challenge) and step.state.position > state.position)
        if state.context.uid is not None and isinstance(step, Challenge):
            assert step.state.context.pending_user == state.context.pending_user
        if stage.kind == "email" and mail is not None:
            assert mail_is_good or not moved
            happened["used link" if mail.over else "good link" if mail_is_good else "void link"] += 1
            trail = self.used(trail, mail) if mail_is_good else trail
        if moved:
            trail = self.passed(stage, state, fields, trail, factors)
        self.changed(before, stage, state, fields, trail, mail, mail_is_good)
        self.follow(step, trail)

    def used(self, trail: Trail, mail: Mail) -> Trail:
        """The link, and every other one to the same person for the same."""
        for other in self.world.mails:
            if other is mail or (mail.person is not None and (other.person, other.slug) == (mail.person, mail.slug)):
                other.over = True
        return replace(trail, proved=mail.person, by="link")

    def passed(
        self, stage: PlannedStage, state: State, fields: dict[str, str], trail: Trail, factors: list[Authenticator]
    ) -> Trail:
        """What has been shown now that the program went on, if it was right to."""
        match stage.kind:
            case "email":
                assert trail.by == "link"
            case "password":
                pk = state.context.pending_user
                assert pk is not None
                assert fields["password"] == self.password[self.name[pk]]
                assert self.stored(pk).is_active
                return replace(trail, proved=pk, by="password")
            case "authenticator_validate":
                self.code_was_right(trail, fields["code"])
                assert trail.code is not None
                assert trail.code.to in {one.settings["address"] for one in factors}
                mailed = self.world.mails[trail.mail].to if trail.mail is not None else ""
                assert trail.code.to != mailed, "the mailbox that had the link is no second factor"
                happened[f"code after {trail.by}"] += 1
                return replace(trail, shown=True)
            case "authenticator_email":
                self.code_was_right(trail, fields["code"])
                assert trail.code is not None
                assert trail.code.to in {one.settings["address"] for one in self.factors(trail.proved or 0)}
                happened["address for codes"] += 1
            case "prompt" if state.slug == ENROLLMENT:
                return replace(trail, typed=(fields["username"], fields["email"], fields["password"]))
        return trail

    def code_was_right(self, trail: Trail, typed: str) -> None:
        assert trail.proved is not None
        assert trail.code is not None
        assert typed == trail.code.digits
        assert self.now < trail.code.until
        assert trail.code not in self.world.spent
        self.world.spent.add(trail.code)

    def changed(
        self,
        before: dict[int, User],
        stage: PlannedStage,
        state: State,
        fields: dict[str, str],
        trail: Trail,
        mail: Mail | None,
        mail_was_good: bool,
    ) -> None:
        after = self.everybody()
        assert before.keys() <= after.keys()
        for pk, user in before.items():
            now = after[pk]
            if now.password != user.password:
                assert (state.slug, stage.kind, trail.by, trail.proved) == (RECOVERY, "prompt", "link", pk)
                assert mail is not None
                assert mail.person == pk
                assert user.is_active
                assert user.credential_version == mail.version
                assert trail.shown or not self.factors(pk, mail.to)
                assert fields["password"] == fields["password_repeat"]
                self.password[self.name[pk]] = fields["password"]
                happened["recovery"] += 1
            else:
                assert now.credential_version == user.credential_version or stage.kind == "authenticator_email"
            assert (now.username, now.email, now.is_active) == (user.username, user.email, user.is_active)
            if now.email_verified != user.email_verified:
                self.confirmed(now, stage, mail, mail_was_good)
        for pk in after.keys() - before.keys():
            self.enrolled(after[pk], stage, trail, mail, mail_was_good)

    def confirmed(self, user: User, stage: PlannedStage, mail: Mail | None, mail_was_good: bool) -> None:
        assert user.email_verified
        assert stage.kind == "email"
        assert mail is not None
        assert mail_was_good
        assert (mail.person, mail.to) == (user.pk, user.email)
        if mail.slug == CONFIRMATION:
            assert (mail.trail.proved, mail.trail.by) == (user.pk, "session")
        happened[f"confirmed by {mail.slug}"] += 1

    def enrolled(self, user: User, stage: PlannedStage, trail: Trail, mail: Mail | None, mail_was_good: bool) -> None:
        assert stage.kind == "email"
        assert mail is not None
        assert mail_was_good
        assert mail.slug == ENROLLMENT
        name, address, word = mail.trail.typed
        assert (user.username, user.email, user.email_verified) == (name, mail.to, True)
        assert address == mail.to
        assert self.house.passwords.verify_now(user.password, word).ok
        if mail.trail.invitation:
            assert self.is_invited(mail.trail.invitation)
            self.world.invitations[mail.trail.invitation].used = True
            happened["enrolment by invitation"] += 1
        assert mail.trail.invitation or not mail.trail.needed
        self.pk[name], self.name[user.pk], self.password[name] = user.pk, name, word
        happened["enrolment"] += 1

    def follow(self, step: Step, trail: Trail) -> None:
        self.current = None
        for letter in self.new_letters():
            link = re.search(rf"{PUBLIC}/if/flow/([a-z-]+)/\?flow_token=(\S+)", letter.text)
            digits = re.search(r"^ +([0-9]{6})$", letter.text, re.MULTILINE)
            if link is not None:
                person = self.stored(letter.user) if letter.user is not None else None
                assert letter.to == (person.email if person is not None else trail.typed[1])
                version = person.credential_version if person is not None else 0
                pk = person.pk if person is not None else None
                self.world.mails.append(Mail(letter.to, link[2], link[1], self.now, trail, pk, version))
            elif digits is not None:
                assert letter.user == trail.proved
                trail = replace(trail, code=Code(letter.to, digits[1], self.now + CODE_LASTS))
        if isinstance(step, Challenge):
            stored = State.from_json(step.state.to_json())
            assert stored is not None
            self.current = (stored, trail)
            self.states.append(self.current)
        elif isinstance(step, Done) and step.context.login is not None:
            pk = step.context.login
            assert (trail.proved, trail.by) == (pk, "password"), "a link signs nobody in"
            assert trail.shown or not self.factors(pk)
            assert self.stored(pk).is_active
            happened["sign-in"] += 1


def test_no_order_of_requests_uses_a_mail_twice_or_for_somebody_else() -> None:
    happened.clear()
    run_state_machine_as_test(
        Mailing,
        settings=settings(
            max_examples=300 if FULL else 16,
            stateful_step_count=40,
            deadline=None,
            derandomize=not FULL,
            phases=tuple(Phase) if FULL else (Phase.generate,),  # an example takes half a second; shrinking, thousands
        ),
    )
    assert {
        "recovery", "enrolment", "enrolment by invitation", "code after link", "code after password", "sign-in",
        "address for codes", f"confirmed by {CONFIRMATION}",
    } <= happened.keys(), happened  # fmt: skip
