"""The administrator's pages: who gets in, what every form needs, and that nothing is shown or changed by accident."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.routing import Route

from control.policies.kinds import KINDS
from control.records import (
    Application,
    Binding,
    Certificate,
    Device,
    Entitlement,
    Flow,
    Group,
    Knock,
    NotificationRule,
    NotificationTransport,
    Policy,
    PropertyMapping,
    Provider,
    RadiusNas,
    RadiusOrder,
    RadiusRule,
    RadiusSession,
    Record,
    Role,
    StageBinding,
    Token,
    Tries,
    User,
)
from control.store.interface import Query, Transaction
from control.verbs import authenticators, bindings, providers
from control.web.console import SHELVES, pickable, pickers, routes
from control.web.console.table import SECTIONS
from tests.control.web.browsing import Browser, Site

ADMIN = "/if/admin/"
USERS = "/if/admin/identity/users/"
GROUPS = "/if/admin/identity/groups/"
PROVIDERS = "/if/admin/core/providers/"


def places() -> list[str]:
    return [line.url for shelf in SHELVES for line in shelf.places]


def paths(site: Site, method: str) -> list[str]:
    """Every path of the console that takes this method, with a record's key filled in."""
    found = []
    for route in routes(site.services):
        assert isinstance(route, Route)
        if method in (route.methods or ()):
            kind = "oauth2" if "/providers/" in route.path else "~"
            found.append(route.path.replace("{kind}", kind).replace("{key}", "1"))
    return found


@pytest.mark.parametrize("place", places())
def test_every_line_of_the_menu_opens(site: Site, admin: Browser, place: str) -> None:
    page = admin.get(place)
    assert page.status_code == 200
    assert f'href="{place}" aria-current="page"' in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.search(r"<script(?! type=\"module\" src=\"/static/)|\son\w+=|style=", page.text)


def test_the_words_of_the_menu_are_those_that_people_have_read_about(admin: Browser) -> None:
    text = admin.get(ADMIN).text
    for word in ("Applications", "Providers", "Outposts", "Logs", "Users", "Groups", "Certificates", "Configuration"):
        assert f">{word}</a>" in text


def test_nobody_else_sees_or_does_anything(site: Site) -> None:
    """Every path and method, asked by a stranger and by somebody without rights."""
    site.user("bob")
    stranger, bob = site.browser(), site.browser()
    bob.sign_in("bob")
    before = site.sql.read_now(lambda tx: tx.revision())
    for path in paths(site, "GET"):
        page = stranger.get(path)
        assert page.status_code == 303, path
        assert page.headers["location"].startswith("/flows/-/default/authentication/"), path
        page = bob.get(path)
        assert page.status_code == 403, path
        assert "superuser group" in page.text
    bob.get("/if/user/")
    csrf = bob.token
    for path in paths(site, "POST"):
        assert stranger.post(path, follow=False).status_code == 303, path
        assert bob.post(path, csrf_token=csrf).status_code == 403, path
    assert site.sql.read_now(lambda tx: tx.revision()) == before


def test_a_form_needs_the_sessions_token(site: Site, admin: Browser) -> None:
    before = site.sql.read_now(lambda tx: tx.revision())
    for path in paths(site, "POST"):
        assert admin.post(path, name="x", do="save").status_code == 403, path
        assert admin.post(path, name="x", do="save", csrf_token="wrong").status_code == 403, path
    assert site.sql.read_now(lambda tx: tx.revision()) == before


def test_the_sign_in_leads_back_with_the_query(site: Site) -> None:
    browser = site.browser()
    browser.get(f"{USERS}?search=a&page=1", follow=True)
    browser.submit(uid_field="akadmin")
    page = browser.submit(password="correct horse battery")
    assert page.url.raw_path.decode() == f"{USERS}?search=a&page=1"


# --- lists ---------------------------------------------------------------------------------------------------------


def test_a_list_is_searched_narrowed_sorted_and_paged(site: Site, admin: Browser) -> None:
    for number in range(25):
        site.user(f"user{number:02}", password=None, is_active=number % 2 == 0)
    page = admin.get(f"{USERS}?search=user&ordering=-username")
    assert "1 to 20 of 25" in admin.text
    assert page.text.index("user24") < page.text.index("user23")
    assert 'aria-sort="descending"' in page.text
    following = re.search(r'href="([^"]+)" rel="next"', page.text)
    assert following is not None
    admin.get(USERS + following.group(1).replace("&amp;", "&"))
    assert "21 to 25 of 25" in admin.text
    admin.get(f"{USERS}?search=user&is_active=false")
    assert "1 to 12 of 12" in admin.text
    admin.get(f"{USERS}?search=nobody")
    assert "Nothing fits" in admin.text
    assert admin.get(f"{USERS}?page=99").status_code == 404
    assert admin.get(f"{USERS}?search={'x' * 300}").status_code == 400


def test_what_people_are_called_is_escaped(site: Site, admin: Browser) -> None:
    site.user("mallory", name="<script>alert(1)</script>")
    assert "<script>alert" not in admin.get(USERS).text
    assert "&lt;script&gt;alert" in admin.page.text


# --- making and changing -------------------------------------------------------------------------------------------


