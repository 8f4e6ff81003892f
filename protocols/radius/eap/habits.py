"""By which method each device came in last: proposed first, it saves the device a NAK and everybody a round.

Only a login that ended well counts, and only a method over TLS: nobody leads a device, by speaking in its name, to a
method that says more of a password than the one it uses. Which methods there are, is not said here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from protocols.radius.eap.packet import Type

MOST_DEVICES = 16_384  # remembered, about 3 MB; the one unused for longest makes room
OVER_TLS = frozenset((Type.TLS, Type.TTLS, Type.PEAP))


def proposed(offered: Sequence[Type], first: int) -> list[Type]:
    """The same methods, in the order in which they are proposed."""
    return sorted(offered, key=lambda kind: kind != first)


class Habits:
    def __init__(self) -> None:
        self._last: OrderedDict[tuple[int, bytes], int] = OrderedDict()
        """By provider and Calling-Station-Id."""

    def __len__(self) -> int:
        return len(self._last)

    def ended_well(self, provider: int, station: bytes | None, kind: int) -> None:
        """``station``: the device, as its NAS writes it; None: nobody says which."""
        if not station or kind not in OVER_TLS:
            return
        self._last[provider, station] = kind
        self._last.move_to_end((provider, station))
        if len(self._last) > MOST_DEVICES:
            self._last.popitem(last=False)

    def last(self, provider: int, station: bytes | None) -> int:
        """EAP type of the method that is proposed first; 0: none is known."""
        return self._last.get((provider, station or b""), 0)
