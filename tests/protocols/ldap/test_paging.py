import pytest
from ldap.controls.libldap import SimplePagedResultsControl

from protocols.ldap.filter import Present
from protocols.ldap.paging import OpenSet, OpenSets, PageRequest, decode, encode
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.search_request import Scope, SearchRequest

REQUEST = SearchRequest("dc=example", Scope.SUB, 0, 0, False, Present("cn"), ())


def a_set() -> OpenSet:
    return OpenSet("alice", REQUEST, iter(()))


@pytest.mark.parametrize(("size", "cookie"), [(0, ""), (500, ""), (2**31 - 1, "abc")])
def test_requests_as_libldap_writes_them(size: int, cookie: str) -> None:
    value = SimplePagedResultsControl(True, size=size, cookie=cookie).encodeControlValue()
    assert decode(value) == PageRequest(size, cookie.encode())


def test_responses_as_libldap_reads_them() -> None:
    response = SimplePagedResultsControl()
    response.decodeControlValue(encode(b"next"))
    assert (response.size, response.cookie) == (0, b"next")


@pytest.mark.parametrize(
    "octets",
    ["", "3000", b"garbage".hex(), "3003020101", "3006020180040100"[:16], "30050201ff0400", "3005020101040000"],
)
def test_what_is_no_request(octets: str) -> None:
    with pytest.raises(Refused) as caught:
        decode(bytes.fromhex(octets) if octets else None)
    assert caught.value.result.code == ResultCode.PROTOCOL_ERROR


def test_a_cookie_is_good_once_and_for_its_owner() -> None:
    sets = OpenSets()
    opened = a_set()
    cookie = sets.keep("a", opened)
    assert sets.take("b", cookie) is None
    assert sets.take("a", cookie) is opened
    assert sets.take("a", cookie) is None
    assert len(sets) == 0


def test_no_two_owners_get_the_same_cookie() -> None:
    sets = OpenSets()
    assert sets.keep("a", a_set()) != sets.keep("b", a_set())


def test_open_sets_are_bounded_and_the_oldest_goes() -> None:
    sets = OpenSets(most_of_owner=2, most=3)
    cookies = [sets.keep("a", a_set()) for _ in range(10)]
    assert len(sets) == 2
    assert [sets.take("a", cookie) is not None for cookie in cookies] == [False] * 8 + [True] * 2
    kept = [sets.keep(owner, a_set()) for owner in "abcd"]
    assert len(sets) == 3
    assert [sets.take(owner, cookie) is not None for owner, cookie in zip("abcd", kept, strict=True)] == [
        False,
        True,
        True,
        True,
    ]


def test_what_a_connection_had_open_goes_with_it() -> None:
    sets = OpenSets()
    sets.keep("a", a_set())
    cookie = sets.keep("b", a_set())
    sets.forget("a")
    sets.forget("a")
    assert len(sets) == 1
    assert sets.take("b", cookie)
