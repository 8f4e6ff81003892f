"""What we ask of other directories is what their side reads, and no answer is read beyond its end."""

from __future__ import annotations

import warnings

import pytest
from pyasn1.codec.ber import decoder

from protocols.errors import RemoteProtocolError
from protocols.ldap import asking, ber, encoded, filter_encoding, messages, paging
from protocols.ldap.asking import Done, Entry, Reference
from protocols.ldap.controls import PAGED_RESULTS, Control
from protocols.ldap.filter import Filter, Unrecognised, decode
from protocols.ldap.filter_text import parse
from protocols.ldap.messages import BindRequest, ExtendedRequest, UnbindRequest
from protocols.ldap.result import Result, ResultCode
from protocols.ldap.search_request import Scope, SearchRequest
from tests.protocols.ldap.test_filter import TEXTS

with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # ldap3 uses old names of pyasn1
    from ldap3.protocol.rfc4511 import LDAPMessage


@pytest.mark.parametrize(("text", "filter"), TEXTS)
def test_filters_are_read_as_they_were_written(text: str, filter: Filter) -> None:
    octets = filter_encoding.encode(filter)
    assert decode(octets, 0, len(octets)) == (filter, len(octets))


def test_what_nobody_can_read_is_not_written() -> None:
    with pytest.raises(ValueError, match="0xaf"):
        filter_encoding.encode(Unrecognised(0xAF))


def test_requests_are_read_by_another_grammar_and_by_ours() -> None:
    filter = parse("(uid=alice)")
    requests = {
        asking.bind(1, "cn=reader", b"secret"): BindRequest(3, "cn=reader", b"secret"),
        asking.start_tls(2): ExtendedRequest(asking.START_TLS, None),
        asking.unbind(3): UnbindRequest(),
        asking.search(4, "dc=x", filter, ["uid", "cn"], size_limit=5, time_limit=6): SearchRequest(
            "dc=x", Scope.SUB, 5, 6, False, filter, (b"uid", b"cn")
        ),
    }
    for octets, meant in requests.items():
        assert messages.envelope(octets).request() == meant
        _, rest = decoder.decode(octets, asn1Spec=LDAPMessage())
        assert not rest


def test_a_page_is_asked_for_critically() -> None:
    asked = messages.envelope(asking.search(1, "dc=x", parse("(uid=*)"), [], page=500, cookie=b"next"))
    (control,) = asked.controls
    assert control == Control(PAGED_RESULTS, True, control.value)
    assert paging.decode(control.value) == (500, b"next")


def test_a_bind_without_a_password_is_never_written() -> None:
    with pytest.raises(ValueError, match="needs a password"):
        asking.bind(1, "cn=alice", b"")


def entry() -> bytes:
    described: list[tuple[str, list[str | bytes]]] = [("cn", [b"Alice", "Ali\u00e7e"]), ("jpegPhoto;x", [b"\xff\xd8"])]
    attributes = [encoded.encode_attribute(name, encoded.encode_values(values)) for name, values in described]
    return messages.encode_message(7, encoded.encode_entry("cn=alice,dc=x", attributes))


DONE = messages.encode_result(0x65, Result(0))
PAGE = messages.encode_message(
    7,
    messages.encode_result(0x65, Result(0, "", "that was it")),
    messages.encode_controls([(PAGED_RESULTS, paging.encode(b"more"))]),
)
RESPONSES = [
    (
        entry(),
        Entry(
            "cn=alice,dc=x",
            {"cn": (b"Alice", "Ali\u00e7e".encode()), "jpegphoto;x": (b"\xff\xd8",)},
            ("cn", "jpegPhoto;x"),
        ),
    ),
    (PAGE, Done(0x65, 0, "that was it", b"more")),
    (messages.encode_message(7, messages.encode_result(0x61, Result(49, "", ""))), Done(0x61, 49, "")),
    (messages.encode_message(7, b"\x73\x08\x04\x06ldap:/"), Reference()),
]


@pytest.mark.parametrize(("octets", "meant"), RESPONSES)
def test_responses(octets: bytes, meant: asking.Response) -> None:
    assert asking.response(octets) == (7, meant)


@pytest.mark.parametrize(("octets", "meant"), RESPONSES)
def test_every_broken_response_is_refused_or_read_to_its_end(octets: bytes, meant: asking.Response) -> None:
    for at in range(len(octets)):
        with pytest.raises(RemoteProtocolError):
            asking.response(octets[:at])
        for other in (0x00, 0x7F, 0x80, 0xFF):
            broken = octets[:at] + bytes((other,)) + octets[at + 1 :]
            try:
                asking.response(broken)
            except RemoteProtocolError:
                continue


@pytest.mark.parametrize(
    "octets",
    [
        messages.encode_notice_of_disconnection(ResultCode.UNAVAILABLE, "goodbye"),
        messages.encode_message(7, b"\x63\x00"),
        messages.encode_message(7, DONE, messages.encode_controls([(PAGED_RESULTS, b"x")])),
    ],
)
def test_what_is_no_response(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        asking.response(octets)


def test_an_entry_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_VALUES", 2)
    with pytest.raises(ber.Malformed, match="cn=alice,dc=x has more than 2 values"):
        asking.response(entry())
