import pytest

from protocols.radius import duplicates as module
from protocols.radius.duplicates import GIVEN_UP, WINDOW, Duplicates, Key, State, key_of
from tests.protocols.radius.nas_side import PEER, pap


def key(number: int) -> Key:
    return key_of(PEER, number.to_bytes(20))


def test_new_then_pending_then_the_same_octets_then_new_again() -> None:
    duplicates = Duplicates()
    assert duplicates.receive(key(1), 0.0) is State.NEW
    assert duplicates.receive(key(1), 1.0) is State.PENDING
    duplicates.answered(key(1), b"reply", 2.0)
    assert duplicates.receive(key(1), 2.0) == b"reply"
    assert duplicates.receive(key(1), 2.0 + WINDOW - 0.1) == b"reply"
    assert duplicates.receive(key(1), 2.0 + WINDOW) is State.NEW


def test_address_port_and_every_octet_count() -> None:
    packet = pap()
    others = [packet[:at] + bytes((packet[at] ^ 1,)) + packet[at + 1 :] for at in range(len(packet))]
    keys = [key_of(PEER, packet), key_of((PEER[0], 1646), packet), key_of(("192.0.2.8", PEER[1]), packet)]
    keys += [key_of(PEER, other) for other in others]
    assert len(set(keys)) == len(keys)
    assert key_of(("192.0.2.7", 1645), bytes(bytearray(packet))) == keys[0]


def test_only_what_waits_for_a_reply_is_answered() -> None:
    duplicates = Duplicates()
    assert not duplicates.answered(key(1), b"reply", 0.0)
    duplicates.receive(key(1), 0.0)
    assert duplicates.answered(key(1), b"reply", 0.0)
    assert not duplicates.answered(key(1), b"another", 0.0)
    assert duplicates.receive(key(1), 0.0) == b"reply"


def test_what_is_answered_at_once_is_known_and_goes_as_any() -> None:
    duplicates = Duplicates()
    duplicates.receive(key(1), 0.0)
    assert duplicates.knows(key(1))
    assert not duplicates.knows(key(2))
    duplicates.answered_at_once(key(2), b"reply", 1.0)
    assert duplicates.knows(key(2))
    assert duplicates.receive(key(2), 0.9 + WINDOW) == b"reply"
    assert duplicates.receive(key(2), 1.0 + WINDOW) is State.NEW
    duplicates.forget(key(2))
    for number in range(3, 100):
        duplicates.answered_at_once(key(number), b"reply", 2.0 + number)
    assert len(duplicates) <= WINDOW + 1, "what has had its time is swept out"


def test_a_delayed_reply_is_pending_until_its_time() -> None:
    duplicates = Duplicates()
    duplicates.receive(key(1), 0.0)
    duplicates.answered(key(1), b"reject", 1.0)
    assert duplicates.receive(key(1), 0.9) is State.PENDING
    assert duplicates.receive(key(1), 1.0) == b"reject"


def test_a_forgotten_request_is_new() -> None:
    duplicates = Duplicates()
    duplicates.receive(key(1), 0.0)
    duplicates.forget(key(1))
    assert not duplicates.is_pending(key(1))
    assert duplicates.receive(key(1), 0.1) is State.NEW


def test_a_request_that_is_never_decided_is_given_up() -> None:
    duplicates = Duplicates()
    duplicates.receive(key(1), 0.0)
    assert duplicates.receive(key(2), GIVEN_UP) is State.NEW
    assert not duplicates.is_pending(key(1))


def test_pending_requests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", 3)
    duplicates = Duplicates()
    assert [duplicates.receive(key(n), 0.0) for n in range(4)] == [State.NEW] * 3 + [State.REFUSED]
    assert duplicates.receive(key(0), 0.0) is State.PENDING
    duplicates.answered(key(0), b"", 0.0)
    assert duplicates.receive(key(4), 0.0) is State.NEW


