from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from control.passwords import hashing as module
from control.passwords.hashing import LONGEST_PASSWORD, WAITING_PER_WORKER, Busy, Cost, Passwords, Verified
from tests.stores import CHEAP

RIGHT = Verified(True)
WRONG = Verified(False)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(workers=1, cost=CHEAP)
    yield made
    made.close()


def test_the_cost_is_owasps() -> None:
    made = Passwords(lambda length: bytes(length), workers=1)
    stored = made.hash_now("geheim")
    made.close()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    Argon2id.verify_phc_encoded(b"geheim", stored)


def test_the_right_password_is_right_and_no_other(passwords: Passwords) -> None:
    stored = passwords.hash_now("geheim ü")
    assert passwords.verify_now(stored, "geheim ü") == RIGHT
    for wrong in ("geheim u", "geheim ", "", "GEHEIM Ü", "geheim ü\0", "\ud800", "x" * 5000):
        assert passwords.verify_now(stored, wrong) == WRONG


def test_every_hash_has_its_own_salt(passwords: Passwords) -> None:
    assert passwords.hash_now("same") != passwords.hash_now("same")


def test_salts_come_from_the_given_source() -> None:
    asked: list[int] = []

    def random(length: int) -> bytes:
        asked.append(length)
        return b"\7" * length

    made = Passwords(random, workers=1, cost=CHEAP)
    assert made.hash_now("same") == made.hash_now("same")
    assert asked == [16, 16]
    made.close()


@pytest.mark.parametrize(
    "stored",
    [
        "pbkdf2_sha256$20000$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
    ],
)
def test_a_hash_from_elsewhere_is_verified_and_wants_to_be_replaced(passwords: Passwords, stored: str) -> None:
    password = "lètmein" if stored.startswith("pbkdf2") else "password"
    assert passwords.verify_now(stored, password) == Verified(True, needs_rehash=True)
    assert passwords.verify_now(stored, password + "x") == WRONG


