from typing import Any

import pytest
from ldaptor.protocols import pureldap

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.ldap.controls import MANAGE_DSA_IT, PAGED_RESULTS, PASSWORD_POLICY
from protocols.ldap.events import (
    Abandoned,
    Answered,
    BindReceived,
    Cancelled,
    Event,
    SearchReceived,
    StartTLSRequested,
    Unbound,
    WhoAmIReceived,
)
from protocols.ldap.filter import Equality
from protocols.ldap.messages import (
    MAX_CONTROLS,
    NOTICE_OF_DISCONNECTION,
    encode_message,
    encode_result,
    envelope,
)
from protocols.ldap.result import SUCCESS, Result, ResultCode
from protocols.ldap.schema import CANCEL, START_TLS, WHO_AM_I
from protocols.ldap.search_request import CACHED_SEARCH, Scope
from protocols.ldap.session import (
    MAX_MESSAGE,
    MAX_MESSAGE_ANONYMOUS,
    MAX_OUTSTANDING,
    NEED_DATA,
    PAUSED,
    LDAPSession,
    Signal,
)
from tests.deliveries import deliveries
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import Answer, answers, codes

ALICE = "cn=alice,ou=users,dc=example"


def a_session(*messages: bytes, identity: str | None = None, **arguments: Any) -> LDAPSession[str]:
    session: LDAPSession[str] = LDAPSession(**arguments)
    session.identity = identity
    session.receive_data(b"".join(messages))
    return session


def events(session: LDAPSession[str]) -> list[Event]:
    """Everything until the session needs something."""
    found: list[Event] = []
    while not isinstance(event := session.next_event(), Signal):
        found.append(event)
    return found


def answered(event: Event | Signal) -> Answer:
    assert isinstance(event, Answered)
    (answer,) = answers(event.octets)
    return answer


def notice(error: RemoteProtocolError) -> None:
    (answer,) = answers(error.answer)
    assert (answer.message_id, answer.operation, answer.code) == (0, "extendedResp", ResultCode.PROTOCOL_ERROR)
    assert answer.oid == NOTICE_OF_DISCONNECTION


@pytest.mark.parametrize("message", [peer.bind(1, ALICE, "secret"), peer.search(1, ALICE), peer.unbind(1)])
def test_every_delivery_gives_the_same_events(message: bytes) -> None:
    whole = events(a_session(message))
    assert len(whole) == 1
    for delivery in deliveries(message, trailing=b""):
        session = a_session()
        found: list[Event] = []
        for piece in delivery.pieces:
            assert found == []
            session.receive_data(piece)
            found += events(session)
        assert found == whole, delivery


@pytest.mark.parametrize("trailing", [b"\x30", peer.search(2, ALICE)[:-1]])
def test_an_incomplete_message_waits_behind_a_whole_one(trailing: bytes) -> None:
    session = a_session(peer.search(1, ALICE) + trailing)
    assert [type(event) for event in events(session)] == [SearchReceived]
    assert session.next_event() is NEED_DATA


def test_earlier_messages_survive_later_garbage() -> None:
    session = a_session(peer.search(1, ALICE), peer.extended(2, WHO_AM_I), b"garbage", peer.search(3, ALICE))
    assert isinstance(session.next_event(), SearchReceived)
    assert session.next_event() == WhoAmIReceived(2)
    with pytest.raises(RemoteProtocolError) as caught:
        session.next_event()
    notice(caught.value)
    assert session.next_event() is NEED_DATA  # and nothing behind it is read
    session.receive_data(peer.search(4, ALICE))
    assert session.next_event() is NEED_DATA


# --- bind ----------------------------------------------------------------------------------------------------------


def test_a_bind_asks_and_then_names_somebody() -> None:
    session = a_session(peer.bind(7, ALICE, "secret"))
    event = session.next_event()
    assert isinstance(event, BindReceived)
    assert event[:-1] == BindReceived(7, ALICE, b"secret")[:-1]
    assert answers(session.bind_answered(7, SUCCESS, "alice")) == [Answer(7, "bindResponse", 0)]
    assert session.identity == "alice"


def test_a_password_is_in_no_representation() -> None:
    (event,) = events(a_session(peer.bind(1, ALICE, "topsecret")))
    assert "topsecret" not in repr(event)


