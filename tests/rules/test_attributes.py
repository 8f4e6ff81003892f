"""Attributes of users and their groups, merged."""

from rules.attributes import merged


def test_attributes_merge_deeply_and_the_user_wins() -> None:
    groups = [{"a": 1, "deep": {"x": 1, "y": 1}}, {"a": 2, "deep": {"y": 2}}]
    assert merged(groups, {"deep": {"z": 3}}) == {"a": 2, "deep": {"x": 1, "y": 2, "z": 3}}
    assert merged([{"a": {"x": 1}}], {"a": None}) == {"a": None}
    assert merged([{"a": [1], "b": {"c": [2]}, "d": [3]}], {"a": [1, 4], "b": {"c": [5]}, "d": 6}) == {
        "a": [1, 1, 4],
        "b": {"c": [2, 5]},
        "d": 6,
    }
    assert groups[0] == {"a": 1, "deep": {"x": 1, "y": 1}}
