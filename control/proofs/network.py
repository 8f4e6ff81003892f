"""CHAP (RFC 1994) and MS-CHAPv2 (RFC 2759), only against network passwords (DESIGN D16).

Both need what the password is made of, and a main password is stored as a hash that gives nothing back. So each device
has a generated one of its own, kept sealed; what it opens is checked against every one that the user has.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import md5
from typing import Any

from control.authentication import STATIC, Prove, Proved
from control.flows.state import FlowStore
from control.passwords import network_hashes
from control.proofs.names import named
from control.radius.credentials import SESSION, of_password
from control.records import Provider, Token, User
from control.sources.ldap.described import enabled, whose
from control.store.interface import Transaction
from control.verbs import tokens
from protocols.link.messages import Authenticate
from protocols.radius import mschapv2 as ms
from protocols.radius.md4 import md4

CHAP_RESPONSE = 16
LONGEST_CHALLENGE = 253
"""Octets of a RADIUS attribute."""
DUMMY = "not-the-network-password"
"""Tried where there is nothing to try, so that an unknown name costs what a known one does."""

Keys = Mapping[str, str]
Matches = Callable[[str], Keys | None]
"""Does a response fit this password? What it gives then."""


class Malformed(Exception):
    """The proof has not the parts that it must have."""


@dataclass(frozen=True, slots=True)
class _Found:
    user: User | None
    is_elsewhere: bool = False
    """Their password is in a directory."""
    passwords: list[Token] = field(default_factory=list, repr=False)
    ended: list[Token] = field(default_factory=list, repr=False)
    lately_used: frozenset[str] = frozenset()
    """pks of those whose use is remembered already."""


def chap(store: FlowStore) -> Prove:
    async def prove(provider: Provider, question: Authenticate) -> Proved:
        try:
            matches = chap_matches(question.proof)
        except Malformed:
            return Proved("malformed_proof")
        return await _prove(store, provider, (question.username,), matches)

    return prove


def mschapv2(store: FlowStore) -> Prove:
    """A name with a domain in front is looked for as it is, and then as it was hashed."""

    async def prove(provider: Provider, question: Authenticate) -> Proved:
        try:
            name, matches = mschapv2_matches(question.proof)
        except Malformed:
            return Proved("malformed_proof")
        hashed = network_hashes.remembered(provider)
        return await _prove(store, provider, (question.username, name), matches, hashed)

    return prove


def chap_matches(proof: Mapping[str, Any]) -> Matches:
    """Raises Malformed."""
    identifier = proof.get("identifier")
    if type(identifier) is not int or not 0 <= identifier <= 255:
        raise Malformed
    challenge, response = _octets(proof, "challenge"), _octets(proof, "response", CHAP_RESPONSE)

    def matches(password: str) -> Keys | None:
        octets = bytes((identifier,)) + password.encode() + challenge
        expected = md5(octets, usedforsecurity=False).digest()
        return {} if hmac.compare_digest(expected, response) else None

    return matches


def mschapv2_matches(proof: Mapping[str, Any]) -> tuple[str, Matches]:
    """The name that was hashed, and the check. Raises Malformed."""
    name = proof.get("name")
    if not isinstance(name, str) or len(name) > LONGEST_CHALLENGE:
        raise Malformed
    peer = _octets(proof, "peer_challenge", ms.CHALLENGE_OCTETS)
    authenticator = _octets(proof, "authenticator_challenge", ms.CHALLENGE_OCTETS)
    response = _octets(proof, "nt_response", ms.RESPONSE_OCTETS)

    def matches(password: str) -> Keys | None:
        hashed = ms.nt_hash(password)
        if not ms.verifies(hashed, peer, authenticator, name, response):
            return None
        twice = md4(hashed)
        signed = ms.authenticator_response(twice, response, peer, authenticator, name)
        return {"authenticator_response": signed, "password_hash_hash": twice.hex()}

    return name, matches


async def _prove(
    store: FlowStore, provider: Provider, names: tuple[str, ...], matches: Matches, hashed: bool = False
) -> Proved:
    """``hashed``: the outpost is told the NT hash of the password that matches."""

    def find(tx: Transaction) -> _Found:
        every = dict.fromkeys(names)
        user = next((user for name in every if (user := named(tx, provider, name)) is not None), None)
        if user is None:
            return _Found(None)
        usable, ended = tokens.network_passwords(tx, user.pk)
        is_elsewhere = not usable and whose(tx, user.pk, enabled(tx)) is not None
        return _Found(user, is_elsewhere, usable, ended, tokens.lately_used(tx, usable))

    found = await store.read(find)
    user = found.user
    for password in found.passwords:
        if user is not None and (keys := matches(password.key)) is not None:
            if password.pk not in found.lately_used:
                await store.write(partial(tokens.used, pk=password.pk))
            told = {**keys, SESSION: of_password(password.pk)}
            reuse = replace(STATIC, not_after=password.expires)  # of the TLS session that it was shown in
            handed = network_hashes.of(password) if hashed else None
            version = user.credential_version
            return Proved("accepted", user.pk, version, reuse=reuse, keys=told, network_hash=handed)
    if user is not None and any(matches(password.key) is not None for password in found.ended):
        return Proved("device_password_expired", user.pk)
    if user is None or not found.passwords:
        matches(DUMMY)
        lacking = "password_is_elsewhere" if found.is_elsewhere else "needs_network_password"
        return Proved("unknown_user") if user is None else Proved(lacking, user.pk)
    return Proved("wrong_network_password", user.pk)


def _octets(proof: Mapping[str, Any], name: str, length: int | None = None) -> bytes:
    """Raises Malformed."""
    text = proof.get(name)
    if not isinstance(text, str) or len(text) > 2 * LONGEST_CHALLENGE:
        raise Malformed
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        raise Malformed from None
    if not octets or (length is not None and len(octets) != length):
        raise Malformed
    return octets