@pytest.mark.parametrize(
    "rebind",
    [
        peer.bind(2, ALICE, "wrong"),
        peer.bind(2, "", ""),
        peer.bind(2, "", "secret"),
        peer.bind(2, ALICE, ""),
        peer.bind(2, ALICE, "secret", version=2),
        peer.sasl_bind(2, "", "PLAIN", "\0alice\0secret"),
        peer.bind(2, ALICE, "secret", controls=[("1.2.3", True, None)]),
    ],
    ids=["wrong", "anonymous", "nameless", "unauthenticated", "version", "sasl", "control"],
)
def test_a_bind_drops_the_old_identity_first(rebind: bytes) -> None:
    session = a_session(rebind, identity="alice")
    session.next_event()
    assert session.identity is None


def test_a_failed_rebind_is_anonymous() -> None:
    session = a_session(peer.bind(2, ALICE, "wrong"), identity="alice")
    session.next_event()
    session.bind_answered(2, Result(ResultCode.INVALID_CREDENTIALS))
    assert session.identity is None


def test_nothing_overtakes_a_bind() -> None:
    session = a_session(peer.bind(1, ALICE, "secret"), peer.search(2, ALICE), peer.bind(3, "", ""))
    assert isinstance(session.next_event(), BindReceived)
    assert session.next_event() is PAUSED
    assert session.next_event() is PAUSED
    session.bind_answered(1, SUCCESS, "alice")
    assert isinstance(session.next_event(), SearchReceived)


def test_a_bind_waits_for_searches_before_it() -> None:
    session = a_session(peer.search(1, ALICE), peer.bind(2, ALICE, "secret"), identity="bob")
    session.next_event()
    assert session.next_event() is PAUSED
    assert session.identity == "bob"
    session.search_finished(1)
    assert isinstance(session.next_event(), BindReceived)
    assert session.identity is None


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (peer.bind(1, "", ""), ResultCode.SUCCESS),
        (peer.bind(1, "", "secret"), ResultCode.INVALID_CREDENTIALS),
        (peer.bind(1, ALICE, ""), ResultCode.UNWILLING_TO_PERFORM),
        (peer.bind(1, ALICE, "secret", version=2), ResultCode.PROTOCOL_ERROR),
        (peer.bind(1, ALICE, "secret", version=0), ResultCode.PROTOCOL_ERROR),
        (peer.bind(1, ALICE, "secret", version=128), ResultCode.PROTOCOL_ERROR),
        (peer.sasl_bind(1, "", "PLAIN", "\0alice\0secret"), ResultCode.CONFIDENTIALITY_REQUIRED),
        (peer.sasl_bind(1, "", "FOO", ""), ResultCode.AUTH_METHOD_NOT_SUPPORTED),
        (peer.bind(1, ALICE, "x", controls=[("1.2.3", True, None)]), ResultCode.UNAVAILABLE_CRITICAL_EXTENSION),
    ],
)
def test_binds_that_ask_nobody(request_: bytes, code: ResultCode) -> None:
    session = a_session(request_, peer.search(2, ALICE))
    answer = answered(session.next_event())
    assert (answer.message_id, answer.operation, answer.code) == (1, "bindResponse", code)
    assert session.identity is None
    assert isinstance(session.next_event(), SearchReceived)  # the connection goes on


def test_an_unknown_authentication_choice_is_not_supported() -> None:
    octets = peer.bind(1, "", "x").replace(b"\x80\x01x", b"\x84\x01x")
    assert answered(a_session(octets).next_event()).code == ResultCode.AUTH_METHOD_NOT_SUPPORTED


def test_a_bind_is_answered_once_and_honestly() -> None:
    session = a_session(peer.bind(1, ALICE, "secret"))
    session.next_event()
    with pytest.raises(LocalProtocolError):
        session.bind_answered(2, SUCCESS, "alice")
    with pytest.raises(LocalProtocolError):
        session.bind_answered(1, SUCCESS)
    with pytest.raises(LocalProtocolError):
        session.bind_answered(1, Result(ResultCode.INVALID_CREDENTIALS), "alice")
    session.bind_answered(1, SUCCESS, "alice")
    with pytest.raises(LocalProtocolError):
        session.bind_answered(1, SUCCESS, "alice")


# --- search, abandon, unbind ---------------------------------------------------------------------------------------


def test_a_search() -> None:
    octets = peer.search(9, ALICE, peer.ONE, "(uid=x)", ["cn", "mail"], size_limit=5, types_only=True)
    (event,) = events(a_session(octets))
    assert isinstance(event, SearchReceived)
    request = event.request
    assert (event.message_id, request.base, request.scope) == (9, ALICE, Scope.ONE)
    assert (request.size_limit, request.time_limit, request.types_only) == (5, 0, True)
    assert (request.filter, request.attributes) == (Equality("uid", b"x"), (b"cn", b"mail"))


