"""Cases of the field by their numbers (`tests/test_field_cases.py`), on the languages alone."""

from __future__ import annotations

import json
import struct
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from protocols.proxy.conventions import CONVENTIONS
from protocols.proxy.cookies import MAX_SAME_NAME, Jar, values, without_ours
from protocols.proxy.decision import Deny, HostTable, Site, site_for
from protocols.proxy.headers import Identity, Unwritable, auth_request_fields, identity_fields, remote_fields
from protocols.proxy.http1 import field_lines
from protocols.proxy.injected import injected_fields
from protocols.proxy.login_state import BrowserSession, LoginState, browser_digest
from protocols.proxy.redirects import asked_landing
from protocols.proxy.sealed import LONGEST_TOKEN, Sealer
from protocols.proxy.skipping import SkippedPaths
from protocols.proxy.trust import ForwardingError, TrustedPeers, by_name, forwarded_client
from protocols.proxy.visitor import is_program
from tests.fakes import an_identity
from tests.protocols.proxy.test_trust import TRUSTED

JAR = Jar("0a1b2c3d", secure=True)
HERE = "https://app.example.com"
SAME_SIGN_IN = {"app.example.com": HERE, "two.example.com": "https://two.example.com"}
PROXY = "192.0.2.10"
FAMILIES = (identity_fields, remote_fields, auth_request_fields)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors/proxy/decisions.json").read_text())
OPEN = "^/public/\n^/api/[^/]+/status$"


def a_site(pk: int, external_host: str, mode: str = "forward_single", domain: str = "", opened: str = "") -> Site:
    skipped = SkippedPaths(opened, whole_url=mode == "forward_domain")
    return Site(pk, f"Provider {pk}", f"app-{pk}", f"App {pk}", mode, external_host, domain, skipped=skipped)


TABLE = HostTable(
    [
        a_site(7, HERE, opened=OPEN),
        a_site(8, "https://open.example.com", opened="^/"),
        a_site(9, "https://login.example.org", "forward_domain", "example.org"),
    ]
)


