"""The operator's list of known passwords, searched where it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.passwords.breached import LONGEST_LINE, BreachedPasswords, Unusable

WORDS = ["123456", "geheim", "letmein", "password", "trustno1", "zürich"]


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def hashes(words: list[str]) -> bytes:
    return "".join(f"{line}:{number}\r\n" for number, line in enumerate(sorted(map(sha1, words)), 1)).encode()


def plain(words: list[str]) -> bytes:
    return b"".join(line + b"\n" for line in sorted(word.encode() for word in words))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list"


@pytest.mark.parametrize("written", [hashes, plain])
def test_what_is_on_it_is_found_and_nothing_else(path: Path, written: object) -> None:
    assert callable(written)
    path.write_bytes(written(WORDS))
    listed = BreachedPasswords(path)
    assert all(listed.times(word) for word in WORDS)
    assert not any(listed.times(word) for word in ["", "1", "geheim ", "Geheim", "zzz", "\ud800", "letmeio", ":1"])


def test_the_last_line_needs_no_end(path: Path) -> None:
    path.write_bytes(hashes(WORDS).rstrip())
    assert all(BreachedPasswords(path).times(word) for word in WORDS)


def test_no_list_and_an_empty_one_hold_nothing(path: Path) -> None:
    assert not BreachedPasswords(path).times("password")
    path.write_bytes(b"")
    assert not BreachedPasswords(path).times("password")
    assert not BreachedPasswords(path).times("")


def test_another_list_in_its_place_counts_at_once(path: Path) -> None:
    listed = BreachedPasswords(path)
    path.write_bytes(plain(["one"]))
    assert not listed.times("two")
    path.write_bytes(plain(["one", "two"]))
    assert listed.times("two")


def test_little_of_a_long_list_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"{number:07}" for number in range(200_000)]
    path.write_bytes(plain(words))
    read = 0
    from control.passwords import breached as module

    honest = module._read_line

    def counting(file: object) -> bytes:
        nonlocal read
        line = honest(file)  # type: ignore[arg-type]
        read += len(line)
        return line

    monkeypatch.setattr(module, "_read_line", counting)
    assert BreachedPasswords(path).times("0123456")
    assert read < 3_000


@pytest.mark.parametrize(
    ("octets", "word"),
    [
        (b"zebra\napple\n" * 100, "not sorted"),
        (hashes(WORDS) + b"password\n" * 1000, "one kind only"),
        (b"a" * (LONGEST_LINE + 1) + b"\nb\n", "octets"),
    ],
)
def test_a_list_that_cannot_be_searched_says_so(path: Path, octets: bytes, word: str) -> None:
    path.write_bytes(octets)
    with pytest.raises(Unusable, match=f"(?i){word}"):
        assert BreachedPasswords(path).times("password")


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="cannot be read"):
        assert BreachedPasswords(tmp_path).times("password")


@given(words=st.lists(st.text("abc ", max_size=4), min_size=1, max_size=30), asked=st.text("abc ", max_size=4))
def test_it_agrees_with_a_set(tmp_path_factory: pytest.TempPathFactory, words: list[str], asked: str) -> None:
    path = tmp_path_factory.getbasetemp() / "agreeing"
    for written in (plain, hashes):
        path.write_bytes(written(words))
        assert bool(BreachedPasswords(path).times(asked)) is (asked in words)
