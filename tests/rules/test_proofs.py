"""Proofs, compared with earlier ones."""

from __future__ import annotations

from rules.proofs import digest

KEY, OTHER = b"k" * 32, b"o" * 32
PROOF = {"kind": "password", "password": "hush"}


def test_the_same_proof_has_the_same_digest_however_it_is_written() -> None:
    assert digest(KEY, PROOF) == digest(KEY, dict(reversed(PROOF.items())))


def test_another_proof_and_another_key_have_another() -> None:
    digests = {digest(KEY, PROOF), digest(OTHER, PROOF), digest(KEY, {**PROOF, "password": "hus"})}
    assert len(digests) == 3
    assert {len(one) for one in digests} == {32}


def test_what_utf_8_does_not_hold_is_a_proof_as_well() -> None:
    assert digest(KEY, {"password": "\ud800"}) != digest(KEY, {"password": "?"})
