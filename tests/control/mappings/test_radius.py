"""What mappings of a RADIUS provider write into an answer, and what they cannot."""

from __future__ import annotations

from typing import Any

import pytest

from control.expression.environment import Asked
from control.expression.people import GroupFacts, PersonFacts
from control.mappings.answers import Broken, Mappings
from control.mappings.radius import MOST_ATTRIBUTES, reply
from control.records import PropertyMapping
from protocols.radius.reply import encoded, hiding

STAFF = GroupFacts("g", "staff")
ASKED = Asked(
    PersonFacts(1, {"username": "alice", "attributes": {"vlan": 20}}, direct=(STAFF,), every=(STAFF,)),
    "192.0.2.1",
    context={"nas": "ap-7", "ssid": "Staff"},
)


def written(*sources: str) -> tuple[list[tuple[str, Any, int]], tuple[Broken, ...]]:
    mappings = [PropertyMapping(f"m{number}", "radius", source) for number, source in enumerate(sources)]
    told, broken = reply(mappings, ASKED, Mappings(lambda: 0.0))
    return [(one.name, one.value, one.tag) for one in told], broken


def told(*sources: str) -> list[tuple[str, Any, int]]:
    found, broken = written(*sources)
    assert broken == ()
    return found


CISCO = """\
define_attribute(
    vendor_code=9,
    vendor_name="Cisco",
    attribute_name="Cisco-AVPair",
    attribute_code=1,
    attribute_type="string",
)
packet["Cisco-AVPair"] = "shell:priv-lvl=15"
return packet
"""
VLAN = """\
if ak_is_group_member(request.user, name="staff") and request.context["ssid"] == "Staff":
    packet["Tunnel-Type:1"] = "VLAN"
    packet["Tunnel-Medium-Type:1"] = "IEEE-802"
    packet["Tunnel-Private-Group-Id:1"] = user.attributes["vlan"]
"""


def test_attributes_by_name_number_and_tag() -> None:
    assert told("packet['Filter-Id'] = 'staff'") == [("Filter-Id", "staff", 0)]
    assert told("packet[11] = 'staff'") == [("Filter-Id", "staff", 0)]
    assert told("packet['session-timeout'] = 3600") == [("Session-Timeout", 3600, 0)]
    assert told("packet['Framed-IP-Address'] = ip_address('192.0.2.9')") == [("Framed-IP-Address", "192.0.2.9", 0)]
    assert told(VLAN) == [
        ("Tunnel-Type", "VLAN", 1),
        ("Tunnel-Medium-Type", "IEEE-802", 1),
        ("Tunnel-Private-Group-ID", 20, 1),
    ]


def test_a_vendors_attribute_as_authentiks_users_define_it() -> None:
    assert told(CISCO) == [("Cisco-AVPair", "shell:priv-lvl=15", 0)]