def test_a_user_is_made_changed_and_deleted(site: Site, admin: Browser) -> None:
    admin.get(f"{USERS}~new/")
    assert "Service account" in admin.text
    admin.get(f"{USERS}~new/~/")
    page = admin.submit(username="dana", name="Dana", email="dana@example.com", is_active="on", path="users")
    assert (page.status_code, admin.heading) == (200, "dana")
    assert "Made." in admin.text
    url = page.url.path
    seen = hidden(page.text, "seen")
    page = admin.submit(
        to=url,
        seen=seen,
        do="save",
        username="dana",
        name="Dana D",
        email="",
        path="users",
        type="internal",
        attributes="department: physics",
    )
    assert "Saved." in admin.text
    dana = user_called(site, "dana")
    assert (dana.name, dana.email, dana.is_active, dana.attributes) == ("Dana D", "", False, {"department": "physics"})
    admin.get(f"{url}delete/")
    assert "Delete the user “dana”?" in admin.text
    assert admin.submit().url.path == USERS
    assert site.sql.read_now(lambda tx: tx.find(User, username="dana")) is None
    assert [event.user["username"] for event in site.events("model_deleted")] == ["akadmin"]


def hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found is not None
    return found.group(1)


def user_called(site: Site, name: str) -> User:
    found = site.sql.read_now(lambda tx: tx.find(User, username=name))
    assert found is not None
    return found


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(site: Site, admin: Browser) -> None:
    admin.get(f"{USERS}~new/~/")
    page = admin.submit(username="", name="Dana", email="not an address", path="users", attributes="a: [")
    assert page.status_code == 400
    assert 'id="attributes-error-1"' in page.text
    assert 'value="Dana"' in page.text
    page = admin.submit(username="", name="Dana", email="not an address", path="users", attributes="")
    assert 'id="username-error-1"' in page.text
    assert 'id="email-error-1"' in page.text
    assert page.text.count('aria-invalid="true"') == 2
    page = admin.submit(username="akadmin", name="Dana", path="users")
    assert "This field must be unique." in admin.text


def test_two_administrators_do_not_overwrite_one_another(site: Site, admin: Browser) -> None:
    dana = site.user("dana")
    page = admin.get(f"{USERS}{dana.pk}/")
    seen = hidden(page.text, "seen")
    site.change(dana.pk, name="Changed meanwhile")
    fields: dict[str, Any] = {"username": "dana", "name": "Mine", "path": "users", "type": "internal", "do": "save"}
    page = admin.submit(seen=seen, **fields)
    assert page.status_code == 400
    assert "Somebody else has changed this meanwhile" in admin.text
    page = admin.submit(seen="", **fields)
    assert page.status_code == 400
    assert user_called(site, "dana").name == "Changed meanwhile"


def test_groups_are_chosen_by_ticking_them_and_by_name_once_they_are_many(site: Site, admin: Browser) -> None:
    dana = site.user("dana")
    url = f"{USERS}{dana.pk}/"
    site.sql.write_now(lambda tx: tx.insert(Group("first")))
    fields: dict[str, Any] = {"username": "dana", "name": "Dana", "path": "users", "type": "internal", "do": "save"}
    page = admin.get(url)
    pk = re.search(r'name="groups" value="([^"]+)"> first', page.text)
    assert pk is not None
    admin.submit(seen=hidden(page.text, "seen"), groups=pk.group(1), **fields)
    assert groups_of(site, dana) == ["first"]

    site.sql.write_now(lambda tx: [tx.insert(Group(f"group {number:03}")) for number in range(220)])
    page = admin.get(url)
    assert '<textarea id="groups"' in page.text
    seen = hidden(page.text, "seen")
    page = admin.submit(seen=seen, groups="first\r\nGROUP 007\r\nno such group", **fields)
    assert "There is no group called “no such group”." in admin.text
    admin.submit(seen=seen, groups="first\r\nGROUP 007", **fields)
    assert groups_of(site, dana) == ["first", "group 007"]


def groups_of(site: Site, user: User) -> list[str]:
    def verb(tx: object) -> list[str]:
        pks = tx.groups_of([user.pk]).get(user.pk, [])  # type: ignore[attr-defined]
        return sorted(tx.get(Group, pk).name for pk in pks)  # type: ignore[attr-defined]

    return site.sql.read_now(verb)


def test_members_join_and_leave(site: Site, admin: Browser) -> None:
    dana = site.user("dana")
    group = site.sql.write_now(lambda tx: tx.insert(Group("physics")))
    url = f"{GROUPS}{group.pk}/"
    admin.get(url)
    admin.submit(to=f"{url}members/", add="DANA")
    assert "Added." in admin.text
    assert groups_of(site, dana) == ["physics"]
    assert admin.submit(to=f"{url}members/", add="nobody").status_code == 400
    admin.get(url)
    admin.submit(to=f"{url}members/", remove=str(dana.pk))
    assert groups_of(site, dana) == []


def test_a_user_name_of_digits_is_nobody_elses_number(site: Site, admin: Browser) -> None:
    """Many houses have such names: who is typed gets the rights, and not who happens to have that number."""
    dana = site.user("dana")
    numbered = site.user(str(dana.pk))
    group = site.sql.write_now(lambda tx: tx.insert(Group("physics", is_superuser=True)))
    admin.get(f"{GROUPS}{group.pk}/")
    admin.submit(to=f"{GROUPS}{group.pk}/members/", add=str(dana.pk))
    assert (groups_of(site, numbered), groups_of(site, dana)) == (["physics"], [])