@pytest.mark.parametrize(("scope", "served"), [(3, True), (4, False), (9, False), (-1, False)])
def test_scopes(scope: int, served: bool) -> None:
    session = a_session(peer.search(1, ALICE, scope), peer.extended(2, WHO_AM_I))
    event = session.next_event()
    if served:
        assert isinstance(event, SearchReceived)
    else:
        assert answered(event).code == ResultCode.PROTOCOL_ERROR
        assert session.next_event() == WhoAmIReceived(2)


def test_too_many_attributes_are_refused_and_the_connection_kept() -> None:
    session = a_session(peer.search(1, ALICE, attributes=["a"] * 1025), peer.extended(2, WHO_AM_I))
    answer = answered(session.next_event())
    assert (answer.operation, answer.code) == ("searchResDone", ResultCode.ADMIN_LIMIT_EXCEEDED)
    assert session.next_event() == WhoAmIReceived(2)


def test_abandon_is_silent() -> None:
    session = a_session(peer.search(1, ALICE), peer.abandon(2, 1), peer.abandon(3, 1), peer.abandon(4, 77))
    assert [type(event) for event in events(session)] == [SearchReceived, Abandoned, Answered, Answered]
    assert session.search_finished(1) is False  # nothing of it may be sent any more


def test_an_abandoned_message_id_may_be_used_again() -> None:
    session = a_session(peer.search(1, ALICE), peer.abandon(2, 1), peer.search(1, ALICE))
    assert [type(event) for event in events(session)] == [SearchReceived, Abandoned, SearchReceived]


def test_a_message_id_in_use_is_a_protocol_error() -> None:
    session = a_session(peer.search(1, ALICE), peer.search(1, ALICE))
    session.next_event()
    with pytest.raises(RemoteProtocolError) as caught:
        session.next_event()
    notice(caught.value)


def test_unbind_closes() -> None:
    session = a_session(peer.unbind(1), peer.search(2, ALICE))
    assert session.next_event() == Unbound()
    session.receive_data(peer.search(3, ALICE))
    assert session.next_event() is NEED_DATA


def test_outstanding_searches_are_bounded() -> None:
    session = a_session(*(peer.search(number, ALICE) for number in range(1, MAX_OUTSTANDING + 2)))
    assert len(events(session)) == MAX_OUTSTANDING
    assert session.next_event() is PAUSED
    session.search_finished(1)
    assert isinstance(session.next_event(), SearchReceived)


# --- controls, other operations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("controls", "code"),
    [
        ([("1.2.3", True, b"value")], ResultCode.UNAVAILABLE_CRITICAL_EXTENSION),
        ([("1.2.3", False, b"value")], None),
        ([("1.2.3", False, b"value"), ("1.2.3", False, None)], None),
        ([(MANAGE_DSA_IT, True, None)], None),
        ([(MANAGE_DSA_IT, False, None)], None),
        ([(MANAGE_DSA_IT, True, b"value")], ResultCode.PROTOCOL_ERROR),
        ([(MANAGE_DSA_IT, False, b"")], ResultCode.PROTOCOL_ERROR),
        ([(MANAGE_DSA_IT, False, None), (MANAGE_DSA_IT, True, None)], ResultCode.PROTOCOL_ERROR),
        ([(PASSWORD_POLICY, False, None)], None),
        ([(PASSWORD_POLICY, False, b"value")], ResultCode.PROTOCOL_ERROR),
        ([(PAGED_RESULTS, True, b"value")], None),
        ([(PAGED_RESULTS, False, b"value")], None),
        ([(PAGED_RESULTS, False, b"value"), (PAGED_RESULTS, False, b"value")], ResultCode.PROTOCOL_ERROR),
    ],
)
def test_controls_that_forbid_a_search(controls: peer.Controls, code: ResultCode | None) -> None:
    session = a_session(peer.search(1, ALICE, controls=controls), peer.extended(2, WHO_AM_I))
    event = session.next_event()
    if code is None:
        assert isinstance(event, SearchReceived)
    else:
        assert (answered(event).operation, answered(event).code) == ("searchResDone", code)
    assert session.next_event() == WhoAmIReceived(2)


