from __future__ import annotations

import pytest

from protocols.proxy.trust import by_name
from protocols.proxy.visitor import is_program

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize(
    ("headers", "program"),
    [
        ({}, False),
        ({"accept": BROWSER, "sec-fetch-mode": "navigate"}, False),
        ({"accept": "*/*"}, False),
        ({"accept": "Text/HTML"}, False),
        ({"accept": "application/json"}, True),
        ({"accept": BROWSER, "x-requested-with": "XMLHttpRequest"}, True),
        ({"accept": BROWSER, "sec-fetch-mode": "cors"}, True),
        ({"accept": "image/avif,image/*", "sec-fetch-mode": "no-cors"}, True),
        ({"sec-fetch-mode": "websocket"}, True),
    ],
)
def test_who_asks(headers: dict[str, str], program: bool) -> None:
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert is_program(by_name(fields)) is program
