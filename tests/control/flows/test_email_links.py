"""A link in a mail: once, for one person, in any browser, void when anything changes; and strangers learn nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyotp
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from control import recovery
from control.flows.links import MOST_LATELY
from control.mail import outbox
from control.mail.post import Post
from control.notifications import CREDENTIALS, owners
from control.notifications.mailing import by_mail
from control.notifications.matching import Matching
from control.records import (
    Event,
    Flow,
    FlowToken,
    Invitation,
    Letter,
    MailServer,
    Session,
    Stage,
    StageBinding,
    Token,
    User,
)
from control.store.interface import Actor, Query
from control.verbs import authenticators, groups, mailed_codes, outposts, stages, system, users
from control.verbs.fields import Invalid
from control.web import admin_api, pages
from tests.control.web.browsing import LOGIN, PASSWORD, Browser, Site
from tests.stores import run

RECOVERY = "/if/flow/default-recovery-flow/"
ENROLLMENT = "/if/flow/default-enrollment-flow/"
PUBLIC = "https://auth.example.org"
NEW = "another battery staple"


class World(Site):
    """A site with a mail server; letters stay in the outbox."""

    def __init__(self, folder: Path, public_url: str = PUBLIC) -> None:
        super().__init__(folder)
        post = Post(MailServer(host="smtp.example.com"))
        self.services = replace(self.services, post=post, public_url=public_url)
        routes = pages.routes(self.services)
        self.app = Starlette(routes=[Mount("/api/v3", routes=admin_api.routes(self.services)), *routes])
        self.administrator()
        self.alice = self.user("alice", email="alice@example.com")

    def letters(self, state: str = "waiting") -> list[Letter]:
        query = Query(equal={"state": state}, ordering=("created",))
        return self.sql.read_now(lambda tx: tx.select(Letter, query))

    def link(self, number: int = -1) -> str:
        """What the last letter leads to, below the public address."""
        found = re.search(r"https://\S+", self.letters()[number].text)
        assert found is not None
        assert found.group().startswith(f"{PUBLIC}/if/flow/")
        return found.group().removeprefix(PUBLIC)

    def now(self, pk: int) -> User:
        return self.sql.read_now(lambda tx: tx.get(User, pk))

    def ask(self, name: str, browser: Browser | None = None) -> Browser:
        """Has asked for a link."""
        browser = browser or self.browser()
        browser.get(RECOVERY)
        browser.submit(uid_field=name)
        return browser

    def opened(self, link: str | None = None) -> Browser:
        """Another browser, in which the link was opened and used."""
        browser = self.browser(peer="198.51.100.9")
        browser.get(link or self.link())
        browser.submit()
        return browser

    def change_settings(self, **given: Any) -> None:
        self.sql.write_now(lambda tx: system.change(tx, given))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.close()


def is_signed_in(world: World, browser: Browser) -> bool:
    return browser.get("/if/user/").status_code == 200


def test_a_forgotten_password_is_replaced_from_another_device(world: World) -> None:
    before = world.browser()
    before.sign_in("alice")
    world.clock.advance(60)
    asked = world.ask("alice")
    assert "If there is an account" in asked.text
    browser = world.opened()
    page = browser.submit(password=NEW, password_repeat=NEW)
    assert page.status_code == 200
    assert not is_signed_in(world, browser), "a link signs nobody in"
    assert not is_signed_in(world, before), "the old sessions are over"
    assert world.browser().sign_in("alice").url.path == LOGIN
    fresh = world.browser()
    fresh.sign_in("alice", NEW)
    assert is_signed_in(world, fresh)


def test_the_page_offers_it_as_soon_as_mail_works(world: World, tmp_path: Path) -> None:
    assert f'href="{RECOVERY}"' in world.browser().get(LOGIN).text
    (tmp_path / "without").mkdir()
    without = World(tmp_path / "without", public_url="")
    assert "Forgot" not in without.browser().get(LOGIN).text
    asked = without.ask("alice")
    assert asked.page.status_code == 403
    assert "No mail can be sent" in asked.text
    assert without.letters() == []
    without.close()


def test_a_link_that_an_outpost_asked_for_is_opened_in_a_browser(world: World) -> None:
    """Where nothing is taken that is for an outpost alone."""

    def outpost_token(tx: Any) -> str:
        made = outposts.create(tx, {"name": "o", "type": "ldap"}, world.random)
        return str(tx.find(Token, user=made.user).key)

    asking = world.browser()
    asking.client.headers["X-Authentik-Outpost-Token"] = world.sql.write_now(outpost_token)
    path = "/api/v3/flows/executor/default-recovery-flow/"
    asking.get(path)
    asking.request("POST", path, json={"uid_field": "alice"})
    (here,) = [one for one in world.sessions() if "flow" in one.data]
    assert here.data["flow"]["context"]["by_outpost"]
    (sent,) = world.sql.read_now(lambda tx: tx.select(FlowToken))
    assert not sent.flow["context"]["by_outpost"]


def test_looking_at_a_link_uses_nothing_up_and_using_it_does(world: World) -> None:
    world.ask("alice")
    for _ in range(3):
        assert "works once" in world.browser().get(world.link()).text
    used = world.opened()
    assert "password_repeat" in used.page.text
    late = world.browser().get(world.link())
    assert late.status_code == 403
    assert "used already" in late.text


def test_of_two_browsers_that_look_one_may_use_it(world: World) -> None:
    world.ask("alice")
    first, second = world.browser(), world.browser()
    first.get(world.link())
    second.get(world.link())
    assert first.submit().status_code == 200
    assert second.submit().status_code == 403


def test_a_link_ends(world: World) -> None:
    world.ask("alice")
    world.clock.advance(30 * 60)
    assert world.browser().get(world.link()).status_code == 403


CHANGES: dict[str, Any] = {
    "another password": lambda world: world.sql.write_now(lambda tx: users.set_password(tx, world.alice.pk, "x")),
    "disabled": lambda world: world.change(world.alice.pk, is_active=False),
    "another address": lambda world: world.change(world.alice.pk, email="new@example.com"),
    "deleted": lambda world: world.sql.write_now(lambda tx: users.delete(tx, world.alice.pk)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seen", [False, True])
def test_a_link_is_void_when_the_account_changes(world: World, change: str, seen: bool) -> None:
    world.ask("alice")
    link = world.link()
    browser = world.browser()
    if seen:
        browser.get(link)
    CHANGES[change](world)
    if not seen:
        browser.get(link)
    page = browser.submit() if browser.page.status_code == 200 else browser.page
    assert page.status_code == 403
    assert "password_repeat" not in page.text


def test_one_that_was_used_voids_the_others(world: World) -> None:
    world.ask("alice")
    world.ask("alice")
    first, second = world.link(0), world.link(1)
    assert first != second
    world.opened(second)
    assert world.browser().get(first).status_code == 403


@pytest.mark.parametrize("key", ["x", "", "a" * 5000, "%00", "é"])
def test_what_is_no_link_opens_nothing(world: World, key: str) -> None:
    world.ask("alice")
    assert world.browser().get(f"{RECOVERY}?flow_token={key}").status_code in (403, 400)


def test_a_link_opens_its_own_flow_alone(world: World) -> None:
    world.ask("alice")
    token = world.link().partition("?")[2]
    for slug in ("default-enrollment-flow", "default-authentication-flow", "default-password-change"):
        assert world.browser().get(f"/if/flow/{slug}/?{token}").status_code == 403


def test_a_link_replaces_what_a_browser_was_at(world: World) -> None:
    """Nobody finishes for somebody else what they had begun themselves."""
    bob = world.user("bob", email="bob@example.com")
    browser = world.ask("bob")
    world.clock.advance(1)
    world.ask("alice")
    browser.get(world.link())
    browser.submit()
    browser.submit(password=NEW, password_repeat=NEW)
    assert world.now(bob.pk).password == bob.password
    assert world.now(world.alice.pk).password != world.alice.password


def test_no_answer_skips_the_link(world: World) -> None:
    browser = world.ask("alice")
    for _ in range(3):
        page = browser.submit(password=NEW, password_repeat=NEW, flow_token="x", confirm="true")
        assert "If there is an account" in page.text
    assert world.now(world.alice.pk).password == world.alice.password


def test_the_second_factor_is_asked_for(world: World) -> None:
    key = pyotp.random_base32()

    def verb(tx: Any) -> None:
        begun = authenticators.begin_totp(tx, world.alice.pk, world.random)
        nonlocal key
        key = begun.secrets["key"]
        authenticators.confirm_totp(tx, world.alice.pk, pyotp.TOTP(key).at(int(world.clock())))

    world.sql.write_now(verb)
    world.ask("alice")
    browser = world.opened()
    assert "password_repeat" not in browser.page.text
    page = browser.submit(password=NEW, password_repeat=NEW, code="000000")
    assert "password_repeat" not in page.text
    assert world.now(world.alice.pk).password == world.alice.password
    world.clock.advance(60)
    browser.submit(code=pyotp.TOTP(key).at(int(world.clock())))
    browser.submit(password=NEW, password_repeat=NEW)
    assert not is_signed_in(world, browser)
    assert world.now(world.alice.pk).password != world.alice.password


def test_who_composes_a_sign_in_by_link_still_gets_the_second_factor(world: World) -> None:
    """A flow of an administrator's own, as authentik's example has it."""

    def verb(tx: Any) -> None:
        flow = tx.find(Flow, slug="default-recovery-flow")
        for line in tx.select(StageBinding, Query(equal={"flow": flow.pk})):
            if line.order >= 25:
                tx.delete(line)
        login = tx.find(Stage, name="default-authentication-login")
        tx.insert(StageBinding(flow.pk, login.pk, 30))
        begun = authenticators.begin_totp(tx, world.alice.pk, world.random)
        code = pyotp.TOTP(begun.secrets["key"]).at(int(world.clock()))
        authenticators.confirm_totp(tx, world.alice.pk, code)

    world.sql.write_now(verb)
    world.ask("alice")
    browser = world.opened()
    assert browser.page.status_code == 403
    assert not is_signed_in(world, browser)


@pytest.mark.parametrize("has_one", [True, False])
def test_a_factor_set_up_on_the_way_is_not_the_one_that_was_there(world: World, has_one: bool) -> None:
    """Whoever reads the mail could set up one of their own. Who has none yet signs in with it."""

    def verb(tx: Any) -> None:
        flow = tx.find(Flow, slug="default-recovery-flow")
        for line in tx.select(StageBinding, Query(equal={"flow": flow.pk})):
            if line.order >= 25 or tx.get(Stage, line.stage).kind == "authenticator_validate":
                tx.delete(line)
        for order, name in ((30, "default-authenticator-static-setup"), (40, "default-authentication-login")):
            tx.insert(StageBinding(flow.pk, tx.find(Stage, name=name).pk, order))
        if has_one:
            begun = authenticators.begin_totp(tx, world.alice.pk, world.random)
            code = pyotp.TOTP(begun.secrets["key"]).at(int(world.clock()))
            authenticators.confirm_totp(tx, world.alice.pk, code)

    world.sql.write_now(verb)
    world.ask("alice")
    browser = world.opened()
    browser.submit()
    assert is_signed_in(world, browser) is not has_one


def test_strangers_learn_nothing(world: World) -> None:
    """Unknown, disabled, without an address and known: the same page, and rows of the same kinds."""
    world.user("gone", email="gone@example.com", is_active=False)
    world.user("silent")
    told = set()
    for name in ("alice", "nobody", "gone", "silent", "nobody@example.com", "alice@example.com"):
        rows = [world.sql.read_now(lambda tx, kind=kind: tx.count(kind)) for kind in (Letter, FlowToken, Session)]  # type: ignore[misc]
        browser = world.ask(name)
        after = [world.sql.read_now(lambda tx, kind=kind: tx.count(kind)) for kind in (Letter, FlowToken, Session)]  # type: ignore[misc]
        assert [b - a for a, b in zip(rows, after, strict=True)] == [1, 1, 1], name
        told.add(re.sub(r'value="[^"]+"', "", browser.page.text))
    assert len(told) == 1
    assert {letter.to for letter in world.letters()} == {"alice@example.com"}


def test_links_lead_to_the_public_address_whatever_the_request_says(world: World) -> None:
    browser = world.browser()
    browser.get(RECOVERY, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    browser.submit(uid_field="alice")
    (letter,) = world.letters()
    assert "evil" not in letter.text + letter.html
    assert f"{PUBLIC}{RECOVERY}?flow_token=" in letter.text


def test_nobodys_mailbox_is_filled(world: World) -> None:
    for _ in range(MOST_LATELY + 3):
        assert "If there is an account" in world.ask("alice").text
    assert len(world.letters()) == MOST_LATELY
    world.clock.advance(301)
    world.ask("alice")
    assert len(world.letters()) == MOST_LATELY + 1


def test_a_stage_may_write_less_often(world: World) -> None:
    def less(tx: Any) -> None:
        stage = tx.find(Stage, name="default-recovery-email")
        stages.update(tx, stage.pk, {"recovery_max_attempts": 2, "recovery_cache_timeout": "hours=1"})

    world.sql.write_now(less)
    for _ in range(4):
        world.ask("alice")
    assert len(world.letters()) == 2
    world.clock.advance(301)
    world.ask("alice")
    assert len(world.letters()) == 2


def test_passwords_that_differ_or_are_too_short_are_not_taken(world: World) -> None:
    world.ask("alice")
    browser = world.opened()
    assert "differ" in browser.submit(password=NEW, password_repeat="x").text
    assert browser.submit(password="x", password_repeat="x").status_code == 200
    assert world.now(world.alice.pk).password == world.alice.password
    assert "password" not in str(world.sessions()[-1].data["flow"]["context"]["prompt"])


def test_no_store_holds_what_a_link_holds(world: World, tmp_path: Path) -> None:
    world.ask("alice")
    key = world.link().partition("flow_token=")[2].encode()
    assert not any(key in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


# --- enrolment -----------------------------------------------------------------------------------------------------

CAROL = {"username": "carol", "name": "Carol", "email": "carol@example.com"}
NEWCOMER = {**CAROL, "password": NEW, "password_repeat": NEW}


def enrol(world: World, link: str = ENROLLMENT, **more: str) -> Browser:
    browser = world.browser()
    browser.get(link)
    if browser.page.status_code == 200:
        browser.submit(True, None, **{**NEWCOMER, **more})
    return browser


def carol(world: World) -> User | None:
    return world.sql.read_now(lambda tx: tx.find(User, username="carol"))


def test_nobody_enrols_until_an_administrator_says_so(world: World) -> None:
    assert enrol(world).page.status_code == 403
    assert "Make an account" not in world.browser().get(LOGIN).text
    world.change_settings(enrollment="open")
    assert "Make an account" in world.browser().get(LOGIN).text
    assert "If there is an account" in enrol(world).text


def test_an_account_is_there_once_its_address_is_confirmed(world: World) -> None:
    world.change_settings(enrollment="open")
    asked = enrol(world)
    asked.submit()
    assert carol(world) is None
    browser = world.opened()
    made = carol(world)
    assert made is not None
    assert (made.email, made.email_verified, made.is_active, made.type) == ("carol@example.com", True, True, "external")
    assert not is_signed_in(world, browser), "whoever opened the link need not be who chose the password"
    fresh = world.browser()
    fresh.sign_in("carol", NEW)
    assert is_signed_in(world, fresh)


LURES = [
    "Your mailbox is full: https://evil.example.com/",
    "See evil.example.com now",
    "Call us.Or else",
    "write to help@evil.example.com",
    "x" * 65,
    "See evil\u3002com now",
]


@pytest.mark.parametrize("lure", LURES)
@pytest.mark.parametrize("field", ["name", "username"])
def test_no_stranger_writes_to_others_in_our_name(world: World, field: str, lure: str) -> None:
    """What they type goes to an address that they have typed as well."""
    world.change_settings(enrollment="open")
    enrol(world, **{field: lure})
    (letter,) = world.letters()
    assert letter.to == NEWCOMER["email"]
    assert lure not in letter.text
    assert "evil" not in letter.text + letter.html
    world.opened()
    made = world.sql.read_now(lambda tx: tx.find(User, email=NEWCOMER["email"]))
    assert made is not None
    assert getattr(made, field) == lure


@pytest.mark.parametrize("lure", LURES)
def test_nor_does_somebody_who_has_signed_in(world: World, lure: str) -> None:
    world.change_settings(default_user_change_email=True, default_user_change_username=True)
    browser = world.browser()
    browser.sign_in("alice")
    browser.get("/if/flow/default-user-settings-flow/")
    browser.submit(username=lure, name=lure, email="bob@example.net")
    browser.get("/if/flow/default-email-confirmation-flow/")
    browser.submit()
    (letter,) = world.letters()
    assert letter.to == "bob@example.net"
    assert lure not in letter.text
    assert "evil" not in letter.text + letter.html


def test_nobodys_mailbox_is_filled_by_writing_their_address_in_other_ways(world: World) -> None:
    world.change_settings(enrollment="open")
    for number in range(MOST_LATELY + 3):
        address = "".join(letter.upper() if at == number else letter for at, letter in enumerate("carol@example.com"))
        enrol(world, username=f"carol{number}", email=address)
    assert len(world.letters()) == MOST_LATELY


def test_nor_by_letters_of_its_domain_that_are_others_in_the_dns(world: World) -> None:
    """A wide letter is the plain one there, a full stop may be an ideographic one, and some letters are nothing."""
    world.change_settings(enrollment="open")
    wide = [
        "".join(chr(ord(one) + 0xFEE0) if at == number else one for at, one in enumerate("example"))
        for number in range(7)
    ]
    domains = [
        *(f"{one}.com" for one in wide),
        "example\u3002com",
        "EXA\ufe00MPLE.com",
        "ex\ufe00ample.com",
        "example.com.",
    ]
    for number, domain in enumerate(domains):
        enrol(world, username=f"carol{number}", email=f"carol@{domain}")
    assert len(world.letters()) == MOST_LATELY
    assert {letter.to for letter in world.letters()} == {"carol@example.com"}


def test_strangers_do_not_take_every_place_in_the_outbox(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_OF_STRANGERS", 3)
    world.change_settings(enrollment="open")
    for number in range(5):
        enrol(world, username=f"c{number}", email=f"c{number}@example.com")
    assert len(world.letters()) == 3
    world.ask("alice")
    assert "alice@example.com" in {letter.to for letter in world.letters()}


@pytest.mark.parametrize("key", ["is_superuser", "groups", "type", "path", "is_active", "pk", "attributes"])
def test_nobody_enrols_as_more_than_they_are(world: World, key: str) -> None:
    world.change_settings(enrollment="open")
    enrol(world, **{key: "authentik Admins"})
    world.opened()
    made = carol(world)
    assert made is not None
    assert (made.type, made.path, made.attributes) == ("external", "users", {})
    assert world.sql.read_now(lambda tx: tx.groups_of([made.pk])[made.pk]) == []


def test_a_name_that_is_taken_changes_nothing(world: World) -> None:
    world.change_settings(enrollment="open")
    enrol(world, username="ALICE")
    browser = world.opened()
    assert browser.page.status_code == 403
    assert world.now(world.alice.pk) == world.alice


@pytest.mark.parametrize("username", ["alice@example.com", "ALICE@example.com"])
@pytest.mark.parametrize("way", ["open", "invitation"])
def test_the_address_of_somebody_else_is_taken_as_a_name(world: World, way: str, username: str) -> None:
    """Names come before addresses: its owner could neither sign in by it nor get a link."""
    world.change_settings(enrollment=way)
    link = f"{ENROLLMENT}?itoken={invite(world).pk}" if way == "invitation" else ENROLLMENT
    enrol(world, link, username=username)
    assert f"“{username}” is taken" in world.opened().text
    assert world.sql.read_now(lambda tx: tx.find(User, email="carol@example.com")) is None
    browser = world.browser()
    browser.sign_in("alice@example.com")
    assert is_signed_in(world, browser)
    world.clock.advance(1)
    world.ask("alice@example.com")
    assert world.letters()[-1].user == world.alice.pk


def test_ones_own_address_may_be_ones_name(world: World) -> None:
    world.change_settings(enrollment="open")
    enrol(world, username="carol@example.com")
    assert world.opened().page.status_code == 200
    assert world.sql.read_now(lambda tx: tx.find(User, username="carol@example.com")) is not None


def invite(world: World, **fields: Any) -> Invitation:
    return world.sql.write_now(lambda tx: tx.insert(Invitation("guests", **fields)))


def test_by_invitation_only(world: World) -> None:
    world.change_settings(enrollment="invitation")
    assert enrol(world).page.status_code == 403
    invited = invite(world, fixed_data={"name": "Carol of the guests", "attributes.team": "guests"})
    link = f"{ENROLLMENT}?itoken={invited.pk}"
    page = world.browser().get(link)
    assert 'name="name"' not in page.text, "what the invitation says is not asked for"
    enrol(world, link, name="Somebody else")
    world.opened()
    made = carol(world)
    assert made is not None
    assert (made.name, made.attributes) == ("Carol of the guests", {"team": "guests"})
    assert enrol(world, link).page.status_code == 403, "it is good once"
    told = world.sql.read_now(lambda tx: repr(tx.select(Event)))
    assert "'model_name': 'invitation'" in told
    assert invited.pk not in told, "auditors read events, and invite nobody"


def test_an_invitation_that_is_good_once_makes_one_account(world: World) -> None:
    world.change_settings(enrollment="invitation")
    link = f"{ENROLLMENT}?itoken={invite(world).pk}"
    enrol(world, link)
    world.clock.advance(1)
    enrol(world, link, username="dave", email="dave@example.com")
    assert world.opened(world.link(0)).page.status_code == 200
    assert world.opened(world.link(1)).page.status_code == 403
    assert world.sql.read_now(lambda tx: tx.find(User, username="dave")) is None


def test_an_invitation_is_not_used_up_by_choosing_a_name_that_is_taken(world: World) -> None:
    world.change_settings(enrollment="invitation")
    link = f"{ENROLLMENT}?itoken={invite(world).pk}"
    enrol(world, link, username="Alice")
    refused = world.opened()
    assert "is taken" in refused.text
    world.clock.advance(1)
    enrol(world, link)
    assert world.opened().page.status_code == 200
    assert world.sql.read_now(lambda tx: tx.find(User, username="carol")) is not None


def test_an_invitation_of_another_flow_or_an_old_one_lets_nobody_in(world: World) -> None:
    """CVE-2022-23555."""
    world.change_settings(enrollment="invitation")
    other = world.sql.read_now(lambda tx: tx.find(Flow, slug="default-user-settings-flow"))
    assert other is not None
    for invited in (invite(world, flow=other.pk), invite(world, expires=world.clock() - 1)):
        assert enrol(world, f"{ENROLLMENT}?itoken={invited.pk}").page.status_code == 403
    for nonsense in ("x", "00000000-0000-4000-8000-000000000000"):
        assert enrol(world, f"{ENROLLMENT}?itoken={nonsense}").page.status_code == 403


# --- what people change and end themselves -------------------------------------------------------------------------


SETTINGS = "/if/flow/default-user-settings-flow/"


def details(world: World, **typed: Any) -> Browser:
    """Alice has sent the form of her details."""
    browser = world.browser()
    browser.sign_in("alice")
    browser.get(SETTINGS)
    browser.submit(**{"name": "Alice", "email": "alice@example.com", "username": "alice", **typed})
    return browser


def test_people_change_their_names_and_nothing_else_unless_an_administrator_lets_them(world: World) -> None:
    browser = world.browser()
    browser.sign_in("alice")
    page = browser.get(SETTINGS)
    for shown in ("alice", "alice@example.com"):
        assert re.search(rf'value="{shown}"[^>]* readonly', page.text)
    details(world, name="Alice A.", email="boss@example.com", username="root", is_superuser="on", password=NEW)
    now = world.now(world.alice.pk)
    assert now == replace(world.alice, name="Alice A.", last_updated=now.last_updated)
    world.change_settings(default_user_change_name=False)
    details(world, name="Mallory")
    assert world.now(world.alice.pk).name == "Alice A."


def test_an_address_of_ones_own_choice_is_unconfirmed_until_a_mailed_link_was_opened(world: World) -> None:
    world.change_settings(default_user_change_email=True, default_user_change_username=True)
    details(world, email="alice@example.org", username="ally")
    now = world.now(world.alice.pk)
    assert (now.username, now.email, now.email_verified) == ("ally", "alice@example.org", False)
    assert now.confirmed_email == ""
    world.ask("ally")
    world.opened()
    assert world.now(world.alice.pk).confirmed_email == "alice@example.org"


@pytest.mark.parametrize("username", ["BOB@example.com", "Bob"])
def test_nobody_renames_themselves_to_what_finds_somebody_else(world: World, username: str) -> None:
    bob = world.user("bob", email="bob@example.com")
    world.change_settings(default_user_change_username=True)
    assert f"“{username}” is taken" in details(world, username=username).text
    assert world.now(world.alice.pk).username == "alice"
    details(world, username="Alice@example.com")
    assert world.now(world.alice.pk).username == "Alice@example.com"
    browser = world.browser()
    browser.sign_in("bob@example.com")
    assert str(bob.pk) == str(next(one.user for one in world.sessions() if one.user not in (None, world.alice.pk)))


def test_who_has_such_a_name_already_changes_the_rest(world: World) -> None:
    """An administrator has given it: they may."""
    world.user("bob", email="bob@example.com")
    world.change(world.alice.pk, username="bob@example.com")
    world.change_settings(default_user_change_username=True)
    browser = world.browser()
    browser.sign_in("bob@example.com")
    browser.get(SETTINGS)
    browser.submit(username="bob@example.com", name="Alice A.", email="alice@example.com")
    assert world.now(world.alice.pk).name == "Alice A."


@pytest.mark.parametrize("said", [True, False, "false", 1])
def test_groups_and_accounts_say_otherwise_as_in_authentik(world: World, said: Any) -> None:
    told = {"goauthentik.io/user/can-change-email": said}
    world.sql.write_now(lambda tx: groups.create(tx, {"name": "staff", "users": [world.alice.pk], "attributes": told}))
    details(world, email="alice@example.org")
    assert world.now(world.alice.pk).email == ("alice@example.org" if said is True else "alice@example.com")


def test_a_form_that_does_not_know_whose_details_they_are_changes_no_more(world: World) -> None:
    """An operator's own flow, of another designation."""

    def redesigned(tx: Any) -> None:
        flow = tx.find(Flow, slug="default-user-settings-flow")
        tx.update(replace(flow, designation="enrollment"))

    world.sql.write_now(redesigned)
    world.change_settings(enrollment="open")
    refused = details(world, email="boss@example.com")
    assert refused.page.status_code == 403
    assert "Your e-mail address stays as it is" in refused.text
    assert world.now(world.alice.pk).email == "alice@example.com"
    details(world, name="Alice A.")
    assert world.now(world.alice.pk).name == "Alice A."


