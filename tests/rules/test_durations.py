from rules.durations import BOUNDS, Durations


def test_each_bucket_holds_what_took_no_longer_than_its_bound() -> None:
    durations = Durations()
    for seconds in (0.0, 0.005, 0.006, 0.3, 11.0):
        durations.observe(seconds)
    buckets = dict(durations.buckets())
    assert list(buckets) == [*(str(bound) for bound in BOUNDS), "+Inf"]
    assert (buckets["0.005"], buckets["0.01"], buckets["0.25"], buckets["0.5"]) == (2, 3, 3, 4)
    assert (buckets["10.0"], buckets["+Inf"]) == (4, 5)
    assert durations.seconds == 11.311


def test_nothing_counted_is_nothing() -> None:
    assert {count for _, count in Durations().buckets()} == {0}
