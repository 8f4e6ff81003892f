"""Where a browser may be sent."""

from __future__ import annotations

import pytest

from control.targets import LONGEST_TARGET, is_local, is_web, local_or


@pytest.mark.parametrize(
    "target", ["/", "/if/user/", "/a?b=c&d=%2F%2F", "/a#b", "/application/o/authorize/?x=http://y"]
)
def test_local(target: str) -> None:
    assert is_local(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "if/user",
        "//example.com",
        "///example.com",
        "/\\example.com",
        "\\/example.com",
        "/a\\b",
        "http://example.com",
        "https:/example.com",
        "javascript:alert(1)",
        " /a",
        "/\t/example.com",
        "/\n/example.com",
        "/\r\nSet-Cookie: a=b",
        "/\x00",
        "/a b",
        "/ü",
        "/" + "a" * LONGEST_TARGET,
    ],
)
def test_not_local(target: str) -> None:
    assert not is_local(target)
    assert local_or(target, "/otherwise") == "/otherwise"


def test_web() -> None:
    assert is_web("https://example.com/x")
    for target in ("javascript:alert(1)", "//example.com", "https://", "http://[", "data:text/html,x", "/x"):
        assert not is_web(target)
