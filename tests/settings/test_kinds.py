"""What each kind of value reads, and what it refuses."""

from __future__ import annotations

import pytest

from settings.kinds import ADDRESSES, BOOLEAN, FOLDER, NETWORKS, PINS, SITE, URL, URLS, choice, whole_number


@pytest.mark.parametrize(
    ("raw", "addresses"),
    [
        ("9000", ["0.0.0.0:9000", "[::]:9000"]),
        (9000, ["0.0.0.0:9000", "[::]:9000"]),
        (":9000", ["0.0.0.0:9000", "[::]:9000"]),
        ("*:9000", ["0.0.0.0:9000", "[::]:9000"]),
        ("[::]:9000", ["0.0.0.0:9000", "[::]:9000"]),
        ("0.0.0.0:9000", ["0.0.0.0:9000"]),
        ("0.0.0.0:9000, [::]:9000", ["0.0.0.0:9000", "[::]:9000"]),
        ("[::1]:0", ["[::1]:0"]),
        ("localhost:1", ["127.0.0.1:1", "[::1]:1"]),
        ("127.0.0.1:1,127.0.0.2:2", ["127.0.0.1:1", "127.0.0.2:2"]),
        (["127.0.0.1:1", 2], ["127.0.0.1:1", "0.0.0.0:2", "[::]:2"]),
        ("off", []),
    ],
)
def test_addresses(raw: object, addresses: list[str]) -> None:
    assert [str(address) for address in ADDRESSES.read(raw)] == addresses


@pytest.mark.parametrize(
    "raw",
    ["", "http", "65536", "-1", "1.5", "host.example.com:1", "::1:80", "127.0.0.1", "127.0.0.1:", "²", True, {}, [[]]],
)
def test_addresses_that_are_none(raw: object) -> None:
    with pytest.raises(ValueError, match=r"^(must|has) "):
        ADDRESSES.read(raw)


def test_networks() -> None:
    assert [str(network) for network in NETWORKS.read("10.0.0.0/8, ::1,192.0.2.1")] == [
        "10.0.0.0/8",
        "::1/128",
        "192.0.2.1/32",
    ]
    assert NETWORKS.read("") == ()
    with pytest.raises(ValueError, match=r"write 10\.0\.0\.0/8"):
        NETWORKS.read("10.0.0.1/8")
    with pytest.raises(ValueError, match="must list networks"):
        NETWORKS.read("private")


@pytest.mark.parametrize(
    "raw",
    [
        *("auth.example.com", "ftp://auth.example.com", "https://", "https://geheim:b@auth.example.com"),
        *("https://auth.example.com:port", "https://auth.example.com:99999", "https://[::1", "https://a b"),
        *("https://auth.example.com?a=b", "https://auth.example.com/#a", "https://a\tb", "https://a/\x1b[31m"),
        "https://geheim@",
    ],
)
def test_what_is_no_address_of_a_site(raw: str) -> None:
    with pytest.raises(ValueError, match="must be an address") as caught:
        URL.read(raw)
    assert "geheim" not in str(caught.value)


def test_what_browsers_see_has_no_path() -> None:
    assert SITE.read("https://auth.example.com/") == "https://auth.example.com"
    assert SITE.read("") == ""
    with pytest.raises(ValueError, match="scheme and host alone"):
        SITE.read("https://auth.example.com/auth")


def test_a_home_that_nobody_has() -> None:
    with pytest.raises(ValueError, match="has none here"):
        FOLDER.read("~nobody-is-called-so/data")


def test_addresses_of_sites() -> None:
    assert URL.read("https://auth.example.com/") == "https://auth.example.com"
    assert URLS.read("http://a:9000, http://b:9000/") == ("http://a:9000", "http://b:9000")


@pytest.mark.parametrize(("raw", "value"), [("True", True), (True, True), ("1", True), ("no", False), (0, False)])
def test_truth(raw: object, value: bool) -> None:
    assert BOOLEAN.read(raw) is value


def test_refusals() -> None:
    for kind, raw in (
        (BOOLEAN, "maybe"),
        (whole_number(1, 5), "6"),
        (whole_number(1, 5), "x"),
        (choice("a", "b"), "c"),
    ):
        with pytest.raises(ValueError, match=r"^must be"):
            kind.read(raw)


def test_pins_of_keys_and_of_certificates() -> None:
    key = "sha256//" + "A" * 43 + "="
    assert PINS.read(f"{key}, {'AB:' * 31}AB") == (key, "ab" * 32)
    assert PINS.read("") == ()


@pytest.mark.parametrize("raw", ["sha256//AAAA", "sha256//" + "A" * 43, "ab" * 31, "control", f"sha1//{'A' * 43}="])
def test_pins_that_are_none(raw: str) -> None:
    with pytest.raises(ValueError, match="must list keys as sha256//"):
        PINS.read(raw)
