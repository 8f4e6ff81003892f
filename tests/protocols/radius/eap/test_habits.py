import pytest

from protocols.radius.eap import habits as module
from protocols.radius.eap.habits import Habits, proposed
from protocols.radius.eap.packet import Type

OFFERED = (Type.PEAP, Type.TTLS, Type.TLS, Type.MSCHAPV2)
STATION = b"02-00-00-00-00-01"


def test_what_a_device_came_in_by_is_proposed_first() -> None:
    habits = Habits()
    assert proposed(OFFERED, habits.last(1, STATION)) == list(OFFERED)
    habits.ended_well(1, STATION, Type.TLS)
    assert proposed(OFFERED, habits.last(1, STATION)) == [Type.TLS, Type.PEAP, Type.TTLS, Type.MSCHAPV2]
    habits.ended_well(1, STATION, Type.TTLS)
    assert proposed(OFFERED, habits.last(1, STATION)) == [Type.TTLS, Type.PEAP, Type.TLS, Type.MSCHAPV2]


def test_nobody_elses_order_changes() -> None:
    habits = Habits()
    habits.ended_well(1, STATION, Type.TLS)
    for provider, station in ((2, STATION), (1, b"02-00-00-00-00-02"), (1, b""), (1, None)):
        assert proposed(OFFERED, habits.last(provider, station)) == list(OFFERED)


def test_nothing_is_offered_that_is_not_offered() -> None:
    habits = Habits()
    habits.ended_well(1, STATION, Type.TLS)
    assert proposed(OFFERED[:2], habits.last(1, STATION)) == list(OFFERED[:2])


@pytest.mark.parametrize(
    ("station", "kind"), [(STATION, Type.MSCHAPV2), (STATION, 0), (None, Type.TLS), (b"", Type.TLS)]
)
def test_a_method_outside_of_tls_is_no_habit_nor_that_of_nobody(station: bytes | None, kind: int) -> None:
    habits = Habits()
    habits.ended_well(1, station, kind)
    assert len(habits) == 0


def test_the_device_unused_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DEVICES", 2)
    habits = Habits()
    for station in (b"a", b"b", b"a", b"c"):
        habits.ended_well(1, station, Type.TLS)
    assert len(habits) == 2
    assert [proposed(OFFERED, habits.last(1, station))[0] for station in (b"a", b"b", b"c")] == [
        Type.TLS,
        Type.PEAP,
        Type.TLS,
    ]