@pytest.mark.parametrize("most", [0, 200])
def test_what_is_typed_is_a_name_and_what_is_chosen_a_number(
    site: Site, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickers, "MOST_OPTIONS", most)
    dana = site.user("dana")
    numbered = site.user(str(dana.pk))

    def meant(tx: Transaction) -> object:
        return pickable.USERS.pk(tx, "user", str(dana.pk))

    assert site.sql.read_now(meant) == (numbered.pk if most == 0 else dana.pk)
    assert site.sql.read_now(lambda tx: pickable.USERS.pk(tx, "user", "dana")) == dana.pk


def test_a_password_is_set_and_old_sessions_end(site: Site, admin: Browser) -> None:
    bob = site.user("bob")
    other = site.browser()
    other.sign_in("bob")
    url = f"{USERS}{bob.pk}/"
    admin.get(f"{url}password/")
    page = admin.submit(password="one", again="two")
    assert page.status_code == 400
    assert 'id="again-error-1"' in page.text
    assert admin.submit(password="", again="").status_code == 400
    site.clock.advance(1)
    admin.submit(password="new password", again="new password")
    assert "The new password is set" in admin.text
    assert other.get("/if/user/").status_code == 303
    assert site.browser().sign_in("bob", "new password").url.path == "/if/user/"


def test_sessions_are_listed_and_ended(site: Site, admin: Browser) -> None:
    bob = site.user("bob")
    one, two = site.browser(peer="192.0.2.1"), site.browser(peer="192.0.2.2")
    one.sign_in("bob")
    site.clock.advance(1)
    two.sign_in("bob")
    url = f"{USERS}{bob.pk}/"
    page = admin.get(url)
    assert page.text.index("192.0.2.2") < page.text.index("192.0.2.1")
    assert all(session.pk not in page.text for session in site.sessions())
    named = re.findall(r'name="session" value="([\w-]+)"', page.text)
    admin.submit(to=f"{url}sessions/", session=named[0])
    assert two.get("/if/user/").status_code == 303
    assert one.get("/if/user/").status_code == 200
    admin.get(url)
    admin.submit(to=f"{url}sessions/", session="")
    assert one.get("/if/user/").status_code == 303
    assert admin.get(url).status_code == 200


def test_second_factors_show_their_last_use_and_are_removed(site: Site, admin: Browser) -> None:
    bob = site.user("bob")

    def list_of_codes(tx: Any) -> list[str]:
        authenticators.begin_static(tx, bob.pk, site.random, name="Paper")
        confirmed = authenticators.confirm_static(tx, bob.pk)
        assert confirmed is not None
        return list(confirmed.secrets["codes"])

    codes = site.sql.write_now(list_of_codes)
    url = f"{USERS}{bob.pk}/"
    assert "last used never" in " ".join(admin.get(url).text.split())
    his = site.browser()
    his.sign_in("bob")
    his.submit(code=codes[0])
    admin.get(url)
    assert "last used 2023-11-14" in admin.text
    assert not any(code in admin.page.text for code in codes)
    (pk,) = re.findall(r'name="factor" value="(\d+)"', admin.page.text)
    admin.submit(to=f"{url}factors/", factor=pk)
    assert "None: the password alone is enough." in admin.text
    again = site.browser()
    assert again.sign_in("bob").url.path == "/if/user/"


# --- secrets -------------------------------------------------------------------------------------------------------


def test_a_client_secret_is_shown_when_asked_for_with_an_event(site: Site, admin: Browser) -> None:
    made = site.sql.write_now(lambda tx: providers.create(tx, "oauth2", {"name": "grafana"}, site.random))
    secret = made.secrets["client_secret"]
    url = f"{PROVIDERS}{made.pk}/"
    page = admin.get(url)
    assert secret not in page.text
    assert site.events("secret_view") == []
    seen = hidden(page.text, "seen")
    page = admin.submit(to=url, do="show:client_secret", seen=seen, name="typed but not saved")
    assert f'value="{secret}"' in page.text
    assert 'value="typed but not saved"' in page.text
    (event,) = site.events("secret_view")
    assert event.user["username"] == "akadmin"
    assert event.context["secret"]["name"] == "grafana"
    assert event.context["type"] == "client_secret"
    assert secret not in str(event.context)
    for nothing in ("name", "cookie_secret", "secrets", ""):
        assert admin.submit(to=url, do=f"show:{nothing}").status_code == 404
        admin.get(url)


def test_a_secret_stays_while_nothing_is_typed(site: Site, admin: Browser) -> None:
    made = site.sql.write_now(lambda tx: providers.create(tx, "radius", {"name": "wifi"}, site.random))
    url = f"{PROVIDERS}{made.pk}/"
    page = admin.get(url)
    fields: dict[str, Any] = {"name": "wireless", "client_networks": "10.0.0.0/8", "do": "save"}
    fields |= {name: getattr(made, name) for name in ("authorization_flow", "invalidation_flow")}
    page = admin.submit(to=url, seen=hidden(page.text, "seen"), shared_secret="", **fields)
    assert "Saved." in admin.text
    changed = site.sql.read_now(lambda tx: tx.get(type(made), made.pk))
    assert (changed.name, changed.secrets) == ("wireless", made.secrets)
    assert changed.settings["client_networks"] == "10.0.0.0/8"
    admin.submit(to=url, seen=hidden(page.text, "seen"), shared_secret="typed", **fields)
    changed = site.sql.read_now(lambda tx: tx.get(type(made), made.pk))
    assert changed.secrets == {"shared_secret": "typed"}


