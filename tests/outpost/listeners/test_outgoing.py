from __future__ import annotations

from outpost.listeners.outgoing import MOST_AT_ONCE, Outgoing
from tests.outpost.listeners.ldap_door import Turns

PIECE = bytes(MOST_AT_ONCE // 2)


class Said:
    def __init__(self) -> None:
        self.clock = Turns()
        self.written: list[int] = []
        self.emptied = 0
        self.out = Outgoing(self.clock, self._emptied)
        self.out.write = lambda octets: self.written.append(len(octets))

    def _emptied(self) -> None:
        self.emptied += 1

    def say(self, *pieces: bytes) -> None:
        self.out.say(pieces)
        self.out.flush()


def test_what_is_short_is_one_write() -> None:
    said = Said()
    said.out.say(b"one")
    said.out.say(b"two")
    said.out.flush()
    said.out.flush()
    assert (said.written, said.out.waits) == ([6], False)


def test_what_is_long_is_written_a_slice_a_turn_and_nothing_comes_between() -> None:
    said = Said()
    said.say(*[PIECE] * 5)
    said.say(b"behind")
    assert said.written == [MOST_AT_ONCE]
    said.clock.turn()
    assert (said.written, said.out.waits, said.emptied) == ([MOST_AT_ONCE] * 2, True, 0)
    said.clock.turn()
    assert (said.written[2:], said.out.waits, said.emptied) == ([len(PIECE) + len(b"behind")], False, 1)
    assert not said.clock.calls


def test_the_rest_waits_for_a_peer_that_does_not_take_it() -> None:
    said = Said()
    said.say(*[PIECE] * 3)
    said.out.pause()
    said.clock.turn()
    assert said.written == [MOST_AT_ONCE]
    said.out.resume()
    assert (said.written[1:], said.emptied) == ([len(PIECE)], 1)


def test_the_end_is_written_at_once_and_nothing_after_a_stop() -> None:
    said, stopped = Said(), Said()
    for one in (said, stopped):
        one.say(*[PIECE] * 5)
    said.out.finish()
    stopped.out.stop()
    for one in (said, stopped):
        one.clock.turn()
    assert said.written == [MOST_AT_ONCE, 3 * len(PIECE)]
    assert stopped.written == [MOST_AT_ONCE]
