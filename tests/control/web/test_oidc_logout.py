"""RP-initiated logout: whose session ends, whether the person is asked first, and where the browser goes then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.oidc.relying import CALLBACK, OWN, Person, Relying
from tests.control.web.browsing import USER

END = f"{OWN}/end-session/"
AFTER = "https://grafana.example.com/bye"


def signed_in(relying: Relying) -> tuple[Person, str]:
    """Somebody's browser, and the ID token of their session."""
    relying.set_provider(
        redirect_uris=[
            {"matching_mode": "strict", "url": CALLBACK},
            {"matching_mode": "strict", "url": AFTER, "redirect_uri_type": "logout"},
        ]
    )
    relying.user("alice")
    person = relying.person()
    person.sign_in("alice")
    token: str = relying.exchange(person.code()).json()["id_token"]
    return person, token


def is_signed_in(person: Person) -> bool:
    return person.get(USER).status_code == 200


def test_the_application_of_this_session_ends_it_at_once(relying: Relying) -> None:
    person, token = signed_in(relying)
    page = person.get(END, params={"id_token_hint": token, "post_logout_redirect_uri": AFTER, "state": "s 1"})
    assert page.headers["location"] == f"{AFTER}?state=s+1"
    assert not is_signed_in(person)
    assert "error=login_required" in person.ask(prompt="none").headers["location"]
    assert len(relying.events("logout")) == 1


def test_by_post_and_without_a_state(relying: Relying) -> None:
    person, token = signed_in(relying)
    page = person.post(END, follow=False, id_token_hint=token, post_logout_redirect_uri=AFTER)
    assert page.headers["location"] == AFTER
    assert not is_signed_in(person)


def test_an_expired_hint_is_still_a_hint(relying: Relying) -> None:
    person, token = signed_in(relying)
    relying.clock.advance(86_400.0)
    assert person.get(END, params={"id_token_hint": token, "post_logout_redirect_uri": AFTER}).is_redirect


@pytest.mark.parametrize("uri", ["https://evil.example.com/", f"{AFTER}?x=1", f"{AFTER}/", CALLBACK, "javascript:x"])
def test_nobody_is_sent_to_an_unregistered_address(relying: Relying, uri: str) -> None:
    person, token = signed_in(relying)
    page = person.get(END, params={"id_token_hint": token, "post_logout_redirect_uri": uri})
    assert (page.status_code, person.heading) == (200, "Signed out")
    assert "location" not in page.headers


def forged(token: str) -> str:
    header = "eyJhbGciOiJub25lIn0"
    return f"{header}.{token.split('.')[1]}."


@pytest.mark.parametrize("spoil", [lambda token: "", forged, lambda token: token[:-4] + "AAAA", lambda token: "x.y.z"])
def test_without_a_valid_hint_the_person_is_asked_and_stays_here(relying: Relying, spoil: Any) -> None:
    person, token = signed_in(relying)
    page = person.get(END, params={"id_token_hint": spoil(token), "post_logout_redirect_uri": AFTER})
    assert (page.status_code, person.heading) == (200, "Sign out?")
    assert is_signed_in(person)
    person.get(END, params={"id_token_hint": spoil(token), "post_logout_redirect_uri": AFTER})
    page = person.submit(follow=False, to=END, id_token_hint=spoil(token), post_logout_redirect_uri=AFTER)
    assert (page.status_code, person.heading) == (200, "Signed out")
    assert not is_signed_in(person)


def test_the_hint_of_another_session_asks_first(relying: Relying) -> None:
    _, token = signed_in(relying)
    other = relying.person()
    other.sign_in("alice")
    page = other.get(END, params={"id_token_hint": token, "post_logout_redirect_uri": AFTER})
    assert other.heading == "Sign out?"
    assert "form-action 'self' https://grafana.example.com;" in page.headers["content-security-policy"]
    page = other.submit(follow=False, to=END, id_token_hint=token, post_logout_redirect_uri=AFTER)
    assert page.headers["location"] == AFTER


@pytest.mark.parametrize("mode", ["per_provider", "global"])
def test_the_hint_of_another_application_is_none(relying: Relying, mode: str) -> None:
    relying.set_provider(issuer_mode=mode)
    person, token = signed_in(relying)
    relying.add_application("other", relying.add_provider("other", issuer_mode=mode))
    person.get("/application/o/other/end-session/", params={"id_token_hint": token})
    assert person.heading == "Sign out?"


def test_another_site_signs_nobody_out(relying: Relying) -> None:
    person, _ = signed_in(relying)
    assert person.get(END).status_code == 200
    assert is_signed_in(person)
    person.get(END)
    token = person.token
    assert person.post(END, csrf_token="guessed").status_code == 403
    person.origin = "https://evil.example.com"
    assert person.post(END, csrf_token=token).status_code == 403
    assert is_signed_in(person)


def test_who_is_not_signed_in_goes_on(relying: Relying) -> None:
    _, token = signed_in(relying)
    stranger = relying.person()
    asked = {"id_token_hint": token, "post_logout_redirect_uri": AFTER}
    assert stranger.get(END, params=asked).headers["location"] == AFTER
    assert stranger.get(END).status_code == 200


def test_an_unknown_application_has_no_end(relying: Relying) -> None:
    assert relying.person().get("/application/o/nosuch/end-session/").status_code == 404
