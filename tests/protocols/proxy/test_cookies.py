from __future__ import annotations

import pytest

from protocols.proxy.cookies import MAX_SAME_NAME, Jar, sets_ours, values, without_ours

HOST = Jar("0a1b2c3d", secure=True)
DOMAIN = Jar("0a1b2c3d", secure=True, domain="example.com")
PLAIN = Jar("0a1b2c3d", secure=False)


def test_names_say_who_may_set_them() -> None:
    assert HOST.session == b"__Host-authentik_proxy_0a1b2c3d"
    assert DOMAIN.session == b"__Secure-authentik_proxy_0a1b2c3d"
    assert PLAIN.session == b"authentik_proxy_0a1b2c3d"


def test_the_line_that_sets_one() -> None:
    assert HOST.setting(b"a", b"b", 60) == (b"Set-Cookie", b"a=b; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert DOMAIN.setting(b"a", b"b", 0)[1].endswith(b"; Secure; Domain=example.com")
    assert b"Secure" not in PLAIN.setting(b"a", b"b", 60)[1]


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], []),
        ([b"n=1"], [b"1"]),
        ([b"a=2; n=1; b=3"], [b"1"]),
        ([b"a=n=1; xn=4"], []),
        ([b"n=a=b"], [b"a=b"]),
        ([b"n=1; n=2", b"n=3"], [b"1", b"2", b"3"]),
        ([b";;;=; n ; =n; n=1;"], [b"1"]),
        ([b"N=1"], []),
    ],
)
def test_values(headers: list[bytes], found: list[bytes]) -> None:
    assert list(values({b"cookie": headers}, b"n")) == found


def test_few_of_many_are_looked_at() -> None:
    assert len(values({b"cookie": [b"n=1;" * 10_000]}, b"n")) == MAX_SAME_NAME


@pytest.mark.parametrize("jar", [HOST, DOMAIN, PLAIN])
def test_the_application_sees_every_cookie_but_ours(jar: Jar) -> None:
    session, browser = jar.session, jar.browser
    headers = {b"cookie": [b'a="x=y; %b=1;b=2 ; %b=3' % (session, browser), session + b"=4", b"c=%3D==;;d"]}
    assert without_ours(headers) == [b'a="x=y;b=2 ', b"c=%3D==;;d"]


def test_cookies_that_only_look_like_ours_are_the_applications() -> None:
    said = b"authentik_proxy_x=1; xauthentik_session=2; a=authentik_session; AUTHENTIK_SESSION=3"
    assert without_ours({b"cookie": [said]}) == [said]
    assert without_ours({b"cookie": [b"authentik_session=control's"]}) == []


def test_the_application_sets_none_of_ours() -> None:
    assert sets_ours(PLAIN.session + b"=x; Path=/")
    assert sets_ours(b" " + HOST.browser + b" = x")
    assert not sets_ours(b"a=" + PLAIN.session)
