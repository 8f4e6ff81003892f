"""Strangers learn of nobody: unknown, disabled and wrong get the same answer, and cost the same work.

Work is what is counted here: hashes that are computed, signatures that are verified, and what is asked of the store.
One answer's time says little on a shared machine, and is not looked at.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from control import webauthn
from control.flows.links import LATELY, MOST_LATELY
from control.mail.outbox import MOST_FOR_ONE, WAITING
from control.mail.post import Post
from control.records import Letter, MailServer, Stage, User
from control.store.interface import Query, Transaction
from control.verbs import passkeys, system
from control.web import admin_api, pages
from tests.control.web.browsing import LOGIN, Browser, Site
from tests.counted import CountedPasswords, CountedStore, Work
from tests.keys import ORIGIN, SoftwareKey

RECOVERY, ENROLLMENT = "/if/flow/default-recovery-flow/", "/if/flow/default-enrollment-flow/"
WRONG = "wrong horse"


class World(Site):
    """alice is there, dora is disabled, fay has no password and no address; nobody is called nemo."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.administrator()
        self.work = Work()
        for name, password in (("alice", "right horse"), ("dora", "right horse"), ("fay", None)):
            self.user(name, password, email=f"{name}@example.com" if password else "")
        self.with_key("alice", SoftwareKey(1))
        self.with_key("dora", SoftwareKey(2))
        self.change(self.named("dora").pk, is_active=False)
        counted: Any = CountedStore(self.services.store, self.work)
        passwords = CountedPasswords(self.work)
        self.services = replace(
            self.services,
            store=counted,
            passwords=passwords,
            public_url=ORIGIN,
            post=Post(MailServer(host="smtp.example.com")),
        )
        api = Mount("/api/v3", routes=admin_api.routes(self.services))
        self.app = Starlette(routes=[api, *pages.routes(self.services)])
        self.measured: list[CountedPasswords] = [passwords]

    def named(self, username: str) -> User:
        (found,) = self.sql.read_now(lambda tx: tx.select(User, Query(equal={"username": username})))
        return found

    def with_key(self, username: str, key: SoftwareKey) -> None:
        user, made = self.named(username).pk, webauthn.NewKey(key.id, key.public, 0, "", ())
        self.sql.write_now(lambda tx: passkeys.add(tx, user, made, "key"))

    def close(self) -> None:
        for one in self.measured:
            one.close()
        super().close()

    def answered(self, path: str, name: str, password: str = "") -> tuple[int, str, Counter[str]]:
        """Status and words of the answer, without the name that was typed, and the work for it."""
        browser = self.browser()
        browser.get(path)
        self.work.done.clear()
        browser.submit(uid_field=name)
        if password:
            browser.submit(password=password)
        return browser.page.status_code, said(browser, name), Counter(self.work.done)


def said(browser: Browser, name: str) -> str:
    """The page as it was sent, but for the name that was typed and what is drawn of it, and what is random."""
    page = re.sub(r'(name="csrf_token" value="|src="data:)[^"]+', r"\1", html.unescape(browser.page.text))
    page = re.sub(r'data-get="\{.*?\}" ', "", page)
    return page.replace(name, "NAME")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


NAMES = ("dora", "fay", "nemo", "dora@example.com", "nemo@example.com")


def test_signing_in_with_a_wrong_password(world: World) -> None:
    known = world.answered(LOGIN, "alice", password=WRONG)
    assert known[2]["hash"] == 1
    for name in NAMES:
        assert world.answered(LOGIN, name, password=WRONG) == known, name


def test_a_upn_of_somebody_and_of_nobody(world: World) -> None:
    def verb(tx: Transaction) -> None:
        (stage,) = tx.select(Stage, Query(equal={"name": "default-authentication-identification"}))
        tx.update(replace(stage, settings={**stage.settings, "user_fields": ["upn", "username"]}))
        for name in ("alice", "dora"):
            (user,) = tx.select(User, Query(equal={"username": name}))
            tx.update(replace(user, attributes={"upn": f"{name}@corp.example.com"}))

    world.sql.write_now(verb)
    known = world.answered(LOGIN, "alice@corp.example.com", password=WRONG)
    assert "User name or UPN" in world.browser().get(LOGIN).text
    for name in (*NAMES, "dora@corp.example.com", "nemo@corp.example.com"):
        assert world.answered(LOGIN, name, password=WRONG) == known, name


def test_signing_in_with_name_and_password_on_one_page(world: World) -> None:
    def verb(tx: Transaction) -> None:
        (asks,) = tx.select(Stage, Query(equal={"name": "default-authentication-identification"}))
        (checks,) = tx.select(Stage, Query(equal={"name": "default-authentication-password"}))
        tx.update(replace(asks, settings={**asks.settings, "password_stage": checks.pk}))

    world.sql.write_now(verb)

    def answered(name: str, password: str) -> tuple[int, str, Counter[str]]:
        browser = world.browser()
        browser.get(LOGIN)
        world.work.done.clear()
        browser.submit(uid_field=name, password=password)
        return browser.page.status_code, said(browser, name), Counter(world.work.done)

    known = answered("alice", WRONG)
    assert "The name or the password is wrong." in known[1]
    assert known[2]["hash"] == 1
    assert WRONG not in known[1]
    for name in NAMES:
        assert answered(name, WRONG) == known, name
    assert answered("dora", "right horse") == answered("alice", WRONG)


def test_a_disabled_account_with_its_right_password_costs_and_says_what_a_wrong_one_does(world: World) -> None:
    known = world.answered(LOGIN, "alice", password=WRONG)
    assert world.answered(LOGIN, "dora", password="right horse") == known


