"""Letters go to the domain that was meant."""

from __future__ import annotations

import pytest

from control.mail.domains import in_dns


@pytest.mark.parametrize(
    ("typed", "is_"),
    [
        ("example.com", "example.com"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("straße.example", "xn--strae-oqa.example"),  # strasse.example is somebody else's
        ("example\u3002com", "example.com"),
        ("\uff45xample.com", "example.com"),
        ("ex\u00adample.com", "example.com"),
    ],
)
def test_a_domain_in_the_dns(typed: str, is_: str) -> None:
    assert in_dns(typed) == is_


@pytest.mark.parametrize("typed", ["ex\u202eample.com", "\u3002com", "☃.example"])
def test_what_is_none(typed: str) -> None:
    with pytest.raises(UnicodeError):
        in_dns(typed)
