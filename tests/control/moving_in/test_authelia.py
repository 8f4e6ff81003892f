"""What becomes of Authelia's people and rules."""

from __future__ import annotations

from typing import Any

import pytest

from control.moving_in import CannotRead
from control.moving_in.authelia import read
from control.records import Application, Group, Provider, User
from tests.control.apply.places import NOTHING, Place
from tests.control.moving_in.places import bring

ARGON2ID = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
PEOPLE = f"""\
users:
  erin:
    displayname: Erin Example
    email: erin@example.com
    password: '{ARGON2ID}'
    given_name: Erin
    groups: [staff, admins]
  frank:
    disabled: true
    displayname: Frank
    password: '{BCRYPT}'
    picture: https://example.com/frank.png
    groups: [Staff]
  grace:
    displayname: Grace
    password: $pbkdf2-md5$310000$c29tZXNhbHQ$abc
"""
RULES = """\
access_control:
  default_policy: one_factor
  networks: [{name: inside, networks: [192.0.2.0/24]}]
  rules:
    - {domain: wiki.example.com, policy: bypass, resources: ['^/public([/?].*)?$', '^/static/']}
    - {domain: '*.example.com', policy: deny, methods: [delete]}
    - {domain: wiki.example.com, policy: two_factor, subject: ['group:admins'], resources: '^/admin'}
    - {domain: [wiki.example.com, other.example.com], policy: one_factor, networks: [inside, 198.51.100.7/32]}
"""


def rules_of(text: str, domain: str = "wiki.example.com") -> list[Any]:
    rules: list[Any] = read(text.encode()).sections["providers"][domain]["access_rules"]
    return rules


def test_people_groups_and_hashes_twice(place: Place) -> None:
    done, left = bring(place, "authelia", PEOPLE)
    assert [line for line in done if "password" not in line] == [
        *(
            "created user erin",
            "created user frank",
            "created user grace",
            "created group staff",
            "created group admins",
        ),
    ]
    assert left == [
        "line 12: picture of a user is not taken over",
        "line 13: group Staff is there twice (names ignore case); the first one counts",
        "line 16: a password hash that cannot be verified here; its user needs a new password",
    ]
    erin, frank = place.find(User, username="erin"), place.find(User, username="frank")
    assert (erin.name, erin.email, erin.attributes) == ("Erin Example", "erin@example.com", {"givenName": "Erin"})
    assert place.passwords.verify_now(erin.password, "password").ok
    assert place.passwords.verify_now(frank.password, "U*U").needs_rehash
    assert not frank.is_active
    assert place.find(User, username="grace").password is None
    assert (place.members("staff"), place.members("admins")) == ({"erin", "frank"}, {"erin"})
    assert bring(place, "authelia", PEOPLE)[0] == NOTHING


def test_rules_in_their_order_and_the_default_at_the_end(place: Place) -> None:
    done, left = bring(place, "authelia", RULES)
    assert "created provider wiki.example.com" in done
    assert left == ["line 6: '*.example.com' is not one domain: its rules are added to those of domains that are named"]
    wiki = place.find(Provider, name="wiki.example.com")
    rules = wiki.settings["access_rules"]
    assert [rule["level"] for rule in rules] == ["bypass", "deny", "second_factor", "sign_in", "sign_in"]
    assert [one["path"] for one in rules[0]["paths"]] == ["/public(?:/.*)?", "/static/.*"]
    assert rules[1]["methods"] == ["DELETE"]
    assert rules[2]["groups"] == [place.find(Group, name="admins").pk]
    assert rules[3]["networks"] == ["192.0.2.0/24", "198.51.100.7/32"]
    assert rules[4]["paths"] == []
    assert wiki.settings["external_host"] == "https://wiki.example.com"
    assert place.find(Application, slug="wiki-example-com").provider == wiki.pk
    assert bring(place, "authelia", RULES)[0] == NOTHING


def test_who_says_nothing_denies() -> None:
    rule = "{domain: wiki.example.com, policy: bypass, methods: [GET]}"
    assert rules_of(f"access_control: {{rules: [{rule}]}}")[-1] == {"level": "deny"}


@pytest.mark.parametrize(
    "rule",
    [
        "domain: wiki.example.com, policy: deny, subject: 'user:erin'",
        "domain: wiki.example.com, policy: deny, subject: [['group:a', 'group:b']]",
        "domain: wiki.example.com, policy: deny, subject: []",
        "domain: wiki.example.com, policy: deny, networks: [nowhere]",
        "domain: wiki.example.com, policy: deny, query: [[{key: a}]]",
        "domain: wiki.example.com, policy: three_factor",
        "domain_regex: '^w', policy: deny",
        "domain: '{user}.example.com', policy: deny",
        "domain: wiki.example.com, policy: deny, resources: ['^/a\\?page=admin']",
        "domain: wiki.example.com, policy: bypass, resources: ['^/index.php$']",
        "domain: wiki.example.com, policy: bypass, resources: ['^/a|/b']",
        "domain: wiki.example.com, policy: deny, resources: ['admin']",
        "domain: wiki.example.com, policy: deny, resources: ['^/.*admin']",
        "domain: wiki.example.com, policy: bypass, resources: ['(?<=x)/a']",
        "domain: wiki.example.com, policy: bypass, subject: 'group:a'",
    ],
)
def test_a_rule_that_cannot_be_said_leaves_its_domain_out(rule: str) -> None:
    after = "{domain: wiki.example.com, policy: bypass}"
    found = read(f"access_control:\n  rules:\n    - {{{rule}}}\n    - {after}\n".encode())
    assert not found.sections["providers"]
    assert [line for line in found.told() if line.startswith("line 3: wiki.example.com is left out")]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("^/a/.*$", "/a/.*"),
        ("^/a(\\\\?.*)?$", "/a"),
        ("^/a", "/a.*"),
        ("^/(a|b)/", "/(a|b)/.*"),
    ],
)
def test_patterns_fit_a_whole_path_here(theirs: str, ours: str) -> None:
    rule = f'{{domain: wiki.example.com, policy: one_factor, resources: "{theirs}"}}'
    (path,) = rules_of(f"access_control: {{rules: [{rule}]}}")[0]["paths"]
    assert path == {"match": "pattern", "path": ours}


def test_odd_shapes_are_no_faults_of_ours() -> None:
    odd = "access_control: {networks: 7, rules: [{domain: {a: 1}, policy: deny}]}\ndefinitions: {network: [1]}"
    assert not read(f"{odd}\nusers: {{erin: 7}}".encode()).sections["providers"]


def test_another_file_is_refused() -> None:
    for text in (b"a: 1", b"- 1", b"\xff", b"a: *b"):
        with pytest.raises(CannotRead):
            read(text)
