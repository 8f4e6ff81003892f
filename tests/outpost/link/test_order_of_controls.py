"""Outposts share out the controls among themselves, each by itself."""

from __future__ import annotations

from collections import Counter

from outpost.link.order_of_controls import in_own_order

HOSTS = ("http://a.example:9000", "http://b.example:9000", "http://c.example:9000")
OUTPOSTS = [f"outpost-{number}" for number in range(900)]


def test_each_begins_at_one_of_its_own_and_about_as_many_at_each() -> None:
    firsts = Counter(in_own_order(HOSTS, one)[0] for one in OUTPOSTS)
    assert set(firsts) == set(HOSTS)
    assert all(240 < count < 360 for count in firsts.values()), firsts


def test_all_are_tried_once_and_the_order_stays_however_they_are_written() -> None:
    for one in OUTPOSTS[:50]:
        order = in_own_order(HOSTS, one)
        assert sorted(order) == sorted(HOSTS)
        assert in_own_order(reversed(HOSTS), one) == order


def test_those_of_a_lost_control_are_shared_out_and_no_other_moves() -> None:
    lost, *left = HOSTS
    seconds = Counter(in_own_order(HOSTS, one)[1] for one in OUTPOSTS if in_own_order(HOSTS, one)[0] == lost)
    assert set(seconds) == set(left)
    assert all(100 < count < 200 for count in seconds.values()), seconds
    for one in OUTPOSTS:
        order = in_own_order(HOSTS, one)
        assert in_own_order(left, one) == tuple(host for host in order if host != lost)
