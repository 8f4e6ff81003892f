"""The names that expressions see, used as people use them in authentik."""

from __future__ import annotations

from typing import Any

import pytest

from control.expression.budget import Limits
from control.expression.environment import LONGEST_LINE, MOST_LINES, NAMES, Asked
from control.expression.evaluation import Evaluated, check, evaluate
from control.expression.http import HttpFacts
from control.expression.people import Facts, GroupFacts, PersonFacts

STAFF = GroupFacts("g1", "staff", attributes={"quota": 1, "vpn": {"pool": "a", "mtu": 1400}})
ADMINS = GroupFacts("g2", "Grafana Admins", attributes={"vpn": {"pool": "b"}}, parents=("g1",))
ALICE = PersonFacts(
    5,
    {
        "username": "alice",
        "name": "Alice Liddell",
        "email": "alice@example.org",
        "uid": "abc",
        "is_active": True,
        "attributes": {"department": "ops", "tags": ["x"]},
    },
    direct=(ADMINS,),
    every=(ADMINS, STAFF),
    factors=("totp",),
)
HTTP = HttpFacts(
    "GET",
    "https",
    "app.example.org",
    "/a/b",
    {"next": "/c"},
    "next=/c",
    {"User-Agent": "curl/8", "X-Real-Ip": "192.0.2.7", "X_Real_Ip": "10.0.0.1", "X_Own": "1"},
    "192.0.2.7",
)
ASKED = Asked(
    ALICE,
    "192.0.2.7",
    HTTP,
    {"pending_user": ALICE, "prompt_data": {"name": "a"}, "geoip": Facts("GeoIP", {"country": "CH"})},
    Facts("Application", {"pk": "a1", "name": "Grafana", "slug": "grafana"}, "Grafana"),
)


def ask(source: str, asked: Asked = ASKED) -> Evaluated:
    return evaluate(source, asked, lambda: 0.0)