@pytest.mark.parametrize(("critical", "expected"), [(True, Answered(b"")), (False, Abandoned(5))])
def test_an_abandon_with_a_critical_control_is_not_done(critical: bool, expected: object) -> None:
    abandon = peer.message(1, pureldap.LDAPAbandonRequest(id=5), [("1.2.3", critical, None)])
    assert events(a_session(peer.search(5, ALICE), abandon))[1:] == [expected]


def test_a_control_on_unbind_changes_nothing() -> None:
    unbind = peer.message(2, pureldap.LDAPUnbindRequest(), [("1.2.3", True, None)])
    assert events(a_session(unbind)) == [Unbound()]


@pytest.mark.parametrize(
    ("octets", "operation"),
    [
        (peer.delete(1, ALICE), "delResponse"),
        (peer.modify(1, ALICE, (2, "mail", ["a@example.com"])), "modifyResponse"),
        (encode_message(1, encode_result(0x68, SUCCESS)), "addResponse"),
        (encode_message(1, encode_result(0x6C, SUCCESS)), "modDNResponse"),
    ],
)
def test_operations_that_are_not_served_say_so(octets: bytes, operation: str) -> None:
    session = a_session(octets, peer.extended(2, WHO_AM_I))
    answer = answered(session.next_event())
    assert (answer.operation, answer.code) == (operation, ResultCode.UNWILLING_TO_PERFORM)
    assert answer.diagnostic
    assert session.next_event() == WhoAmIReceived(2)


@pytest.mark.parametrize(
    "operation",
    [
        pureldap.LDAPDelRequest(ALICE),
        pureldap.LDAPModifyDNRequest(ALICE, "cn=other", True),
        pureldap.LDAPAddRequest(ALICE, []),
    ],
)
def test_manage_dsa_it_is_known_to_writes_too(operation: Any) -> None:
    octets = peer.message(1, operation, [("2.16.840.1.113730.3.4.2", True, None)])
    assert answered(a_session(octets).next_event()).code == ResultCode.UNWILLING_TO_PERFORM


def test_who_am_i_takes_no_value() -> None:
    """RFC 4532 s2."""
    answer = answered(a_session(peer.extended(1, WHO_AM_I, b"x")).next_event())
    assert (answer.operation, answer.code) == ("extendedResp", ResultCode.PROTOCOL_ERROR)


def test_an_unknown_extended_operation() -> None:
    session = a_session(peer.extended(1, "1.2.3"), peer.extended(2, WHO_AM_I))
    answer = answered(session.next_event())
    assert (answer.operation, answer.code) == ("extendedResp", ResultCode.PROTOCOL_ERROR)
    assert session.next_event() == WhoAmIReceived(2)


# --- StartTLS ------------------------------------------------------------------------------------------------------


def test_start_tls() -> None:
    session = a_session(peer.extended(1, START_TLS), offers_start_tls=True)
    assert session.next_event() == StartTLSRequested(1)
    assert session.next_event() is PAUSED
    (answer,) = answers(session.start_tls_answered(1, SUCCESS))
    assert (answer.code, answer.oid) == (ResultCode.SUCCESS, START_TLS)
    assert session.secure
    assert session.next_event() is NEED_DATA


def test_start_tls_takes_no_value() -> None:
    """RFC 4511 s4.14.1."""
    session = a_session(peer.extended(1, START_TLS, b"x"), offers_start_tls=True)
    assert answered(session.next_event()).code == ResultCode.PROTOCOL_ERROR


def test_octets_behind_start_tls_are_a_protocol_error() -> None:
    session = a_session(peer.extended(1, START_TLS), peer.bind(2, ALICE, "injected"), offers_start_tls=True)
    with pytest.raises(RemoteProtocolError) as caught:
        session.next_event()
    notice(caught.value)
    assert not session.secure


def test_start_tls_is_refused_where_it_cannot_be() -> None:
    request = peer.extended(1, START_TLS)
    assert answered(a_session(request).next_event()).code == ResultCode.PROTOCOL_ERROR
    secure = a_session(request, secure=True, offers_start_tls=True)
    assert answered(secure.next_event()).code == ResultCode.OPERATIONS_ERROR
    searching = a_session(peer.search(2, ALICE), request, offers_start_tls=True)
    searching.next_event()
    assert answered(searching.next_event()).code == ResultCode.OPERATIONS_ERROR


def test_a_failed_start_tls_leaves_the_session_as_it_was() -> None:
    session = a_session(peer.extended(1, START_TLS), offers_start_tls=True)
    session.next_event()
    with pytest.raises(LocalProtocolError):
        session.start_tls_answered(2, SUCCESS)
    session.start_tls_answered(1, Result(ResultCode.UNAVAILABLE))
    assert not session.secure
    session.receive_data(peer.search(2, ALICE))
    assert isinstance(session.next_event(), SearchReceived)


