import ipaddress
import random

import pytest

from protocols.radius import nas as nas_module
from protocols.radius.nas import ClientNetwork, Nas, NasTable, unmapped


def line(network: str, provider: int = 1, secret: bytes = b"secret") -> ClientNetwork:
    return ClientNetwork(network, Nas(secret, provider))


def provider_at(table: NasTable, address: str) -> int | None:
    found = table.lookup(address)
    return None if found is None else found.provider


@pytest.mark.parametrize("order", [1, -1])
def test_116_the_longest_prefix_wins_over_all_providers(order: int) -> None:
    """Trap: the widest network wins."""
    lines = [line("0.0.0.0/0", 1), line("10.0.0.0/8", 2), line("10.1.0.0/16", 3), line("10.1.2.3", 4), line("::/0", 5)]
    table = NasTable(lines[::order])
    assert table.problems == []
    assert provider_at(table, "10.1.2.3") == 4
    assert provider_at(table, "10.1.2.4") == 3
    assert provider_at(table, "10.2.2.4") == 2
    assert provider_at(table, "192.0.2.1") == 1
    assert provider_at(table, "2001:db8::1") == 5


def test_longest_prefix_against_a_plain_search() -> None:
    chance = random.Random(8)
    networks = {
        ipaddress.ip_network((chance.getrandbits(8) << 24 | chance.getrandbits(24), length), strict=False)
        for length in [chance.randint(0, 32) for _ in range(300)]
    }
    lines = [line(str(network), number) for number, network in enumerate(networks, 1)]
    table = NasTable(lines)
    for _ in range(500):
        address = ipaddress.IPv4Address(chance.getrandbits(32))
        holding = [(network.prefixlen, number) for number, network in enumerate(networks, 1) if address in network]
        assert provider_at(table, str(address)) == (max(holding)[1] if holding else None)


def test_nobody_else_is_known() -> None:
    table = NasTable([line("192.0.2.0/24"), line("2001:db8::/32")])
    for address in ("192.0.3.1", "2001:db9::1", "", "not an address", "192.0.2.1x"):
        assert table.lookup(address) is None
    assert NasTable([]).lookup("192.0.2.1") is None


def test_families_do_not_mix() -> None:
    table = NasTable([line("::/0", 6)])
    assert table.lookup("192.0.2.1") is None
    assert provider_at(table, "2001:db8::1") == 6
    assert NasTable([line("0.0.0.0/0")]).lookup("::1") is None


def test_mapped_addresses() -> None:
    assert unmapped("::ffff:192.0.2.7") == "192.0.2.7"
    assert unmapped("::FFFF:c000:0207") == "192.0.2.7"
    assert unmapped("192.0.2.7") == "192.0.2.7"
    assert unmapped("2001:db8::7") == "2001:db8::7"
    assert unmapped("::ffff:nonsense") == "::ffff:nonsense"
    assert provider_at(NasTable([line("::ffff:192.0.2.0/120")]), "192.0.2.7") == 1


def test_link_local_peers_carry_their_zone() -> None:
    assert provider_at(NasTable([line("fe80::/10")]), "fe80::1%eth0") == 1


def test_host_bits_and_spaces_are_forgiven() -> None:
    assert provider_at(NasTable([line(" 192.0.2.7/24 ")]), "192.0.2.200") == 1


@pytest.mark.parametrize("network", ["", "nonsense", "192.0.2.0/33", "192.0.2", "2001:db8::/129", "192.0.2.0-9"])
def test_a_line_that_is_no_network_is_left_out_with_a_sentence(network: str) -> None:
    table = NasTable([line(network, 1), line("192.0.2.0/24", 2)])
    assert provider_at(table, "192.0.2.1") == 2
    assert len(table.problems) == 1
    assert repr(network) in table.problems[0]


def test_117_an_empty_secret_is_refused() -> None:
    table = NasTable([line("192.0.2.0/24", secret=b"")])
    assert table.lookup("192.0.2.1") is None
    assert "empty shared secret" in table.problems[0]


def test_a_network_taken_twice_stays_with_the_older_provider() -> None:
    table = NasTable([line("192.0.2.0/24", 9, b"nine"), line("192.0.2.0/24", 3, b"three")])
    assert provider_at(table, "192.0.2.1") == 3
    assert len(table.problems) == 1
    assert "nine" not in table.problems[0]


def test_remembered_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nas_module, "MAX_REMEMBERED", 10)
    table = NasTable([line("0.0.0.0/0")])
    for number in range(100):
        assert provider_at(table, f"192.0.2.{number}") == 1
        assert len(table._remembered) <= 10


def test_the_secret_is_not_printed() -> None:
    assert "hush" not in repr(Nas(b"hush", 1))
