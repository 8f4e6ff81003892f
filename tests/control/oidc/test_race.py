"""One code, fifty redemptions at once, on each database, through two programs that share it: one wins."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from control.certificates.generated import SIGNING
from control.default_flows import ensure_flows
from control.oidc import clients, grants
from control.oidc.authorize import Grant as Allowed
from control.oidc.authorize import decide
from control.oidc.tokens import Tokens
from control.policies.judge import Judge
from control.records import AccessToken, Certificate, User
from control.sessions import COOKIE_BYTES, Caller, Visit, fresh, sign_in
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.verbs import applications, providers
from tests.control.oidc.relying import CALLBACK, key_pair
from tests.control.store.postgresql import Server
from tests.control.stores import SECRET_KEY

PARALLEL = 50
_numbers = count(1)
WHO = Caller("192.0.2.7")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outpost.db'}"
    server: Server = request.getfixturevalue("postgresql_server")
    return server.new_database(f"oidc{next(_numbers)}")


def prepare(tx: Transaction) -> str:
    """A user who has signed in and got a code; the code."""
    ensure_flows(tx)
    pair = key_pair()
    tx.insert(Certificate("default", pair.certificate, key_data=pair.key, managed=SIGNING))
    uris = [{"matching_mode": "strict", "url": CALLBACK}]
    provider = providers.create(tx, "oauth2", {"name": "app", "redirect_uris": uris}, os.urandom)
    applications.create(tx, {"name": "App", "slug": "app", "provider": provider.pk})
    user = tx.insert(User("alice"))
    session = sign_in(tx, None, fresh(os.urandom(2 * COOKIE_BYTES)), user.pk, 1, "password", WHO)
    asked = {
        "client_id": str(provider.client_id),
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid offline_access",
    }
    decided = decide(tx, tuple(asked.items()), Visit(session, user), Judge())
    assert isinstance(decided, Allowed)
    grants.give_code(tx, decided, "the-code", WHO)
    return "the-code"


def test_one_of_fifty_redemptions_wins_and_the_others_take_back_what_it_got(store_url: str) -> None:
    with ExitStack() as opened:
        programs = [opened.enter_context(closing(SqlStore(store_url, (SECRET_KEY,)))) for _ in range(2)]
        code = programs[0].write_now(prepare)
        together = Barrier(PARALLEL)

        def redeem(number: int) -> Tokens | grants.Failed:
            def verb(tx: Transaction) -> Tokens | grants.Failed:
                client = clients.of_application(tx, "app")
                assert client is not None
                asked = {"code": code, "redirect_uri": CALLBACK}
                return grants.redeem(tx, client, asked, "https://auth.example.com", os.urandom, WHO)

            together.wait()
            return programs[number % 2].write_now(verb)

        with ThreadPoolExecutor(PARALLEL) as pool:
            answers = list(pool.map(redeem, range(PARALLEL)))
        won = [answer for answer in answers if isinstance(answer, Tokens)]
        lost = [answer for answer in answers if isinstance(answer, grants.Failed)]
        assert len(won) == 1
        assert {answer.error for answer in lost} == {"invalid_grant"}
        assert programs[1].read_now(lambda tx: grants.bearer(tx, won[0].access_token)) is None
        assert programs[1].read_now(lambda tx: tx.count(AccessToken)) == 0
