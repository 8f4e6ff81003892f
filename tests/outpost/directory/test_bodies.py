import itertools

from outpost.directory.bodies import BODY_OVERHEAD, FREED_AT_ONCE, Bodies
from protocols.ldap.search import Selection, selection

ALL = selection((), False)
SOME = selection((b"cn",), False)


class Encoder:
    def __init__(self, size: int = 0) -> None:
        self.calls = 0
        self.size = size

    def __call__(self, shown: Selection) -> bytes:
        self.calls += 1
        return bytes(self.size)


def test_a_body_is_made_once_for_each_selection_and_stamp() -> None:
    bodies, encode, stamp = Bodies(), Encoder(), object()
    for shown in (ALL, ALL, SOME, SOME, ALL):
        bodies.encoded(("user", 1, 1), shown, (stamp,), encode)
    assert encode.calls == 2
    bodies.encoded(("user", 1, 1), ALL, (object(),), encode)
    assert encode.calls == 3


def test_what_is_kept_anew_is_told_so_that_no_garbage_is_looked_for_in_it() -> None:
    told: list[int] = []
    bodies, encode = Bodies(grown=told.append), Encoder()
    for stamp in ("first", "first", "second"):
        for pk in (1, 2):
            bodies.encoded(("user", pk, 1), ALL, (stamp,), encode)
    assert sum(told) == 2


def test_a_generation_that_goes_is_freed_a_few_at_a_time() -> None:
    bodies, encode, stamp = Bodies(20 * (1000 + BODY_OVERHEAD)), Encoder(1000), object()
    held = [0]
    for pk in range(200):
        bodies.encoded(("user", pk, 1), ALL, (stamp,), encode)
        held.append(sum(map(len, [*bodies._young.values(), *bodies._old.values(), *bodies._retired])))
    assert max(held) <= 20 + 20 // 2 + FREED_AT_ONCE
    assert min(after - before for before, after in itertools.pairwise(held)) >= 1 - FREED_AT_ONCE


def test_selections_that_never_come_again_are_not_kept() -> None:
    bodies, encode, stamp = Bodies(), Encoder(), object()
    once = selection((b"x" * 5000,), False)
    for _ in range(2):
        bodies.encoded(("user", 1, 1), once, (stamp,), encode)
    assert encode.calls == 2


def test_what_is_kept_is_bounded_and_what_is_used_stays() -> None:
    size = 1000
    bodies, stamp = Bodies(limit=20 * (size + BODY_OVERHEAD)), object()
    often = Encoder(size)
    for pk in range(2, 200):
        bodies.encoded(("user", pk, 1), ALL, (stamp,), Encoder(size))
        bodies.encoded(("user", 1, 1), ALL, (stamp,), often)
        kept = sum(len(of) for generation in (bodies._young, bodies._old) for of in generation.values())
        assert kept <= 21
    assert often.calls == 1
    forgotten = Encoder(size)
    bodies.encoded(("user", 2, 1), ALL, (stamp,), forgotten)
    assert forgotten.calls == 1


def test_100_000_users_with_all_their_attributes_are_kept_however_often_all_are_asked_for() -> None:
    """850 octets each, as answers have them: what goes round and is one too many is lost each time."""
    bodies, encode, stamps = Bodies(), Encoder(850), (object(),)
    for _, pk in itertools.product(range(2), range(100_000)):
        bodies.encoded(("user", pk, 1), ALL, stamps, encode)
    assert encode.calls == 100_000
