"""Whatever ldap3 writes is read here as it was meant, and whatever is written here ldap3's decoder reads."""

from __future__ import annotations

import warnings
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import encoder

from protocols.ldap import messages
from protocols.ldap.encoded import encode_attribute, encode_entry, encode_values
from protocols.ldap.filter import And, Equality, Filter, Not, Or, Present, Substrings
from protocols.ldap.messages import BindRequest, CompareRequest
from protocols.ldap.result import Result, ResultCode
from protocols.ldap.search_request import Scope, SearchRequest
from tests.protocols.ldap.peer import answers

with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # ldap3 uses old names of pyasn1
    from ldap3.operation.bind import bind_operation
    from ldap3.operation.compare import compare_operation
    from ldap3.operation.search import search_operation
    from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp

names = st.text(min_size=1, max_size=300).filter(lambda text: text.isprintable())
attributes = st.from_regex(r"[a-z][a-zA-Z0-9-]{0,20}", fullmatch=True)
values = st.text("abcxyz01é-", min_size=1, max_size=200)
numbers = st.integers(0, 2**31 - 1)
assertions = st.one_of(
    st.builds(
        lambda attribute, value: (f"({attribute}={value})", Equality(attribute, value.encode())), attributes, values
    ),
    st.builds(lambda attribute: (f"({attribute}=*)", Present(attribute)), attributes),
    st.builds(
        lambda attribute, first, last: (
            f"({attribute}={first}*{last})",
            Substrings(attribute, first.encode(), (), last.encode()),
        ),
        attributes,
        values,
        values,
    ),
)


def together(kind: type[And | Or], some: list[tuple[str, Filter]]) -> Filter:
    parts = tuple(part for _, part in some)
    return kind(parts) if len(parts) > 1 else parts[0]


filters: st.SearchStrategy[tuple[str, Filter]] = st.recursive(
    assertions,
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=4).map(
            lambda some: (f"(&{''.join(text for text, _ in some)})", together(And, some))
        ),
        st.lists(parts, min_size=1, max_size=4).map(
            lambda some: (f"(|{''.join(text for text, _ in some)})", together(Or, some))
        ),
        parts.map(lambda part: (f"(!{part[0]})", part[1].part if isinstance(part[1], Not) else Not(part[1]))),
    ),
    max_leaves=12,
)


def sent(number: int, kind: str, operation: Any) -> bytes:
    message = LDAPMessage()
    message["messageID"] = MessageID(number)
    message["protocolOp"] = ProtocolOp().setComponentByName(kind, operation)
    return bytes(encoder.encode(message))


def read(octets: bytes) -> tuple[int, Any]:
    envelope = messages.envelope(octets)
    return envelope.message_id, envelope.request()


@given(numbers.filter(bool), names, st.text("abcXYZ019 !-", min_size=1, max_size=300))
def test_binds(number: int, name: str, password: str) -> None:
    operation = bind_operation(3, "SIMPLE", name, password)
    assert read(sent(number, "bindRequest", operation)) == (number, BindRequest(3, name, password.encode()))


@given(names, attributes, values)
def test_comparisons(name: str, attribute: str, value: str) -> None:
    operation = compare_operation(name, attribute, value, auto_encode=False)
    expected = CompareRequest(name, attribute, value.encode())
    assert read(sent(1, "compareRequest", operation)) == (1, expected)


@given(names, filters, st.sampled_from(Scope), st.lists(attributes, max_size=8), numbers, numbers, st.booleans())
def test_searches(
    base: str, filter: tuple[str, Filter], scope: Scope, wanted: list[str], size: int, time: int, types_only: bool
) -> None:
    text, meant = filter
    named = {Scope.BASE: "BASE", Scope.ONE: "LEVEL", Scope.SUB: "SUBTREE", Scope.CHILDREN: "SUBTREE"}[scope]
    operation = search_operation(
        base, text, named, "NEVER", wanted, size, time, types_only, auto_escape=False, auto_encode=False
    )
    shown = Scope.SUB if scope is Scope.CHILDREN else scope
    expected = SearchRequest(base, shown, size, time, types_only, meant, tuple(one.encode() for one in wanted))
    assert read(sent(2, "searchRequest", operation)) == (2, expected)


@given(names, st.dictionaries(attributes, st.lists(st.binary(max_size=300), max_size=4), max_size=8))
def test_entries(name: str, attributes: dict[str, list[bytes]]) -> None:
    encoded = [encode_attribute(key, encode_values(held)) for key, held in attributes.items()]
    (told,) = answers(messages.encode_message(7, encode_entry(name, encoded)))
    assert (told.message_id, told.text, told.attributes) == (7, name, attributes)


@given(st.sampled_from(ResultCode), names, names)
def test_results(code: ResultCode, matched: str, diagnostic: str) -> None:
    octets = messages.encode_message(9, messages.encode_result(0x65, Result(code, matched, diagnostic)))
    (told,) = answers(octets)
    assert (told.code, told.text, told.diagnostic) == (code, matched, diagnostic)
