"""Flows leave as files and come back; consents; a prompt that is looked at before it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from control.records import Binding, Flow, Prompt, Stage, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import applications, bindings, consents, groups, policies
from tests.control.web.api import Answer, Api

FLOWS = "/flows/instances/"
ENROLLMENT = "default-enrollment-flow"
BOUNDARY = "boundary-of-this-test"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Api]:
    (tmp_path / "other").mkdir()
    opened = Api(tmp_path / "other")
    yield opened
    opened.close()


def exported(api: Api, slug: str = ENROLLMENT) -> dict[str, Any]:
    answer = api.call("GET", f"{FLOWS}{slug}/export/")
    assert answer.status == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="flow-{slug}.yaml"'
    document: dict[str, Any] = yaml.safe_load(answer.text)
    return document


def send(api: Api, text: str | bytes, name: str = "file", **how: Any) -> Answer:
    octets = text if isinstance(text, bytes) else text.encode()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="f.yaml"\r\n\r\n'
    body = head.encode() + octets + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return api.call("POST", f"{FLOWS}import/", raw=body, headers=kind, **how)


def imported(api: Api, document: Any) -> tuple[bool, str]:
    answer = send(api, yaml.safe_dump(document))
    assert answer.status == 200, answer.text
    return answer.body["success"], " ".join(one["event"] for one in answer.body["logs"])


def renamed(document: dict[str, Any], suffix: str = "-two") -> dict[str, Any]:
    """The same under other names, with the pks that the file had."""
    for entry in document["entries"]:
        for key in ("slug", "name"):
            if key in entry["attrs"]:
                entry["attrs"][key] += suffix
    return document


def shown(api: Api, slug: str) -> list[tuple[int, str, dict[str, Any]]]:
    """The stages of a flow, with what they ask."""

    def verb(tx: Transaction) -> list[tuple[int, str, dict[str, Any]]]:
        flow = tx.find(Flow, slug=slug)
        assert flow is not None
        found = []
        for line in tx.select(StageBinding, Query(equal={"flow": flow.pk}, ordering=("order",))):
            stage = tx.get(Stage, line.stage)
            fields = [tx.get(Prompt, pk).field_key for pk in stage.settings.get("fields", ())]
            found.append((line.order, stage.kind, {**stage.settings, "fields": fields}))
        return found

    return api.sql.read_now(verb)


@pytest.mark.parametrize("slug", [ENROLLMENT, "default-recovery-flow", "default-authentication-flow"])
def test_a_flow_leaves_and_comes_back_under_another_name(api: Api, slug: str) -> None:
    document = renamed(exported(api, slug))
    assert {entry["state"] for entry in document["entries"]} == {"present"}
    success, said = imported(api, document)
    assert success, said
    assert [one[:2] for one in shown(api, f"{slug}-two")] == [one[:2] for one in shown(api, slug)]
    before = api.sql.read_now(lambda tx: tx.revision().number)
    assert imported(api, document) == (True, said)
    assert shown(api, f"{slug}-two")
    assert api.sql.read_now(lambda tx: tx.count(Flow, Query(equal={"slug": f"{slug}-two"}))) == 1
    assert api.sql.read_now(lambda tx: tx.revision().number) >= before


def test_another_installation_takes_it(api: Api, other: Api) -> None:
    def asked_first(tx: Transaction) -> None:
        flow = tx.find(Flow, slug=ENROLLMENT)
        assert flow is not None
        policy = policies.create(tx, "expression", {"name": "from here", "expression": "return True"})
        bindings.create(tx, {"target": flow.pk, "policy": policy.pk, "order": 3})

    api.sql.write_now(asked_first)
    success, said = imported(other, renamed(exported(api)))
    assert success, said
    assert [one[:2] for one in shown(other, f"{ENROLLMENT}-two")] == [one[:2] for one in shown(api, ENROLLMENT)]
    fields = [one[2]["fields"] for one in shown(other, f"{ENROLLMENT}-two")]
    assert fields == [one[2]["fields"] for one in shown(api, ENROLLMENT)]

    def bound(tx: Transaction) -> list[Binding]:
        flow = tx.find(Flow, slug=f"{ENROLLMENT}-two")
        assert flow is not None
        return tx.select(Binding, Query(equal={"target": flow.pk}))

    (line,) = other.sql.read_now(bound)
    assert line.order == 3


def test_what_was_closed_is_not_opened_by_a_file(api: Api, other: Api) -> None:
    """A group that the other installation does not have: nothing is taken over, rather than all but the binding."""

    def closed(tx: Transaction) -> None:
        flow, group = tx.find(Flow, slug=ENROLLMENT), groups.create(tx, {"name": "staff"})
        assert flow is not None
        bindings.create(tx, {"target": flow.pk, "group": group.pk, "order": 0})

    api.sql.write_now(closed)
    success, said = imported(other, renamed(exported(api)))
    assert not success
    assert "does not exist" in said
    assert other.call("GET", f"{FLOWS}{ENROLLMENT}-two/").status == 404


def test_people_are_not_bound_by_a_number_of_another_installation(api: Api) -> None:
    flow = exported(api)
    target = flow["entries"][0]["identifiers"]["pk"]
    line = {"model": "authentik_policies.policybinding", "identifiers": {}, "attrs": {"target": target, "user": 1}}
    flow["entries"].append({**line, "attrs": {**line["attrs"], "order": 0}})  # type: ignore[dict-item]
    success, said = imported(api, flow)
    assert not success
    assert "bind this one by hand" in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "no YAML"),
        ("!!python/object/apply:os.system ['true']", "no YAML"),
        ("version: 1\nentries: !Find [x]", "no YAML"),
        ("[" * 20_000, "no YAML"),
        ("version: 1\nentries: [{model: authentik_flows.flow, identifiers: {pk: &a [x]}, attrs: {a: *a}}]", "no YAML"),
        ("version: 1\nentries: [{model: authentik_flows.flow, identifiers: {pk: [x]}}]", "Each entry"),
        ("version: 2\nentries: []", "no blueprint"),
        ("[]", "no blueprint"),
        ("version: 1\nentries: {}", "Each entry"),
        ("version: 1\nentries: [x]", "Each entry"),
        ("version: 1\nentries: [{model: authentik_flows.flow, state: absent}]", "Each entry"),
        ("version: 1\nentries: [{model: authentik_core.user, attrs: {username: eve}}]", "no such parts"),
        ("version: 1\nentries: [{model: authentik_flows.flow, attrs: {slug: x}}]", "This field is required"),
        ("version: 1\nentries: [" + "{model: authentik_flows.flow}," * 501 + "]", "500 entries"),
    ],
)
def test_what_is_no_flow_changes_nothing(api: Api, text: str, told: str) -> None:
    before = api.sql.read_now(lambda tx: tx.revision().number)
    answer = send(api, text)
    assert answer.status == 200
    assert answer.body["success"] is False
    assert told in answer.body["logs"][0]["event"]
    assert api.sql.read_now(lambda tx: tx.revision().number) == before


def test_a_fault_at_the_end_takes_all_back(api: Api) -> None:
    document = renamed(exported(api))
    document["entries"][-1]["attrs"]["order"] = "last"
    success, _ = imported(api, document)
    assert not success
    assert api.call("GET", f"{FLOWS}{ENROLLMENT}-two/").status == 404


def test_what_is_no_upload(api: Api) -> None:
    assert api.call("POST", f"{FLOWS}import/", {"file": "x"}).status == 400
    assert send(api, "version: 1", name="other").status == 400
    assert send(api, b"\xff\xfe").status == 400
    assert send(api, "#" * (1024 * 1024 + 8192)).status == 413


def test_only_superusers_see_and_bring_files(api: Api) -> None:
    token = api.token(api.user("alice"))
    assert api.call("GET", f"{FLOWS}{ENROLLMENT}/export/", token=token).status == 403
    assert send(api, "version: 1", token=token).status == 403
    assert send(api, "version: 1", token=None).status == 403


def test_a_prompt_is_looked_at_before_it_is_stored(api: Api) -> None:
    given = {
        "name": "colour",
        "field_key": "colour",
        "label": "Colour",
        "type": "radio-button-group",
        "placeholder": 'return ["red", request.user.username]',
        "placeholder_expression": True,
    }
    answer = api.call("POST", "/stages/prompt/prompts/preview/", given)
    assert answer.status == 200, answer.text
    assert answer.body["component"] == "ak-stage-prompt"
    (one,) = answer.body["fields"]
    assert [choice["value"] for choice in one["choices"]] == ["red", "akadmin"]
    assert api.get("/stages/prompt/prompts/?name=colour")["results"] == []
    assert api.call("POST", "/stages/prompt/prompts/preview/", {**given, "placeholder": "return ("}).status == 400
    mine = api.token(api.user("alice"))
    assert api.call("POST", "/stages/prompt/prompts/preview/", given, token=mine).status == 403


def test_people_see_and_take_back_their_own_consents(api: Api) -> None:
    alice, bob = api.user("alice"), api.user("bob")

    def agreed(tx: Transaction) -> str:
        wiki = applications.create(tx, {"name": "Wiki", "slug": "wiki"})
        for user, expires in ((alice, None), (bob, tx.now + 60)):
            consents.remember(tx, user, wiki.pk, ["openid", "email"], expires)
        return wiki.pk

    wiki = api.sql.write_now(agreed)
    path, mine = "/core/user_consent/", api.token(alice)
    assert len(api.get(path)["results"]) == 2
    (one,) = api.call("GET", path, token=mine).body["results"]
    assert (one["user"]["username"], one["application"]["pk"], one["permissions"]) == ("alice", wiki, "email openid")
    assert (one["expires"], one["expiring"]) == (None, False)
    (bobs,) = api.get(f"{path}?user={bob}")["results"]
    assert bobs["expiring"]
    assert api.call("DELETE", f"{path}{bobs['pk']}/", token=mine).status == 404
    assert api.call("DELETE", f"{path}{one['pk']}/", token=mine).status == 204
    assert [left["pk"] for left in api.get(path)["results"]] == [bobs["pk"]]
