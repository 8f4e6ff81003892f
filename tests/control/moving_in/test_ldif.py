"""What becomes of a directory's entries."""

from __future__ import annotations

from base64 import b64encode

import pytest

from control.moving_in import CannotRead
from control.moving_in.entries import MOST_PHOTO
from control.moving_in.ldif import read
from control.records import Group, User
from tests.control.apply.places import NOTHING, Place
from tests.control.moving_in.places import bring, try_out

SSHA = "{SSHA}FM6N1jTf/0PflNiYX1GDVd0V3b/acp0w"
"""Of the password fargle."""
DIRECTORY = f"""\
dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization

dn: uid=Erin,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
objectClass: posixAccount
uid: Erin
cn: Erin Example
sn: Example
mail: erin@example.com
mail: e@example.com
uidNumber: 12001
gidNumber: 12000
homeDirectory: /srv/erin
jpegPhoto:: /9j/4A==
userPassword:: {b64encode(SSHA.encode()).decode()}
entryCSN: 1
pwdChangedTime: 20200101000000Z

dn: uid=frank,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: frank
cn: Frank
sn: F
userPassword: in-the-clear

dn: cn=staff,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: staff
member: cn=engineers,ou=groups,dc=example,dc=com
member: UID=frank, OU=people,dc=example,dc=com
member: cn=nobody,dc=elsewhere

dn: cn=engineers,ou=groups,dc=example,dc=com
objectClass: posixGroup
cn: engineers
gidNumber: 12000
memberUid: erin
memberUid: ghost
"""


def people(*lines: str, name: str = "erin") -> str:
    return "\n".join([f"dn: uid={name},dc=x", "objectClass: inetOrgPerson", f"uid: {name}", *lines]) + "\n\n"


def group(name: str, *lines: str) -> str:
    return "\n".join([f"dn: cn={name},dc=x", "objectClass: groupOfNames", f"cn: {name}", *lines]) + "\n\n"


def test_people_groups_nesting_photos_numbers_and_hashes(place: Place) -> None:
    done, left = bring(place, "ldif", DIRECTORY)
    assert done == [
        *("created user Erin", "set the password of user Erin", "created user frank", "set the password of user frank"),
        *("created group staff", "created group engineers"),
    ]
    assert left == [
        "line 28: group staff: nobody here is cn=nobody,dc=elsewhere",
        "line 35: group engineers: nobody is called 'ghost'",
    ]
    erin = place.find(User, username="Erin")
    assert (erin.name, erin.email, erin.managed) == ("Erin Example", "erin@example.com", "import:ldif")
    assert erin.attributes == {
        "sn": "Example",
        "mail": ["erin@example.com", "e@example.com"],
        "uidNumber": "12001",
        "gidNumber": "12000",
        "homeDirectory": "/srv/erin",
        "jpegPhoto": "/9j/4A==",
    }
    assert erin.password == SSHA
    verified = place.passwords.verify_now(erin.password, "fargle")
    assert verified.ok
    assert verified.needs_rehash
    frank = place.find(User, username="frank")
    assert place.passwords.verify_now(frank.password, "in-the-clear").ok
    assert frank.password.startswith("$argon2id$")
    assert place.find(Group, name="engineers").parents == (place.find(Group, name="staff").pk,)
    assert place.find(Group, name="engineers").attributes == {"gidNumber": "12000"}
    assert (place.members("staff"), place.members("engineers")) == ({"frank"}, {"Erin"})


@pytest.mark.parametrize(
    "stored",
    [
        *(
            "$argon2id$v=19$m=4194304,t=30,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$7$CU..../....salt$hash",
            "$unknown$x",
        ),
        *(
            "!$6$saltstring$svn8UoSVapNt",
            "!!$6$saltstring$svn8UoSVapNt",
            f"!{SSHA}",
            "*$1$abcdefgh$eKehL.s8tG6zTf8hBtmEF.",
        ),
        *("pbkdf2_sha256$999999999$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=", "argon2$argon2id$v=19$x"),
    ],
)
def test_a_hash_that_cannot_be_verified_is_no_password_in_the_clear(stored: str) -> None:
    """Or whoever has read it could come in by it."""
    found = read(people(f"userPassword: {stored}").encode())
    assert found.clear == {}
    assert "password_hash" not in found.sections["users"]["erin"]
    assert found.told() == ["line 1: a password that cannot be verified here; it is not taken over"]


def test_who_has_the_number_of_somebody_else_is_told_of() -> None:
    """Files of the one would be the other's."""
    both = people("uidNumber: 5000", "gidNumber: 5000") + people("uidNumber: 5000", "gidNumber: 5000", name="frank")
    found = read((both + group("a", "gidNumber: 5000") + group("b", "gidNumber: 5000") + group("c")).encode())
    assert found.told() == [
        "line 7: frank has the uidNumber of erin, 5000: to machines they are one",
        "line 18: b has the gidNumber of a, 5000: to machines they are one",
    ]
    assert {*found.sections["users"]} == {"erin", "frank"}


def test_the_second_time_nothing_changes_and_a_trial_never_does(place: Place) -> None:
    before = place.revision
    planned, left = try_out(place, "ldif", DIRECTORY)
    assert "+ user Erin" in planned
    assert "fargle" not in str(planned)
    assert "in-the-clear" not in str(planned)
    assert place.revision == before
    assert bring(place, "ldif", DIRECTORY)[1] == left
    revision, erin = place.revision, place.find(User, username="Erin")
    place.set_password("Erin", "her own one")
    changed = place.find(User, username="Erin").password
    assert bring(place, "ldif", DIRECTORY)[0] == NOTHING
    assert place.find(User, username="Erin").password == changed != erin.password
    assert place.revision == revision + 1  # her password


