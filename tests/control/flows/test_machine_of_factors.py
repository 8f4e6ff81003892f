"""The same over a real store: second factors, setting them up, passwords that must be changed, and doors.

No order of requests skips a stage, takes a one-time code or a challenge twice, changes a password without the old one,
or signs in somebody else. What is true is known here apart from the program: the passwords, the codes that were given
out, and, for every state of a flow, what its browser has shown on the way to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyotp
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from control import sessions
from control.authentication import Proved
from control.flows import executor
from control.flows.bound import NotForYou
from control.flows.planning import plan
from control.flows.state import Challenge, Done, PlannedStage, State, Step
from control.proofs import proofs
from control.records import Authenticator, Flow, Stage, User
from control.store.interface import Query, Transaction
from control.verbs import authenticators, users
from protocols.link.messages import Authenticate
from tests.control.flows.house import House
from tests.extent import FULL
from tests.stores import run

PEOPLE = ("alice", "bob", "carol")
PASSWORDS = ("the first password", "the second password", "the third password", "the fourth password")
SIGN_IN, CHANGE = "default-authentication-flow", "default-password-change"
SETUPS = ("default-authenticator-totp-setup", "default-authenticator-static-setup")
VALIDATE, PROMPT = "authenticator_validate", "password_change"

CODES = st.sampled_from(["", "000000", "spent", "spent", "fresh", "fresh"])
CHANGES = st.sampled_from([{"is_active": False}, {"is_active": True}, {"must_change_password": True}])
people, passwords = st.sampled_from(PEOPLE), st.sampled_from(PASSWORDS)


@dataclass(frozen=True)
class Trail:
    """What the browser behind a state has shown on the way to it."""

    proved: int | None = None
    """Whose password."""
    code: bool = False
    """A fresh code after it, or a factor that was set up after it."""
    changed: bool = False
    """A new password, after the old one."""


class SigningIn(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.house = House(Path(self.folder.name))
        self.password = dict(zip(PEOPLE, PASSWORDS, strict=False))
        self.pk = {name: self.house.user(name, password) for name, password in self.password.items()}
        self.name = {pk: name for name, pk in self.pk.items()}
        self.given: dict[int, set[tuple[int, str]]] = {}
        """Codes that were taken, by factor; of programs with their period."""
        self.states: list[tuple[State, Trail]] = []
        self.current: tuple[State, Trail] | None = None
        self.signed_in: set[int] = set()
        self.secrets: list[tuple[str, str]] = []
        self.door = self.house.provider(settings={})
        self.table = proofs(self.house.services)
        for name in ("alice", "carol"):
            self.set_up(name, "totp" if name == "alice" else "static")
            code = self.fresh(self.pk[name])[0]
            assert self.ask(name, f"{self.password[name]};{code}").reason == "accepted"
            self.take(self.pk[name], code)

    def teardown(self) -> None:
        """Whoever shows all that is asked gets in: it is not that nobody does."""
        self.house.clock.advance(86_400)
        for name, pk in self.pk.items():
            self.write(partial(users.update, pk=pk, given={"is_active": True, "must_change_password": False}))
            self.switch_factors("skip")
            if not self.factors(pk):
                assert self.ask(name, self.password[name]).reason == "accepted"
            elif codes := self.still_good(pk):
                assert set(codes) <= set(self.fresh(pk))
                assert self.ask(name, f"{self.password[name]};{codes[0]}").reason == "accepted"
        self.house.close()
        self.folder.cleanup()

    # --- what is true ----------------------------------------------------------------------------------------------

    def write(self, verb: Callable[[Transaction], Any]) -> Any:
        return self.house.sql.write_now(verb)

    def stored(self, pk: int) -> User:
        return self.house.sql.read_now(lambda tx: tx.get(User, pk))

    def factors(self, pk: int) -> list[Authenticator]:
        return self.house.sql.read_now(lambda tx: authenticators.of(tx, pk))

    def codes(self, factor: Authenticator) -> list[tuple[int, str]]:
        """Those that are right now, with their period."""
        if factor.kind == "static":
            return [(0, code) for code in factor.secrets["codes"]]
        now = int(self.house.clock.now())
        return [(now // 30, pyotp.TOTP(factor.secrets["key"]).at(now))]

    def fresh(self, pk: int) -> list[str]:
        every = [(factor.pk, code) for factor in self.factors(pk) for code in self.codes(factor)]
        return [code[1] for factor, code in every if code not in self.given.get(factor, set())]

    def spent(self, pk: int) -> list[str]:
        return [code for factor in self.factors(pk) for _, code in self.given.get(factor.pk, set())]

    def still_good(self, pk: int) -> list[str]:
        """As the program has it: one may be used up by a login that was refused for another reason."""

        def look(tx: Transaction) -> list[str]:
            lists = [code for factor in authenticators.of(tx, pk) for code in authenticators.unused(tx, factor)]
            return lists + [
                code for factor in self.factors(pk) if factor.kind == "totp" for _, code in self.codes(factor)
            ]

        return self.house.sql.read_now(look)

    def take(self, pk: int, typed: str) -> None:
        """The program has taken this code: was it right, and for the first time?"""
        for factor in self.factors(pk):
            for code in self.codes(factor):
                if code[1] == typed and code not in self.given.get(factor.pk, set()):
                    self.given.setdefault(factor.pk, set()).add(code)
                    return
        raise AssertionError(f"{typed} was taken and is no fresh code")

    # --- what administrators and time do ---------------------------------------------------------------------------

    def set_up(self, name: str, kind: str) -> None:
        def verb(tx: Transaction) -> None:
            begin = authenticators.begin_totp if kind == "totp" else authenticators.begin_static
            tx.update(replace(begin(tx, self.pk[name], self.house.services.random), confirmed=True))

        self.write(verb)

    @rule(seconds=st.sampled_from([1, 30, 61, 3600]))
    def wait(self, seconds: int) -> None:
        self.house.clock.advance(seconds)

    @rule(
        name=people, fields=st.sampled_from([{"is_active": False}, {"is_active": True}, {"must_change_password": True}])
    )
    def administer(self, name: str, fields: dict[str, bool]) -> None:
        self.write(lambda tx: users.update(tx, self.pk[name], fields))

    @rule(name=people, password=passwords)
    def reset(self, name: str, password: str) -> None:
        hashed = self.house.passwords.hash_now(password)
        self.write(lambda tx: users.set_password(tx, self.pk[name], hashed, must_change=True))
        self.password[name] = password

    @rule(action=st.sampled_from(["skip", "deny", "configure"]))
    def switch_factors(self, action: str) -> None:
        def verb(tx: Transaction) -> None:
            (stage,) = tx.select(Stage, Query(equal={"name": "default-authentication-mfa-validation"}))
            setups = [
                one.pk for one in tx.select(Stage) if one.kind.startswith("authenticator_") and one.pk != stage.pk
            ]
            changed = {"not_configured_action": action, "configuration_stages": setups}
            tx.update(replace(stage, settings=stage.settings | changed))

        self.write(verb)

    # --- what browsers do ------------------------------------------------------------------------------------------

    @rule(
        slug=st.sampled_from([SIGN_IN, SIGN_IN, CHANGE, *SETUPS]),
        signed_in=st.booleans(),
        name=people,
        new=passwords,
        steps=st.sampled_from([0, 1, 2, 3, 4, 5]),
    )
    def begin(self, slug: str, signed_in: bool, name: str, new: str, steps: int) -> None:
        """And goes on for some steps, as whoever knows everything does."""
        requester = min(self.signed_in, default=None) if signed_in else None

        def planned(tx: Transaction) -> State:
            return plan(tx, tx.select(Flow, Query(equal={"slug": slug}))[0], requester)

        try:
            state = self.house.sql.read_now(planned)
        except NotForYou:
            self.current = None
            return
        self.follow(run(executor.start(state, self.house.services)), Trail(requester))
        for _ in range(steps):
            if self.current is not None:
                self.send_what_is_right(name, new)

    @precondition(lambda self: self.states)
    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        self.current = data.draw(st.sampled_from(self.states))

    @precondition(lambda self: self.current is not None)
    @rule(name=people, password=passwords, new=passwords, code=st.sampled_from(["000000", "spent", "fresh"]))
    def send_anything(self, name: str, password: str, new: str, code: str) -> None:
        assert self.current is not None
        pk = self.current[0].context.pending_user or self.pk[name]
        known = {"spent": self.spent(pk), "fresh": self.fresh(self.pk[name])}.get(code) or ["000000"]
        self.send({"uid_field": name, "password": password, "password_repeat": new, "code": known[0]})

    @precondition(lambda self: self.current is not None)
    @rule(name=people, new=passwords)
    def go_on(self, name: str, new: str) -> None:
        self.send_what_is_right(name, new)

    def send_what_is_right(self, name: str, new: str) -> None:
        assert self.current is not None
        state = self.current[0]
        pk = state.context.pending_user or self.pk[name]
        fields = {"uid_field": name, "password": self.password[self.name[pk]]}
        stage = state.stage
        assert stage is not None
        if stage.kind == PROMPT:
            fields |= {"password": new, "password_repeat": new}
        elif stage.kind == "authenticator_totp":
            fields["code"] = self.shown_code(state)
        elif codes := self.fresh(pk):
            fields["code"] = codes[0]
        self.send(fields)

    def shown_code(self, state: State) -> str:
        """Of the program that the page shows now."""
        asked = run(executor.challenge(state, self.house.services))
        found = re.search(r"secret=([A-Z2-7]+)", asked.component["config_url"]) if asked is not None else None
        return pyotp.TOTP(found.group(1)).at(int(self.house.clock.now())) if found is not None else "000000"

    def send(self, fields: dict[str, str]) -> None:
        assert self.current is not None
        state, trail = self.current
        before = {pk: self.stored(pk) for pk in self.name}
        fresh = {pk: self.fresh(pk) for pk in self.name}
        step = run(executor.answer(state, fields, self.house.services))
        went_on = isinstance(step, Done) or (isinstance(step, Challenge) and "response_errors" not in step.component)
        stage = state.stage
        assert stage is not None
        if went_on:
            trail = self.passed(stage, state, fields, trail, before, fresh)
        changed = [pk for pk, user in before.items() if self.stored(pk).password != user.password]
        if changed:
            assert stage.kind == PROMPT
            assert went_on
            assert changed == [trail.proved]
        self.follow(step, trail)

    def passed(
        self,
        stage: PlannedStage,
        state: State,
        fields: dict[str, str],
        trail: Trail,
        before: dict[int, User],
        fresh: dict[int, list[str]],
    ) -> Trail:
        """What has been shown now that the program went on, if it was right to."""
        pk = state.context.pending_user
        match stage.kind:
            case "password":
                assert pk is not None
                assert fields["password"] == self.password[self.name[pk]]
                assert before[pk].is_active
                return Trail(pk)
            case "authenticator_validate" if not self.factors(pk or 0) and "selected_stage" in fields:
                return trail
            case "authenticator_validate":
                assert pk is not None
                assert trail.proved == pk
                assert fields["code"] in fresh[pk]
                self.take(pk, fields["code"])
                return replace(trail, code=True)
            case "authenticator_totp" | "authenticator_static":
                owner = trail.proved
                assert owner is not None
                if stage.kind == "authenticator_totp":
                    self.take(owner, fields["code"])
                return replace(trail, code=True)
            case "password_change":
                assert pk is not None
                assert trail.proved == pk
                assert before[pk].credential_version == state.context.proved_version
                assert fields["password"] == fields["password_repeat"]
                self.password[self.name[pk]] = fields["password"]
                return replace(trail, changed=True)
        return trail

    def follow(self, step: Step, trail: Trail) -> None:
        self.current = None
        if isinstance(step, Challenge):
            stored = State.from_json(step.state.to_json())
            assert stored is not None
            self.current = (stored, trail)
            self.states.append(self.current)
        elif isinstance(step, Done) and step.context.login is not None:
            self.sign_in(step, step.context.login, trail)

    def sign_in(self, step: Done, login: int, trail: Trail) -> None:
        """As pages and the JSON executor do it."""
        context = step.context
        new = sessions.fresh(self.house.services.random(2 * sessions.COOKIE_BYTES))
        begin = partial(sessions.sign_in, old=None, new=new, user=login, version=context.proved_version)
        try:
            self.write(lambda tx: begin(tx, method=context.method, caller=sessions.Caller()))
        except PermissionError:
            return
        person = self.stored(login)
        assert trail.proved == login
        assert person.is_active
        assert trail.code or not self.factors(login)
        assert not person.must_change_password
        self.signed_in.add(login)

    # --- what doors do ---------------------------------------------------------------------------------------------

    def ask(self, name: str, typed: str, can_ask: bool = False, **proof: str) -> Proved:
        shown: dict[str, Any] = proof or {"kind": "password", "password": typed}
        question = Authenticate("q", self.door.pk, name, shown, "radius", "192.0.2.9", can_ask=can_ask)
        return run(self.table[shown["kind"]](self.door, question))  # type: ignore[arg-type]

    @rule(name=people, password=passwords, code=CODES, right=st.sampled_from([True, True, True, False]))
    def knock(self, name: str, password: str, code: str, right: bool) -> None:
        pk = self.pk[name]
        password = self.password[name] if right else password
        typed_code = ({"spent": self.spent(pk), "fresh": self.fresh(pk)}.get(code) or [code])[0]
        proved = self.ask(name, f"{password};{typed_code}" if typed_code else password)
        if proved.reason == "accepted":
            self.let_in(pk, password)
            assert bool(self.factors(pk)) <= bool(typed_code)
            if self.factors(pk):
                self.take(pk, typed_code)

    def let_in(self, pk: int, password: str) -> None:
        person = self.stored(pk)
        assert password == self.password[self.name[pk]]
        assert person.is_active
        assert not person.must_change_password

    @rule(name=people, password=passwords, right=st.sampled_from([True, True, True, False]))
    def be_challenged(self, name: str, password: str, right: bool) -> None:
        password = self.password[name] if right else password
        proved = self.ask(name, password, can_ask=True)
        if proved.challenge is not None:
            self.let_in(self.pk[name], password)
            self.secrets.append((name, proved.challenge.state))

    @precondition(lambda self: self.secrets)
    @rule(data=st.data(), other=st.sampled_from(["", "", *PEOPLE]), code=st.sampled_from(["000000", "spent", "fresh"]))
    def reply(self, data: st.DataObject, other: str, code: str) -> None:
        """In one's own name or another's, and the same challenge again."""
        whose, secret = data.draw(st.sampled_from(self.secrets))
        name = other or whose
        pk = self.pk[whose]
        typed = ({"spent": self.spent(pk), "fresh": self.fresh(pk)}.get(code) or ["000000"])[0]
        proved = self.ask(name, "", kind="reply", state=secret, response=typed)
        if proved.reason == "accepted":
            assert proved.user == pk
            assert name == whose
            self.take(pk, typed)
        if name == whose:
            assert self.ask(name, "", kind="reply", state=secret, response=typed).reason == "challenge_over"
            self.secrets.remove((whose, secret))


def test_no_order_of_requests_lets_in_whoever_did_not_show_it_all() -> None:
    run_state_machine_as_test(
        SigningIn,
        settings=settings(
            max_examples=300 if FULL else 20,
            stateful_step_count=30,
            deadline=None,
            derandomize=not FULL,
            phases=tuple(Phase) if FULL else (Phase.generate,),  # an example takes half a second; shrinking, thousands
        ),
    )
