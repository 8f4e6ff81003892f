"""Sealed files: what comes back is what went in, from the first piece to the last, or nothing is believed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from outpost.kept.sealed import Seal, Unreadable

TOKEN = "token-of-this-outpost"
PIECES = [b"first", b"", b"third" * 100]


def numbered() -> Seal:
    """A seal whose salts are 1, 2, 3 ..."""
    numbers = count(1)
    return Seal(TOKEN, lambda size: next(numbers).to_bytes(size, "big"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "folder" / "some.sealed"
    numbered().write(made, "snapshot", PIECES)
    return made


def read(path: Path, token: str = TOKEN, purpose: str = "snapshot") -> list[bytes]:
    return list(Seal(token).read(path, purpose))


@pytest.mark.parametrize("pieces", [PIECES, [b"one"], [b"x" * 200_000] * 3], ids=["three", "one", "large"])
def test_what_goes_in_comes_out(path: Path, pieces: list[bytes]) -> None:
    Seal(TOKEN).write(path, "snapshot", pieces)
    assert read(path) == pieces


def test_nothing_is_one_empty_piece(path: Path) -> None:
    Seal(TOKEN).write(path, "snapshot", [])
    assert read(path) == [b""]


def test_what_could_not_be_written_whole_leaves_nothing_behind(path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"first"
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        Seal(TOKEN).write(path, "snapshot", broken())
    assert read(path) == PIECES
    assert list(path.parent.iterdir()) == [path]


def test_nothing_shows(path: Path) -> None:
    assert b"third" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_two_files_share_a_key(path: Path) -> None:
    seal = numbered()
    seal.write(path, "snapshot", PIECES)
    first = path.read_bytes()
    seal.write(path, "snapshot", PIECES)
    assert first[-100:] != path.read_bytes()[-100:]


@pytest.mark.parametrize(
    ("token", "purpose"), [("another-token", "snapshot"), (TOKEN, "credentials")], ids=["token", "purpose"]
)
def test_another_token_or_purpose_opens_nothing(path: Path, token: str, purpose: str) -> None:
    with pytest.raises(Unreadable):
        read(path, token, purpose)


def test_a_file_cannot_be_passed_off_for_another_purpose(path: Path) -> None:
    """The purpose is in the key, not only in the title that anyone can write."""
    content = path.read_bytes().replace(b"snapshot", b"credentials")
    path.write_bytes(content)
    with pytest.raises(Unreadable):
        read(path, purpose="credentials")


def test_another_version_is_none_of_ours(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"snapshot 1\n", b"snapshot 0\n"))
    with pytest.raises(Unreadable, match="version"):
        read(path)


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Unreadable):
            read(path)


def test_every_cut_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Unreadable):
            read(path)


def test_what_follows_the_end_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for more in (b"\x00", b"\x00\x00\x00\x10" + b"\x00" * 16, whole[-20:]):
        path.write_bytes(whole + more)
        with pytest.raises(Unreadable):
            read(path)


def test_pieces_cannot_change_places(path: Path) -> None:
    Seal(TOKEN).write(path, "snapshot", [b"aaaa", b"bbbb", b"cccc"])
    whole = path.read_bytes()
    head, parts = whole[:-72], [whole[-72:-48], whole[-48:-24], whole[-24:]]
    path.write_bytes(head + b"".join(parts))
    assert read(path) == [b"aaaa", b"bbbb", b"cccc"]
    path.write_bytes(head + parts[1] + parts[0] + parts[2])
    with pytest.raises(Unreadable):
        read(path)


def test_an_absurd_length_is_not_read(path: Path) -> None:
    title = len(b"outpost sealed snapshot 1\n") + 16
    path.write_bytes(path.read_bytes()[:title] + b"\xff\xff\xff\xff" + b"x" * 100)
    with pytest.raises(Unreadable, match="cut short or damaged"):
        read(path)


def test_a_write_that_fails_leaves_the_old_file(path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"new"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Seal(TOKEN).write(path, "snapshot", broken())
    assert read(path) == PIECES


def test_a_folder_in_its_place_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        read(tmp_path)


def test_no_file_is_not_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")


def test_the_mark_tells_tokens_apart() -> None:
    assert Seal("a").mark == Seal("a").mark != Seal("b").mark
    assert TOKEN not in Seal(TOKEN).mark