def test_what_remembering_network_passwords_means_is_said_beside_the_switch(site: Site, admin: Browser) -> None:
    made = site.sql.write_now(lambda tx: providers.create(tx, "radius", {"name": "wifi"}, site.random))
    url = f"{PROVIDERS}{made.pk}/"
    fields: dict[str, Any] = {"name": "wifi", "client_networks": "10.0.0.0/8", "do": "save", "shared_secret": ""}
    fields |= {name: getattr(made, name) for name in ("authorization_flow", "invalidation_flow")}
    every: tuple[dict[str, Any], ...] = ({}, {"remember_network_passwords": "on"}, {})
    for switch in every:
        page = admin.get(url)
        assert "hold the NT hashes of their network passwords in memory" in page.text
        admin.submit(to=url, seen=hidden(page.text, "seen"), **fields, **switch)
        assert "Saved." in admin.text
        changed = site.sql.read_now(lambda tx: tx.get(Provider, made.pk))
        assert changed.settings["remember_network_passwords"] is bool(switch)
        (box,) = re.findall(r"<input[^>]*remember_network_passwords[^>]*>", admin.get(url).text)
        assert ("checked" in box) is bool(switch)


def test_a_tokens_key_is_shown_when_asked_for(site: Site, admin: Browser) -> None:
    url = "/if/admin/core/tokens/"
    admin.get(f"{url}~new/")
    page = admin.submit(identifier="ci", intent="api", expiring="on")
    assert page.url.path == f"{url}ci/"
    key = site.sql.read_now(lambda tx: tx.select(SECTION_OF["core/tokens"].resource(site.random).kind))
    (token,) = [one for one in key if one.identifier == "ci"]
    assert token.key not in page.text
    assert token.user == user_called(site, "akadmin").pk
    page = admin.submit(to=f"{url}ci/", do="show:key")
    assert token.key in page.text
    assert len(site.events("secret_view")) == 1


@pytest.mark.parametrize("intent", ["app_password", "network_password"])
def test_a_devices_password_is_shown_once(site: Site, admin: Browser, intent: str) -> None:
    """Whoever looks again would read it unseen by its owner."""
    url = "/if/admin/core/tokens/"
    admin.get(f"{url}~new/")
    admin.submit(identifier="phone", intent=intent, expiring="on")
    (token,) = [one for one in site.sql.read_now(lambda tx: tx.select(Token)) if one.identifier == "phone"]
    assert token.key in admin.submit(to=f"{url}phone/", do="show:key").text
    admin.get(f"{url}phone/")
    again = admin.submit(to=f"{url}phone/", do="show:key")
    assert (again.status_code, token.key in again.text) == (410, False)
    assert "shown once" in again.text
    assert len(site.events("secret_view")) == 1


SECTION_OF = {section.path: section for section in SECTIONS}


# --- the article's steps -------------------------------------------------------------------------------------------


def test_a_provider_an_application_and_a_binding(site: Site, admin: Browser) -> None:
    page = admin.get(f"{PROVIDERS}~new/")
    assert "OAuth2/OpenID Provider" in page.text
    assert "Proxy Provider" in page.text
    admin.get(f"{PROVIDERS}~new/oauth2/")
    uris = "https://grafana.example.com/login/generic_oauth\r\nregex https://g\\..*\r\nlogout https://g.example.com/"
    page = admin.submit(
        name="grafana", client_type="confidential", client_id="", client_secret="", redirect_uris=uris, signing_key=""
    )
    url = page.url.path
    made = site.sql.read_now(lambda tx: tx.select(SECTION_OF["core/providers"].resource(site.random).kind))[0]
    assert [tuple(uri.values()) for uri in made.settings["redirect_uris"]] == [
        ("strict", "https://grafana.example.com/login/generic_oauth", "authorization"),
        ("regex", "https://g\\..*", "authorization"),
        ("strict", "https://g.example.com/", "logout"),
    ]
    assert len(made.secrets["client_secret"]) == 128
    assert "regex https://g\\..*" in page.text
    assert "No application uses the provider “grafana”" in admin.text

    create = re.search(r'href="(/if/admin/core/applications/~new/[^"]+)"', page.text)
    assert create is not None
    page = admin.get(create.group(1).replace("&amp;", "&"))
    assert f'<option value="{made.pk}" selected>' in page.text
    page = admin.submit(name="Grafana", slug="grafana", provider=str(made.pk), policy_engine_mode="any")
    assert "every active user may use it" in admin.text
    page = admin.get(url)
    assert "http://auth.example.com/application/o/grafana/.well-known/openid-configuration" in page.text

    group = site.sql.write_now(lambda tx: tx.insert(Group("admins")))
    page = admin.get("/if/admin/core/applications/grafana/")
    bind = re.search(r'href="(/if/admin/policy/bindings/~new/[^"]+)"', page.text)
    assert bind is not None
    page = admin.get(bind.group(1))
    target = re.search(r'<option value="([^"]+)" selected>Grafana', page.text)
    assert target is not None
    page = admin.submit(target=target.group(1), group="", user="", enabled="on", order="0")
    assert "One of" in admin.text
    page = admin.submit(target=target.group(1), group=group.pk, user="", enabled="on", order="0")
    assert page.url.path == "/if/admin/core/applications/grafana/"
    (line,) = site.sql.read_now(lambda tx: tx.select(Binding, Query(equal={"group": group.pk})))
    assert (line.enabled, line.negate, line.timeout) == (True, False, 30)
    site.user("bob")
    admin.get("/if/admin/core/applications/grafana/?check=bob")
    assert "may not" in admin.text
    admin.get("/if/admin/core/applications/grafana/?check=nobody")
    assert "There is no user called “nobody”." in admin.text
    admin.get(f"/if/admin/policy/bindings/{line.pk}/delete/")
    assert "everybody with an active account gets in" in admin.text


