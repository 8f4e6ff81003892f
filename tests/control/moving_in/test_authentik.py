"""What becomes of an authentik's directory, providers and applications; people and groups are as it told them,
but for one membership."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from control.commands import CommandFailed
from control.file_commands import import_file
from control.moving_in import Access, CannotRead, Coming, Import, ask_foreign
from control.records import Application, Binding, Group, Provider, User
from tests.control.apply.places import Place
from tests.control.stores import drive
from tests.fakes import counted_random
from tests.readme import TREE

TOKEN = "a token of an administrator's"
TOLD: dict[str, list[dict[str, Any]]] = json.loads((TREE / "tests/vectors/authentik/directory.json").read_text())
STAFF = next(group["pk"] for group in TOLD["core/groups/"] if group["name"] == "grp00")
ADMINS = next(group["pk"] for group in TOLD["core/groups/"] if group["is_superuser"])
PAGE = 2
"""Of the server here, whatever it is asked for."""


def provider(pk: int, name: str, **fields: Any) -> dict[str, Any]:
    flows = {"authentication_flow": None, "authorization_flow": "0b6b2a3e", "invalidation_flow": "1c7c"}
    return {"pk": pk, "name": name, **flows, "property_mappings": [], "component": "ak-provider", **fields}


def application(number: int, slug: str, of: int | None, **fields: Any) -> dict[str, Any]:
    name = slug.title()
    return {"pk": f"app-{number}", "slug": slug, "name": name, "provider": of, "policy_engine_mode": "any", **fields}


def binding(number: int, **subject: Any) -> dict[str, Any]:
    nobody = {"policy": None, "group": None, "user": None}
    return {"target": f"app-{number}", "enabled": True, "negate": False, "order": 0, **nobody, **subject}


EVERYTHING: dict[str, list[dict[str, Any]]] = {
    **TOLD,
    "providers/ldap/": [provider(1, "ldap", base_dn="dc=example,dc=org", uid_start_number=2000, gid_start_number=4000)],
    "providers/radius/": [provider(3, "radius", client_networks="192.0.2.0/24", shared_secret="fake-shared-secret")],
    "providers/proxy/": [
        provider(4, "proxy", mode="forward_single", external_host="http://app.example.org"),
        provider(5, "broken", mode="forward_single", external_host="no address"),
    ],
    "providers/oauth2/": [
        provider(
            6,
            "grafana",
            client_type="confidential",
            client_id="grafana",
            client_secret="fake-secret",
            redirect_uris=[{"matching_mode": "strict", "url": "https://rp.example.org/callback"}],
        )
    ],
    "core/applications/": [
        application(1, "directory", 1),
        application(2, "wifi", 3),
        application(3, "app", 4),
        application(4, "broken", 5),
        application(5, "grafana", 6, meta_launch_url="https://rp.example.org/"),
    ],
    "policies/bindings/": [
        binding(1, group=STAFF),
        binding(2, policy="a-policy"),
        binding(3, group=ADMINS),
        binding(5, user=next(user["pk"] for user in TOLD["core/users/"] if user["username"] == "user0089")),
    ],
}


@contextmanager
def authentik(records: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """One that answers its administrator; where it is."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            path, number = asked.path.removeprefix("/api/v3/"), int(parse_qs(asked.query)["page"][0])
            if self.headers["Authorization"] != f"Bearer {TOKEN}" or path not in records:
                return self._say(403, {"detail": "Authentication credentials were not provided."})
            there = records[path][(number - 1) * PAGE : number * PAGE]
            more = number + 1 if len(records[path]) > number * PAGE else 0
            return self._say(200, {"pagination": {"next": more, "current": number}, "results": there})

        def _say(self, status: int, body: Any) -> None:
            octets = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def brought(place: Place, records: dict[str, list[dict[str, Any]]]) -> tuple[list[str], list[str]]:
    with authentik(records) as address:
        coming: Coming = drive(ask_foreign("authentik", address, Access({"IMPORT_TOKEN": TOKEN})))
    work = Import(place.store, place.passwords, counted_random(), coming)
    changes = drive(work.run(lambda line: None))
    return [f"{change}" for change in changes], coming.found.told()


def test_everything_that_can_be_said_comes_and_comes_once(place: Place) -> None:
    done, left = brought(place, EVERYTHING)
    assert done
    person = place.find(User, username="user0089")
    pk = next(user["pk"] for user in TOLD["core/users/"] if user["username"] == "user0089")
    assert (person.email, person.password) == ("user0089@example.org", None)
    assert person.attributes["uidNumber"] == 2000 + pk
    assert place.members("grp00") == {"user0089"}
    number = next(group["num_pk"] for group in TOLD["core/groups/"] if group["name"] == "grp00")
    assert place.find(Group, name="grp00").attributes["gidNumber"] == 4000 + number
    assert place.find(Provider, name="radius").secrets["shared_secret"] == "fake-shared-secret"
    assert place.find(Provider, name="ldap").settings["base_dn"] == "dc=example,dc=org"
    assert place.find(Provider, name="grafana").settings["client_id"] == "grafana"
    bound = place.find(Binding, target=place.find(Application, slug="directory").pk)
    assert bound.group == place.find(Group, name="grp00").pk
    bound = place.find(Binding, target=place.find(Application, slug="grafana").pk)
    assert bound.user == person.pk
    assert not any(one.username.startswith("ak-outpost-c9d6aa") for one in place.read(lambda tx: tx.select(User)))
    slugs = {one.slug for one in place.read(lambda tx: tx.select(Application))}
    assert slugs == {"directory", "grafana"}
    sentences = "\n".join(left)
    assert "authentik tells no passwords" in sentences
    assert "group authentik Admins gives rights in authentik; left out" in sentences
    assert "provider 'broken' is left out" in sentences
    assert "application broken: its provider is of no kind" in sentences
    assert "application wifi: a policy decides over its use" in sentences
    assert "application app: is bound to who was left out" in sentences
    assert "fake-s" not in sentences
    assert brought(place, EVERYTHING)[0] == []