# --- bounds and malformed input ------------------------------------------------------------------------------------


def header_of(size: int) -> bytes:
    return b"\x30\x84" + (size - 6).to_bytes(4, "big")


@pytest.mark.parametrize(("identity", "limit"), [(None, MAX_MESSAGE_ANONYMOUS), ("alice", MAX_MESSAGE)])
def test_oversize_is_refused_from_the_header_alone(identity: str | None, limit: int) -> None:
    assert a_session(header_of(limit), identity=identity).next_event() is NEED_DATA
    session = a_session(header_of(limit + 1), identity=identity)
    with pytest.raises(RemoteProtocolError) as caught:
        session.next_event()
    assert caught.value.reason == "oversize"
    notice(caught.value)


@pytest.mark.parametrize(
    "octets",
    [
        "3000",
        "3003020101",
        "30050201016f00",
        "3007020101 41 02 0000",
        "300c020101 61 07 0a0100 0400 0400",
        "3005020100 4200",
        "300502 01ff 4200",
        "300902 05 0080000000 4200",
        "3009020101 63 04 04000a01",
        "3080",
        "308900",
        "474554202f20485454502f312e310d0a0d0a",
        "16030100",
        "300b020101 4200 a000 a000 0500",
        "300702010142000501",
        "3009020101 4200 a0 02 3000",
    ],
    ids=[
        "empty",
        "no operation",
        "unknown tag",
        "application 1",
        "a response",
        "message ID 0",
        "negative message ID",
        "message ID 2^31",
        "search cut off",
        "indefinite",
        "length of nine octets",
        "HTTP",
        "TLS",
        "controls twice",
        "half an element behind the operation",
        "empty control",
    ],
)
def test_malformed_messages_end_the_session_with_a_notice(octets: str) -> None:
    session = a_session(bytes.fromhex(octets), identity="alice")
    with pytest.raises(RemoteProtocolError) as caught:
        session.next_event()
    assert caught.value.reason == "malformed"
    notice(caught.value)
    assert session.next_event() is NEED_DATA


def test_too_many_controls() -> None:
    octets = peer.search(1, ALICE, controls=[("1.2.3", False, None)] * (MAX_CONTROLS + 1))
    with pytest.raises(RemoteProtocolError):
        a_session(octets).next_event()


def test_octets_that_are_no_utf8_stay_in_the_name() -> None:
    octets = peer.bind(1, "cn=x", "p").replace(b"cn=x", b"cn=\xff")
    event = a_session(octets).next_event()
    assert isinstance(event, BindReceived)
    assert event.name == "cn=\udcff"


def test_searches_refused_and_extended_answers_are_read_by_another_decoder() -> None:
    session = a_session(peer.search(1, ALICE))
    session.next_event()
    refused = session.search_refused(1, Result(ResultCode.NO_SUCH_OBJECT, "dc=example", "Nothing here: ü"))
    assert answers(refused) == [Answer(1, "searchResDone", 32, "dc=example", "Nothing here: ü")]
    assert codes(session.extended_answered(2, SUCCESS, value=b"dn:x")) == [(2, 0)]
    assert answers(session.extended_answered(2, SUCCESS, value=b""))[0].value == b""


# --- requests that come again --------------------------------------------------------------------------------------


def test_the_same_search_is_read_once_whatever_its_message_id() -> None:
    session = a_session(peer.search(1, ALICE) + peer.search(2, ALICE) + peer.search(3, ALICE, filter="(cn=b)"))
    first, second, other = (session.next_event() for _ in range(3))
    assert isinstance(first, SearchReceived)
    assert isinstance(second, SearchReceived)
    assert isinstance(other, SearchReceived)
    assert (first.message_id, second.message_id) == (1, 2)
    assert first.request is second.request
    assert other.request != first.request


def test_long_searches_are_read_every_time() -> None:
    long = "(cn=" + "x" * CACHED_SEARCH + ")"
    session = a_session(peer.search(1, ALICE, filter=long) + peer.search(2, ALICE, filter=long))
    first, second = session.next_event(), session.next_event()
    assert isinstance(first, SearchReceived)
    assert isinstance(second, SearchReceived)
    assert first.request == second.request
    assert first.request is not second.request


