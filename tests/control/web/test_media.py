"""The operator's folder of pictures: what of it is served, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from control.web.pages.media import HARMLESS, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media = tmp_path / "media"
    (media / "public").mkdir(parents=True)
    for name in ("public/wiki.svg", "public/Logo.PNG", "notes.txt", "page.html"):
        (media / name).write_bytes(b"x")
    (tmp_path / "secret.png").write_bytes(b"x")
    (media / "out.png").symlink_to(tmp_path / "secret.png")
    return media


@pytest.mark.parametrize("name", ["public/wiki.svg", "public/Logo.PNG"])
def test_pictures_are_served(folder: Path, name: str) -> None:
    assert picture(folder, name) == folder / name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "public",
        "notes.txt",
        "page.html",
        "none.png",
        "../secret.png",
        "/etc/passwd",
        "out.png",
        "a\0.png",
        "x" * 999,
    ],
)
def test_nothing_else_is(folder: Path, name: str) -> None:
    assert picture(folder, name) is None


def test_no_folder_no_pictures(tmp_path: Path) -> None:
    assert picture(None, "wiki.png") is None
    assert picture(tmp_path / "none", "wiki.png") is None


def test_a_picture_runs_nothing() -> None:
    assert "sandbox" in HARMLESS["Content-Security-Policy"]
    assert "default-src 'none'" in HARMLESS["Content-Security-Policy"]
    assert HARMLESS["X-Content-Type-Options"] == "nosniff"