@pytest.mark.parametrize(
    ("address", "token", "sentence"),
    [
        ("users.yml", TOKEN, "is no address"),
        ("http://127.0.0.1:9", "", "IMPORT_TOKEN"),
        ("http://127.0.0.1:9", TOKEN, "does not answer"),
    ],
)
def test_where_nobody_can_be_asked_it_says_why(address: str, token: str, sentence: str) -> None:
    with pytest.raises(CannotRead, match=sentence):
        drive(ask_foreign("authentik", address, Access({"IMPORT_TOKEN": token})))


def test_a_long_list_says_how_far_it_is() -> None:
    heard = list[str]()
    with authentik(EVERYTHING) as address:
        drive(ask_foreign("authentik", address, Access({"IMPORT_TOKEN": TOKEN}, tell=heard.append)))
    users = [line for line in heard if "core/users/" in line]
    count = len(TOLD["core/users/"])
    assert users == [f"{min(read, count)} records of core/users/ read" for read in range(PAGE, count + PAGE, PAGE)]
    assert not any("providers/ldap/" in line for line in heard)  # one page says it all


def test_whoever_has_no_rights_is_told(tmp_path: Path) -> None:
    from settings import load

    settings = load({"OUTPOST_DATA_DIR": str(tmp_path / "data")})
    with authentik(EVERYTHING) as address, pytest.raises(CommandFailed, match="answered 403"):
        list(import_file(settings, "authentik", address, False, None, Access({"IMPORT_TOKEN": "another"})))
    few = {"providers/ldap/": EVERYTHING["providers/ldap/"]}
    with authentik(few) as address, pytest.raises(CannotRead, match="answered 403 to providers/radius"):
        drive(ask_foreign("authentik", address, Access({"IMPORT_TOKEN": TOKEN})))


@pytest.mark.parametrize("address", ["http://auth.example.org:9000", "http://192.0.2.1", "http://[2001:db8::1]:9000"])
def test_no_token_goes_where_everybody_on_the_way_reads_it(address: str) -> None:
    """Before anything is sent: `.example` and these addresses are nobody's."""
    with pytest.raises(CannotRead, match="everybody on the way can read: write https"):
        drive(ask_foreign("authentik", address, Access({"IMPORT_TOKEN": TOKEN})))


def test_who_says_so_sends_it_all_the_same() -> None:
    with pytest.raises(CannotRead, match="does not answer"):
        drive(ask_foreign("authentik", "http://0.0.0.0:1", Access({"IMPORT_TOKEN": TOKEN}, without_tls=True)))


@pytest.mark.parametrize("address", ["https://", "http://[::1", "ftp://auth.example.org", "auth.example.org"])
def test_what_is_no_address_is_said_so(address: str) -> None:
    with pytest.raises(CannotRead, match="is no address"):
        drive(ask_foreign("authentik", address, Access({"IMPORT_TOKEN": TOKEN})))


@pytest.mark.parametrize(
    "odd",
    [
        "text",
        {"pk": [1]},
        {"pk": 1, "provider": {"pk": 2}},
        {"pk": 1, "user": [1], "target": "app-1"},
        {"pk": None, "group": {}},
    ],
)
@pytest.mark.parametrize("path", ["core/users/", "core/groups/", "providers/ldap/", "policies/bindings/"])
def test_what_is_no_record_is_said_and_brings_nothing(path: str, odd: Any) -> None:
    with pytest.raises(CannotRead, match=f"gave no list for {path}"), authentik({**EVERYTHING, path: [odd]}) as address:
        drive(ask_foreign("authentik", address, Access({"IMPORT_TOKEN": TOKEN})))


def test_what_the_store_does_not_take_is_left_out_with_what_leans_on_it(place: Place) -> None:
    """The rest comes, and a trial says the same."""
    here = application(1, "no slug", 1), application(3, "app", 4, meta_launch_url="javascript:alert(1)")
    records = {
        **EVERYTHING,
        "core/groups/": [{**one, "parents": None, "users": None} for one in TOLD["core/groups/"]],
        "core/applications/": [*here, application(2, "wifi", 3)],
        "policies/bindings/": [],
    }
    done, left = brought(place, records)
    assert any("application 'wifi'" in one or "wifi" in one for one in done)
    assert place.find(Application, slug="wifi") is not None
    assert sorted(line.partition(": ")[2].partition(" is left out")[0] for line in left if "is left out: " in line) == [
        "application app",
        "application no slug",
        "provider 'broken'",
    ]
    again, told = brought(place, records)
    assert again == []
    assert told == left
