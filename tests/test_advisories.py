"""The advisories of this field, by name: what went wrong with somebody, tried on us.

Those that a request to a door shows are tried here; what a whole room has tests about is named (`STANDS_IN`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.outpost.listeners.http_connections import get
from tests.outpost.listeners.proxied import HOST, Proxied
from tests.outpost.listeners.test_forward_auth import STRANGER
from tests.outpost.listeners.test_forward_auth_vectors import OPEN, Door
from tests.outpost.listeners.test_sign_in import APP, CONTROL, NAVIGATION, Outpost, Visitor

TREE = Path(__file__).parents[1]
AUTH = "/outpost.goauthentik.io/auth"
Lines = tuple[tuple[str, str], ...]


class Question(NamedTuple):
    """To forward-auth, by nobody. ``says`` replaces lines that an honest proxy would say, and adds others."""

    target: str = "/secret"
    says: Lines = ()
    dialect: str = "caddy"
    peer: str = "192.0.2.10"
    query: str = ""
    """Of the address that the proxy asks at."""


def x(*lines: tuple[str, str]) -> Lines:
    return lines


KEPT_OUT: dict[str, Question] = {
    "CVE-2025-54576": Question("/api/private/secret?path=/status"),
    "CVE-2025-64484": Question(says=x(("X_Forwarded_User", "admin"), ("X_Forwarded_Uri", "/public/x"))),
    "CVE-2026-34457": Question(says=x(("User-Agent", "kube-probe/1.0"))),
    "CVE-2026-40575": Question(peer=STRANGER, says=x(("X-Forwarded-Uri", "/public/x"))),
    "CVE-2026-76835": Question("/public/x", peer="203.0.113.9"),
    "GHSA-pxq7-h93f-9jrg": Question("/secret#/public/x"),
    "CVE-2021-32637": Question("/public/\x7f%"),
    "CVE-2023-36456": Question(says=x(("X-Forwarded-For", "10.0.0.1"), ("X-Authentik-Username", "admin"))),
    "CVE-2024-47070": Question("/public/x", says=x(("X-Forwarded-For", "a"))),
    "authentik 17650": Question(says=x(("X_Authentik_Username", "admin"))),
    "CVE-2021-39206": Question("/public%2F..%2Fsecret"),
    "CVE-2023-33189": Question("/secret", dialect="envoy", says=x(("X-Envoy-Original-Path", "/public/x"))),
    "CVE-2020-14359": Question(says=x(("X-FORWARDED-URI", "/public/x"), ("X-Forwarded-Uri", "/secret"))),
    "Tinyauth 2e03eb9": Question("/public/x", says=x(("X-Forwarded-Host", ""))),
    "CVE-2020-15129": Question(
        "/public/x", says=x(("X-Forwarded-Prefix", "//evil.example"), ("X-Forwarded-Proto", "data"))
    ),
    "GHSA-h924": Question(says=x(("X-Forwarded-Prefix", "/public"))),
    "GHSA-fvhj": Question("/public/#/../../secret"),
    "CVE-2024-45410": Question(says=x(("Connection", "X-Forwarded-Uri"), ("X-Real-Uri", "/public/x"))),
    "CVE-2026-35051": Question(says=x(("X-Forwarded-Prefix", "/public/"))),
    "CVE-2026-39858": Question(says=x(("X_Forwarded_Host", "open.example.com"))),
    "CVE-2026-54763": Question(says=x(("X_Authenticated_User", "admin"))),
    "CVE-2026-88011": Question(says=x(("X.Authenticated.User", "admin"), ("X.Forwarded.Host", "open.example.com"))),
    "GHSA-6jwx": Question("/public%2f../secret"),
    "CVE-2019-9900": Question("/public/\x00/../secret"),
    "CVE-2019-9901": Question("/public/../secret"),
    "CVE-2021-29492": Question("/public/..%5csecret"),
    "CVE-2021-32777": Question("/public/x", says=x(("X-Forwarded-Uri", "/public/x"), ("X-Forwarded-Uri", "/secret"))),
    "CVE-2023-27487": Question(dialect="envoy", says=x(("X-Envoy-Original-Path", "/public/x"))),
    "CVE-2023-27488": Question(says=x(("X-Forwarded-Uri", "/secret\xff"))),
    "CVE-2026-42272": Question("/public%2F..%2fsecret"),
    "authcrunch c320a62": Question("/public/%2e%2e/secret"),
    "authcrunch 87d594b": Question("/public/..;/secret"),
    "CVE-2024-21494": Question(says=x(("X-Forwarded-For", "127.0.0.1"))),
    "CVE-2024-21499": Question("/public/x", says=x(("X-Forwarded-Proto", "javascript"))),
    "CVE-2017-1000069": Question("/secret", query="?rd=/public/x"),
    "CVE-2026-63329": Question(peer=STRANGER, says=x(("X-Authentik-Username", "admin"))),
    "CVE-2026-85751": Question(peer=STRANGER, says=x(("X-Auth-Email", "admin@example.com"))),
    "CVE-2026-63439": Question(peer=STRANGER, says=x(("Remote-User", "admin"))),
}


@pytest.mark.parametrize("advisory", KEPT_OUT)
def test_who_asks_like_this_is_kept_out(advisory: str) -> None:
    question = KEPT_OUT[advisory]
    names = {name.lower() for name, _ in question.says}
    honest = x(
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "app.example.com"),
        ("X-Forwarded-Uri", question.target),
        ("X-Forwarded-Method", "GET"),
    )
    lines = [*((name, value) for name, value in honest if name.lower() not in names), *question.says]
    behind = question.target if question.dialect == "envoy" else ""
    door = Door()
    visitor = door.listener.connect(question.peer)
    visitor.send(get(f"{AUTH}/{question.dialect}{behind}{question.query}", *lines, host="app.example.com"))
    (answer,) = visitor.answers()
    assert answer.status in (302, 400, 401, 403)
    assert not any(name.startswith(("X-Authentik-", "Remote-")) for name in answer.headers)
    assert not door.telemetry.faults


ELSEWHERE: dict[str, str] = {
    "CVE-2017-1000070": "https://evil.example/",
    "CVE-2020-5233": "/\\evil.example",
    "CVE-2020-4037": "/%0a/evil.example",
    "CVE-2020-11053": "/%09/evil.example",
    "CVE-2021-21291": "https://evilapp.example.com/",
    "CVE-2021-29456": "https://app.example.com.evil.example/",
    "CVE-2019-14857": "https:/evil.example",
    "CVE-2021-32786": "https:%5cevil.example",
    "CVE-2022-23527": "/%09%2fevil.example",
    "CVE-2021-39191": "///evil.example",
    "CVE-2021-29651": "https://evil.example%5c@app.example.com/",
    "CVE-2021-29652": "//evil.example/%2f..",
    "CVE-2024-21497": "https://evil.example",
    "authcrunch c923e43": "javascript:alert(1)",
    "authcrunch 7b9002e": "https://other.example.com/page",
}


@pytest.mark.parametrize("advisory", ELSEWHERE)
def test_nobody_is_sent_elsewhere_after_signing_in(advisory: str) -> None:
    visitor = Visitor(Outpost())
    bounced = visitor.direct(f"{APP}/outpost.goauthentik.io/start?rd={ELSEWHERE[advisory]}", **NAVIGATION)
    assert bounced.headers["Location"].startswith(CONTROL)
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    landed = visitor.open(visitor.answer_of_control(bounced))
    assert landed.status == 302
    assert landed.headers["Location"].startswith(f"{APP}/")


FORGED: dict[str, Lines] = {
    "CVE-2017-6059": x(("X-Authentik-Username", "admin"), ("X-Remote-User", "admin")),
    "CVE-2017-6413": x(("Remote-User", "admin"), ("Remote-Groups", "admin")),
    "CVE-2026-30851": x(("X-Authentik-Groups", "admin"), ("X-Authentik-Entitlements", "admin")),
    "GHSA-f59h": x(("X_Authentik_Groups", "admin"), ("Remote_Groups", "admin")),
    "CVE-2025-48865": x(("Connection", "close, X-Authentik-Username, X-Forwarded-For"), ("X-Forwarded-User", "admin")),
}


@pytest.mark.parametrize("advisory", FORGED)
def test_on_an_open_path_nobody_is_somebody(advisory: str) -> None:
    proxied = Proxied(skip_path_regex=OPEN)
    proxied.visit().send(get("/public/x", *FORGED[advisory], host=HOST))
    given = proxied.application.headers
    assert "admin" not in given.values()
    assert given["x-authentik-username"] == ""
    assert given["x-forwarded-for"] == "198.51.100.7"


SESSIONS = "tests/outpost/listeners/test_sign_in.py"
THROTTLE = "tests/outpost/test_throttle.py"
FOREIGN = "tests/control/sources/test_signing_in.py"
STANDS_IN: dict[str, str] = {
    "CVE-2021-21411": "tests/control/test_authentication.py::test_whom_no_binding_lets_in_is_not_allowed",
    "CVE-2026-40574": f"{FOREIGN}::test_only_addresses_of_allowed_domains_come_in",
    "GHSA-f24x-5g9q-753f": f"{SESSIONS}::test_an_attackers_answer_signs_nobody_in_as_the_attacker",
    "CVE-2025-24806": f"{THROTTLE}::test_names_that_nobody_has_count_like_all_others_whatever_their_case",
    "CVE-2026-48794": "tests/protocols/proxy/test_hosts.py::test_one_spelling",
    "Authelia 12170": f"{THROTTLE}::test_names_that_nobody_has_count_like_all_others_whatever_their_case",
    "CVE-2024-47077": "tests/control/oidc/test_proxied.py::test_the_code_of_another_provider_is_none",
    "CVE-2026-25748": "tests/test_lessons.py::test_cve_2026_25748_a_malformed_cookie_is_no_session",
    "CVE-2021-41230": f"{SESSIONS}::test_what_an_administrator_does_is_in_force_at_once",
    "CVE-2024-39315": f"{SESSIONS}::test_a_cookie_counts_for_its_application_alone",
    "CVE-2024-47616": "tests/control/oidc/test_foreign.py::test_the_audience_is_exactly_the_one",
    "CVE-2021-32785": "tests/protocols/proxy/test_sealed.py::test_nothing_escapes",
    "CVE-2021-32791": "tests/protocols/proxy/test_sealed.py::test_it_opens_nowhere_else",
    "CVE-2021-32792": "tests/outpost/listeners/test_sign_in.py::test_answers_without_a_code",
    "CVE-2023-28625": "tests/test_lessons.py::test_cve_2026_25748_a_malformed_cookie_is_no_session",
    "CVE-2024-24814": "tests/outpost/listeners/test_numbered_cases.py::test_t47_cookies_by_the_thousand_are_no_session",
    "GHSA-59jp": f"{SESSIONS}::test_a_post_comes_back_to_the_page_it_came_from",
    "GHSA-wcvh": "tests/control/oidc/test_foreign.py::test_the_audience_is_exactly_the_one",
    "CVE-2024-21492": f"{SESSIONS}::test_signing_out",
    "CVE-2024-21493": "tests/outpost/listeners/test_forward_auth_vectors.py::test_the_next_request_fares_no_worse",
    "CVE-2024-21495": "tests/protocols/proxy/test_login_state.py::test_secrets_of_one_sign_in_differ_and_are_not_shown",
    "CVE-2024-21496": f"{SESSIONS}::test_answers_without_a_code",
    "CVE-2024-21498": "tests/control/oidc/test_foreign.py::test_an_issuer_that_nobody_named_is_never_asked",
    "CVE-2024-21500": f"{THROTTLE}::test_a_second_factor_is_not_guessed_with_right_passwords_in_between",
    "CVE-2023-52430": "tests/outpost/listeners/test_numbered_cases.py::test_t40_a_changed_state_ends_the_sign_in",
    "authcrunch JWT": f"{FOREIGN}::test_an_id_token_that_proves_nothing_opens_nothing",
    "traefik-forward-auth 77": f"{SESSIONS}::test_every_tampering_with_the_state_signs_nobody_in",
    "Tinyauth code replay": "tests/control/oidc/test_proxied.py::test_a_code_is_redeemed_once",
}
"""The room's test that fails if the same went wrong here."""


@pytest.mark.parametrize("advisory", STANDS_IN)
def test_the_room_that_an_advisory_is_about_has_its_test(advisory: str) -> None:
    file, _, function = STANDS_IN[advisory].partition("::")
    assert f"def {function}(" in (TREE / file).read_text()


SURVEYED = 86
"""Advisories in the survey (section 3.1); two of one weakness that share a line there count as two."""


def test_the_list_is_whole() -> None:
    tried = [*KEPT_OUT, *ELSEWHERE, *FORGED, *STANDS_IN]
    assert len(tried) == len(set(tried)) == SURVEYED
