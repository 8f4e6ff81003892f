"""Where commands look for the running program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from outpost.running import running_at
from settings import Settings, load


def _settings(folder: Path, written: str | None) -> Settings:
    if written is not None:
        (folder / "ports.json").write_text(written)
    return replace(load({"OUTPOST_LISTEN__HTTP": "127.0.0.2:81", "OUTPOST_LISTEN__METRICS": "off"}), data_dir=folder)


def test_where_the_program_says_it_is(tmp_path: Path) -> None:
    written = '{"http": [], "metrics": ["0.0.0.0:1234", "[::]:1235"], "https": ["[::]:7"]}'
    assert running_at(_settings(tmp_path, written), "http", "metrics") == ("127.0.0.1", 1234)
    assert running_at(_settings(tmp_path, written), "https") == ("::1", 7)


@pytest.mark.parametrize(
    "written",
    [
        None,
        *("", "garbage", "[]", "5", '{"http": ', '{"http": [5]}', '{"http": 5}', '{"http": "x"}', '{"http": {"a": 1}}'),
        *('{"http": ["127.0.0.1"]}', '{"http": ["127.0.0.1:port"]}', '{"http": null}', "[" * 100_000),
    ],
)
def test_what_is_no_such_file_is_as_none(tmp_path: Path, written: str | None) -> None:
    assert running_at(_settings(tmp_path, written), "http", "metrics") == ("127.0.0.2", 81)
    assert running_at(_settings(tmp_path, written), "metrics") == ("127.0.0.1", 9300)
