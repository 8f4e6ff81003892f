"""LDIF as slapcat, ldapsearch and people write it (RFC 2849), and what is none."""

from __future__ import annotations

import pytest

from protocols.ldap import ldif
from protocols.ldap.ldif import Entry, Fault


def read(text: str) -> list[Entry | Fault]:
    return list(ldif.read(text.encode().splitlines(keepends=True)))


def test_folding_base64_comments_options_and_a_version() -> None:
    found = read(
        "version: 1\n# a comment\n  that goes on\ndn: cn=Barbara Jensen,ou=Product Develop\n ment,dc=airius,dc=com\n"
        "objectclass: top\nobjectClass:person\ncn:: QmFyYmFyYQ==\njpegPhoto;binary:: /9j/4A==\nsn: J\n e\n n\n#sn: no\n"
        "\n\n"
        "dn:: Y249w7xiZXI=\r\ncn: \r\ncn;lang-de: über\r\n"
    )
    assert found == [
        Entry(
            4,
            "cn=Barbara Jensen,ou=Product Development,dc=airius,dc=com",
            {
                "objectclass": [b"top", b"person"],
                "cn": [b"Barbara"],
                "jpegPhoto": [b"\xff\xd8\xff\xe0"],
                "sn": [b"Jen"],
            },
        ),
        Entry(16, "cn=über", {"cn": [b""], "cn;lang-de": ["über".encode()]}),
    ]
    assert found[0].values("OBJECTCLASS") == [b"top", b"person"]  # type: ignore[union-attr]


def test_nothing_is_nothing() -> None:
    assert read("") == read("\n\n# only this\n") == read("version: 1\n") == []


def test_an_entry_that_is_added_is_an_entry() -> None:
    (entry,) = read("dn: cn=x\nchangetype: Add\ncn: x\n")
    assert isinstance(entry, Entry)
    assert (entry.dn, entry.attributes) == ("cn=x", {"cn": [b"x"]})


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        ("cn: x\n", 1, "begins with dn:"),
        ("dn: cn=x\nchangetype: modify\nadd: cn\n-\n", 2, "a change"),
        ("dn: cn=x\ncontrol: 1.2.3\n", 2, "a change"),
        ("dn:: gICA\n", 1, "not UTF-8"),
        ("dn:< file:///etc/passwd\n", 1, "another file"),
    ],
)
def test_what_is_no_entry_is_left_out_alone(lines: str, line: int, said: str) -> None:
    fault, entry = read(f"{lines}\ndn: cn=next\n")
    assert isinstance(fault, Fault)
    assert fault.line == line
    assert said in fault.text
    assert isinstance(entry, Entry)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("jpegPhoto:< file:///etc/shadow", "not read"),
        ("cn:: ***", "no base64"),
        ("words", "no name with a colon"),
    ],
)
def test_a_value_that_cannot_be_read_costs_that_value(value: str, said: str) -> None:
    fault, entry = read(f"dn: cn=x\n{value}\nsn: y\n")
    assert isinstance(fault, Fault)
    assert fault.line == 2
    assert said in fault.text
    assert entry == Entry(1, "cn=x", {"sn": [b"y"]})


def test_lines_and_entries_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldif, "MOST_OCTETS", 100)
    monkeypatch.setattr(ldif, "MOST_VALUES", 5)
    fault, entry = read("dn: cn=x\ncn: " + "\n ".join(["y" * 40] * 1000) + "\nsn: z\n")
    assert isinstance(fault, Fault)
    assert "longer than 100" in fault.text
    assert entry == Entry(1, "cn=x", {"sn": [b"z"]})
    (fault,) = read("dn: cn=x\n" + "cn: y\n" * 5)
    assert isinstance(fault, Fault)
    assert "more than 5 values" in fault.text