def test_a_provider_that_no_outpost_serves_is_pointed_at(site: Site, admin: Browser) -> None:
    admin.get(f"{PROVIDERS}~new/proxy/")
    page = admin.submit(name="app", mode="forward_single", external_host="https://app.example.com/path")
    assert 'id="external_host-error-1"' in page.text
    page = admin.submit(name="app", mode="forward_single", external_host="https://app.example.com")
    assert "No outpost serves the provider “app”" in admin.text
    assert "No outpost serves the provider “app”" in admin.get(ADMIN).text
    to = re.search(r'href="(/if/admin/outpost/outposts/[^"]+)">Assign', admin.page.text)
    assert to is not None
    page = admin.get(to.group(1))
    pk = re.search(r'name="providers" value="(\d+)"> app', page.text)
    assert pk is not None
    name = "authentik Embedded Outpost"
    admin.submit(seen=hidden(page.text, "seen"), name=name, type="any", providers=pk.group(1), do="save")
    assert "Saved." in admin.text
    assert "No outpost serves" not in admin.get(ADMIN).text


def test_the_public_url_is_set_under_system_configuration(site: Site, admin: Browser) -> None:
    page = admin.get(ADMIN)
    to = re.search(r'href="([^"]+)">Set the public URL', page.text)
    assert to is not None
    page = admin.get(to.group(1))
    assert 'value="http://auth.example.com"' in page.text
    url, seen = page.url.path, hidden(page.text, "seen")
    page = admin.submit(to=url, seen=seen, base_url="ftp://nowhere", default_token_duration="days=1")
    assert 'id="base_url-error-1"' in page.text
    admin.submit(to=url, seen=seen, base_url="https://auth.example.com", default_token_duration="days=1")
    assert "Saved." in admin.text
    assert "public URL" not in admin.get(ADMIN).text


def test_certificates_are_made_and_imported(site: Site, admin: Browser) -> None:
    url = "/if/admin/crypto/certificates/"
    admin.get(f"{url}~new/generate/")
    page = admin.submit(common_name="ldap.example.com", subject_alt_name="ldap.example.com", alg="ecdsa")
    assert admin.heading == "ldap.example.com"
    (pair,) = [one for one in site.sql.read_now(lambda tx: tx.select(Certificate)) if one.name == admin.heading]
    key = pair.key_data.splitlines()[1]
    assert key not in page.text
    page = admin.submit(to=page.url.path, do="show:key_data")
    assert key in page.text
    admin.get(f"{url}~new/~/")
    page = admin.submit(name="mine", certificate_data="nonsense")
    assert 'id="certificate_data-error-1"' in page.text


def test_no_form_is_longer_than_its_bound(admin: Browser) -> None:
    admin.get(f"{USERS}~new/~/")
    assert admin.submit(username="x" * 1_100_000).status_code == 413
    admin.get(f"{USERS}~new/~/")
    many: dict[str, Any] = {f"f{number}": "" for number in range(2_100)}
    assert admin.submit(**many).status_code == 400


# --- what doors refuse, and roles ----------------------------------------------------------------------------------


def test_what_knocked_is_added_with_one_click(site: Site, admin: Browser) -> None:
    knock = site.sql.write_now(lambda tx: tx.insert(Knock("host", "wiki.example.com", first=1.0, last=2.0)))
    assert "no application has this host" in admin.get(ADMIN).text
    page = admin.get(f"/if/admin/events/knocks/{knock.pk}/")
    assert "Add it" in page.text
    page = admin.submit(to=f"/if/admin/events/knocks/{knock.pk}/add/")
    assert page.url.path.startswith(PROVIDERS)
    assert "https://wiki.example.com" in page.text
    admin.get("/if/admin/core/applications/wiki-example-com/")
    assert admin.heading == "wiki.example.com"
    admin.get(f"/if/admin/events/knocks/{knock.pk}/delete/")
    admin.submit()
    assert "Deleted." in admin.text
    assert site.sql.read_now(lambda tx: tx.select(Knock)) == []


def test_what_cannot_be_added_has_no_button(site: Site, admin: Browser) -> None:
    knock = site.sql.write_now(lambda tx: tx.insert(Knock("proxy", "192.0.2.9", first=1.0, last=2.0)))
    page = admin.get(f"/if/admin/events/knocks/{knock.pk}/")
    assert "Add it" not in page.text
    assert "TRUSTED_PROXY_CIDRS" in page.text
    assert admin.submit(to=f"/if/admin/events/knocks/{knock.pk}/add/").status_code == 400


