"""A wrong password at a real door, told at a URL and in the administrator's list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest

from tests.control.notifications.test_posting import receiver
from tests.wire.clients import run
from tests.wire.directory import BASE_DN, Directory
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

NOBODY = "somebody-to-be-told-of"
SOURCE = f"event = request.context['event']\nreturn event.context.get('username') == '{NOBODY}'"


@contextmanager
def told(program: Program, people: Directory, url: str) -> Iterator[None]:
    """A rule about this one name, to the administrators; gone afterwards."""
    with ExitStack() as made:

        def make(path: str, body: dict[str, Any]) -> str:
            pk: str = program.api("POST", path, body)["pk"]
            made.callback(partial(program.api, "DELETE", f"{path}{pk}/"))
            return pk

        hook = {"name": "wire chat", "mode": "webhook", "webhook_url": url, "send_once": True}
        chat = make("events/transports/", hook)
        own = make("events/transports/", {"name": "wire list"})
        group = program.api("GET", "core/groups/", query={"name": "authentik Admins"})["results"][0]["pk"]
        body = {"name": "wire rule", "transports": [chat, own], "destination_group": group, "severity": "warning"}
        rule = make("events/rules/", body)
        policy = make("policies/expression/", {"name": "wire matcher", "expression": SOURCE})
        make("policies/bindings/", {"target": rule, "policy": policy})
        yield


def wrong_bind(program: Program) -> None:
    who = ("-D", f"cn={NOBODY},ou=users,{BASE_DN}", "-w", "wrong")
    assert run("ldapsearch", "-x", "-H", program.ldap, *who, "-b", BASE_DN, "-s", "base").code == 49


def test_a_wrong_password_is_told(program: Program, people: Directory) -> None:
    with receiver(204) as (url, bodies), told(program, people, url):
        wrong_bind(program)
        until(lambda: bodies, SOON, "something being posted")
        (posted,) = map(json.loads, bodies)
        assert (posted["severity"], posted["user_username"]) == ("warning", "akadmin")
        assert NOBODY in posted["body"]
        listed = program.api("GET", "events/notifications/")["results"]
        assert [one["event"]["context"]["username"] for one in listed if NOBODY in one["body"]] == [NOBODY]
        for one in listed:
            program.api("DELETE", f"events/notifications/{one['pk']}/")
