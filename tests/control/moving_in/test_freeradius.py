"""What becomes of FreeRADIUS' clients and users."""

from __future__ import annotations

import pytest

from control.moving_in import CannotRead
from control.moving_in.freeradius import read
from control.passwords import foreign_hashes
from control.records import Provider, RadiusNas, User
from tests.control.apply.places import NOTHING, Place
from tests.control.moving_in.places import bring

CLIENTS = """\
# who may ask
client localhost {
    ipaddr = 127.0.0.9
    secret = "a #secret"   # of old
    require_message_authenticator = yes
    limit {
        max_connections = 16
    }
    nas_type = other
}
client 192.0.2.7 {
    secret = 'another one'
    shortname = ap-7
}
client net6 {
    ipv6addr = 2001:db8::
    netmask = 32
    secret = third
}
client named {
    ipaddr = ap.example.com
    secret = x
}
client without {
    ipaddr = 192.0.2.8
}
"""
CRYPT = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
USERS = f"""\
erin Cleartext-Password := "in the clear"
    Reply-Message := "Hello"
frank\tCrypt-Password := "{CRYPT}"
grace NT-Password := 8846F7EAEE8FB117AD06BDD830B7586C
heidi SSHA-Password := "FM6N1jTf/0PflNiYX1GDVd0V3b/acp0w"
ivan Auth-Type := Reject
judy Cleartext-Password := "x" nonsense
DEFAULT Auth-Type := Reject
karl Cleartext-Password := "x", Expiration := "01 Jan 2020"
"""


def test_clients_become_nas_with_their_secrets(place: Place) -> None:
    done, left = bring(place, "freeradius", CLIENTS)
    assert done[:5] == [
        *("created provider freeradius", "created NAS localhost", "created NAS ap-7", "created NAS net6"),
        "created application freeradius",
    ]
    assert left == [
        "line 6: limit is a section that is not taken over",
        "line 9: nas_type of a client is not taken over",
        "line 20: client named: 'ap.example.com' is no network; write its address",
        "line 24: client without: has no secret, or one that stands elsewhere",
    ]
    nas = {name: place.find(RadiusNas, name=name) for name in ("localhost", "ap-7", "net6")}
    assert [one.network for one in nas.values()] == ["127.0.0.9/32", "192.0.2.7/32", "2001:db8::/32"]
    assert [one.shared_secret for one in nas.values()] == ["a #secret", "another one", "third"]
    assert [one.message_authenticator for one in nas.values()] == ["required", "pinned", "pinned"]
    provider = place.find(Provider, name="freeradius")
    assert {one.provider for one in nas.values()} == {provider.pk}
    assert provider.pk not in place.embedded().providers
    assert bring(place, "freeradius", CLIENTS)[0] == NOTHING


def test_people_with_the_passwords_that_can_be_kept(place: Place) -> None:
    _, left = bring(place, "freeradius", USERS)
    assert left == [
        "line 2: an attribute of an answer; say it in a rule of the provider",
        "line 4: NT-Password of a user is not taken over",
        "line 7: user judy: what is asked of them is not understood; left out",
        "line 8: DEFAULT is not taken over",
        "line 9: Expiration is asked of a user, who is taken over deactivated: see what to do about it",
    ]
    for name, password in (("erin", "in the clear"), ("frank", "Hello world!"), ("heidi", "fargle")):
        assert place.passwords.verify_now(place.find(User, username=name).password, password).ok, name
    assert place.find(User, username="grace").password is None
    assert [place.find(User, username=name).is_active for name in ("erin", "ivan", "karl")] == [True, False, False]
    assert place.read(lambda tx: tx.find(User, username="judy")) is None
    assert bring(place, "freeradius", USERS)[0] == NOTHING


@pytest.mark.parametrize(
    "line",
    [
        "MD5-Password := 5d41402abc4b2a76b9719d911017c592",
        'MD5-Password := "0x5D41402ABC4B2A76B9719D911017C592"',
        "MD5-Password := XUFAKrxLKna5cZ2REBfFkg==",
        "SHA-Password := aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
        "SHA-Password := qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        "SSHA-Password := 14fbd3f9600ecfc2a3d43e4c07a98a875c7910a273616c74",
        "SMD5-Password := baddf52697306303627b97b2721e964a73616c74",
    ],
)
def test_digests_are_good_in_hexadecimal_too(line: str) -> None:
    """As FreeRADIUS takes them (rlm_pap): or they would be kept, and fit no password."""
    found = read(f"erin {line}".encode())
    stored = found.sections["users"]["erin"]["password_hash"]
    assert foreign_hashes.matches(b"hello", stored)
    assert not foreign_hashes.matches(b"another", stored)


def test_between_double_quotes_a_backslash_means_what_it_means_there() -> None:
    first = 'client c {\nipaddr = 192.0.2.1\nsecret = "a\\tb\\\\c\\101\\"d"\n}\n'
    text = first + "client d {\nipaddr = 192.0.2.2\nsecret = 'a\\tb'\n}\n"
    nas = read(text.encode()).sections["radius_nas"]
    assert [nas[name]["shared_secret"] for name in ("c", "d")] == ['a\tb\\cA"d', "a\\tb"]


def test_a_name_may_have_blanks_and_quotes() -> None:
    found = read(b'"John Doe" Cleartext-Password := "x"\n\'jane roe\'\tAuth-Type := Reject\n')
    assert {*found.sections["users"]} == {"John Doe", "jane roe"}
    assert found.clear == {"John Doe": "x"}
    found = read(b'client "floor 2" {\nipaddr=192.0.2.7\nsecret="hush"\n}\n')
    assert found.sections["radius_nas"]["floor 2"]["shared_secret"] == "hush"
    assert found.told() == []


ODD = """\
$INCLUDE clients.d/
clients of_a_listener {
    client inside {
        ipaddr = 192.0.2.1
        secret = x
    }
}
client long {
    ipaddr = 192.0.2.2
    secret = "one \\
two"
}
client open_quote {
    ipaddr = 192.0.2.3
    secret = "begun
}
client after {
    ipaddr = 192.0.2.4
    secret = y
}
"""


def test_what_is_written_in_another_way_is_understood_or_told_where_it_stands() -> None:
    found = read(ODD.encode())
    nas = found.sections["radius_nas"]
    assert {name: (one["network"], one["shared_secret"]) for name, one in nas.items()} == {
        "long": ("192.0.2.2/32", "one two"),
        "after": ("192.0.2.4/32", "y"),
    }
    assert found.told() == [
        "line 1: what is included is not read; import it as well",
        "line 2: clients is a section that is not taken over",
        "line 3: client is a section that is not taken over",
        "line 13: client open_quote: has no secret, or one that stands elsewhere",
        "line 15: this line is not understood",
    ]


@pytest.mark.parametrize("value", ['"%{sql:SELECT pw}"', '"%{User-Name}"', "`/bin/pw erin`", "%{User-Name}"])
def test_what_the_server_would_make_up_is_nobodys_password(value: str) -> None:
    """It stands in the file for anybody to see, and is not what is good there."""
    found = read(f"erin Cleartext-Password := {value}\nfrank Cleartext-Password := '%{{x}}'\n".encode())
    assert found.clear == {"frank": "%{x}"}
    assert "erin" not in found.sections["users"]
    assert found.told() == ["line 1: user erin: what is asked of them is not understood; left out"]


def test_a_section_without_its_end_and_an_empty_file() -> None:
    assert read(b"client a {\nsecret = b\n").told() == ["line 1: a section without its end; left out"]
    for text in (b"", b"\xff"):
        with pytest.raises(CannotRead):
            read(text)
