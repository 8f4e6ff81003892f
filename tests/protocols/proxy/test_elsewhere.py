from __future__ import annotations

import pytest

from protocols.proxy.elsewhere import MAX_URL, Backend, Elsewhere, Misdirected, elsewhere


@pytest.mark.parametrize("host", ["app", "app.example.com:8080", "App.Example.com", "[::1]:80", "192.0.2.1", "a_b"])
def test_a_host_is_sent_as_it_is_said(host: str) -> None:
    assert elsewhere(host, "").host == host.encode()


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a\r\nX-Evil: b",
        "a\0",
        "a/b",
        "user@host",
        "http://a",
        "a:0",
        "a:65536",
        "a:",
        "\xe9.example",
        "a" * 300,
        "(list)",
    ],
)
def test_what_is_no_host_leads_nowhere(host: str) -> None:
    with pytest.raises(Misdirected, match=r"ak_proxy\.host_header"):
        elsewhere(host, "")


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("http://app", ("http", "app", 80)),
        ("http://app:80/", ("http", "app", 80)),
        ("https://App.example.com/path?x=1", ("https", "app.example.com", 443)),
        ("https://[2001:DB8::1]:8443", ("https", "2001:db8::1", 8443)),
        ("HTTP://app:8080", ("http", "app", 8080)),
    ],
)
def test_an_override(url: str, backend: tuple[str, str, int]) -> None:
    assert elsewhere("", url).backend == Backend(*backend)


@pytest.mark.parametrize(
    "url",
    [
        "app:8080",
        "//app",
        "ftp://app",
        "file:///etc/passwd",
        "unix:/run/app",
        "http://",
        "http://:80",
        "http://user:pw@app",
        "http://app@evil",
        "http://app:0",
        "http://app:70000",
        "http://app\t.example",
        "http://app\r\n",
        "http:\\\\app",
        "http://app\\@evil",
        "http://\xe9.example",
        "http://[::1",
        f"http://app/{'a' * MAX_URL}",
        "(dict)",
    ],
)
def test_what_is_no_url_leads_nowhere(url: str) -> None:
    with pytest.raises(Misdirected, match=r"ak_proxy\.backend_override"):
        elsewhere("", url)


def test_where_nothing_is_said() -> None:
    assert elsewhere("", "") == Elsewhere()