def value(source: str, asked: Asked = ASKED) -> Any:
    found = ask(source, asked)
    assert found.fault is None, found.fault
    return found.value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return request.user.username", "alice"),
        ("return user == request.user and user == context['pending_user']", True),
        ("return [user.pk, user.uid, user.name, user.is_active]", [5, "abc", "Alice Liddell", True]),
        ("return [group.name for group in user.ak_groups.all()]", ["Grafana Admins"]),
        ("return [group.name for group in request.user.groups.all()]", ["Grafana Admins"]),
        ("return [group.name for group in user.all_groups()]", ["Grafana Admins", "staff"]),
        ("return list(user.ak_groups.values_list('name', flat=True))", ["Grafana Admins"]),
        ("return user.all_groups().values('name', 'is_superuser')[1]", {"name": "staff", "is_superuser": False}),
        ("return user.all_groups().filter(name__startswith='Grafana').count()", 1),
        ("return user.all_groups().exclude(name__iexact='STAFF').first().name", "Grafana Admins"),
        ("return user.all_groups().filter(attributes__vpn__pool='b').exists()", True),
        ("return user.all_groups().filter(name__in=['staff', 'x']).get().attributes['quota']", 1),
        ("return user.all_groups().filter(name__regex='^s').exists()", True),
        ("return [g.name for g in user.all_groups().order_by('-name')]", ["staff", "Grafana Admins"]),
        ("return user.ak_groups.first().parents.first().name", "staff"),
        ("return user.ak_groups.all()[0].parent.name", "staff"),
        ("return user.ak_groups.first() in user.all_groups()", True),
        ("return len(user.all_groups()[:1])", 1),
        ("return str(user.ak_groups.all())", "<QuerySet [Grafana Admins]>"),
        ("return ak_is_group_member(request.user, name='staff')", True),
        ("return ak_is_group_member(request.user, name='nobody')", False),
        ("return ak_is_group_member(user, name__icontains='ADMIN')", True),
        ("return user.group_attributes()['vpn']", {"pool": "a", "mtu": 1400}),
        ("return user.group_attributes(request)['department']", "ops"),
        ("return user.attributes.get('department', '')", "ops"),
        ("return ak_user_has_authenticator(user)", True),
        ("return ak_user_has_authenticator(user, 'totp')", True),
        ("return ak_user_has_authenticator(user, device_type='webauthn')", False),
        ("return ak_client_ip in ip_network('192.0.2.0/24')", True),
        ("return str(ak_client_ip)", "192.0.2.7"),
        ("return request.http_request.headers['user-agent']", "curl/8"),
        ("return http_request.headers.get('X-None', 'none')", "none"),
        ("return 'USER-AGENT' in http_request.headers", True),
        ("return [http_request.META[name] for name in ('HTTP_X_REAL_IP', 'REMOTE_ADDR')]", ["192.0.2.7"] * 2),
        ("return 'HTTP_X_OWN' in http_request.META", False),
        ("return http_request.GET.get('next')", "/c"),
        ("return http_request.method + http_request.get_host()", "GETapp.example.org"),
        ("return http_request.build_absolute_uri()", "https://app.example.org/a/b?next=/c"),
        ("return http_request.is_secure() and http_request.build_absolute_uri('/x')", "https://app.example.org/x"),
        ("return request.context['prompt_data']['name']", "a"),
        ("return context['geoip'].country", "CH"),
        ("return request.obj.slug", "grafana"),
        ("return request.debug or ak_is_sso_flow", False),
        ("return ak_is_group_member(user=request.user, name='staff')", True),
        ("return dict(budget=1, value=2)", {"budget": 1, "value": 2}),
        ("return '{text} {name}'.format(text='a', name='b')", "a b"),
        ("return slugify(user.name) + regex_replace(user.email, '@.*', '')", "alice-liddellalice"),
        ("return list_flatten(['a', 'b'])", "a"),
        ("return ak_obj_attr(user, 'nothing', 'department', 'name')", "ops"),
        ("return [ak_obj_attr(user, 'name'), ak_obj_attr(user, 'nothing')]", ["Alice Liddell", None]),
        ("return delete_none_values({'a': None, 'b': {'c': None, 'd': [{'e': None}]}})", {"b": {"d": [{}]}}),
        ("return user.avatar", ""),
    ],
)  # fmt: skip
def test_what_is_seen(source: str, expected: Any) -> None:
    assert check(source) == ()
    assert value(source) == expected


def test_nobody_is_seen_as_nobody() -> None:
    source = (
        "return [user.is_anonymous, user.is_authenticated, user.username, user.attributes, user.group_attributes(),\n"
        "  len(user.all_groups()), ak_is_group_member(user, name='staff'), ak_user_has_authenticator(user),\n"
        "  str(ak_client_ip), http_request is None, str(user), user.has_usable_password()]"
    )
    assert value(source, Asked()) == [
        *(True, False, "", {}, {}),
        *(0, False, False),
        *("255.255.255.255", True, "AnonymousUser", False),
    ]


def test_an_ipv4_peer_on_an_ipv6_socket_is_an_ipv4_peer() -> None:
    assert value("return str(ak_client_ip)", Asked(peer="::ffff:192.0.2.7")) == "192.0.2.7"


def test_what_one_run_changes_the_next_does_not_see() -> None:
    """Attributes are the store's own dictionaries, kept by whoever asks several expressions about one person."""
    spoiling = (
        "user.attributes['department'] = 'x'\nuser.attributes['tags'].append('y')\n"
        "context['prompt_data']['name'] = 'b'\n"
        "user.ak_groups.first().attributes['vpn']['pool'] = 'z'\nuser.group_attributes()['vpn']['mtu'] = 0\n"
        "return user.attributes"
    )
    assert value(spoiling) == {"department": "x", "tags": ["x", "y"]}
    assert ALICE.fields["attributes"] == {"department": "ops", "tags": ["x"]}
    assert ADMINS.attributes == {"vpn": {"pool": "b"}}
    assert STAFF.attributes == {"quota": 1, "vpn": {"pool": "a", "mtu": 1400}}
    assert ASKED.context["prompt_data"] == {"name": "a"}


