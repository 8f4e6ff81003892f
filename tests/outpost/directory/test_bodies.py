from outpost.directory.bodies import BODY_OVERHEAD, Bodies
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