def test_a_name_alone(world: World) -> None:
    known = world.answered(LOGIN, "alice")
    for name in NAMES:
        assert world.answered(LOGIN, name) == known, name


def test_asking_for_a_new_password(world: World) -> None:
    known = world.answered(RECOVERY, "alice")
    assert "If there is an account" in known[1]
    for name in NAMES:
        assert world.answered(RECOVERY, name) == known, name


def test_asking_for_a_new_password_while_no_mail_gets_away(world: World) -> None:
    """Somebody asks again and again, until nothing more is queued for one address."""
    for _ in range(MOST_FOR_ONE + 1):
        world.clock.advance(LATELY / MOST_LATELY)
        known = world.answered(RECOVERY, "alice")
        assert world.answered(RECOVERY, "nemo") == known
    waiting = world.sql.read_now(lambda tx: tx.count(Letter, Query(equal={"state": WAITING})))
    assert waiting == MOST_FOR_ONE


@pytest.mark.parametrize("slug", ["default-password-change", "default-unenrollment-flow"])
def test_other_pages_that_ask_for_name_and_password(world: World, slug: str) -> None:
    world.sql.write_now(lambda tx: system.change(tx, {"unenrollment": True}))
    path = f"/if/flow/{slug}/"
    known = world.answered(path, "alice", password=WRONG)
    assert known[2]["hash"] == 1
    for name in NAMES:
        assert world.answered(path, name, password=WRONG) == known, name
    assert world.answered(path, "dora", password="right horse") == world.answered(path, "alice", password=WRONG)


def test_the_json_executor(world: World) -> None:
    """Programs hear no more than pages show."""

    def answered(slug: str, name: str, *answers: dict[str, str]) -> tuple[list[tuple[int, str]], Counter[str]]:
        browser, path = world.browser(), f"/api/v3/flows/executor/{slug}/"
        browser.get(path)
        world.work.done.clear()
        told = []
        for fields in ({"uid_field": name}, *answers):
            page = browser.request("POST", path, follow=True, json=fields, headers={"Origin": browser.origin})
            told.append((page.status_code, re.sub(r'"data:[^"]+"', '""', page.text).replace(name, "NAME")))
        return told, Counter(world.work.done)

    for slug, answers in (("default-authentication-flow", [{"password": WRONG}]), ("default-recovery-flow", [])):
        known = answered(slug, "alice", *answers)
        assert [status for status, _ in known[0]] == [200] * len(known[0])
        for name in NAMES:
            assert answered(slug, name, *answers) == known, (slug, name)


def test_a_passkey_of_nobody_of_somebody_else_and_of_a_disabled_account(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    shown = webauthn.shown

    def counted(*given: Any) -> Any:
        verified.append(given)
        return shown(*given)

    monkeypatch.setattr(webauthn, "shown", counted)

    def answered(number: int, handle: str) -> tuple[int, str, Counter[str]]:
        browser = world.browser()
        browser.get(LOGIN)
        found = re.search(r'data-get="([^"]+)"', browser.page.text)
        assert found is not None
        key = SoftwareKey(number)
        signed = key.get(json.loads(html.unescape(found.group(1))), userHandle=webauthn.text(handle.encode()))
        world.work.done.clear()
        browser.submit(passkey=signed)
        return browser.page.status_code, said(browser, "-"), Counter(world.work.done)

    alice, dora = world.named("alice"), world.named("dora")
    unknown = answered(9, "nobody")
    assert "This key did not work here" in unknown[1]
    for number, user in ((9, alice), (2, alice), (2, dora), (1, dora)):
        assert answered(number, user.uuid) == unknown, (number, user.username)
    assert len(verified) == 5, "a signature is verified each time"


def test_enrolling_with_a_name_or_an_address_that_is_taken(world: World) -> None:
    """Whose account there is already, nobody hears before they have opened a letter to their own address."""
    world.sql.write_now(lambda tx: system.change(tx, {"enrollment": "open"}))

    def answered(name: str, address: str) -> tuple[int, str, Counter[str]]:
        browser = world.browser()
        browser.get(ENROLLMENT)
        world.work.done.clear()
        secret = "a long and unlikely passphrase"
        browser.submit(username=name, name="X", email=address, password=secret, password_repeat=secret)
        words = said(browser, name).replace(address, "ADDRESS")
        return browser.page.status_code, words, Counter(world.work.done)

    free = answered("newcomer", "newcomer@example.net")
    assert free[0] == 200
    assert "If there is an account" in free[1]
    for name, address in (
        ("alice", "stranger@example.net"),
        ("dora", "stranger2@example.net"),
        ("newcomer", "alice@example.com"),
        ("newcomer", "dora@example.com"),
    ):
        assert answered(name, address) == free, (name, address)


@pytest.mark.parametrize(("path", "password"), [(LOGIN, WRONG), (LOGIN, ""), (RECOVERY, "")])
def test_distributions_of_work_show_nobody(world: World, path: str, password: str) -> None:
    """Many names of each kind, in no order: what is said and done for them is spread alike, whatever else goes on."""
    kinds = ("alice", "dora", "fay", "nemo")
    spread: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    asked = [kind for kind in kinds for _ in range(MOST_LATELY + 1)]
    Random(7).shuffle(asked)
    for kind in asked:
        status, words, work = world.answered(path, kind, password)
        spread[kind][json.dumps([status, words, sorted(work.items())])] += 1
    assert list(spread.values()) == [spread["alice"]] * len(kinds)
