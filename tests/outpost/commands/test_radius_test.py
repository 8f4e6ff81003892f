"""What `outpost radius-test` takes for a server, and what it says of what it cannot send."""

from __future__ import annotations

import pytest

from outpost.commands.radius_test import CannotTry, Trial, place_of, run


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("radius.example.com:1645", ("radius.example.com", 1645)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("[2001:db8::1]", ("2001:db8::1", 0)),
        ("[2001:db8::1]:1645", ("2001:db8::1", 1645)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
    ],
)
def test_servers(server: str, place: tuple[str, int]) -> None:
    assert place_of(server) == place


@pytest.mark.parametrize(
    "server", ["", ":1812", "host:", "host:99999", "host:0x1", "[::1", "[::1]x", "[]:1", "host:-1"]
)
def test_what_is_none(server: str) -> None:
    with pytest.raises(CannotTry, match="HOST"):
        place_of(server)


@pytest.mark.parametrize(
    ("name", "password", "secret", "said"),
    [
        ("bob", "right", "", "RADIUS_SECRET"),
        ("b" * 254, "right", "s", "too long"),
        ("bob", "p" * 129, "s", "too long"),
    ],
)
def test_what_cannot_be_sent_is_said(name: str, password: str, secret: str, said: str) -> None:
    with pytest.raises(CannotTry, match=said):
        run(Trial("127.0.0.1", 1, secret, "pap", name, password))