def test_a_role_allows_what_is_ticked_and_groups_hold_it(site: Site, admin: Browser) -> None:
    admin.get("/if/admin/identity/roles/~new/")
    page = admin.submit(name="helpers")
    url = page.url.path
    admin.submit(to=f"{url}permissions/", permissions="outpost.helpdesk")
    assert "Saved." in admin.text
    role = site.sql.read_now(lambda tx: tx.find(Role, name="helpers"))
    assert role is not None
    assert role.permissions == ("outpost.helpdesk",)
    assert admin.submit(to=f"{url}permissions/", permissions="everything").status_code == 400
    group = site.sql.write_now(lambda tx: tx.insert(Group("support")))
    page = admin.get(f"{GROUPS}{group.pk}/")
    admin.submit(seen=hidden(page.text, "seen"), do="save", name="support", roles=role.pk)
    assert site.sql.read_now(lambda tx: tx.get(Group, group.pk)).roles == (role.pk,)
    admin.get(f"{url}delete/")
    assert "support" in admin.text
    admin.get(url)
    admin.submit(to=f"{url}permissions/")
    assert site.sql.read_now(lambda tx: tx.get(Role, role.pk)).permissions == ()


def test_wrong_tries_are_listed_and_forgiven(site: Site, admin: Browser) -> None:
    line = site.sql.write_now(lambda tx: tx.insert(Tries("bob", "192.0.2.0/24", wrong=9, last=1.0, until=tx.now + 60)))
    assert "has to wait" in admin.get("/if/admin/events/tries/").text
    admin.get(f"/if/admin/events/tries/{line.pk}/delete/")
    assert "may try again at once" in admin.text
    admin.submit()
    assert site.sql.read_now(lambda tx: tx.find(Tries, account="bob")) is None


def test_a_radius_session_is_seen_and_ended(site: Site, admin: Browser) -> None:
    bob = site.user("bob")
    session = RadiusSession(
        "192.0.2.7", "ap-7", "1", user=bob.pk, username="bob", ssid="office", input_octets=2_500_000, started=1.0
    )
    pk = site.sql.write_now(lambda tx: tx.insert(session).pk)
    assert "ap-7 office" in admin.get("/if/admin/radius/sessions/").text
    page = admin.get(f"/if/admin/radius/sessions/{pk}/")
    assert "2.5 MB in" in page.text
    assert "Disconnect" in page.text
    page = admin.submit(to=f"/if/admin/radius/sessions/{pk}/disconnect/")
    assert "It was told to; there is no answer yet." in page.text
    [order] = site.sql.read_now(lambda tx: tx.select(RadiusOrder))
    assert (order.session, order.kind, order.why) == (pk, "disconnect", "by_hand")


def test_a_session_that_has_ended_is_not_ended_again(site: Site, admin: Browser) -> None:
    session = RadiusSession("192.0.2.7", "ap-7", "1", live=False)
    pk = site.sql.write_now(lambda tx: tx.insert(session).pk)
    assert "Disconnect" not in admin.get(f"/if/admin/radius/sessions/{pk}/").text
    assert admin.submit(to=f"/if/admin/radius/sessions/{pk}/disconnect/").status_code >= 400
    assert site.sql.read_now(lambda tx: tx.select(RadiusOrder)) == []


def test_a_device_is_made_and_its_key_stays_while_nothing_is_typed(site: Site, admin: Browser) -> None:
    admin.get("/if/admin/radius/devices/~new/")
    page = admin.submit(address="AABB.CCDD.EEFF", name="printer", psk="a key of its own", enabled="on", do="save")
    assert "printer" in page.text
    assert "a key of its own" not in page.text
    [device] = site.sql.read_now(lambda tx: tx.select(Device))
    assert (device.address, device.secrets) == ("aa:bb:cc:dd:ee:ff", {"psk": "a key of its own"})
    page = admin.get(f"/if/admin/radius/devices/{device.pk}/")
    changed: dict[str, Any] = {
        "address": device.address,
        "name": "printer",
        "vlan": "30",
        "enabled": "on",
        "psk": "",
        "do": "save",
    }
    admin.submit(seen=hidden(page.text, "seen"), **changed)
    [device] = site.sql.read_now(lambda tx: tx.select(Device))
    assert (device.vlan, device.secrets) == ("30", {"psk": "a key of its own"})


def test_a_nas_is_made_with_a_secret_of_its_own(site: Site, admin: Browser) -> None:
    site.sql.write_now(lambda tx: providers.create(tx, "radius", {"name": "wifi"}, site.services.random))
    admin.get("/if/admin/radius/nas/~new/")
    admin.submit(name="ap-7", provider="wifi", network="192.0.2.7", do="save")
    [made] = site.sql.read_now(lambda tx: tx.select(RadiusNas))
    assert (made.name, made.network, len(made.shared_secret)) == ("ap-7", "192.0.2.7/32", 64)


def test_a_device_that_knocked_is_added_and_listed(site: Site, admin: Browser) -> None:
    knock = site.sql.write_now(lambda tx: tx.insert(Knock("mac", "02-00-00-00-00-01", first=1.0, last=2.0)))
    admin.get(f"/if/admin/events/knocks/{knock.pk}/")
    page = admin.submit(to=f"/if/admin/events/knocks/{knock.pk}/add/")
    assert "02:00:00:00:00:01" in page.text