def decided(vector: dict[str, Any]) -> str:
    """By the languages alone."""
    if vector["peer"] == "stranger":
        return "untrusted" if not TRUSTED.is_trusted("203.0.113.9") else "trusted"
    convention = CONVENTIONS[f"/outpost.goauthentik.io/auth/{vector['dialect']}"]
    said = by_name(
        (name.lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in vector["headers"]
    )
    try:
        forwarded = convention.dialect(vector["host"], said, "GET", vector.get("target", ""))
        forwarded_client(PROXY, said, TRUSTED)
        site = site_for(TABLE, forwarded, convention.keeps_host)
    except ForwardingError:
        return "bad"
    if isinstance(site, Deny):
        return "unknown"
    return "skipped" if site.skipped.skips(TABLE.origin(site, forwarded.host), forwarded.path) else "denied"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']} {vector['why']}")
def test_vectors(vector: dict[str, Any]) -> None:
    assert decided(vector) == vector["expect"]


def test_t02_without_a_network_nobody_is_trusted() -> None:
    nobody = TrustedPeers([])
    assert not any(nobody.is_trusted(peer) for peer in ("127.0.0.1", "::1", "203.0.113.9", "", "unix"))


def test_t04_the_last_address_that_no_trusted_proxy_has_is_the_clients() -> None:
    said = by_name([(b"x-forwarded-for", b"10.0.0.1, 198.51.100.7")])
    assert forwarded_client(PROXY, said, TRUSTED) == "198.51.100.7"


@pytest.mark.parametrize("value", [b"a", b"1.2.3.4:80", b"::1%eth0", b"," * 5000])
def test_t05_an_address_that_cannot_be_read_is_none(value: bytes) -> None:
    with pytest.raises(ForwardingError):
        forwarded_client(PROXY, by_name([(b"x-forwarded-for", value)]), TRUSTED)


@pytest.mark.parametrize("name", ["Al\r\nRemote-Groups: admins", "nul\0", "del\x7f", "é", "\u2028", "x" * 10_000])
def test_t31_a_name_is_one_line_of_one_header_or_none(name: str) -> None:
    for family in FAMILIES:
        try:
            fields = family(an_identity(name, name=name))
        except Unwritable:
            assert len(name) == 10_000
            continue
        assert field_lines(fields).count(b"\n") == len(fields)
        assert len({field for field, _ in fields}) == len(fields)


@pytest.mark.parametrize(
    ("family", "joint"), [(identity_fields, b"|"), (remote_fields, b","), (auth_request_fields, b",")]
)
def test_t32_one_group_stays_one(family: object, joint: bytes) -> None:
    identity: Identity = an_identity("alice", groups=("staff,admins", "staff|admins", "plain"))
    (groups,) = [value for name, value in family(identity) if name.endswith(b"-Groups")]  # type: ignore[operator]
    assert len(groups.split(joint)) == 3
    assert b"admins" not in groups.split(joint)


def test_t34_whoever_has_no_assertion_is_told_so() -> None:
    """The assertion's own header is written by `IdentityLines`; no attribute may write it."""
    said = injected_fields({"additionalHeaders": {"X-App-Assertion": "forged"}}, "", None, "X-App-Assertion", ())
    assert b"X-App-Assertion" not in dict(said)


def test_t35_our_cookie_goes_and_every_other_octet_stays() -> None:
    others = b'a=b=c==; theme="dark; x"; =; empty=;  spaced = v'
    header = JAR.session + b"=secret; " + others + b"; " + JAR.browser + b"=x"
    assert without_ours({b"cookie": [header]}) == [others]


@pytest.mark.parametrize(
    "wanted",
    [
        *("https://evil.com/?x=app.example.com", "https://app.example.com.evil.com", "https://app.example.com:444/"),
        *("https://app.example.com:443@evil/", "https://[::1]", "https://evilexample.com", "//evil.com", "/\\evil.com"),
    ],
)
def test_t37_nowhere_else_is_landed(wanted: str) -> None:
    assert asked_landing(f"rd={wanted}", HERE, SAME_SIGN_IN.get) == f"{HERE}/"


def test_t38_a_host_of_one_sign_in_and_a_path_of_another_are_no_place() -> None:
    """What is asked for is looked up as a whole: a host that this sign-in does not serve has no path that is right."""
    assert asked_landing("rd=https://two.example.com/a", HERE, SAME_SIGN_IN.get) == "https://two.example.com/a"
    for wanted in ("https://three.example.com/a", "https://two.example.com.three.example.com/a"):
        assert asked_landing(f"rd={wanted}", HERE, SAME_SIGN_IN.get) == f"{HERE}/"


def test_t40_a_state_with_another_address_in_it_does_not_open() -> None:
    sealer = Sealer("secret", "app.example.com")
    login = LoginState(browser_digest(b"x"), bytes(32), 7, 0.0, 0, f"{HERE}/page")
    sealed = sealer.seal("state", login.packed(), bytes(12))
    for at in range(len(sealed)):
        changed = sealed[:at] + (b"A" if sealed[at : at + 1] != b"A" else b"B") + sealed[at + 1 :]
        assert sealer.open("state", changed) is None


def test_t41_a_state_says_which_browser_it_is_for() -> None:
    assert browser_digest(b"attacker's") != browser_digest(b"victim's")


def test_t43_states_of_one_browser_open_in_any_order() -> None:
    sealer = Sealer("secret", "app.example.com")
    digest = browser_digest(b"one browser")
    tabs = [LoginState(digest, bytes([tab]) * 32, 7, 0.0, 0, f"{HERE}/{tab}") for tab in range(3)]
    sealed = [sealer.seal("state", tab.packed(), bytes([at]) * 12) for at, tab in enumerate(tabs)]
    for order in permutations(range(3)):
        opened = [LoginState.unpacked(sealer.open("state", sealed[at]) or b"") for at in order]
        assert opened == [tabs[at] for at in order]


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"accept", b"application/json"), (b"x-requested-with", b"XMLHttpRequest"), (b"sec-fetch-mode", b"cors")],
)
def test_t44_a_program_is_known_as_one(name: bytes, value: bytes) -> None:
    assert is_program({name: [value]})


def test_t46_what_is_no_session_opens_as_none() -> None:
    now = 1_700_000_000.0
    content = BrowserSession(bytes(32), 1, now, now + 60).packed()
    mine, other = Sealer("secret", "app.example.com"), Sealer("another", "app.example.com")
    good = mine.seal("session", content, bytes(12))
    assert mine.open("session", good) == content
    wrong = [b"", b"=", b"x" * 100, good[:-1], good + b"A", other.seal("session", content, bytes(12))]
    wrong += [
        Sealer("secret", "two.example.com").seal("session", content, bytes(12)),
        mine.seal("state", content, bytes(12)),
    ]
    assert [mine.open("session", one) for one in wrong] == [None] * len(wrong)
    for cut in (content[:-1], content + b"\0"):
        with pytest.raises(ValueError, match=str(struct.calcsize(">32sQdddd"))):
            BrowserSession.unpacked(cut)


def test_t47_of_a_million_cookies_a_few_are_looked_at() -> None:
    """None is in pieces and none is compressed, so that there is nothing to put together or to inflate."""
    header = b"; ".join(
        [b";;;=", *(JAR.session + b"=x" for _ in range(1000)), *(b"sess_%d=x" % at for at in range(1000))]
    )
    assert len(values({b"cookie": [header]}, JAR.session)) == MAX_SAME_NAME
    assert Sealer("secret", "h").open("session", b"A" * (LONGEST_TOKEN + 1)) is None
