from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from protocols.proxy.forwarded import nginx
from protocols.proxy.trust import ForwardingError, by_name

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/proxy/nginx.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_nginx(vector: dict[str, Any]) -> None:
    headers = by_name((name.lower().encode(), value.encode("latin-1")) for name, value in vector["headers"])
    if "refused" in vector:
        with pytest.raises(ForwardingError, match=f"^{vector['refused']} "):
            nginx(vector["host"], headers)
        return
    forwarded = nginx(vector["host"], headers)
    assert {name: getattr(forwarded, name) for name in vector["request"]} == vector["request"]


def test_a_refusal_repeats_no_value() -> None:
    for vector in VECTORS:
        if "refused" in vector:
            headers = by_name((name.lower().encode(), value.encode("latin-1")) for name, value in vector["headers"])
            with pytest.raises(ForwardingError) as refused:
                nginx(vector["host"], headers)
            assert "example.com" not in str(refused.value)
            assert "evil" not in str(refused.value)


def test_path_ends_at_the_query() -> None:
    forwarded = nginx("", {b"x-original-url": [b"https://a.example/b?c=/d?e"]})
    assert (forwarded.path, forwarded.target) == ("/b", "/b?c=/d?e")


def test_the_questions_own_host_is_kept_and_never_the_reason_for_an_error() -> None:
    headers = {b"x-original-url": [b"https://a.example/"]}
    assert nginx("B.example:443", headers).asked_host == "b.example"
    assert nginx("not a host", headers).asked_host == ""
