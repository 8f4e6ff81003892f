from __future__ import annotations

import json

from outpost.listeners.probes import MAX_COOKIES, MOST_SEEN, PATH
from tests.outpost.listeners.http_connections import Listener, get
from tests.outpost.listeners.test_forward_auth import PROXY, STRANGER, Door

MARK = "0123456789abcdef" * 2
AGENT = ("User-Agent", f"outpost-doctor/{MARK}")


def shown(door: Door, mark: str = MARK) -> list[dict[str, object]]:
    answer = Listener([(PATH, door.route.probes)]).connect().ask(get(f"{PATH.decode()}{mark}"))
    assert answer.status == 200
    found: list[dict[str, object]] = json.loads(answer.body)
    return found


def test_what_was_asked_about_a_marked_request_is_shown_to_whoever_knows_the_mark() -> None:
    door = Door()
    assert door.ask(AGENT, ("Cookie", "a=secret; b=2"), ("X-Forwarded-For", STRANGER)).status == 401
    (seen,) = shown(door)
    assert seen == {
        "address": "/outpost.goauthentik.io/auth/nginx",
        "peer": PROXY,
        "trusted": True,
        "problem": "",
        "scheme": "https",
        "host": "app.example.com",
        "target": "/page?x=1",
        "method": "GET",
        "client": STRANGER,
        "served": True,
        "cookies": ["a", "b"],
    }
    assert shown(door, "f" * 32) == []


def test_what_could_not_be_understood_and_who_is_not_trusted() -> None:
    door = Door()
    door.ask(AGENT, url="nonsense")
    door.ask(AGENT, peer=STRANGER)
    door.ask(AGENT, url="https://nobody.invalid/")
    unreadable, untrusted, unknown = shown(door)
    assert "X-Original-URL is no URL" in str(unreadable["problem"])
    assert (untrusted["trusted"], untrusted["peer"], unknown["served"]) == (False, STRANGER, False)


def test_nothing_else_is_kept_and_no_more_than_fits() -> None:
    door = Door()
    for other in ("curl/8", "outpost-doctor/", "outpost-doctor/XYZ", f"outpost-doctor/{MARK}0"):
        door.ask(("User-Agent", other))
    assert not door.route.probes._seen
    for number in range(MOST_SEEN + 10):
        door.ask(AGENT, ("X-Number", f"{number}"), ("Cookie", "; ".join(f"c{n}=1" for n in range(80))))
    assert len(shown(door)) == MOST_SEEN
    assert len(shown(door)[0]["cookies"]) == MAX_COOKIES  # type: ignore[arg-type]