@pytest.mark.parametrize(
    "line",
    [
        "pwdAccountLockedTime: 000001010000Z",
        "nsAccountLock: TRUE",
        "userAccountControl: 514",
        "sambaAcctFlags: [UD         ]",
        "loginDisabled: TRUE",
        "ds-pwp-account-disabled: true",
        "inetUserStatus: Inactive",
        "inetUserStatus: deleted",
    ],
)
def test_who_is_locked_there_is_locked_here(place: Place, line: str) -> None:
    bring(place, "ldif", people(line))
    assert not place.find(User, username="erin").is_active


def test_who_is_not_is_not_and_an_end_is_kept(place: Place) -> None:
    bring(
        place,
        "ldif",
        people("userAccountControl: 512", "nsAccountLock: FALSE", "inetUserStatus: active", "shadowExpire: 20000"),
    )
    erin = place.find(User, username="erin")
    assert erin.is_active
    assert erin.valid_until == 20000 * 86400


@pytest.mark.parametrize(
    ("lines", "ends"),
    [
        (("accountExpires: 133485408000000000",), 1704067200.0),
        (("accountExpires: 0",), None),
        (("accountExpires: 9223372036854775807",), None),
        (("accountExpires: 1",), 0.0),
        (("krbPrincipalExpiration: 20240101000000Z",), 1704067200.0),
        (("krbPrincipalExpiration: 20240101010000.5+0100",), 1704067200.0),
        (("krbPrincipalExpiration: 19600101000000Z",), 0.0),
        (("krbPrincipalExpiration: never",), 0.0),
        (("pwdEndTime: 20240101000000Z",), 1704067200.0),
        (("loginExpirationTime: 20240101000000Z",), 1704067200.0),
        (("ds-pwp-account-expiration-time: 20240101000000.000Z",), 1704067200.0),
        (("accountExpires: soon",), 0.0),
        (("shadowExpire: -1",), None),
        (("shadowExpire: 12345678901234567890",), None),
        (("shadowExpire: soon", "accountExpires: 0"), 0.0),
        (("shadowExpire: 20000", "accountExpires: 133485408000000000"), 1704067200.0),
    ],
)
def test_whichever_word_says_when_an_account_ends(place: Place, lines: tuple[str, ...], ends: float | None) -> None:
    bring(place, "ldif", people(*lines))
    erin = place.find(User, username="erin")
    assert erin.valid_until == ends
    assert "krbPrincipalExpiration" not in erin.attributes


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (people("userPassword: {SASL}erin@x"), 1, "cannot be verified here (SASL)"),
        (people("userPassword: {CRYPT}!"), 1, "cannot be verified here (CRYPT)"),
        (people(f"userPassword: {SSHA}", "userPassword: other"), 1, "a second password"),
        (people("sambaNTPassword: 8846F7EAEE8FB117AD06BDD830B7586C"), 1, "sambaNTPassword is a secret"),
        (people("mail: no address"), 1, "email: Enter a valid email address."),
        (people("cn;lang-de: x"), 1, "options"),
        (people("title:: gICA"), 1, "title is no text"),
        (people("jpegPhoto:: " + b64encode(bytes(MOST_PHOTO + 1)).decode()), 1, "a photo of more than"),
        (people() + people(name="ERIN"), 5, "there twice"),
        (people(name="e" * 151), 1, "no more than 150 characters"),
        ("dn: cn=x,dc=x\nobjectClass: organizationalRole\n", 1, "neither a person nor a group (organizationalrole)"),
        ("dn: cn=x,dc=x\nobjectClass: user\nobjectClass: computer\ncn: x\n", 1, "neither a person nor a group"),
        ("dn: ou=x,dc=x\nobjectClass: person\n", 1, "without uid"),
        ("dn: nonsense\nobjectClass: person\n", 1, "no name of an entry"),
        (group("a", "member: cn=b,dc=x") + group("b", "member: cn=a,dc=x"), 6, "circles are not kept"),
    ],
)
def test_what_is_not_understood_is_told_with_its_line(place: Place, text: str, line: int, said: str) -> None:
    told = bring(place, "ldif", text)[1]
    assert [one for one in told if one.startswith(f"line {line}:") and said in one], told


def test_many_lines_of_one_kind_are_one_line() -> None:
    told = read("".join(people("sambaNTPassword: x", name=f"u{n}") for n in range(7)).encode()).told()
    assert told == ["lines 1, 6, 11, 16, 21 and 2 more: sambaNTPassword is a secret, and is not taken over"]


def test_a_secretary_is_no_secret_and_an_empty_file_no_directory() -> None:
    found = read(people("secretary: cn=x").encode())
    assert found.sections["users"]["erin"]["attributes"] == {"secretary": "cn=x"}
    with pytest.raises(CannotRead, match="holds no entries"):
        read(b"# nothing\n")


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"\xff\xfed\x00n\x00:\x00", "line 1: no line of LDIF"),
        (b"{}", "line 1: no line of LDIF"),
        (b"dn: uid=x,dc=a\nchangetype: delete\n", "line 2: this is a change"),
    ],
)
def test_a_file_without_a_single_entry_is_no_directory(octets: bytes, why: str) -> None:
    with pytest.raises(CannotRead, match=f"holds no entries; {why}"):
        read(octets)
