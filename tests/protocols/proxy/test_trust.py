from __future__ import annotations

from ipaddress import ip_network

import pytest

from protocols.proxy.trust import (
    MAX_ADDRESS_LENGTH,
    MAX_FORWARDED_HOPS,
    MAX_REMEMBERED_PEERS,
    ForwardingError,
    Origin,
    TrustedPeers,
    _address,
    forwarded_client,
    origin,
)

PROXY = "192.0.2.10"
STRANGER = "198.51.100.7"
TRUSTED = TrustedPeers([ip_network("192.0.2.0/24"), ip_network("::1/128"), ip_network("fe80::/10")])

Headers = list[tuple[bytes, bytes]]


def seen(peer: str, *headers: tuple[bytes, bytes], host: str = "own.example") -> Origin:
    return origin(peer, "http", host, headers, TRUSTED)


def test_trusted_peers() -> None:
    for peer in (PROXY, "::ffff:192.0.2.10", "::1", "0:0:0:0:0:0:0:1", "fe80::1%eth0"):
        assert TRUSTED.is_trusted(peer), peer
        assert TRUSTED.is_trusted(peer), "the remembered verdict"
    for peer in (STRANGER, "::ffff:198.51.100.7", "::2", "", "unix", "192.0.2", "192.0.2.10:80", "192.0.2.10 "):
        assert not TRUSTED.is_trusted(peer), peer
        assert not TRUSTED.is_trusted(peer), "the remembered verdict"


def test_no_network_trusts_nobody() -> None:
    assert not TrustedPeers([]).is_trusted("127.0.0.1")


def test_verdicts_are_remembered_within_a_bound() -> None:
    trusted = TrustedPeers([ip_network("10.0.0.0/8")])
    for number in range(MAX_REMEMBERED_PEERS + 100):
        assert trusted.is_trusted(f"10.0.{number // 256}.{number % 256}")
    assert len(trusted._verdicts) <= MAX_REMEMBERED_PEERS


def test_a_strangers_headers_are_ignored_even_if_they_are_nonsense() -> None:
    told = [(b"x-forwarded-proto", b"javascript"), (b"x-forwarded-host", b"a@b"), (b"x-forwarded-for", b"a")]
    assert seen(STRANGER, *told) == Origin("http", "own.example", STRANGER)


def test_a_trusted_proxys_headers_are_believed() -> None:
    told = [
        (b"x-forwarded-proto", b"HTTPS"),
        (b"x-forwarded-host", b"App.example:443"),
        (b"x-forwarded-for", b"203.0.113.9"),
    ]
    assert seen(PROXY, *told) == Origin("https", "app.example", "203.0.113.9")


def test_without_headers_the_connection_counts() -> None:
    assert seen(PROXY) == Origin("http", "own.example", PROXY)
    assert seen("::ffff:192.0.2.10", host="") == Origin("http", "", PROXY)
    assert seen("", host="Own.example.:80") == Origin("http", "own.example", "")
    assert seen(PROXY, (b"x-forwarded-proto", b""), (b"x-forwarded-host", b""), (b"x-forwarded-for", b"")) == seen(
        PROXY
    )


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([b"10.0.0.1, 198.51.100.7"], STRANGER),
        ([b"203.0.113.1, 198.51.100.7, 192.0.2.77"], STRANGER),
        ([b"203.0.113.1", b"198.51.100.7", b"192.0.2.77"], STRANGER),
        ([b"192.0.2.66, 192.0.2.77"], "192.0.2.66"),
        ([b"a, 198.51.100.7"], STRANGER),
        ([b"::ffff:198.51.100.7"], STRANGER),
        ([b"2001:DB8::0:1"], "2001:db8::1"),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(lines: list[bytes], client: str) -> None:
    assert seen(PROXY, *((b"x-forwarded-for", line) for line in lines)).client == client


@pytest.mark.parametrize(
    "value",
    [b"a", b"198.51.100.7:80", b"unknown", b"198.51.100.7,", b",", b"," * 5000, b"\xff", b"[2001:db8::1]", b"::1%eth0"],
)
def test_an_unreadable_address_is_an_error(value: bytes) -> None:
    with pytest.raises(ForwardingError, match="X-Forwarded-For"):
        seen(PROXY, (b"x-forwarded-for", value))


def test_nothing_longer_than_an_address_is_remembered() -> None:
    before = _address.cache_info().currsize
    for value in (b"fe80::1%" + b"x" * MAX_ADDRESS_LENGTH, b"1" * 20_000):
        with pytest.raises(ForwardingError, match="X-Forwarded-For"):
            seen(PROXY, (b"x-forwarded-for", value))
    assert _address.cache_info().currsize == before


def test_hops_are_bounded() -> None:
    fits = b",".join([b"192.0.2.1"] * MAX_FORWARDED_HOPS)
    assert seen(PROXY, (b"x-forwarded-for", fits)).client == "192.0.2.1"
    with pytest.raises(ForwardingError, match="X-Forwarded-For"):
        seen(PROXY, (b"x-forwarded-for", fits + b",192.0.2.1"))


def test_websocket_schemes_and_the_nearest_proxys_word() -> None:
    assert seen(PROXY, (b"x-forwarded-proto", b"wss")).scheme == "https"
    assert seen(PROXY, (b"x-forwarded-proto", b"https, http")).scheme == "http"
    assert seen(PROXY, (b"x-forwarded-host", b"evil.example, app.example")).host == "app.example"
    for value in (b"javascript", b"ftp", b"https://"):
        with pytest.raises(ForwardingError, match="X-Forwarded-Proto"):
            seen(PROXY, (b"x-forwarded-proto", value))


@pytest.mark.parametrize("host", ["a@b", "a b", "a/b", "[::1", "a:b", "é.example"])
def test_an_unreadable_host_is_an_error(host: str) -> None:
    with pytest.raises(ForwardingError, match=r"^Host"):
        seen(STRANGER, host=host)
    with pytest.raises(ForwardingError, match=r"^X-Forwarded-Host"):
        seen(PROXY, (b"x-forwarded-host", host.encode("latin-1")))


def test_what_is_remembered_of_clients_is_what_would_be_found() -> None:
    """Also after an unreadable one, and for another peer."""
    trusted = TrustedPeers([ip_network("192.0.2.0/24")])
    headers = {b"x-forwarded-for": (b"203.0.113.7",)}
    for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        assert trusted.client(peer, headers) == forwarded_client(peer, headers, trusted) == "203.0.113.7"
    for _ in range(2):
        with pytest.raises(ForwardingError):
            trusted.client("192.0.2.1", {b"x-forwarded-for": (b"a",)})
    assert trusted.client("192.0.2.1", {}) == "192.0.2.1"
    assert trusted.client("192.0.2.1", {b"x-forwarded-for": (b"203.0.113.7", b"198.51.100.7")}) == "198.51.100.7"
