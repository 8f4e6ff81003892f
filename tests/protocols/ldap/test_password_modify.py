"""Changes of one's own password: what is read, who may ask, and that nothing overtakes them."""

from __future__ import annotations

import warnings

import pytest
from pyasn1.codec.ber import encoder

from protocols.errors import LocalProtocolError
from protocols.ldap import password_modify
from protocols.ldap.events import Answered, WhoAmIReceived
from protocols.ldap.messages import envelope
from protocols.ldap.modify import ADD, DELETE, MAX_MODIFICATIONS, REPLACE, ModifyRequest
from protocols.ldap.password_modify import PasswordChange, PasswordChangeReceived
from protocols.ldap.result import SUCCESS, Refused, Result, ResultCode
from protocols.ldap.schema import WHO_AM_I
from protocols.ldap.session import PAUSED, LDAPSession
from tests.protocols.ldap import peer
from tests.protocols.ldap.peer import answers

with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # ldap3 uses old names of pyasn1
    from ldap3.protocol.rfc3062 import PasswdModifyRequestValue

ALICE = "cn=alice,ou=users"
CHANGE = peer.password_modify(2, ALICE, "old", "new")


def a_session(*messages: bytes, secure: bool = True, bound: bool = True) -> LDAPSession[str]:
    session: LDAPSession[str] = LDAPSession(secure=secure)
    if bound:
        session.identity = "alice"
    session.receive_data(b"".join(messages))
    return session


@pytest.mark.parametrize("parts", [{}, {"userIdentity": "u"}, {"oldPasswd": "o", "newPasswd": "n"}, {"newPasswd": "n"}])
def test_requests_as_ldap3_writes_them(parts: dict[str, str]) -> None:
    value = PasswdModifyRequestValue()
    for name, part in parts.items():
        value[name] = part
    old, new = (parts[name].encode() if name in parts else None for name in ("oldPasswd", "newPasswd"))
    assert password_modify.decode(encoder.encode(value)) == PasswordChange(parts.get("userIdentity", ""), old, new)


def test_without_a_value_everything_is_left_to_us() -> None:
    assert password_modify.decode(None) == PasswordChange("", None, None)


def test_an_empty_new_password_is_to_be_made() -> None:
    assert password_modify.decode(bytes.fromhex("300581016f8200")) == PasswordChange("", b"o", None)


@pytest.mark.parametrize("octets", ["", "30", "3003800178ff", "300382016e8101", "30068201738101 6f", "040178"])
def test_what_is_no_request(octets: str) -> None:
    with pytest.raises(Refused) as refused:
        password_modify.decode(bytes.fromhex(octets))
    assert refused.value.result.code == ResultCode.PROTOCOL_ERROR


def modification(*changes: tuple[int, str, list[str]]) -> PasswordChange:
    request = envelope(peer.modify(1, ALICE, *changes)).request()
    assert isinstance(request, ModifyRequest)
    return password_modify.of_modify(request)


def test_a_modify_replaces_the_password() -> None:
    assert modification((REPLACE, "userPassword", ["new"])) == PasswordChange(ALICE, None, b"new")
    both = modification((DELETE, "2.5.4.35", ["old"]), (ADD, "USERPASSWORD", ["new"]))
    assert both == PasswordChange(ALICE, b"old", b"new")


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [(REPLACE, "mail", ["a@example.com"])],
        [(REPLACE, "userPassword", ["new"]), (REPLACE, "mail", ["a@example.com"])],
        [(REPLACE, "userPassword", [])],
        [(REPLACE, "userPassword", [""])],
        [(REPLACE, "userPassword", ["one", "two"])],
        [(ADD, "userPassword", ["new"])],
        [(DELETE, "userPassword", [])],
        [(DELETE, "userPassword", []), (ADD, "userPassword", ["new"])],
        [(ADD, "userPassword", ["new"]), (DELETE, "userPassword", ["old"])],
    ],
)
def test_every_other_modify_is_refused_with_a_sentence(changes: list[tuple[int, str, list[str]]]) -> None:
    session = a_session(peer.modify(1, ALICE, *changes), peer.extended(2, WHO_AM_I))
    event = session.next_event()
    assert isinstance(event, Answered)
    (answer,) = answers(event.octets)
    assert (answer.operation, answer.code) == ("modifyResponse", ResultCode.UNWILLING_TO_PERFORM)
    assert "userPassword" in answer.diagnostic
    assert session.next_event() == WhoAmIReceived(2)


def test_a_modify_of_many_changes_is_refused() -> None:
    many = [(REPLACE, "userPassword", ["new"])] * (MAX_MODIFICATIONS + 1)
    event = a_session(peer.modify(1, ALICE, *many)).next_event()
    assert isinstance(event, Answered)
    assert answers(event.octets)[0].code == ResultCode.ADMIN_LIMIT_EXCEEDED


@pytest.mark.parametrize("request_", [CHANGE, peer.modify(2, ALICE, (REPLACE, "userPassword", ["new"]))])
@pytest.mark.parametrize(("secure", "bound", "code"), [(False, True, 13), (False, False, 13), (True, False, 50)])
def test_over_tls_and_after_a_bind_alone(request_: bytes, secure: bool, bound: bool, code: int) -> None:
    event = a_session(request_, secure=secure, bound=bound).next_event()
    assert isinstance(event, Answered)
    assert answers(event.octets)[0].code == code


def test_nothing_overtakes_a_change() -> None:
    session = a_session(CHANGE, peer.extended(3, WHO_AM_I))
    event = session.next_event()
    assert event == PasswordChangeReceived(2, PasswordChange(ALICE, b"old", b"new"))
    assert session.next_event() is PAUSED
    with pytest.raises(LocalProtocolError):
        session.password_change_answered(event._replace(message_id=9), SUCCESS, "alice")
    (answer,) = answers(session.password_change_answered(event, SUCCESS, "alice again", "made"))
    assert (answer.operation, answer.code, answer.value) == ("extendedResp", 0, b"\x30\x06\x80\x04made")
    assert session.identity == "alice again"
    assert session.next_event() == WhoAmIReceived(3)


def test_a_modify_is_answered_as_one() -> None:
    session = a_session(peer.modify(2, ALICE, (REPLACE, "userPassword", ["new"])))
    event = session.next_event()
    assert isinstance(event, PasswordChangeReceived)
    said = session.password_change_answered(event, Result(ResultCode.CONSTRAINT_VIOLATION, "", "Longer."), "alice")
    (answer,) = answers(said)
    assert (answer.operation, answer.code, answer.diagnostic) == ("modifyResponse", 19, "Longer.")


def test_passwords_are_in_no_representation() -> None:
    event = a_session(CHANGE).next_event()
    assert "old" not in repr(event).replace("password", "")
    assert "new" not in repr(event)
    request = envelope(peer.modify(1, ALICE, (REPLACE, "userPassword", ["secret"]))).request()
    assert "secret" not in repr(request)
