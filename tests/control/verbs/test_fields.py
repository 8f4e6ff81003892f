"""Reading what was given: nothing that cannot be stored gets through."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from control.verbs.fields import (
    MAX_DEPTH,
    Attributes,
    Count,
    Duration,
    Email,
    Fields,
    Invalid,
    Moment,
    Slug,
    Text,
    Uuid,
    overlaid,
    parse,
    seconds,
)


class Sample(Fields):
    text: Text
    attributes: Attributes = Field(default_factory=dict)
    count: Count = 0
    flag: bool = False
    uuid: Uuid | None = None
    slug: Slug = "s"
    email: Email = ""
    moment: Moment = None
    duration: Duration = "hours=1"


def refused(given: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        parse(Sample, {"text": "t", **given})
    return caught.value.fields


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def test_text_is_trimmed_and_numbers_become_text() -> None:
    assert parse(Sample, {"text": "  a b "}).text == "a b"
    assert parse(Sample, {"text": 12}).text == "12"
    assert parse(Sample, {"text": ""}).text == ""


def test_numbers_and_flags_may_be_written_as_text() -> None:
    parsed = parse(Sample, {"text": "", "count": "7", "flag": "true"})
    assert (parsed.count, parsed.flag) == (7, True)


@pytest.mark.parametrize("value", ["a\x00", "\ud800", {"a": ["\x00"]}, {"\x00": 1}, {"a": float("nan")}, {"a": {1}}])
def test_what_no_database_stores(value: Any) -> None:
    assert list(refused({"attributes": value})) == ["attributes"]
    assert list(refused({"unknown": value})) == ["unknown"]


def test_nesting_is_bounded() -> None:
    assert parse(Sample, {"text": "", "attributes": {"a": nested(MAX_DEPTH - 1)}})
    assert list(refused({"attributes": {"a": nested(MAX_DEPTH)}})) == ["attributes"]
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert list(refused({"attributes": endless})) == ["attributes"]


def test_a_wide_cycle_ends() -> None:
    endless: list[Any] = []
    endless.extend([endless] * 4)
    assert list(refused({"attributes": endless})) == ["attributes"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"text": None}, "This field may not be null."),
        ({"text": []}, "Not a valid string."),
        ({"text": "x" * 256}, "Ensure this field has no more than 255 characters."),
        ({"attributes": "x"}, "Value must be a dictionary, and not have any duplicate keys."),
        ({"count": "x"}, "A valid integer is required."),
        ({"count": 1.5}, "A valid integer is required."),
        ({"count": 10**5000}, "Ensure this value is less than or equal to 2147483647."),
        ({"flag": 7}, "Must be a valid boolean."),
        ({"uuid": "x"}, "“x” is not a valid UUID."),
        ({"slug": "a b"}, "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."),
        ({"email": "a@b@c"}, "Enter a valid email address."),
        ({"moment": -1}, "Ensure this value is greater than or equal to 0.0."),
        ({"moment": True, "count": -1}, "Ensure this value is greater than or equal to 0."),
        ({"duration": "1 hour"}, "1 hour is not in the correct format of 'hours=3;minutes=1'."),
    ],
)
def test_sentences(given: dict[str, Any], sentence: str) -> None:
    assert [sentence] in refused(given).values()


def test_each_wrong_field_is_named_once() -> None:
    assert set(refused({"count": [], "flag": [], "uuid": []})) == {"count", "flag", "uuid"}


def test_uuids_are_written_one_way() -> None:
    given = "{0F8FAD5B-D9CB-469F-A165-70867728950E}"
    assert parse(Sample, {"text": "", "uuid": given}).uuid == "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_moments_without_an_offset_are_utc() -> None:
    for text in ("1970-01-02", "1970-01-02T00:00:00", "1970-01-02T01:00:00+01:00", "1970-01-02T00:00:00Z"):
        assert parse(Sample, {"text": "", "moment": text}).moment == 86_400


def test_durations_in_seconds() -> None:
    assert seconds("hours=3;minutes=1") == 10_860
    assert seconds("days=1.5;") == 129_600
    assert seconds("weeks = 2") == 1_209_600


def test_what_is_laid_over_what() -> None:
    current = {"text": "old", "count": 3}
    assert overlaid(Sample, current, {"flag": True}, partial=True).text == "old"
    with pytest.raises(Invalid):
        overlaid(Sample, current, {"flag": True}, partial=False)
    assert overlaid(Sample, current, {"text": "new"}, partial=False).count == 3