def test_nobody_is_locked_out_by_somebody_who_says_that_they_have_the_same_address(world: World) -> None:
    squatter = world.user("mallory", email="ALICE@example.com")
    world.sql.write_now(lambda tx: tx.update(replace(squatter, email_verified=False)))
    browser = world.browser()
    browser.sign_in("alice@example.com")
    assert is_signed_in(world, browser)
    world.ask("alice@example.com")
    assert [letter.user for letter in world.letters()] == [world.alice.pk]


def test_whoever_changes_their_address_is_told_at_the_one_before(world: World) -> None:
    world.clock.advance(1)
    world.change_settings(default_user_change_email=True)
    details(world, email="stranger@example.net")
    tell = owners.by_mail(world.services.post)
    run(Matching(world.services.store, world.services.judge, by_mail(world.services.post), tell).look())
    (letter,) = world.letters()
    assert (letter.to, letter.subject) == ("alice@example.com", "The e-mail address of your account was changed")
    assert "From: 192.0.2.7" in letter.text


def test_letters_that_nobody_asked_for_take_no_turn(world: World) -> None:
    """Else whoever sets up their second factors could get no link for a while."""
    for _ in range(MOST_LATELY):
        world.sql.write_now(lambda tx: outbox.queue(tx, "alice@example.com", "x", "x", CREDENTIALS))
    world.ask("alice")
    assert len(world.letters()) == MOST_LATELY + 1


