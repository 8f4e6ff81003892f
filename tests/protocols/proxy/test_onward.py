from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.proxy import onward
from protocols.proxy.headers import identity_fields
from protocols.proxy.http1 import field_lines
from protocols.proxy.http1_plain import RequestReceived
from protocols.proxy.http1_requests import RequestReader
from protocols.proxy.onward import Visit, back_fields, is_websocket, listed, onward_fields, plain
from tests.fakes import an_identity

IDENTITY = field_lines(identity_fields(an_identity("alice")))
TOKEN = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=24
)
FAMILIARS = st.sampled_from(
    ["X-Authentik-Username", "Remote-User", "X-Forwarded-For", "Forwarded", "X-Real-IP", "Connection", "Cookie", "Host"]
)
LOOK_ALIKES = st.builds(
    lambda name, joint, spelled: spelled(name.replace("-", joint)),
    FAMILIARS,
    st.sampled_from("-_.~!"),
    st.sampled_from([str.upper, str.lower, str.title]),
)


def received(*fields: tuple[bytes, bytes], method: bytes = b"GET") -> RequestReceived:
    reader = RequestReader()
    reader.feed(method + b" /p?q HTTP/1.1\r\nHost: a\r\n" + field_lines(fields) + b"\r\n")
    event = reader.events[0]
    assert isinstance(event, RequestReceived), event
    return event


def sent(request: RequestReceived, identity: bytes = IDENTITY, authorization: bool = True) -> list[tuple[bytes, bytes]]:
    visit = Visit(request, "https", "app.example.com:8443", "203.0.113.9", "192.0.2.1", authorization=authorization)
    lines = onward_fields(visit, identity).split(b"\r\n")[:-1]
    return [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]


def test_one_spelling_for_what_somebody_could_take_for_the_same() -> None:
    same = (b"X-Authentik-Username", b"x_authentik_username", b"X.AUTHENTIK.USERNAME", b"x~authentik!username")
    assert {plain(name) for name in same} == {b"x-authentik-username"}


@given(
    st.lists(
        st.one_of(
            st.tuples(TOKEN, st.just("visitor")),
            st.tuples(LOOK_ALIKES, st.just("visitor")),
            st.tuples(st.just("Connection"), TOKEN | FAMILIARS),
        ),
        max_size=12,
    )
)
def test_whatever_the_visitor_sends_who_came_in_is_said_by_us_alone(fields: list[tuple[str, str]]) -> None:
    said = [(name.encode(), value.encode()) for name, value in fields if name.lower() not in ("host", "upgrade")]
    said = [(name, value) for name, value in said if name.lower() not in (b"content-length", b"transfer-encoding")]
    found = sent(received(*said))
    ours = [line for line in found if plain(line[0]).startswith((b"x-authentik-", b"x-forwarded-", b"remote-"))]
    assert len(ours) == len({name for name, _ in ours})
    assert all(b"visitor" not in value for _, value in ours)
    assert dict(found)[b"x-authentik-username"] == b"alice"
    assert dict(found)[b"x-forwarded-host"] == dict(found)[b"host"] == b"app.example.com:8443"
    assert [name for name, _ in found].count(b"host") == 1
    assert not {b"connection", b"te", b"trailer", b"keep-alive"} & {name for name, _ in found}


@pytest.mark.parametrize(
    "name", [b"Content_Length", b"Transfer.Encoding", b"transfer_encoding", b"Proxy_Authorization"]
)
def test_what_frames_a_request_is_said_by_us_alone(name: bytes) -> None:
    assert [value for _, value in sent(received((name, b"forged"), (b"X-Page", b"1")))].count(b"forged") == 0


def test_additional_headers_of_a_person_replace_the_visitors() -> None:
    identity = IDENTITY + b"X-Tenant: north\r\n"
    found = sent(received((b"X_Tenant", b"south"), (b"x-tenant", b"south"), (b"X-Tenants", b"kept")), identity)
    assert [line for line in found if b"tenant" in line[0]] == [(b"x-tenants", b"kept"), (b"x-tenant", b"north")]


def test_however_many_people_come_it_is_found_out_once_which_headers_go_on() -> None:
    request = received((b"X-Page", b"1"), (b"X-Authentik-Email", b"forged"))
    before = onward._going.cache_info().misses
    for number in range(2 * onward.MAX_REMEMBERED):
        going = sent(request, field_lines(identity_fields(an_identity(f"person-{number}"))))
        assert (b"x-page", b"1") in going
        assert (b"x-authentik-email", b"forged") not in going
    assert onward._going.cache_info().misses <= before + 1


def test_every_other_header_goes_on_in_its_order() -> None:
    request = received((b"B", b"2"), (b"a_b", b"1"), (b"B", b"3"), (b"Accept", b"x, y"))
    assert sent(request)[6:10] == [(b"b", b"2"), (b"a_b", b"1"), (b"b", b"3"), (b"accept", b"x, y")]


@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        ([(b"Connection", b"Upgrade"), (b"Upgrade", b"WebSocket")], True),
        ([(b"Connection", b"Upgrade"), (b"Upgrade", b"h2c")], False),
        ([(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket, h2c")], False),
        ([(b"Upgrade", b"websocket")], False),
    ],
)
def test_websockets_are_all_that_is_switched_to(fields: list[tuple[bytes, bytes]], asks: bool) -> None:
    request = received(*fields)
    assert is_websocket(request) is asks
    assert ((b"upgrade", b"websocket") in sent(request)) is asks
    assert ((b"connection", b"Upgrade") in sent(request)) is asks


def test_what_was_for_us_goes_no_further() -> None:
    request = received((b"Authorization", b"Basic x"), (b"Proxy-Authorization", b"Basic y"))
    assert (b"authorization", b"Basic x") in sent(request)
    assert not [name for name, _ in sent(request, authorization=False) if b"authorization" in name]
    assert not [name for name, _ in sent(request) if name == b"proxy-authorization"]


def test_answers_come_back_without_what_is_of_one_connection() -> None:
    lines, dated = back_fields(
        [
            (b"Connection", b"X-Hop, close"),
            (b"x-hop", b"1"),
            (b"Date", b"then"),
            (b"Set-Cookie", b"__Host-authentik_proxy_0a1b2c3d=x"),
            (b"Set-Cookie", b"a=b"),
            (b"Content-Length", b"3"),
            (b"Transfer-Encoding", b"chunked"),
        ]
    )
    assert (lines, dated) == (b"Date: then\r\nSet-Cookie: a=b\r\n", True)


def test_lists_in_connection() -> None:
    assert listed([b"close, X-A ,x-b", b"X-C"]) == {b"close", b"x-a", b"x-b", b"x-c"}


@pytest.mark.parametrize("name", [b"X-HTTP-Method-Override", b"x_http_method", b"X-Method-Override"])
def test_what_may_be_read_is_not_deleted_by_a_header(name: bytes) -> None:
    """A rule that opens GET was asked about GET; applications that heed such headers heed them in a POST."""
    for method in (b"GET", b"HEAD", b"OPTIONS"):
        assert b"DELETE" not in dict(sent(received((name, b"DELETE"), method=method))).values()
    posted = received((name, b"PUT"), (b"Content-Length", b"0"), method=b"POST")
    assert dict(sent(posted))[name.lower()] == b"PUT"