def test_a_property_mapping_is_written_and_given_to_a_provider(site: Site, admin: Browser) -> None:
    page = admin.get("/if/admin/core/property-mappings/~new/")
    assert "Scope Mapping" in page.text
    admin.get("/if/admin/core/property-mappings/~new/scope/")
    page = admin.submit(name="roles", scope_name="roles", expression="x = usr\r\nreturn {}", do="save")
    assert page.status_code == 400
    assert "Line 1, column 5: There is no “usr” here." in page.text
    admin.submit(name="roles", scope_name="roles", expression="x = user.pk\r\nreturn {'roles': x}", do="save")
    [made] = site.sql.read_now(lambda tx: tx.select(PropertyMapping, Query(equal={"name": "roles"})))
    assert made.expression == "x = user.pk\nreturn {'roles': x}"
    admin.get(f"{PROVIDERS}~new/oauth2/")
    admin.submit(name="plain", client_type="confidential", client_id="", client_secret="", signing_key="")
    [plain] = site.sql.read_now(lambda tx: tx.select(Provider, Query(equal={"name": "plain"})))
    assert len(plain.property_mappings) == 4  # nothing chosen: the usual ones
    seen = hidden(admin.get(f"{PROVIDERS}{plain.pk}/").text, "seen")
    admin.submit(seen=seen, name="plain", client_type="confidential", property_mappings=made.pk, do="save")
    [plain] = site.sql.read_now(lambda tx: tx.select(Provider, Query(equal={"name": "plain"})))
    assert plain.property_mappings == (made.pk,)


# --- policies, their bindings, RADIUS rules ------------------------------------------------------------------------

POLICIES = "/if/admin/policy/policies/"
BINDINGS = "/if/admin/policy/bindings/"
RULES = "/if/admin/radius/rules/"


def test_every_kind_of_policy_has_a_form(admin: Browser) -> None:
    page = admin.get(f"{POLICIES}~new/")
    for name, kind in KINDS.items():
        assert f"{kind.label}</a>" in page.text
        form = admin.get(f"{POLICIES}~new/{name}/")
        assert form.status_code == 200
        assert all(f'name="{field}"' in form.text for field in kind.fields.model_fields), name


def test_a_policy_is_made_bound_and_deleted(site: Site, admin: Browser) -> None:
    admin.get(f"{POLICIES}~new/expression/")
    page = admin.submit(name="never", expression="return usr", do="save")
    assert page.status_code == 400
    assert "There is no “usr” here." in page.text
    page = admin.submit(name="never", expression="return False", do="save")
    (never,) = site.sql.read_now(lambda tx: tx.select(Policy, Query(equal={"name": "never"})))
    assert page.url.path == f"{POLICIES}{never.pk}/"
    assert "Nowhere yet" in page.text

    app = site.sql.write_now(lambda tx: tx.insert(Application("Wiki", "wiki")))
    page = admin.get(f"{BINDINGS}~new/?policy={never.pk}")
    assert f'<option value="{never.pk}" selected>' in page.text
    page = admin.submit(target=app.pk, policy=never.pk, group="", user="", enabled="on", order="5", timeout="10")
    assert page.url.path == "/if/admin/core/applications/wiki/"
    assert f'<a href="{POLICIES}{never.pk}/">Policy never</a>' in page.text
    (line,) = site.sql.read_now(lambda tx: tx.select(Binding, Query(equal={"policy": never.pk})))
    assert (line.policy, line.order, line.timeout) == (never.pk, 5, 10)
    assert "Wiki" in admin.get(f"{POLICIES}{never.pk}/").text

    admin.get(f"{POLICIES}{never.pk}/delete/")
    assert "Its binding is deleted." in admin.text
    page = admin.submit(to=f"{POLICIES}{never.pk}/delete/")
    assert page.status_code == 400  # the application would be open to everybody
    assert "would be open to everyone" in page.text
    site.sql.write_now(lambda tx: tx.delete(line))
    admin.get(f"{POLICIES}{never.pk}/delete/")
    assert admin.submit(to=f"{POLICIES}{never.pk}/delete/").url.path == POLICIES


def test_a_stage_of_a_flow_may_be_bound_to(site: Site, admin: Browser) -> None:
    flow = site.sql.read_now(lambda tx: tx.find(Flow, slug="default-authentication-flow"))
    assert flow is not None
    (step, *_) = site.sql.read_now(lambda tx: tx.select(StageBinding, Query(equal={"flow": flow.pk})))
    group = site.sql.write_now(lambda tx: tx.insert(Group("staff")))
    page = admin.get(f"{BINDINGS}~new/?target={step.pk}")
    assert f'<option value="{step.pk}" selected>' in page.text
    assert "in the flow default-authentication-flow" in page.text
    admin.submit(target=step.pk, policy="", group=group.pk, user="", enabled="on", order="0", timeout="30")
    assert admin.page.status_code == 200, "there is a page to go on from"
    assert "in the flow default-authentication-flow" in admin.get(BINDINGS).text


def test_what_can_be_bound_to_can_be_chosen() -> None:
    assert {source.kind for source in pickable.TARGETS.sources} == set(bindings.TARGETS)


