"""A real store with the default flows, cheap password hashes that are counted, and a clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from control.authentication import Proved
from control.bootstrap import FirstStart
from control.flows import executor
from control.flows.headless import Typed, prove_password
from control.flows.planning import plan
from control.flows.state import Challenge, State, Step
from control.passwords.hashing import Verified
from control.purposes import flow_for
from control.records import Flow, Provider, Stage, StageBinding, Token
from control.store.interface import Transaction
from control.verbs import tokens, users
from control.web.services import Services
from tests.fakes import FakeClock, counted_random
from tests.stores import ImmediatePasswords, ImmediateStore, open_bootstrapped, run


class CountingPasswords(ImmediatePasswords):
    def __init__(self) -> None:
        super().__init__()
        self.verified = 0

    async def verify(self, stored: str | None, password: str, owner: str = "") -> Verified:
        self.verified += 1
        return await super().verify(stored, password)


class House:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sql, _ = open_bootstrapped(folder, self.clock, FirstStart())
        random = counted_random()
        self.passwords = CountingPasswords()
        self.services = Services(ImmediateStore(self.sql), self.passwords, self.clock, random, (), "0.1.0")

    def user(self, username: str, password: str | None = "right", **fields: Any) -> int:
        def verb(tx: Transaction) -> int:
            pk = users.create(tx, {"username": username, "name": username, **fields}).pk
            if password is not None:
                users.set_password(tx, pk, self.passwords.hash_now(password))
            return pk

        return self.sql.write_now(verb)

    def flow(self, *kinds: str, slug: str = "own", designation: str = "authentication", **fields: Any) -> Flow:
        def verb(tx: Transaction) -> Flow:
            flow = tx.insert(Flow(slug, slug, slug, designation, **fields))
            for order, kind in enumerate(kinds):
                stage = tx.insert(Stage(f"{slug}-{order}", kind))
                tx.insert(StageBinding(flow.pk, stage.pk, order))
            return flow

        return self.sql.write_now(verb)

    def provider(self, **fields: Any) -> Provider:
        return self.sql.write_now(lambda tx: tx.insert(Provider("p", "ldap", **fields)))

    def default(self) -> Flow:
        return self.sql.read_now(lambda tx: flow_for(tx, "authentication"))

    def prove(self, username: str, password: str, flow: Flow | None = None, door: str = "ldap") -> Proved:
        """As a door that cannot ask."""
        typed = Typed(username, password, door=door)
        proved = run(prove_password(flow or self.default(), typed, self.services))
        return proved if isinstance(proved, Proved) else Proved("code_needed", proved.state.context.pending_user)

    def enter(self, slug: str, user: int | None = None) -> Step:
        """A flow's first step in a browser; ``user`` has signed in."""

        def planned(tx: Transaction) -> State:
            flow = tx.find(Flow, slug=slug)
            assert flow is not None
            return plan(tx, flow, user)

        return run(executor.start(self.sql.read_now(planned), self.services))

    def reply(self, step: Step, **fields: str) -> Step:
        """From the state as the session keeps it."""
        assert isinstance(step, Challenge), step
        state = State.from_json(json.loads(json.dumps(step.state.to_json())))
        assert state is not None
        return run(executor.answer(state, fields, self.services))

    def token(self, user: int, intent: str, identifier: str = "device", expires: float | None = None) -> Token:
        random = self.services.random
        return self.sql.write_now(lambda tx: tokens.create(tx, user, identifier, random, intent, expires))

    def close(self) -> None:
        self.passwords.close()
        self.sql.close()
