from __future__ import annotations

from outpost.browsers.added_headers import MAX_NAMES, AddedHeaders
from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from protocols.link.messages import Change, GroupRecord, Put
from tests.outpost.listeners.test_sign_in import a_user


def adds(*names: str) -> dict[str, object]:
    return {"additionalHeaders": dict.fromkeys(names, "x")}


def change(directory: Directory, *changes: Change) -> None:
    current = directory.current
    directory.publish(*changed(current, current.revision + 1, changes))


def test_names_of_users_groups_and_mappings_are_known_and_follow_the_directory() -> None:
    directory = Directory()
    group = GroupRecord("g", "staff", is_superuser=False, ordinal=1, attributes=adds("X-Group"))
    mapped = a_user(2, "bob", mapped={"7": {"attributes": adds("X-Mapped")}})
    directory.publish(
        whole(1, [a_user(1, "alice", attributes=adds("X-Team")), mapped, group]), Touched(everything=True)
    )
    added = AddedHeaders(directory)
    assert sorted(added.names) == ["X-Group", "X-Mapped", "X-Team"]
    before = added.names
    change(directory, Put(a_user(1, "alice", attributes=adds("x-team"))))
    assert added.names is before, "another spelling is no other header"
    change(directory, Put(a_user(3, "carol", attributes=adds("X-New"))))
    assert set(added.names) - set(before) == {"X-New"}
    directory.publish(whole(9, [a_user(1, "alice")]), Touched(everything=True))
    assert added.names == ()


def test_they_are_bounded() -> None:
    directory = Directory()
    many = [a_user(pk, f"u{pk}", attributes=adds(*(f"X-{pk}-{n}" for n in range(20)))) for pk in range(1, 10)]
    directory.publish(whole(1, many), Touched(everything=True))
    added = AddedHeaders(directory)
    assert (len(added.names), added.too_many) == (MAX_NAMES, True)
    directory.publish(whole(2, many[:5]), Touched(everything=True))
    assert (len(added.names), added.too_many) == (MAX_NAMES, False)