@pytest.mark.parametrize("kind", [Entitlement, NotificationRule])
def test_a_binding_of_what_is_nobodys_without_one_stays_where_it_is(
    site: Site, admin: Browser, kind: type[Record]
) -> None:
    def fill(tx: Transaction) -> Binding:
        app = tx.insert(Application("Wiki", "wiki"))
        rule = tx.insert(NotificationRule("failed logins"))
        right = tx.insert(Entitlement("write pages", app.pk))
        group = tx.insert(Group("staff"))
        return tx.insert(Binding(right.pk if kind is Entitlement else rule.pk, group=group.pk))

    line = site.sql.write_now(fill)
    name = "write pages in Wiki" if kind is Entitlement else "failed logins"
    assert name in admin.get(BINDINGS).text
    page = admin.get(f"{BINDINGS}{line.pk}/")
    assert f'<option value="{line.target}" selected>' in page.text
    admin.get(f"{BINDINGS}{line.pk}/delete/")
    assert "everybody" not in admin.text


def test_who_is_told_of_events_is_written(site: Site, admin: Browser) -> None:
    """A transport with its secret, a rule that uses it, and the binding that chooses the events."""
    admin.get("/if/admin/events/transports/~new/")
    hook = "https://chat.example.com/hooks/secret"
    page = admin.submit(name="chat", mode="webhook", webhook_url="", do="save")
    assert (page.status_code, "Say where to post to." in page.text) == (400, True)
    admin.submit(name="chat", mode="webhook", webhook_url=hook, do="save")
    transport = site.sql.read_now(lambda tx: tx.find(NotificationTransport, name="chat"))
    assert transport is not None
    assert transport.webhook_url == hook
    assert hook not in admin.get(f"/if/admin/events/transports/{transport.pk}/").text
    assert "nobody is told anything by it" in admin.text
    admin.get("/if/admin/events/rules/~new/")
    group = site.sql.read_now(lambda tx: tx.find(Group, is_superuser=True))
    assert group is not None
    page = admin.submit(
        name="failures", transports=transport.pk, severity="warning", destination_group=group.pk, do="save"
    )
    assert page.status_code == 200
    assert "Nobody is told anything yet" in page.text
    rule = site.sql.read_now(lambda tx: tx.find(NotificationRule, name="failures"))
    assert rule is not None
    assert (rule.transports, rule.severity, rule.destination_group) == ((transport.pk,), "warning", group.pk)
    assert f"/if/admin/policy/bindings/~new/?target={rule.pk}" in page.text
    admin.get(f"/if/admin/events/transports/{transport.pk}/delete/")
    assert "These rules go on without it: failures." in admin.text
    admin.submit(do="delete")
    assert site.sql.read_now(lambda tx: tx.get(NotificationRule, rule.pk)).transports == ()


def test_an_entitlement_is_written_where_its_application_is(site: Site, admin: Browser) -> None:
    app = site.sql.write_now(lambda tx: tx.insert(Application("Wiki", "wiki")))
    assert f"/if/admin/core/entitlements/~new/?app={app.pk}" in admin.get("/if/admin/core/applications/wiki/").text
    assert f'<option value="{app.pk}" selected>' in admin.get(f"/if/admin/core/entitlements/~new/?app={app.pk}").text
    page = admin.submit(name="editor", app=app.pk, attributes="level: 2", do="save")
    assert page.status_code == 200
    (made,) = site.sql.read_now(lambda tx: tx.select(Entitlement))
    assert (made.name, made.application, made.attributes) == ("editor", app.pk, {"level": 2})
    assert "Nobody has it yet" in admin.get(f"/if/admin/core/entitlements/{made.pk}/").text
    assert ">editor</a>" in admin.get("/if/admin/core/applications/wiki/").text
    (seen,) = re.findall(r'name="seen" value="([^"]+)"', admin.get(f"/if/admin/core/entitlements/{made.pk}/").text)
    admin.submit(name="author", app=app.pk, attributes="level: 3", do="save", seen=seen)
    assert site.sql.read_now(lambda tx: tx.get(Entitlement, made.pk)).name == "author"


def test_a_radius_rule_is_written(site: Site, admin: Browser) -> None:
    provider = site.sql.write_now(lambda tx: providers.create(tx, "radius", {"name": "net"}, site.random))
    group = site.sql.write_now(lambda tx: tx.insert(Group("staff")))
    admin.get(f"{RULES}~new/")
    given: dict[str, Any] = {
        "name": "vlan 7",
        "provider": str(provider.pk),
        "group": group.pk,
        "enabled": "on",
        "order": "0",
    }
    page = admin.submit(**given, attributes="- {name: Tunnel-Private-Group, value: 7}", do="save")
    assert page.status_code == 400
    assert "Tunnel-Private-Group" in page.text
    vlan = "- {name: Tunnel-Private-Group-ID, value: '7', tag: 1}"
    page = admin.submit(**given, attributes=vlan, weekdays="0\r\n4", begins="480", ends="1080", do="save")
    assert page.status_code == 200
    (rule,) = site.sql.read_now(lambda tx: tx.select(RadiusRule))
    assert rule.attributes == ({"name": "Tunnel-Private-Group-ID", "value": "7", "tag": 1},)
    assert (rule.group, rule.weekdays, rule.begins) == (group.pk, (0, 4), 480)
    shown = admin.get(RULES).text
    assert "Mon, Fri 08:00 to 18:00" in shown
    assert "Tunnel-Private-Group-ID = 7" in shown
