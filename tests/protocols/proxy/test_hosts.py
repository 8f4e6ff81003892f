from __future__ import annotations

import pytest

from protocols.proxy.hosts import MAX_HOST_LENGTH, normalised, parents, without_port


@pytest.mark.parametrize(
    ("host", "scheme", "expected"),
    [
        ("App.Example.COM", "https", "app.example.com"),
        ("app.example.com.", "https", "app.example.com"),
        ("app.example.com.:443", "https", "app.example.com"),
        ("app.example.com:443", "http", "app.example.com:443"),
        ("app.example.com:80", "http", "app.example.com"),
        ("app.example.com:080", "http", "app.example.com"),
        ("under_score.example", "http", "under_score.example"),
        ("xn--pp-via.example", "http", "xn--pp-via.example"),
        ("localhost", "http", "localhost"),
        ("127.0.0.1:9000", "http", "127.0.0.1:9000"),
        ("[::0:1]", "http", "[::1]"),
        ("[2001:DB8::1]:443", "https", "[2001:db8::1]"),
    ],
)
def test_one_spelling(host: str, scheme: str, expected: str) -> None:
    assert normalised(host, scheme) == expected
    assert normalised(expected, scheme) == expected


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        ":80",
        "a..b",
        "-a.b",
        "a-.b",
        "a b",
        "a/b",
        "a@b",
        "a\\b",
        "a%2eb",
        "a,b",
        "a\n",
        "ä.example",
        "\u212aelvin.example",
        "a:",
        "a:b",
        "a:0",
        "a:65536",
        "a:123456",
        "a:80:80",
        "[::1",
        "::1",
        "[::g]",
        "[fe80::1%eth0]",
        "a" * 64 + ".example",
        "a." * MAX_HOST_LENGTH,
    ],
)
def test_no_host(host: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        normalised(host, "http")


def test_parts() -> None:
    assert without_port("a.example:8443") == without_port("a.example") == "a.example"
    assert without_port("[::1]:8443") == without_port("[::1]") == "[::1]"
    assert parents("a.b.c") == ["a.b.c", "b.c", "c"]
