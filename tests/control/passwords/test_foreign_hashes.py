"""Hashes that Django, OpenLDAP, OpenSSL, bcrypt and Argon2 have made: vectors of theirs, so that we agree with them."""

from __future__ import annotations

import pytest

from control.passwords import foreign_hashes
from control.passwords.foreign_hashes import is_known, matches

BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
SHA512_CRYPT = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
SCRYPT = "$scrypt$ln=10,r=8,p=1$c29tZXNhbHQ$6mgEjpox61RYKFl7qs7k2qEAtD7cQCpcbyV2f0ZEPi4"
"""Passlib's, as those of ``$pbkdf2`` below."""
ARGON2I = "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"
ARGON2ID = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

VECTORS = [
    ("lètmein", "pbkdf2_sha256$20000$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0="),
    ("KRONOS", "pbkdf2_sha1$24000$seasalt$F+kiWNHXbMBcwgxsvSKFCWHnZZ0="),
    ("fargle", "{SSHA}FM6N1jTf/0PflNiYX1GDVd0V3b/acp0w"),
    ("geheim", "{ssha}ALlO3S0LXHYSINoraY3mCIDeKvfMiPjv"),
    ("geheim", "{SHA}kGByAB793z4R5tK1eC9Hd/4Dhzk="),
    ("geheim", "{SMD5}JSMqXIfaJZj84B9rkThwktda+zY="),
    ("geheim", "{MD5}6GNuoBPmgvr2H1bOHLGrXA=="),
    (
        "geheim",
        "{SSHA512}71AHK1odfitDZOTQOLLVqutd7X7sw0GNNS05kmgZPGKZAaKbScXEWyfMSBSFsVJQW4pkXw7qbvliHL9KA9p6afA/qqCXmgWW",
    ),
    (
        "geheim",
        "{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$TDJkBvty+wZZNzY1HHtBJg$s1tgqciy6z7IkeBMrpKYcNX1UnXYB+1A82wwOmrU6gg",
    ),
    ("password", ARGON2I),
    ("password", f"argon2{ARGON2ID}"),
    ("Hello world!", SHA512_CRYPT),
    ("Hello world!", f"{{CRYPT}}{SHA512_CRYPT}"),
    ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    ("geheim", "{CRYPT}$1$abcdefgh$eKehL.s8tG6zTf8hBtmEF."),
    (
        "geheim",
        "$pbkdf2-sha512$1000$c29tZXNhbHQ$"
        "8YXQF02UzNJZXqz1CMLkvT6JNZQeDNpznis5p67uD9oziq16cOmEuw/idLrxs14vSbn/D/bkT5a/4bzNOyeKQA",
    ),
    ("geheim", "$pbkdf2-sha256$1000$c29tZXNhbHQ$13hk9WIndpUiLTEAs8MtIk7qmWz/MHCLmFhc0W3FxQM"),
    ("geheim", "$pbkdf2$1000$c29tZXNhbHQ$XV7t22Xq5OE86eDXDPu4nHTLN74"),
    ("geheim", SCRYPT),
    ("U*U", BCRYPT),
    ("U*U", f"bcrypt${BCRYPT}"),
    ("U*U", f"{{CRYPT}}{BCRYPT}"),
]


@pytest.mark.parametrize(("password", "stored"), VECTORS, ids=[stored[:24] for _, stored in VECTORS])
def test_the_right_password_and_no_other(password: str, stored: str) -> None:
    assert is_known(stored)
    assert matches(password.encode(), stored)
    for wrong in (password + "x", password[:-1], password.swapcase(), ""):
        assert not matches(wrong.encode(), stored)


@pytest.mark.parametrize("stored", [stored for _, stored in VECTORS], ids=[stored[:24] for _, stored in VECTORS])
def test_a_changed_hash_is_another(stored: str) -> None:
    password = next(password for password, known in VECTORS if known == stored)
    last = stored.rstrip("=")
    changed = last[:-3] + ("A" if last[-3] != "A" else "B") + last[-2:] + stored[len(last) :]
    assert not matches(password.encode(), changed)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "geheim",
        "!",
        "{CLEARTEXT}geheim",
        "geheim$",
        "md5$salt$hash",
        "{CRYPT}!",
        "{SASL}alice@example.com",
        "abcdefghijklm",
        "x" * 5000,
    ],
)
def test_anything_else_is_nobodys(stored: str) -> None:
    assert not is_known(stored)
    assert not matches(b"geheim", stored)


@pytest.mark.parametrize(
    "stored",
    [
        "pbkdf2_sha256$999999999$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=",
        "scrypt$1048576$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
        "$pbkdf2-sha512$999999999$c29tZXNhbHQ$" + "A" * 86,
        SCRYPT.replace("ln=10", "ln=99"),
        BCRYPT.replace("$05$", "$31$"),
        SHA512_CRYPT.replace("$6$", "$6$rounds=999999999$"),
        ARGON2ID.replace("m=65536", "m=999999999"),
        ARGON2ID.replace("t=2", "t=999999"),
    ],
)
def test_a_hash_that_costs_too_much_is_not_computed(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def computed(*_: object, **__: object) -> bytes:
        raise AssertionError("computed")

    monkeypatch.setattr("hashlib.pbkdf2_hmac", computed)
    monkeypatch.setattr("hashlib.scrypt", computed)
    monkeypatch.setattr("bcrypt.checkpw", computed)
    monkeypatch.setattr(foreign_hashes, "_libcrypt", lambda: computed)
    assert not is_known(stored), "whoever brings it along has to hear that it is of no use"
    assert not matches(b"geheim", stored)


@pytest.mark.parametrize(
    "stored",
    [
        SCRYPT.replace("ln=10,r=8", "ln=99,r=0"),
        SCRYPT.replace("ln=10,r=8,p=1", "ln=64,r=8,p=0"),
        "scrypt$0$seasalt$8$1$" + "A" * 86 + "==",
        "pbkdf2_sha256$0$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=",
        ARGON2ID.replace("t=2", "t=0"),
    ],
)
def test_a_hash_that_costs_nothing_is_none(stored: str) -> None:
    assert not is_known(stored)
    assert not matches(b"geheim", stored)


@pytest.mark.parametrize(
    "stored",
    [
        "{SSHA512}abcd",
        "{MD5}5d41402abc4b2a76b9719d911017c592",
        "{SHA}aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
        "{SSHA}qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        "{SHA}qvTGHdzF6KLavt4PO0gs2a6pQ0",
    ],
)
def test_a_digest_of_another_length_fits_no_password(stored: str) -> None:
    assert not is_known(stored)
    assert not matches(b"hello", stored)


@pytest.mark.parametrize("kept", ["6g", "6mgEjpox61RYKFl7qs7k"])
def test_a_key_that_is_cut_short_is_nobodys(kept: str) -> None:
    """It would be that of many passwords."""
    assert not matches(b"geheim", SCRYPT.rpartition("$")[0] + "$" + kept)


def test_bcrypt_looks_at_72_octets_as_it_always_did() -> None:
    import bcrypt

    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert matches(b"x" * 100, stored)
    assert not matches(b"x" * 71, stored)


def test_without_libcrypt_nobody_gets_in_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_hashes, "_libcrypt", lambda: None)
    assert not matches(b"Hello world!", SHA512_CRYPT)
