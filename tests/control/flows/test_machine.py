"""No order of requests skips a stage, signs in without proof, or changes the person midway."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from control.flows import executor
from control.flows.state import Challenge, Done, PlannedStage, State, Step
from control.records import User
from tests.control.flows.people import LOGIN, TOGETHER, World, a_state
from tests.fakes import run

PEOPLE = {"alice": (1, "first"), "bob": (2, "second"), "gone": (3, "third")}
NAMES = st.sampled_from([*PEOPLE, "nosuch", "alice@example.com", ""])
PASSWORDS = st.sampled_from(["first", "second", "third", "wrong", ""])
REMEMBERING = PlannedStage("stay", "user_login", {"remember_me_offset": "days=30"})
"""Asks whether to stay signed in: time passes before the answer."""
FLOWS = st.sampled_from(
    [
        LOGIN,
        ("identification", "user_login"),
        ("password", "user_login"),
        (TOGETHER, "user_login"),
        (TOGETHER, REMEMBERING),
        (TOGETHER, "password", "user_login"),
        ("identification", TOGETHER, "user_login"),
        (TOGETHER, REMEMBERING, TOGETHER, "user_login"),
        ("user_login",),
        ("identification", "identification", "password", "user_login"),
        ("identification", "password", "identification", "user_login"),
        ("identification", "password", REMEMBERING),
        ("identification", REMEMBERING),
        ("identification", "password", REMEMBERING, "identification", "password", "user_login"),
        ("identification", "password", "user_login", "identification", "password", "user_login"),
    ]
)


class Browsing(RuleBasedStateMachine):
    """A browser whose stored state goes through JSON, as in the session; old states may come back at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        for name, (pk, password) in PEOPLE.items():
            self.world.user(pk, name, password, email=f"{name}@example.com", is_active=name != "gone")
        self.states: list[tuple[State, frozenset[int]]] = []
        self.signed_in: list[tuple[int, frozenset[int], State]] = []
        self.current: tuple[State, frozenset[int]] | None = None

    def _take(self, step: Step, before: State, proved: frozenset[int]) -> None:
        self.current = None
        if isinstance(step, Challenge):
            stored = State.from_json(step.state.to_json())
            assert stored is not None
            if before.context.uid is not None:
                assert stored.context.pending_user == before.context.pending_user
            if "response_errors" in step.component:
                assert stored.position == before.position
            self.current = (stored, proved)
            self.states.append(self.current)
        elif isinstance(step, Done) and step.context.login is not None:
            assert self.world.store.records[User, step.context.login].is_active
            self.signed_in.append((step.context.login, proved, before))

    @rule(flow=FLOWS)
    def begin(self, flow: tuple[str | PlannedStage, ...]) -> None:
        state = a_state(*flow)
        self._take(run(executor.start(state, self.world)), state, frozenset())

    @precondition(lambda self: self.states)
    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        self.current = data.draw(st.sampled_from(self.states))

    @precondition(lambda self: self.current is not None)
    @rule(name=NAMES, password=PASSWORDS)
    def send(self, name: str, password: str) -> None:
        assert self.current is not None
        state, proved = self.current
        stage = state.stage
        person = state.context.pending_user
        checks = stage is not None and (stage.kind == "password" or stage == TOGETHER)
        if stage == TOGETHER:
            person = PEOPLE.get(name.removesuffix("@example.com"), (None,))[0]
        right = person is not None and password == dict(PEOPLE.values())[person]
        now_proved = proved | {person} if checks and right and person else proved
        step = run(executor.answer(state, {"uid_field": name, "password": password, "remember_me": "true"}, self.world))
        self._take(step, state, now_proved)

    @rule(pk=st.sampled_from([1, 2]), active=st.booleans())
    def switch(self, pk: int, active: bool) -> None:
        self.world.change(pk, is_active=active)

    @invariant()
    def only_who_proved_it_is_signed_in(self) -> None:
        for login, proved, before in self.signed_in:
            assert proved == {login}
            assert before.context.pending_user in (None, login)
            assert any(stage.kind == "password" or stage == TOGETHER for stage in before.plan)
            assert login != 3


TestBrowsing = Browsing.TestCase
TestBrowsing.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