def test_people_delete_their_account_only_where_they_may_and_with_their_password(world: World) -> None:
    slug = "/if/flow/default-unenrollment-flow/"
    assert world.browser().get(slug).status_code == 403
    world.change_settings(unenrollment=True)
    browser = world.browser()
    browser.sign_in("alice")
    browser.get(slug)
    browser.submit(uid_field="alice")
    browser.submit(password="wrong")
    assert world.now(world.alice.pk).username == "alice"
    browser.submit(password=PASSWORD)
    assert world.sql.read_now(lambda tx: tx.find(User, username="alice")) is None
    browser.get(slug)
    browser.submit(uid_field="akadmin")
    page = browser.submit(password=PASSWORD)
    assert "last administrator" in page.text


# --- an administrator's links --------------------------------------------------------------------------------------


def administrator(world: World) -> tuple[Browser, dict[str, str]]:
    """A browser that has signed in before all others, and what its calls of the API need."""
    browser = world.browser()
    browser.sign_in("akadmin")
    token = world.sql.read_now(lambda tx: tx.select(Session, Query(equal={"signed_in": True})))[0].csrf
    return browser, {"X-Authentik-CSRF": token, "Origin": browser.origin}


def test_an_administrator_hands_over_a_link(world: World) -> None:
    browser, headers = administrator(world)
    path = f"/api/v3/core/users/{world.alice.pk}/"
    answer = browser.request("POST", f"{path}recovery/", headers=headers)
    assert answer.status_code == 200, answer.text
    link = answer.json()["link"]
    assert link.startswith(f"{PUBLIC}{RECOVERY}?flow_token=")
    opened = world.opened(link.removeprefix(PUBLIC))
    opened.submit(password=NEW, password_repeat=NEW)
    assert world.now(world.alice.pk).password != world.alice.password
    assert world.browser().get(link.removeprefix(PUBLIC)).status_code == 403
    assert browser.request("POST", f"{path}recovery_email/", headers=headers).status_code == 204
    assert "password_repeat" in world.opened().page.text
    world.change(world.alice.pk, is_active=False)
    assert browser.request("POST", f"{path}recovery/", headers=headers).status_code == 400


