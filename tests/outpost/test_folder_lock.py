"""A data folder belongs to one program at a time."""

from pathlib import Path

import pytest

from outpost.folder_lock import Unusable, claim


def test_a_second_program_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    first = claim(tmp_path / "data")
    with pytest.raises(Unusable, match="OUTPOST_DATA_DIR"):
        claim(tmp_path / "data")
    first.close()
    claim(tmp_path / "data").close()


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(Unusable, match="cannot be used"):
        claim(tmp_path / "data")
