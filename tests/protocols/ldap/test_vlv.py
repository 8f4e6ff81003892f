import pytest
from ldap.controls.vlv import VLVRequestControl, VLVResponseControl

from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.schema import KNOWN
from protocols.ldap.search import PlainEntry
from protocols.ldap.sorting import Order, SortKey
from protocols.ldap.vlv import OutOfRange, ViewRequest, Window, decode, encode, window

ORDER = Order((SortKey("uidNumber", None, False),), KNOWN.get)
REVERSED = Order((SortKey("uidNumber", None, True),), KNOWN.get)


def test_requests_as_python_ldap_writes_them() -> None:
    by_offset = VLVRequestControl(before_count=1, after_count=2, offset=5, content_count=300)
    assert decode(by_offset.encodeControlValue()) == ViewRequest(1, 2, 5, 300, None)
    by_value = VLVRequestControl(before_count=0, after_count=200, greater_than_or_equal="bob")
    assert decode(by_value.encodeControlValue()) == ViewRequest(0, 200, 0, 0, b"bob")


def test_responses_as_python_ldap_reads_them() -> None:
    response = VLVResponseControl()
    response.decodeControlValue(encode(7, 300, 0))
    assert (response.targetPosition, response.contentCount, response.virtualListViewResult) == (7, 300, 0)


@pytest.mark.parametrize(
    "value",
    [None, b"", b"x", b"\x30\x00", bytes.fromhex("300a0201ff0201008102 7878"), b"\x30\x02\x02\x00"],
)
def test_what_is_no_request(value: bytes | None) -> None:
    with pytest.raises(Refused) as caught:
        decode(value)
    assert caught.value.result.code == ResultCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (ViewRequest(0, 2, 1, 0, None), Window(0, 3, 1)),
        (ViewRequest(0, 2, 0, 0, None), Window(0, 3, 1)),
        (ViewRequest(2, 2, 5, 10, None), Window(2, 7, 5)),
        (ViewRequest(2, 2, 10, 10, None), Window(7, 10, 10)),
        (ViewRequest(0, 0, 100, 100, None), Window(9, 10, 10)),  # the last one, of however many
        (ViewRequest(0, 0, 50, 99, None), Window(4, 5, 5)),  # the middle
        (ViewRequest(1, 1, 0, 0, b"30"), Window(1, 4, 3)),
        (ViewRequest(0, 1, 0, 0, b"31"), Window(3, 5, 4)),
        (ViewRequest(0, 1, 0, 0, b"1000"), Window(10, 10, 11)),
    ],
)
def test_windows(asked: ViewRequest, expected: Window) -> None:
    entries = [PlainEntry("cn=x", {"uidnumber": (str(number),)}) for number in range(10, 110, 10)]
    assert window(asked, [(ORDER.place(entry), entry) for entry in entries], ORDER) == expected


@pytest.mark.parametrize(("offset", "content"), [(11, 0), (2**31 - 1, 0), (11, 10), (21, 20), (3, 2)])
def test_an_offset_beyond_the_end(offset: int, content: int) -> None:
    entries = [PlainEntry("cn=x", {"uidnumber": (str(number),)}) for number in range(10, 110, 10)]
    with pytest.raises(OutOfRange):
        window(ViewRequest(1, 1, offset, content, None), [(ORDER.place(entry), entry) for entry in entries], ORDER)


def test_a_window_on_nothing() -> None:
    assert window(ViewRequest(1, 1, 1, 0, None), [], ORDER) == Window(0, 0, 0)
    with pytest.raises(OutOfRange):
        window(ViewRequest(1, 1, 2, 0, None), [], ORDER)


def test_a_window_on_a_reversed_order() -> None:
    entries = [PlainEntry("cn=x", {"uidnumber": (str(number),)}) for number in (50, 40, 30, 20)]
    found = [(REVERSED.place(entry), entry) for entry in entries]
    assert window(ViewRequest(0, 0, 0, 0, b"35"), found, REVERSED) == Window(2, 3, 3)
    with pytest.raises(Refused):
        window(ViewRequest(0, 0, 0, 0, b"abc"), found, REVERSED)