@pytest.mark.parametrize(
    ("kind", "value", "octets"),
    [
        ("string", "'Ü'", "c39c"),
        ("octets", "'0x01ff'", "01ff"),
        ("integer", "258", "00000102"),
        ("ipaddr", "'192.0.2.1'", "c0000201"),
        ("ipv6prefix", "'2001:db8::/32'", "002020010db8"),
        ("date", "0", "00000000"),
    ],
)
def test_an_attribute_of_no_dictionary_is_sent_by_its_type(kind: str, value: str, octets: str) -> None:
    source = f"define_attribute(vendor_code=32473, attribute_name='Own', attribute_code=7, attribute_type='{kind}')\n"
    ((name, said, tag),) = told(f"{source}packet['Own'] = {value}")
    assert (name, said) == ("Attr-26.32473.7", f"0x{octets}")
    on_the_wire = encoded(name, said, tag, hiding(b"s", bytes(16), bytes))
    body = (32473).to_bytes(4) + bytes((7, len(octets) // 2 + 2)) + bytes.fromhex(octets)
    assert on_the_wire == bytes((26, len(body) + 2)) + body


def test_several_values_and_what_replaces_them() -> None:
    assert told("packet['Reply-Message'] = ['a', 'b']\npacket.AddAttribute('Reply-Message', 'c')") == [
        ("Reply-Message", text, 0) for text in "abc"
    ]
    assert told("packet['Reply-Message'] = ['a', 'b']", "packet['Reply-Message'] = 'c'") == [("Reply-Message", "c", 0)]
    assert told("packet['Filter-Id'] = 'a'\ndel packet['Filter-Id']") == []
    source = "packet['Filter-Id'] = 'a'\npacket['Reply-Message'] = packet['filter-id'][0] + str(len(packet))"
    assert told(source) == [("Filter-Id", "a", 0), ("Reply-Message", "a1", 0)]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("packet['Session-Timeout'] = 'soon'", "“soon” is no value of Session-Timeout. Write a number"),
        ("packet['Framed-IP-Address'] = '192.0.2.999'", "Write an IPv4 address."),
        ("packet['Filter-Id'] = 'x' * 300", "The value of Filter-Id is too long: 300 octets."),
        ("packet['Filter-Id'] = None", "is text or a number, not 'NoneType'"),
        ("packet['Filter-Id'] = ['a', user]", "is text or a number, not 'User'"),
        ("packet['Filter-Id'] = True", "is text or a number, not 'bool'"),
        ("packet['Filter-Id:1'] = 'x'", "Filter-Id takes no tag."),
        ("packet['Tunnel-Type:99'] = 'VLAN'", "lies between 0 and 31"),
        ("packet['Nonsense'] = 1", "“Nonsense” is no RADIUS attribute that an answer can have"),
        ("packet['Message-Authenticator'] = 'x'", "is no RADIUS attribute that an answer can have"),
        ("packet[80] = 'x'", "80 is no RADIUS attribute"),
        ("packet['State'] = 'x'", "is no RADIUS attribute that an answer can have"),
        ("define_attribute(vendor_code=0, attribute_name='E', attribute_code=79)", "none is 0"),
        ("define_attribute(vendor_code=9, attribute_name='E', attribute_code=256)", "8"),
        ("define_attribute(vendor_code=9, attribute_name='E', attribute_code=201, attribute_type='x')", "a type"),
        ("define_attribute(attribute_name=1)", "takes a name and a number"),
        (f"packet['Reply-Message'] = ['x'] * {MOST_ATTRIBUTES + 1}", f"at most {MOST_ATTRIBUTES} attributes"),
        ("packet['Reply-Message'] = ['x' * 250] * 20", "room for 3000 octets"),
        ("return packet['Filter-Id']", "There is no item"),
        ("return packet.secret", "Packet has no attribute secret"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_sentence_and_its_place(source: str, sentence: str) -> None:
    found, (broken,) = written(source)
    assert found == []
    assert sentence in broken.fault.sentence
    assert broken.fault.line == 1


def test_of_a_broken_mapping_nothing_is_sent_and_of_the_others_everything() -> None:
    found, broken = written("packet['Filter-Id'] = 'a'", "packet['Reply-Message'] = 'half'\nreturn 1 / 0", VLAN)
    assert found[0] == ("Filter-Id", "a", 0)
    assert "Reply-Message" not in {name for name, _, _ in found}
    assert len(found) == 4
    assert [one.mapping.name for one in broken] == ["m1"]


def test_one_that_leaves_itself_out_sends_nothing() -> None:
    assert told("packet['Filter-Id'] = 'a'\nraise SkipObject") == []


def test_a_name_of_ones_own_does_not_stand_for_a_standard_attribute() -> None:
    source = "define_attribute(vendor_code=32473, attribute_name='Filter-Id', attribute_code=1)\n"
    assert told(f"{source}packet['Filter-Id'] = 'a'") == [("Attr-26.32473.1", "0x61", 0)]