def test_a_search_that_is_refused_is_refused_again() -> None:
    octets = [peer.search(number, ALICE).replace(b"\x0a\x01\x02", b"\x0a\x01\x09", 1) for number in (1, 2)]
    session = a_session(b"".join(octets))
    for number in (1, 2):
        event = session.next_event()
        assert isinstance(event, Answered)
        assert codes(event.octets) == [(number, 2)]


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_what_comes_in_any_pieces_is_the_same(cut: int) -> None:
    octets = b"".join(peer.search(number, ALICE, filter=f"(cn={number})") for number in range(1, 6))
    whole, pieces = a_session(octets), a_session(b"")
    expected = [whole.next_event() for _ in range(6)]
    found = []
    for at in range(0, len(octets), cut):
        pieces.receive_data(octets[at : at + cut])
        while (event := pieces.next_event()) is not NEED_DATA:
            found.append(event)
    assert [*found, NEED_DATA] == expected
    assert len(pieces._received) == pieces._read == 0


# --- what comes again ----------------------------------------------------------------------------------------------


def test_a_bind_that_came_before_is_answered_without_being_given_out() -> None:
    session = a_session(identity="bob")
    assert answers(session.bound_again(70_000, "alice")) == [Answer(70_000, "bindResponse", 0)]
    assert session.identity == "alice"
    assert session.next_event() is NEED_DATA


@pytest.mark.parametrize(
    "before",
    [
        [peer.bind(1, ALICE, "secret")],
        [peer.search(1, ALICE)],
        [peer.extended(1, START_TLS)],
        [peer.unbind(1)],
        [peer.bind(1, ALICE, "secret"), peer.search(2, ALICE)],
        [peer.search(1, ALICE)[:-1]],
    ],
)
def test_and_only_while_the_session_is_at_rest(before: list[bytes]) -> None:
    session = a_session(identity="bob", offers_start_tls=True)
    at_rest = [session.at_rest]
    session.receive_data(b"".join(before))
    at_rest.append(session.at_rest)
    session.next_event()
    at_rest.append(session.at_rest)
    assert at_rest == [True, False, False]
    with pytest.raises(LocalProtocolError):
        session.bound_again(7, "alice")
    assert session.identity != "alice"


def test_a_session_is_at_rest_again_when_all_is_answered() -> None:
    session = a_session(peer.bind(1, ALICE, "secret"), peer.search(2, ALICE))
    session.next_event()
    session.bind_answered(1, SUCCESS, "alice")
    at_rest = [session.at_rest]
    session.next_event()
    session.search_finished(2)
    at_rest.append(session.at_rest)
    assert at_rest == [False, True]


def test_whoever_has_to_change_their_password_first_is_not_at_rest() -> None:
    session = a_session(peer.bind(1, ALICE, "secret"))
    session.next_event()
    session.bind_answered(1, SUCCESS, "alice", must_change=True)
    assert not session.at_rest


def test_what_a_bind_holds_is_told_if_it_comes_without_controls() -> None:
    plain, controlled = peer.bind(1, ALICE, "secret"), peer.bind(1, ALICE, "secret", controls=[("1.2.3", False, None)])
    event = a_session(plain).next_event()
    assert isinstance(event, BindReceived)
    assert plain.endswith(event.content)
    assert event.content == envelope(plain).content
    assert a_session(controlled).next_event() == event._replace(content=b"")


# --- cancel (RFC 3909) ---------------------------------------------------------------------------------------------

CANCEL_3 = bytes.fromhex("3003020103")


def test_a_running_search_is_cancelled() -> None:
    session: LDAPSession[str] = LDAPSession()
    session.receive_data(peer.search(3, "dc=example") + peer.extended(4, CANCEL, CANCEL_3))
    assert isinstance(session.next_event(), SearchReceived)
    event = session.next_event()
    assert isinstance(event, Cancelled)
    assert event.message_id == 3
    assert peer.codes(event.octets) == [(3, 118), (4, 0)]
    assert not session.search_finished(3)


@pytest.mark.parametrize(
    ("value", "code"), [(CANCEL_3, 119), (None, 2), (b"", 2), (b"\x30\x00", 2), (b"\x30\x04\x02\x01\x03\x00", 2)]
)
def test_there_may_be_nothing_to_cancel(value: bytes | None, code: int) -> None:
    session: LDAPSession[str] = LDAPSession()
    session.receive_data(peer.extended(4, CANCEL, value))
    event = session.next_event()
    assert isinstance(event, Answered)
    assert peer.codes(event.octets) == [(4, code)]
