"""Each kind of policy: what it lets pass, and for how long its answer may be taken for granted."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from control import reputation
from control.policies.asking import Broken
from control.policies.kinds import KINDS
from control.policies.kinds.kind import FOR_THIS_PEER, LASTING
from control.records import Event
from control.store.interface import Transaction
from control.verbs.fields import Invalid, parse
from protocols.link.messages import VisitorRequest
from tests.control.policies.asking import NOON, House

# --- network -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "passing"),
    [("192.0.2.9", True), ("192.0.3.9", False), ("2001:db8::1", True), ("2001:db9::1", False)],
)
def test_a_network_is_of_its_own_family(house: House, peer: str, passing: bool) -> None:
    verdict = house.decide_kind("network", {"networks": ["192.0.2.77/24", "2001:db8::/32"]}, peer=peer)
    assert verdict.passing is passing
    assert verdict.reuse == FOR_THIS_PEER
    assert bool(verdict.messages) is not passing


@pytest.mark.parametrize("peer", ["", "nonsense", "192.0.2.9, 10.0.0.1"])
def test_an_address_that_cannot_be_read_is_a_failure_and_no_answer(house: House, peer: str) -> None:
    """CVE-2024-47070: an address that could not be parsed let somebody in."""
    with pytest.raises(ValueError, match="address"):
        house.decide_kind("network", {"networks": ["0.0.0.0/0"]}, peer=peer)


# --- hours ---------------------------------------------------------------------------------------------------------


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("fields", "moment", "passing", "turns"),
    [
        ({"begins": 480, "ends": 1020}, "2023-11-15T12:00", True, "2023-11-15T17:00"),
        ({"begins": 480, "ends": 1020}, "2023-11-15T07:59:59", False, "2023-11-15T08:00"),
        ({"begins": 480, "ends": 1020}, "2023-11-15T17:00", False, "2023-11-16T00:00"),
        ({"weekdays": [2]}, "2023-11-15T12:00", True, "2023-11-16T00:00"),
        ({"weekdays": [3]}, "2023-11-15T12:00", False, "2023-11-16T00:00"),
        ({"weekdays": [2], "begins": 1320, "ends": 360}, "2023-11-16T05:59", True, "2023-11-16T06:00"),
        ({"weekdays": [3], "begins": 1320, "ends": 360}, "2023-11-16T05:59", False, "2023-11-16T06:00"),
    ],
)
def test_hours(house: House, fields: dict[str, Any], moment: str, passing: bool, turns: str) -> None:
    for zone in ("UTC", "Asia/Kathmandu"):
        verdict = house.decide_kind("time", {**fields, "timezone": zone}, now=at(moment, zone))
        assert verdict.passing is passing
        assert verdict.reuse is not None
        assert verdict.reuse.not_after == at(turns, zone)


def test_an_answer_is_not_taken_for_granted_while_clocks_are_set(house: House) -> None:
    before = at("2024-03-31T01:30", "Europe/Berlin")
    assert house.decide_kind("time", {"ends": 600, "timezone": "Europe/Berlin"}, now=before).reuse is None


# --- reputation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "passing"),
    [
        ({}, True),
        ({"check_ip": False}, False),
        ({"check_username": False, "threshold": -4}, True),
        ({"check_username": False, "threshold": -5}, False),
        ({"threshold": -6}, False),
    ],
)
def test_the_scores_of_name_and_address_are_added(house: House, fields: dict[str, Any], passing: bool) -> None:
    """alice has -1 from elsewhere, mallory -4 from here."""

    def verb(tx: Transaction) -> None:
        reputation.count(tx, "alice", "198.51.100.1", right=False)
        for _ in range(4):
            reputation.count(tx, "mallory", "192.0.2.9", right=False)

    house.store.write_now(verb)
    verdict = house.decide_kind("reputation", fields)
    assert (verdict.passing, verdict.reuse) == (passing, None)


# --- events --------------------------------------------------------------------------------------------------------

LOGIN = Event("login", app="outpost", client_ip="192.0.2.1", context={"model": {"app": "a", "model_name": "m"}})


@pytest.mark.parametrize(
    ("fields", "passing"),
    [
        ({}, True),
        ({"action": "login", "client_ip": "192.0.2.1", "app": "outpost", "model": "a.m"}, True),
        ({"action": "login", "client_ip": "192.0.2.2"}, False),
        ({"action": "logout"}, False),
        ({"model": "a.n"}, False),
    ],
)
def test_an_event_matches_in_all_that_is_given(house: House, fields: dict[str, Any], passing: bool) -> None:
    assert house.decide_kind("event_matcher", fields, context={"event": LOGIN}).passing is passing


def test_a_report_that_calls_a_text_its_model_breaks_no_rule(house: House) -> None:
    event = Event("outpost_report", app="outpost", context={"model": "x"})
    assert house.decide_kind("event_matcher", {"action": "outpost_report"}, context={"event": event}).passing
    assert not house.decide_kind("event_matcher", {"model": "x"}, context={"event": event}).passing


def test_without_an_event_nothing_matches(house: House) -> None:
    verdict = house.decide_kind("event_matcher", {})
    assert (verdict.passing, verdict.reuse) == (False, LASTING)


# --- expressions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "passing"),
    [
        ("return True", True),
        ("pass", False),
        ("return request.user.groups.all()", True),
        ("return ak_is_group_member(request.user, name='staff')", True),
        ("return ak_client_ip in ip_network('192.0.2.0/24')", True),
        ("return context['ssid'] == 'Guests' and http_request.path == '/x'", True),
        ("raise SkipObject()", False),
    ],
)
def test_what_an_expression_gives_counts_as_python_counts_it(house: House, source: str, passing: bool) -> None:
    attributes = {"ssid": "Guests", "host": "app.example.com", "path": "/x?y=1"}
    verdict = house.decide_kind("expression", {"expression": source}, attributes=attributes)
    assert (verdict.passing, verdict.reuse) == (passing, None)


@pytest.mark.parametrize(
    ("source", "passing"),
    [
        ("return http_request.headers['user-agent'] == 'Browser/7'", True),
        ("return http_request.META['HTTP_ACCEPT_LANGUAGE'].startswith('de')", True),
        (
            "return http_request.META['REMOTE_ADDR'] == '192.0.2.9' and http_request.META['QUERY_STRING'] == 'y=1&z='",
            True,
        ),
        ("return http_request.GET == {'y': '1', 'z': ''}", True),
        ("return http_request.build_absolute_uri() == 'http://app.example.com/x?y=1&z='", True),
        ("return http_request.is_secure() or http_request.method != 'PUT'", False),
        ("return 'HTTP_X_NONE' in http_request.META", False),
    ],
)
def test_an_expression_reads_the_request_that_a_proxy_tells_of(house: House, source: str, passing: bool) -> None:
    attributes = {"host": "app.example.com", "path": "/x?y=1&z=", "method": "PUT"}
    visitor = VisitorRequest("http", {"User-Agent": "Browser/7", "Accept-Language": "de-AT"})
    verdict = house.decide_kind("expression", {"expression": source}, attributes=attributes, visitor=visitor)
    assert verdict.passing is passing


def test_where_no_http_is_spoken_there_is_no_request_and_a_sentence_says_so(house: House) -> None:
    attributes = {"protocol": "radius", "nas": "ap"}
    for source in ("return http_request is None", "return not request.http_request"):
        assert house.decide_kind("expression", {"expression": source}, attributes=attributes).passing
    for source in ("return http_request.path", "return request.http_request.headers"):
        with pytest.raises(Broken, match="there is no HTTP request over LDAP and RADIUS"):
            house.decide_kind("expression", {"expression": source}, attributes=attributes)


def test_an_expression_says_why_and_how_far_it_came(house: House) -> None:
    source = "ak_message('Come in.')\nak_logger.info('asked', who=request.user.username)\nreturn {'a': [1]}"
    verdict = house.decide_kind("expression", {"expression": source})
    assert verdict.messages == ("Come in.",)
    assert verdict.log == ("info: asked who=alice",)
    assert verdict.value == {"a": [1]}
    assert verdict.steps > 3


def test_an_expression_knows_what_is_asked_for(house: House) -> None:
    house.bind(policy=house.expression("return request.obj.slug == 'app' and request.obj.name == 'App'"))
    assert house.decide().passing


def test_a_broken_expression_keeps_what_it_said(house: House) -> None:
    with pytest.raises(Broken, match=r"Line 2, column 8: ZeroDivisionError") as caught:
        house.decide_kind("expression", {"expression": "ak_message('So far.')\nreturn 1 / 0"})
    assert caught.value.verdict.messages == ("So far.",)


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        ("expression", {"expression": "return x"}, "There is no “x” here."),
        ("expression", {"expression": "return ("}, "Line 1"),
        ("expression", {"expression": "import os"}, "Line 1"),
        ("expression", {}, "required"),
        ("network", {"networks": []}, "at least 1 item"),
        ("network", {"networks": ["here"]}, "“here” is not a network"),
        ("time", {"timezone": "Europe/Atlantis"}, "not a time zone"),
        ("time", {"timezone": "../../etc/passwd"}, "not a time zone"),
        ("time", {"weekdays": [7]}, "weekday"),
        ("time", {"begins": 1441}, "1440"),
        ("reputation", {"threshold": "low"}, "integer"),
    ],
)
def test_what_cannot_work_is_not_stored(kind: str, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence.replace("(", r"\(")):
        parse(KINDS[kind].fields, {"name": "p", **given})


def test_names_are_authentiks() -> None:
    told = {name: (kind.title, kind.component, f"{kind.app}.{kind.model}") for name, kind in KINDS.items()}
    assert told["expression"] == (
        "ExpressionPolicy",
        "ak-policy-expression-form",
        "authentik_policies_expression.expressionpolicy",
    )
    assert told["event_matcher"] == (
        "EventMatcherPolicy",
        "ak-policy-event-matcher-form",
        "authentik_policies_event_matcher.eventmatcherpolicy",
    )


def test_noon_is_noon() -> None:
    assert at("2023-11-15T12:00") == NOON