def test_messages_and_lines_are_kept_also_of_a_failure() -> None:
    found = ask(
        "log = ak_logger.bind(door='ldap')\nlog.info('seen', user=user.username, level=2, text='x')\n"
        "ak_message('Not on Sundays')\n"
        "ak_message(5)\nreturn nothing_like_this.x if False else 1 / 0"
    )
    assert found.messages == ("Not on Sundays", "5")
    assert found.logged == ("info: seen door=ldap user=alice level=2 text=x",)
    assert found.fault is not None
    assert (found.fault.line, found.fault.column) == (5, 42)
    assert found.steps > 10
    assert (found.value, found.passing) == (None, False)


def test_messages_are_bounded() -> None:
    found = ask("for i in range(9999):\n  ak_message('a' * 9999)\n  ak_logger.info('b' * 9999)\nreturn True")
    assert found.fault is not None or len(found.messages) == MOST_LINES
    assert len(found.messages) <= MOST_LINES
    assert max(map(len, (*found.messages, *found.logged))) <= LONGEST_LINE


@pytest.mark.parametrize(
    ("source", "passing"),
    [
        ("return user.ak_groups.filter(name='Grafana Admins')", True),
        ("return user.ak_groups.filter(name='nobody')", False),
        ("return []", False),
        ("pass", False),
        ("raise SkipObject", False),
        ("return 1 / 0", False),
        ("return (", False),
        ("while True:\n  pass", False),
        ("x = [1]\nfor i in range(40):\n  x = [x, x]\nreturn x", False),
    ],
)
def test_passing_is_what_python_calls_true_and_never_a_failure(source: str, passing: bool) -> None:
    assert ask(source).passing is passing


def test_what_is_left_out_says_so() -> None:
    assert ask("raise SkipObject").skipped
    assert not ask("return None").skipped


def test_unknown_names_are_found_before_anything_runs() -> None:
    (fault,) = check("if ak_is_group_membr(user, name='x'):\n  return requests.get('https://example.org')\n")[:1]
    assert (fault.line, fault.column, fault.sentence) == (1, 4, "There is no “ak_is_group_membr” here.")
    assert [fault.line for fault in check("return packet")] == [1]
    assert check("return packet", {"packet"}) == ()


def test_every_name_is_given() -> None:
    for name in NAMES:
        assert ask(f"{name}").fault is None


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("return user.password", "User has no attribute password"),
        ("return ak_is_group_member('alice', name='staff')", "a user is needed here"),
        ("return ak_user_has_authenticator(user.ak_groups)", "a user is needed here"),
        ("return user.ak_groups.first().users", "Group has no attribute users"),
        ("return user.ak_groups.get(name='x')", "get() needs one to be there, and 0 are"),
        ("return user.ak_groups.filter(nothing='x')", "Group has no attribute nothing"),
        ("return user.ak_groups.filter(name__regex='(')", "is no pattern"),
        ("return user.ak_groups.delete()", "QuerySet has no attribute delete"),
        ("return http_request.headers['Cookie']", "There is no item"),
        ("return http_request.headers[5]", "is text, not 'int'"),
        ("return http_request.session", "HttpRequest has no attribute session"),
        ("request.user.username = 'root'", "cannot be"),
    ],
)
def test_what_is_not_there_is_said_with_its_place(source: str, sentence: str) -> None:
    fault = ask(source).fault
    assert fault is not None
    assert sentence in fault.sentence
    assert fault.line == 1


def test_groups_without_number_are_charged_for() -> None:
    many = tuple(GroupFacts(str(number), f"group {number}") for number in range(3_000))
    crowd = Asked(PersonFacts(1, {"username": "a"}, direct=many, every=many))
    source = "while True:\n  user.all_groups().filter(name='x')"
    found = evaluate(source, crowd, lambda: 0.0, limits=Limits(steps=50_000))
    assert found.fault is not None
    assert "more than 50000 steps" in found.fault.sentence