def test_only_a_link_that_was_mailed_confirms_an_address(world: World) -> None:
    """Else who claims the boss's address has the helpdesk confirm it."""

    def opened(link: str) -> User:
        world.opened(link).submit(password=NEW, password_repeat=NEW)
        return world.now(world.alice.pk)

    world.sql.write_now(lambda tx: tx.update(replace(world.alice, email="boss@example.com", email_verified=False)))
    helpdesk, headers = administrator(world)
    path = f"/api/v3/core/users/{world.alice.pk}"
    handed_over = helpdesk.request("POST", f"{path}/recovery/", headers=headers).json()["link"]
    now = opened(handed_over.removeprefix(PUBLIC))
    assert (now.password != world.alice.password, now.email_verified) == (True, False)
    key = "k" * 32
    world.sql.write_now(lambda tx: recovery.give(tx, now, "", key, tx.now + 60, Actor()))
    again = opened(f"{RECOVERY}?flow_token={key}")
    assert (again.password != now.password, again.email_verified) == (True, False)
    assert helpdesk.request("POST", f"{path}/recovery_email/", headers=headers).status_code == 204
    assert opened(world.link()).email_verified


def test_a_recovery_key_works_once_in_time_and_for_somebody_without_an_address(world: World) -> None:
    bob = world.user("bob", email="")
    keys = [f"{number}" * 32 for number in (1, 2, 3)]

    def give(tx: Any) -> None:
        for key in keys[:2]:
            recovery.give(tx, bob, "", key, tx.now + 60, Actor({"username": "somebody"}))

    def opened(key: str) -> Browser:
        browser = world.browser(peer="198.51.100.9")
        browser.get(recovery.USE_TOKEN.format(key=key), follow=True)
        return browser

    bob = world.sql.write_now(lambda tx: tx.update(replace(bob, email_verified=False)))
    world.sql.write_now(give)
    (event, _) = world.events("secret_view")
    assert (event.user["username"], event.context["secret"]["name"]) == ("somebody", "bob")
    assert not any(key in json.dumps(event.context) for key in keys)
    assert opened(keys[2]).page.status_code == 403
    browser = opened(keys[0])
    assert browser.page.url.path == RECOVERY
    browser.submit()
    browser.submit(password=NEW, password_repeat=NEW)
    now = world.now(bob.pk)
    assert (now.password != bob.password, now.email_verified) == (True, False)
    assert not is_signed_in(world, browser)
    assert [opened(key).page.status_code for key in keys] == [403, 403, 403]
    world.sql.write_now(lambda tx: recovery.give(tx, tx.get(User, bob.pk), "", keys[2], tx.now + 60, Actor()))
    world.clock.advance(60)
    assert opened(keys[2]).page.status_code == 403


