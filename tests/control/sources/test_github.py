"""A provider without ID tokens: who came is asked of it, with the access token that the code got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from control.oidc.foreign import Away, ForeignTokens
from control.records import Source
from control.sources.asking import PAGE, Leaving, SourceTokens, Stranger, Untrue
from control.sources.kinds import KINDS
from control.verbs.fields import Invalid
from control.verbs.sources import SourceFields, _stored

GITHUB = KINDS["github"]
LEAVING = Leaving("state", "nonce", "verifier", "https://auth.example.com/source/oauth/callback/github/")
PROFILE = {"id": 583231, "login": "octocat", "name": "Mona", "email": "public@example.com"}
EMAILS = [
    {"email": "other@example.com", "primary": False, "verified": True},
    {"email": "mona@example.com", "primary": True, "verified": True},
]


ORGS = f"{GITHUB.profile_url}/orgs?per_page={PAGE}&page={{}}"
MAPPED = {"name": "acme", "group": "6f1a3a0e-0000-4000-8000-000000000000"}


def source(group_mapping: Sequence[Mapping[str, str]] = (), **given: Any) -> Source:
    named = {"name": "GitHub", "slug": "github", "provider_type": "github", "consumer_key": "k", "consumer_secret": "s"}
    made = Source(**_stored(None, SourceFields.model_validate({**named, **given})))  # type: ignore[arg-type]
    return replace(made, settings={**made.settings, "group_mapping": group_mapping})


def scopes(**given: Any) -> list[str]:
    tokens = SourceTokens(ForeignTokens(GitHub().fetch, lambda: 0.0), GitHub().inquire)
    url = asyncio.run(tokens.authorization_url(source(**given), LEAVING, 60))
    return dict(parse_qsl(urlsplit(url).query))["scope"].split()


class GitHub:
    def __init__(self, **answers: Any) -> None:
        self.answers = {
            GITHUB.access_token_url: {"access_token": "t", "token_type": "bearer"},
            GITHUB.profile_url: PROFILE,
            GITHUB.emails_url: EMAILS,
            **answers,
        }
        self.asked: list[tuple[str, Mapping[str, str], bytes | None]] = []

    async def inquire(self, url: str, headers: Mapping[str, str], form: bytes | None = None) -> bytes:
        self.asked.append((url, headers, form))
        answer = self.answers[url]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    async def fetch(self, url: str) -> bytes:
        raise AssertionError("it has no discovery document")

    def arrived(self, **given: Any) -> Stranger:
        tokens = SourceTokens(ForeignTokens(self.fetch, lambda: 0.0), self.inquire)
        return asyncio.run(tokens.arrived(source(**given), LEAVING, "code", None))


def test_who_came_is_known_by_number_and_confirmed_address() -> None:
    github = GitHub()
    assert github.arrived() == Stranger("583231", "octocat", "Mona", "mona@example.com", "")
    (_, headers, form), (_, profile, nothing), _ = github.asked
    assert headers["Authorization"].startswith("Basic ")
    assert dict(parse_qsl((form or b"").decode()))["code_verifier"] == "verifier"
    assert (profile["Authorization"], nothing) == ("Bearer t", None)


@pytest.mark.parametrize(
    "emails",
    [
        [],
        {},
        [None, 5],
        [{"email": "mona@example.com", "primary": True, "verified": False}],
        [{"email": "mona@example.com", "primary": True, "verified": "true"}],
        [{"email": "mona@example.com", "primary": False, "verified": True}],
    ],
)
def test_an_address_that_is_not_confirmed_is_none(emails: Any) -> None:
    """Nor is the public one of the profile, which nobody has checked."""
    assert GitHub(**{GITHUB.emails_url: emails}).arrived().email == ""


@pytest.mark.parametrize(
    "answers",
    [
        {GITHUB.access_token_url: {"error": "bad_verification_code"}},
        {GITHUB.access_token_url: {"access_token": 5}},
        {GITHUB.access_token_url: b"access_token=t"},
        {GITHUB.access_token_url: b"[" * 100_000},
        {GITHUB.access_token_url: ValueError("answered 302")},
        {GITHUB.profile_url: {"login": "octocat"}},
        {GITHUB.profile_url: {**PROFILE, "id": True}},
        {GITHUB.profile_url: {**PROFILE, "id": None}},
        {GITHUB.profile_url: []},
    ],
    ids=lambda answers: repr(answers)[-60:],
)
def test_what_names_nobody_lets_nobody_in(answers: dict[str, Any]) -> None:
    with pytest.raises(Untrue):
        GitHub(**answers).arrived()


def test_one_that_is_away_is_said_to_be() -> None:
    with pytest.raises(Away):
        GitHub(**{GITHUB.profile_url: OSError("nobody is there")}).arrived()


def test_the_browser_is_sent_there_with_what_it_asks_for() -> None:
    tokens = SourceTokens(ForeignTokens(GitHub().fetch, lambda: 0.0), GitHub().inquire)
    url = asyncio.run(tokens.authorization_url(source(additional_scopes="read:org"), LEAVING, 60))
    asked = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith("https://github.com/login/oauth/authorize?")
    assert (asked["scope"], asked["state"]) == ("read:user user:email read:org", "state")
    assert "nonce" not in asked


@pytest.mark.parametrize("wanted", [{"allowed_organizations": ["acme"]}, {"group_mapping": [MAPPED]}], ids=str)
def test_organisations_are_asked_for_where_they_count_and_nowhere_else(wanted: dict[str, Any]) -> None:
    first = [{"login": f"o{number}"} for number in range(PAGE)]
    pages = {ORGS.format(1): first, ORGS.format(2): [{"login": "acme"}, {"login": 5}, None]}
    github = GitHub(**pages)
    assert github.arrived(**wanted).organizations[-2:] == (f"o{PAGE - 1}", "acme")
    assert github.arrived(**wanted).groups == github.arrived(**wanted).organizations
    assert github.asked[-1][1]["Authorization"] == "Bearer t"
    assert "read:org" in scopes(**wanted)
    github = GitHub(**pages)
    came = github.arrived()
    assert (came.organizations, came.groups) == ((), None)
    assert not any("/orgs" in url for url, _, _ in github.asked)
    assert "read:org" not in scopes()


def test_organisations_are_those_of_a_github_of_your_own() -> None:
    own = {"profile_url": "https://git.example.com/api/v3/user", "allowed_organizations": ["acme"]}
    there = f"{own['profile_url']}/orgs?per_page={PAGE}&page=1"
    github = GitHub(**{str(own["profile_url"]): PROFILE, there: [{"login": "acme"}]})
    assert github.arrived(**own).organizations == ("acme",)


@pytest.mark.parametrize("answer", [{}, "acme", b"[", ValueError("answered 403"), [{"login": "o"}] * PAGE])
def test_organisations_that_cannot_be_read_let_nobody_in(answer: Any) -> None:
    with pytest.raises(Untrue):
        GitHub(**{ORGS.format(page): answer for page in range(1, 100)}).arrived(allowed_organizations=["o"])


def test_the_secret_may_stand_in_the_form() -> None:
    github = GitHub()
    github.arrived(authorization_code_auth_method="post_body")
    assert "Authorization" not in github.asked[0][1]
    assert dict(parse_qsl((github.asked[0][2] or b"").decode()))["client_secret"] == "s"


@pytest.mark.parametrize(
    "given",
    [
        {"provider_type": "myspace"},
        {"provider_type": "openidconnect"},
        {"provider_type": "entraid", "oidc_well_known_url": "https://login.microsoftonline.com/common/v2.0"},
    ],
)
def test_a_source_that_cannot_work_is_not_made(given: dict[str, Any]) -> None:
    with pytest.raises((Invalid, ValueError)):
        source(**given)


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com/.well-known/openid-configuration",
        "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
        "https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration",
        "https://login.example.com/",
        "javascript:alert(1)//.well-known/openid-configuration",
    ],
)
def test_nor_one_whose_issuer_could_be_anybody(url: str) -> None:
    with pytest.raises((Invalid, ValueError)):
        source(provider_type="openidconnect", oidc_well_known_url=url)