def test_a_wrong_password_for_a_hash_from_elsewhere_costs_the_usual_work_too(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    matches = module._matches

    def counted(octets: bytes, stored: str) -> bool:
        hashed.append(stored)
        return matches(octets, stored)

    monkeypatch.setattr(module, "_matches", counted)
    assert passwords.verify_now("{SSHA}FM6N1jTf/0PflNiYX1GDVd0V3b/acp0w", "wrong") == WRONG
    assert passwords.verify_now("nothing that is known", "wrong") == WRONG
    assert len(hashed) == 2


def test_a_hash_of_another_cost_wants_to_be_made_anew(passwords: Passwords) -> None:
    dearer = Passwords(workers=1, cost=Cost(memory_kib=128, passes=1))
    stored = dearer.hash_now("geheim")
    dearer.close()
    assert passwords.verify_now(stored, "geheim") == Verified(True, needs_rehash=True)
    assert passwords.verify_now(stored, "wrong") == WRONG


@pytest.mark.parametrize("bad", ["", "x" * (LONGEST_PASSWORD + 1), "ü" * (LONGEST_PASSWORD // 2 + 1), "\ud800"])
def test_what_nobody_could_type_is_not_hashed(passwords: Passwords, bad: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the codec has its own sentence for the last
        passwords.hash_now(bad)


def test_the_longest_password_works(passwords: Passwords) -> None:
    longest = "x" * LONGEST_PASSWORD
    stored = passwords.hash_now(longest)
    assert passwords.verify_now(stored, longest) == RIGHT
    assert passwords.verify_now(stored, longest + "x") == WRONG


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "!unusable",
        "geheim",
        "$argon2id$v=19$m=64,t=1,p=1$",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA",
        "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA",
        "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA",
        "$argon2id$v=19$m=65536,t=4294967,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA",
    ],
)
def test_what_is_no_hash_is_matched_by_no_password(passwords: Passwords, stored: str | None) -> None:
    began = time.monotonic()
    for password in ("geheim", "", "hash"):
        assert passwords.verify_now(stored, password) == WRONG
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("stored", [None, "!unusable", "$argon2id$v=19$m=999999999,t=2,p=1$c2FsdA$aGFzaA"])
@pytest.mark.parametrize("password", ["geheim", "", "x" * 5000, "\ud800"])
def test_an_unknown_name_costs_the_same_work(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, stored: str | None, password: str
) -> None:
    verified: list[str] = []
    really = module._matches

    def matches(octets: bytes, phc: str) -> bool:
        verified.append(phc)
        return really(octets, phc)

    monkeypatch.setattr(module, "_matches", matches)
    passwords.verify_now(stored, password)
    assert len(verified) == 1
    assert verified[0].startswith(CHEAP.phc_prefix)


def test_nobody_signs_in_with_the_dummy(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even whoever guessed its password is refused: nothing was stored."""
    monkeypatch.setattr(module, "_matches", lambda octets, phc: True)
    assert passwords.verify_now(None, "guess") == WRONG


def test_hashing_happens_beside_the_event_loop() -> None:
    async def both() -> tuple[str, Verified, Verified]:
        made = Passwords(workers=1, cost=CHEAP)
        try:
            stored = await made.hash("geheim")
            return stored, await made.verify(stored, "geheim"), await made.verify(None, "geheim")
        finally:
            made.close()

    stored, right, unknown = asyncio.run(both())
    assert stored.startswith("$argon2id$")
    assert (right, unknown) == (RIGHT, WRONG)


def _held(made: Passwords, gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    def hold(octets: bytes, phc: str) -> bool:
        gate.wait(60)
        return False

    monkeypatch.setattr(module, "_matches", hold)


def test_too_many_at_once_are_busy_and_soon_not_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    async def crowd() -> tuple[int, list[object], Verified]:
        made = Passwords(workers=1, cost=CHEAP)
        _held(made, gate, monkeypatch)
        try:
            most = 1 + WAITING_PER_WORKER
            asked = [asyncio.ensure_future(made.verify(None, "x")) for _ in range(most)]
            await asyncio.sleep(0)
            refused = 0
            for attempt in (lambda: made.verify(None, "x"), lambda: made.hash("x")):
                try:
                    await attempt()
                except Busy:
                    refused += 1
            gate.set()
            return refused, list(await asyncio.gather(*asked)), await made.verify(None, "x")
        finally:
            made.close()

    refused, answered, after = asyncio.run(crowd())
    assert refused == 2
    assert answered == [WRONG] * (1 + WAITING_PER_WORKER)
    assert after == WRONG


def test_whoever_gives_up_waiting_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    async def crowd() -> Verified:
        made = Passwords(workers=1, cost=CHEAP)
        _held(made, gate, monkeypatch)
        try:
            asked = [asyncio.ensure_future(made.verify(None, "x")) for _ in range(1 + WAITING_PER_WORKER)]
            await asyncio.sleep(0.02)
            for one in asked[1:]:
                one.cancel()
            await asyncio.gather(*asked[1:], return_exceptions=True)
            gate.set()
            return await asyncio.wait_for(made.verify(None, "x"), 60)
        finally:
            made.close()

    assert asyncio.run(crowd()) == WRONG


def test_one_who_asks_much_does_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    async def crowd() -> tuple[Verified, int]:
        made = Passwords(workers=1, cost=CHEAP)
        _held(made, gate, monkeypatch)
        try:
            greedy = [asyncio.ensure_future(made.verify(None, "x", "greedy")) for _ in range(3 * WAITING_PER_WORKER)]
            await asyncio.sleep(0)
            patient = asyncio.ensure_future(made.on_behalf("patient").verify(None, "x"))
            await asyncio.sleep(0)
            gate.set()
            answer = await asyncio.wait_for(patient, 60)
            told = await asyncio.gather(*greedy, return_exceptions=True)
            return answer, sum(isinstance(one, Busy) for one in told)
        finally:
            made.close()

    answer, busy = asyncio.run(crowd())
    assert answer == WRONG
    assert busy == 2 * WAITING_PER_WORKER


@pytest.mark.parametrize("spelled", ["2001:db8::{:x}", "2001:db8:0:0:{0:x}:{0:x}::"])
def test_nor_one_host_with_all_the_addresses_of_its_network(monkeypatch: pytest.MonkeyPatch, spelled: str) -> None:
    """RFC 4291, 2.5.4: they are 2^64."""
    gate = threading.Event()

    async def crowd() -> Verified:
        made = Passwords(workers=1, cost=CHEAP)
        _held(made, gate, monkeypatch)
        try:
            asked = [
                asyncio.ensure_future(made.on_behalf(f"http {spelled.format(number)}").verify(None, "x"))
                for number in range(3 * WAITING_PER_WORKER)
            ]
            await asyncio.sleep(0)
            patient = asyncio.ensure_future(made.on_behalf("http 192.0.2.7").verify(None, "x"))
            await asyncio.sleep(0)
            gate.set()
            answer = await asyncio.wait_for(patient, 60)
            await asyncio.gather(*asked, return_exceptions=True)
            return answer
        finally:
            made.close()

    assert asyncio.run(crowd()) == WRONG


def test_a_failing_hash_makes_room_too() -> None:
    async def fail() -> int:
        made = Passwords(workers=1, cost=CHEAP)
        failed = 0
        try:
            for _ in range(3 * WAITING_PER_WORKER):
                try:
                    await made.hash("")
                except ValueError:
                    failed += 1
        finally:
            made.close()
        return failed

    assert asyncio.run(fail()) == 3 * WAITING_PER_WORKER