def test_a_recovery_key_is_no_way_around_the_second_factor(world: World) -> None:
    def give(tx: Any) -> None:
        authenticators.begin_static(tx, world.alice.pk, world.random)
        assert authenticators.confirm_static(tx, world.alice.pk) is not None
        recovery.give(tx, tx.get(User, world.alice.pk), "", "k" * 32, tx.now + 60, Actor())

    world.sql.write_now(give)
    world.clock.advance(1)
    opened = world.browser()
    opened.get(recovery.USE_TOKEN.format(key="k" * 32), follow=True)
    opened.submit()
    assert "New password" not in opened.text
    assert "One-time code" in opened.text


def test_nobody_gets_a_recovery_key_who_cannot_sign_in(world: World) -> None:
    world.change(world.alice.pk, is_active=False)
    with pytest.raises(Invalid, match="cannot sign in"):
        world.sql.write_now(lambda tx: recovery.give(tx, tx.get(User, world.alice.pk), "", "k", tx.now + 60, Actor()))


def test_invitations_hold_no_passwords_and_belong_to_enrolment(world: World) -> None:
    from control.verbs import invitations

    recovery = world.sql.read_now(lambda tx: tx.find(Flow, slug="default-recovery-flow"))
    assert recovery is not None
    for wrong in ({"fixed_data": {"password": "x"}}, {"flow": recovery.pk}):
        with pytest.raises(Invalid):
            world.sql.write_now(lambda tx, wrong=wrong: invitations.create(tx, {"name": "x", **wrong}))  # type: ignore[misc]


def test_the_mailbox_that_got_the_link_is_no_second_factor(world: World) -> None:
    """Its code would say nothing new; another address does."""

    def address(tx: Any, to: str) -> None:
        begun = mailed_codes.begin(tx, world.alice.pk, world.random, to, 600)
        sent = mailed_codes.code(begun, tx.now)
        assert mailed_codes.confirm(tx, world.alice.pk, sent.digits, sent.mailed) is not None

    world.sql.write_now(lambda tx: address(tx, "Alice@example.com"))
    world.ask("alice")
    assert "New password" in world.opened().text
    world.clock.advance(1)
    world.sql.write_now(lambda tx: address(tx, "other@example.net"))
    world.ask("alice")
    world.clock.advance(1)
    opened = world.opened()
    assert "New password" not in opened.text
    assert world.letters()[-1].to == "other@example.net"
