"""People, groups and ended sessions as outposts know them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from control.mappings.everybody import Everybody, changed_users
from control.mappings.facts import uid_of
from control.passwords import rules
from control.records import EndedSession, Group, User
from control.store.interface import LoggedChange, Query, Transaction
from protocols.link.messages import Change, EndedSessionRecord, GroupRecord, Members, Put, Remove, UserRecord

Person = UserRecord | GroupRecord | EndedSessionRecord


class EverythingChanged(Exception):
    """What mappings say of everybody may be something else: the outpost needs a whole snapshot."""


def directory(tx: Transaction, everybody: Everybody | None = None) -> Iterator[Person]:
    """Users, groups and ended sessions, which are the same for every outpost."""
    everybody = everybody or Everybody(tx)
    install_id = tx.install_id
    groups = tx.select(Group)
    members = tx.members_of([group.pk for group in groups])
    of_user: dict[int, list[str]] = {}
    if everybody.served:
        for pk, users in members.items():
            for one in users:
                of_user.setdefault(one, []).append(pk)
    for user in tx.each(User):
        yield user_record(user, install_id, everybody.of(user, of_user.get(user.pk, ())))
    for group in groups:
        yield group_record(group, tuple(members.get(group.pk, ())))
    for ended in tx.each(EndedSession):
        yield EndedSessionRecord(ended.pk, ended.expires)


def changes(tx: Transaction, log: Sequence[LoggedChange], everybody: Everybody) -> list[Change]:
    """What these lines change, for whoever knows everybody. Raises EverythingChanged."""
    also = changed_users(tx, everybody, log)
    if also is None:
        raise EverythingChanged
    return [*_records(tx, log, also, everybody), *_memberships(log), *_removed(log), *ended(tx, log)]


def _records(tx: Transaction, log: Sequence[LoggedChange], also: frozenset[int], everybody: Everybody) -> list[Change]:
    """``also``: users of whom mappings may say something else."""
    users = _unique([*(line.pk for line in log if line.kind == "user"), *sorted(also)])
    direct = tx.groups_of([int(pk) for pk in users]) if everybody.served else {}
    groups = [line.pk for line in log if line.kind == "group"]
    return [
        *(
            Put(user_record(user, tx.install_id, everybody.of(user, direct.get(user.pk, ()))))
            for user in tx.select(User, Query(within={"pk": users}))
        ),
        *(Put(group_record(group, None)) for group in tx.select(Group, Query(within={"pk": _unique(groups)}))),
    ]


def ended(tx: Transaction, log: Iterable[LoggedChange]) -> list[Change]:
    """Sessions that ended, and those that need not be remembered any longer."""
    pks = _unique(line.pk for line in log if line.kind == EndedSession.TABLE)
    found = tx.select(EndedSession, Query(within={"pk": pks})) if pks else ()
    gone = dict.fromkeys(line.pk for line in log if line.kind == EndedSession.TABLE and line.removed)
    return [
        *(Put(EndedSessionRecord(session.pk, session.expires)) for session in found),
        *(Remove("ended_session", pk) for pk in gone),
    ]


def _memberships(log: Iterable[LoggedChange]) -> list[Change]:
    """The net of all joining and leaving, group by group."""
    member: dict[str, dict[int, bool]] = {}
    for line in log:
        if line.kind == "members":
            state = member.setdefault(str(line.pk), {})
            state.update(dict.fromkeys(line.joined, True))
            state.update(dict.fromkeys(line.left, False))
    return [
        Members(
            group,
            tuple(user for user, joined in state.items() if joined),
            tuple(user for user, joined in state.items() if not joined),
        )
        for group, state in member.items()
    ]


def _removed(log: Iterable[LoggedChange]) -> list[Change]:
    """A pk is never given again, so whatever was removed stays removed."""
    gone = {(line.kind, line.pk): None for line in log if line.removed}
    removed: list[Change] = []
    for kind, pk in gone:
        if kind == "user":
            removed.append(Remove("user", pk))
        elif kind == "group":
            removed.append(Remove("group", pk))
    return removed


def _unique(pks: Iterable[int | str]) -> list[int | str]:
    return list(dict.fromkeys(pks))


def user_record(user: User, install_id: str, mapped: dict[str, dict[str, Any]]) -> UserRecord:
    """``mapped``: `UserRecord.mapped`."""
    return UserRecord(
        pk=user.pk,
        uuid=user.uuid,
        uid=uid_of(user.pk, install_id),
        username=user.username,
        name=user.name,
        email=user.confirmed_email,
        type=user.type,
        is_active=user.is_active,
        ordinal=user.ordinal,
        credential_version=user.credential_version,
        valid_from=user.valid_from,
        valid_until=user.valid_until,
        sessions_not_before=user.sessions_not_before,
        created=user.date_joined,
        updated=user.last_updated,
        password_changed=None if user.password is None else rules.since(user),
        must_change_password=user.must_change_password,
        attributes=user.attributes,
        mapped=mapped,
    )


def group_record(group: Group, members: tuple[int, ...] | None) -> GroupRecord:
    return GroupRecord(
        pk=group.pk,
        name=group.name,
        is_superuser=group.is_superuser,
        ordinal=group.ordinal,
        parents=group.parents,
        members=members,
        created=group.created,
        updated=group.last_updated,
        attributes=group.attributes,
        roles=group.roles,
    )
