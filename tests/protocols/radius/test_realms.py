"""Realms are taken off where a provider says so, and nowhere else."""

from __future__ import annotations

import pytest

from protocols.radius.realms import without_realm

REALMS = frozenset({"example.com", "office"})


@pytest.mark.parametrize(
    ("name", "stripped"),
    [
        ("bob@example.com", "bob"),
        ("bob@EXAMPLE.com", "bob"),
        ("OFFICE\\bob", "bob"),
        ("bob@other.example", "bob@other.example"),
        ("bob@sub.example.com", "bob@sub.example.com"),
        ("OTHER\\bob", "OTHER\\bob"),
        ("bob", "bob"),
        ("@example.com", "@example.com"),
        ("office\\", "office\\"),
        ("a@b@example.com", "a@b"),
        ("", ""),
    ],
)
def test_98_only_the_realms_that_are_named(name: str, stripped: str) -> None:
    assert without_realm(name, REALMS) == stripped
    assert without_realm(name, frozenset()) == name


@pytest.mark.parametrize("name", ["bob@anything", "ANY\\bob", "bob"])
def test_a_star_is_every_realm(name: str) -> None:
    assert without_realm(name, frozenset({"*"})) == "bob"