def test_kept_replies_are_bounded_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERED", 3)
    duplicates = Duplicates()
    for number in range(5):
        duplicates.receive(key(number), 0.0)
        duplicates.answered(key(number), b"%d" % number, 0.0)
    assert len(duplicates) == 3
    assert [duplicates.receive(key(n), 0.0) for n in (2, 3, 4)] == [b"2", b"3", b"4"]
    assert duplicates.receive(key(0), 0.0) is State.NEW


def test_time_empties_everything() -> None:
    duplicates = Duplicates()
    for number in range(1000):
        duplicates.receive(key(number), number / 1000)
        if number % 2:
            duplicates.answered(key(number), b"reply", number / 1000)
    duplicates.receive(key(-1 % 7), 100.0)
    assert len(duplicates) == 1


def test_sweeping_leaves_the_replies_within_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the sweep has and has not looked at: a copy gets what the times say."""
    duplicates = Duplicates()
    for number in range(100):
        duplicates.receive(key(number), number / 10)
        if number % 3:
            duplicates.answered(key(number), b"%d" % number, number / 10)
    now = 9.9
    for number in range(100):
        if not number % 3:
            wanted: bytes | State = State.PENDING
        else:
            wanted = b"%d" % number if now < number / 10 + WINDOW else State.NEW
        assert duplicates.receive(key(number), now) == wanted


def test_a_reply_that_is_given_anew_between_two_sweeps_is_kept_for_its_own_time() -> None:
    duplicates = Duplicates()
    duplicates.receive(key(1), 0.0)
    duplicates.answered(key(1), b"old", 0.0)
    duplicates.receive(key(2), WINDOW - 0.01)
    assert duplicates.receive(key(1), WINDOW) is State.NEW
    duplicates.answered(key(1), b"new", WINDOW)
    assert duplicates.receive(key(1), WINDOW + 1) == b"new"
    assert duplicates.receive(key(1), 2 * WINDOW - 0.1) == b"new"
    duplicates.receive(key(3), 2 * WINDOW + 1)
    assert len(duplicates) == 2, "those that nobody answered"


def test_whoever_is_decided_slowly_stays_pending_while_the_others_go() -> None:
    duplicates = Duplicates()
    duplicates.receive(key(0), 0.0)
    for number in range(1, 50):
        duplicates.receive(key(number), 0.0)
        duplicates.answered(key(number), b"", 0.0)
    duplicates.receive(key(100), WINDOW + 1)
    assert len(duplicates) == 2
    assert duplicates.is_pending(key(0))
    assert duplicates.receive(key(0), GIVEN_UP - 0.1) is State.PENDING
    assert duplicates.receive(key(0), GIVEN_UP) is State.NEW


def test_a_full_table_drops_replies_and_nobody_who_is_being_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERED", 2)
    duplicates = Duplicates()
    duplicates.receive(key(0), 0.0)
    for number in range(1, 5):
        duplicates.receive(key(number), 0.0)
        duplicates.answered(key(number), b"", 0.0)
    assert duplicates.is_pending(key(0))
    assert len(duplicates) == 3


def test_the_number_of_pending_requests_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """However a request ends: answered, forgotten, given up by the sweep or by its own copy."""
    monkeypatch.setattr(module, "MAX_PENDING", 1)
    duplicates = Duplicates()
    for start in (0.0, 100.0):
        duplicates.receive(key(1), start)
        duplicates.answered(key(1), b"", start)
        duplicates.receive(key(2), start)
        duplicates.forget(key(2))
        assert duplicates.receive(key(3), start) is State.NEW
        assert duplicates.receive(key(4), start) is State.REFUSED
        assert duplicates.receive(key(3), start + GIVEN_UP - 0.05) is State.PENDING
        assert duplicates.receive(key(3), start + GIVEN_UP) is State.NEW  # between two sweeps
        duplicates.forget(key(3))
