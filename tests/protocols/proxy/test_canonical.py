from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.proxy.canonical import canonical_path
from protocols.proxy.skipping import MAX_PATTERNS, SkippedPaths


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/", "/a/"),
        ("/a//b", "/a/b"),
        ("/./a/.", "/a/"),
        ("/%7euser", "/~user"),
        ("/a%20b%c3%a9", "/a%20b%C3%A9"),
        ("/%2e", "/"),
        ("/...", "/..."),
        ("/a.b/..c", "/a.b/..c"),
    ],
)
def test_one_spelling(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "/..",
        "/a/../b",
        "/%2e%2E",
        "/a%2fb",
        "/a%5Cb",
        "/a\\b",
        "/a;b",
        "/a%3bb",
        "/%25",
        "/%00",
        "/a b",
        "/%1f",
        "/%c0%ae",
        "/%ff",
        "/%c3",
        "/a%c3/b%a9",
        "/a%EF%BC%8Fb",
        "/a%EF%BC%BCb",
        "/a%EF%BC%9Bb",
        "/a%EF%BC%852Fb",
        "/..%E2%88%95b",
        "/..%E2%81%84b",
        "/..%E2%88%96b",
        "/..%C2%A5b",
        "/..%E2%82%A9b",
        "/%EF%BC%8E%EF%BC%8E/b",
        "/%E2%80%A5/b",
        "/.%E2%80%A4/b",
        "/é",
    ],
)
def test_ambiguous(path: str) -> None:
    assert canonical_path(path) is None


@given(st.text("/.%2eEfFcC5;ab\\~", max_size=24).map(lambda text: f"/{text}"))
def test_what_is_canonical_is_read_alike_by_everybody(path: str) -> None:
    """However often an application decodes, and whether or not it resolves dots, it ends at the same segments."""
    canonical = canonical_path(path)
    if canonical is None:
        return
    assert canonical_path(canonical) == canonical
    once = unquote(path)
    for reading in (once, unquote(once)):
        segments = [part for part in reading.replace("\\", "/").split("/") if part not in ("", ".")]
        assert ".." not in segments
        assert segments == [unquote(part) for part in canonical.split("/") if part]


def test_skipped_paths() -> None:
    paths = SkippedPaths("^/public/\n\n  /assets  \n(unclosed\n(?=x)", whole_url=False)
    assert (paths.faulty, paths.unanchored) == (["(unclosed", "(?=x)"], ["/assets"])
    assert paths.skips("https://a.example", "/public/x")
    assert paths.skips("https://a.example", "/deep/assets/x"), "a search, as authentik's"
    assert not paths.skips("https://a.example", "/private")
    assert not paths.skips("https://a.example", "/public/../private")


def test_of_a_domain_the_whole_url_counts() -> None:
    paths = SkippedPaths("^https://wiki\\.example\\.org/open/", whole_url=True)
    assert paths.skips("https://wiki.example.org", "/open/x")
    assert not paths.skips("https://other.example.org", "/open/x")


def test_nothing_skips_nothing() -> None:
    assert not SkippedPaths(" \n\n", whole_url=False)
    assert len(SkippedPaths("^/x\n" * (MAX_PATTERNS + 5), whole_url=False).faulty) == 5
