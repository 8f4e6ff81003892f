"""Two questions share a place only if whoever reads them reads the same but for target and cookies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.proxy.forwarded import ForwardedRequest, forwarded_headers, nginx
from protocols.proxy.http1 import RequestReceived
from protocols.proxy.http1_plain import PlainReader
from protocols.proxy.redirects import may_be_ours
from protocols.proxy.repeated import MAX_QUESTION_BYTES, asked_again, is_told_once
from protocols.proxy.trust import ForwardingError

KEY = bytes(range(32))
PEER = "192.0.2.10"
URL, URI, FORWARDED = "X-Original-URL: https://app.example.com", "X-Original-URI: ", "X-Forwarded-Uri: "


def question(told: str, target: str, *more: str, before: str = "Host: auth.example.com") -> bytes:
    lines = ["GET /outpost.goauthentik.io/auth/nginx HTTP/1.1", before, told + target, *more, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def read(octets: bytes) -> RequestReceived:
    request = PlainReader().read(octets)
    assert request is not None
    return request


def place(key: bytes, peer: str, octets: bytes) -> bytes | None:
    found = asked_again(key, peer, octets)
    return found[0] if found is not None else None


@pytest.mark.parametrize("told", [URL, URI, FORWARDED])
def test_target_and_cookies_alone_may_differ(told: str) -> None:
    first = place(KEY, PEER, question(told, "/", "Cookie: a=b"))
    assert first is not None
    assert first == place(KEY, PEER, question(told, "/a/b.js?c=d&e=%20", "Cookie: a=b"))
    assert first == place(KEY, PEER, question(told, "/", "Cookie: "))
    for other in (
        place(KEY, PEER, question(told, "/")),
        place(KEY, PEER, question(told, "/", "cookie: a=b")),
        place(KEY, PEER, question(told, "/", "Cookie: a=b", "Cookie: a=c")),
        place(KEY, "192.0.2.11", question(told, "/", "Cookie: a=b")),
        place(KEY[::-1], PEER, question(told, "/", "Cookie: a=b")),
        place(KEY, PEER, question(told, "/", "Cookie: a=b", "X-A: b")),
        place(KEY, PEER, question(told, "/", "Cookie: a=b", before="Host: b.example.com")),
        place(KEY, PEER, question("Cookie: a=b\r\n" + told, "/")),
    ):
        assert other is not None
        assert other != first


@pytest.mark.parametrize("more", [("Cookie: a=b; c=d",), ("X-A: b", "Cookie: a=b; c=d", "X-B: c")])
def test_the_cookies_are_given_as_they_came(more: tuple[str, ...]) -> None:
    for octets in (question(URL, "/", *more), question("\r\n".join([*more, URL]), "/")):
        found = asked_again(KEY, PEER, octets)
        assert found is not None
        assert found[1] == b"a=b; c=d"
        assert is_told_once(read(octets).named, found[1])


@pytest.mark.parametrize("cookie", ["a=\n", "a=\0", "a=\x1f", "a=\x7f", "a=\xe9", "a=b\nX-A: b", "a=\t"])
def test_cookies_in_which_something_could_hide_are_read(cookie: str) -> None:
    assert place(KEY, PEER, question(URL, "/", f"Cookie: {cookie}")) is None


@pytest.mark.parametrize("more", [("COOKIE: a=b",), ("cookie: a=b",)])
def test_cookies_that_are_not_cut_out_are_told_of(more: tuple[str, ...]) -> None:
    """They are among the octets that have to agree, and whoever keeps the answer hears that there are more."""
    octets = question(URL, "/", *more)
    found = asked_again(KEY, PEER, octets)
    assert found is not None
    assert found[1] == b""
    assert not is_told_once(read(octets).named, found[1])
    assert found[0] != place(KEY, PEER, octets.replace(b"a=b", b"a=c"))


def test_the_same_target_of_another_host_is_another_question() -> None:
    other = question("X-Original-URL: https://app.example.org", "/")
    assert place(KEY, PEER, question(URL, "/")) != place(KEY, PEER, other)
    assert place(KEY, PEER, question("X-Original-URL: http://app.example.com", "/")) != place(
        KEY, PEER, question(URL, "/")
    )


@pytest.mark.parametrize(
    "target",
    [
        "",
        "page",
        "?a",
        "/a#b",
        "/%2e%2e/admin",
        "/a b",
        "/\x7f",
        "/\xe9",
        "/\t",
        "/outpost.goauthentik.io/callback?code=1",
        "/x//outpost.goauthentik.io/auth/nginx",
        "/page?X-authentik-auth-callback=true",
        "/page?a=b&X-authentik-logout=true",
        "/" + "x" * MAX_QUESTION_BYTES,
    ],
)
def test_a_target_that_might_matter_is_read(target: str) -> None:
    for told in (URL, URI, FORWARDED):
        assert place(KEY, PEER, question(told, target)) is None


def test_two_headers_that_tell_are_read() -> None:
    both = read(question(URL, "/a", URI + "/b"))
    assert not is_told_once(both.named, b"")
    assert is_told_once(read(question(URL, "/a")).named, b"")
    assert not is_told_once(read(question("X-A: ", "b")).named, b"")
    two = {**read(question(URL, "/a")).named, b"cookie": (b"a=b", b"a=b")}
    assert not is_told_once(two, b"a=b")


TARGETS = st.text("/a?&=%.#;~ '\"\\\x00\r\n:X", max_size=12).map(lambda text: "/" + text)
HEADERS = st.lists(
    st.sampled_from(["X-A: /", "X-Forwarded-Proto: https", "X-Forwarded-Host: app.example.com"]),
    unique=True,
    max_size=4,
)


COOKIES = st.text('a=; "\t\x00\r\n:X\xe9', max_size=8).map(lambda text: f"Cookie: {text}")


@given(
    told=st.sampled_from([URL, FORWARDED]),
    first=TARGETS,
    second=TARGETS,
    more=HEADERS,
    cookies=st.tuples(COOKIES, COOKIES),
    before=st.booleans(),
)
def test_what_shares_a_place_is_read_alike(
    told: str, first: str, second: str, more: list[str], cookies: tuple[str, str], before: bool
) -> None:
    one, other = (
        question(
            f"{cookie}\r\n{told}" if before else told,
            target,
            "X-Forwarded-Method: GET",
            *more,
            *(() if before else (cookie,)),
        )
        for target, cookie in zip((first, second), cookies, strict=True)
    )
    shared = place(KEY, PEER, one)
    if shared is None or shared != place(KEY, PEER, other):
        return
    said = [request for octets in (one, other) if (request := PlainReader().read(octets)) is not None]
    if not said:
        return
    assert len(said) == 2
    name = told.partition(":")[0].lower().encode()
    differing = (name, b"cookie")
    without = [{key: value for key, value in request.named.items() if key not in differing} for request in said]
    assert without[0] == without[1]
    understood = [_understood(told, request) for request in said]
    asked = [request for request in understood if request is not None]
    assert len(asked) != 1
    for one_asked, target in zip(asked, (first, second), strict=False):
        assert one_asked.target == target
        assert not may_be_ours(target)
        assert one_asked._replace(target="") == asked[0]._replace(target="")


def _understood(told: str, request: RequestReceived) -> ForwardedRequest | None:
    dialect = nginx if told is URL else forwarded_headers
    try:
        return dialect("auth.example.com", request.named)
    except ForwardingError:
        return None
