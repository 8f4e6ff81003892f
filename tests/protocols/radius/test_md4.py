"""RFC 1320, appendix A.5, and lengths around a block's end."""

import pytest

from protocols.radius.md4 import md4

VECTORS = {
    "": "31d6cfe0d16ae931b73c59d7e0c089c0",
    "a": "bde52cb31de33e46245e05fbdbd6fb24",
    "abc": "a448017aaf21d8525fc10ae87aa6729d",
    "message digest": "d9130a8164549fe818874806e1c7014b",
    "abcdefghijklmnopqrstuvwxyz": "d79e1c308aa5bbcdeea8ed63df412da9",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789": "043f8582f241db351ce627e153e7f0e4",
    "1234567890" * 8: "e33b4ddc9c38f2199c3e7b164fcc0536",
}


@pytest.mark.parametrize(("text", "digest"), VECTORS.items())
def test_the_rfcs_vectors(text: str, digest: str) -> None:
    assert md4(text.encode()).hex() == digest


def test_every_length_around_a_block_has_a_digest_of_its_own() -> None:
    digests = {md4(b"x" * length) for length in range(130)}
    assert len(digests) == 130
    assert {len(digest) for digest in digests} == {16}
