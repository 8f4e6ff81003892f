"""What holds of every import, whichever program it is from: a trial writes nothing, a second run changes nothing, one
that was interrupted ends as if it had not been, and whoever has brought a password along signs in with it."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from control import moving_in
from control.apply.changes import Change, shown, told
from control.apply.export import state
from control.apply.sections import owner_of
from control.apply.table import SECTIONS
from control.authentication import Proved
from control.moving_in import READERS, Access, Coming, Found, Import, ask_foreign, read_foreign
from control.records import User
from control.store.interface import SYSTEM, Actor, Store, Transaction
from control.store.sql import SqlStore
from control.verbs.provider_kinds import KINDS
from outpost.commands.files_help import IMPORTED
from tests.control.apply.places import NOTHING
from tests.control.flows.house import House
from tests.control.moving_in import test_authelia, test_freeradius, test_lldap, test_oauth2_proxy
from tests.control.moving_in.test_authentik import EVERYTHING, TOKEN, authentik
from tests.control.moving_in.test_ldap import fetched, holding
from tests.control.moving_in.test_ldif import DIRECTORY
from tests.control.stores import drive
from tests.stores import CHEAP, ImmediateStore, run

NESTED = """
dn: cn=everybody,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: everybody
member: cn=staff,ou=groups,dc=example,dc=com

dn: cn=printer,dc=example,dc=com
objectClass: device
"""


def _read(kind: str, text: str) -> Found:
    return READERS[kind](text.encode())


def _lldap() -> Found:
    with TemporaryDirectory() as folder:
        return READERS["lldap"](test_lldap.database(Path(folder) / "users.db", test_lldap.VALUES))


def _authentik() -> Found:
    with authentik(EVERYTHING) as address:
        return drive(ask_foreign("authentik", address, Access({"IMPORT_TOKEN": TOKEN}))).found


FOUND: dict[str, Callable[[], Found]] = {
    "ldif": lambda: _read("ldif", DIRECTORY + NESTED),
    "ldap": lambda: fetched(holding(DIRECTORY + NESTED)),
    "authelia": lambda: _read("authelia", test_authelia.PEOPLE),
    "authelia's rules": lambda: _read("authelia", test_authelia.RULES),
    "freeradius": lambda: _read("freeradius", test_freeradius.CLIENTS),
    "freeradius' users": lambda: _read("freeradius", test_freeradius.USERS),
    "lldap": _lldap,
    "oauth2-proxy": lambda: _read("oauth2-proxy", test_oauth2_proxy.CONFIGURATION),
    "authentik": _authentik,
}
"""Of each kind something that holds every sort of record that it can hold, and something that is not understood."""
PASSWORDS = {
    "ldif": {"Erin": "fargle", "frank": "in-the-clear"},
    "ldap": {"Erin": "fargle", "frank": "in-the-clear"},
    "authelia": {"erin": "password"},
    "freeradius' users": {"erin": "in the clear", "frank": "Hello world!", "heidi": "fargle"},
}
"""Of whom is active; who is in none of these has none."""
OURS = CHEAP.phc_prefix
MOST = 3
"""Interruptions of one import."""

every_kind = pytest.mark.parametrize("of", FOUND)


@cache
def _found(of: str) -> Found:
    return FOUND[of]()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.close()


def an_import(of: str, house: House, store: Store | None = None) -> Import:
    """Read anew, as a second run of the command would."""
    coming = Coming(of.split("'")[0], Path("theirs"), deepcopy(_found(of)))
    return Import(store or house.services.store, house.passwords, house.services.random, coming)


def brought(work: Import, progress: Callable[[str], None] = lambda line: None) -> list[Change]:
    return run(work.run(progress))


def contents(of: str, house: House) -> dict[Any, Any]:
    """All that an import may make, who owns it, and passwords; those that were hashed here have a salt of their own."""

    def verb(tx: Transaction) -> dict[Any, Any]:
        owners = {
            ("owner", section.name, section.name_of(record)): owner_of(record)
            for section in SECTIONS.values()
            for record in tx.each(section.record)
        }
        people = {user.username: (user.password, user.ordinal) for user in tx.select(User)}
        passwords = {
            name: ("ours" if (password or "").startswith(OURS) else password, ordinal)
            for name, (password, ordinal) in people.items()
        }
        given = _found(of).sections
        said = {
            (section, name): _not_made_up(section, fields, given[section].get(name, {}))
            for (section, name), fields in state(tx).items()
        }
        return {**said, **owners, "people": passwords, "revision": tx.revision().number}

    return house.sql.read_now(verb)


def _not_made_up(section: str, fields: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a provider is given here because the file does not say it, such as a client's id."""
    generated = {name for name, _ in KINDS[fields["kind"]].generated} if section == "providers" else set[str]()
    return {name: value for name, value in fields.items() if name in given or name not in generated}


class Killed(Exception):
    pass


class Dying(ImmediateStore):
    """The store of a command that is killed after so many transactions, in the middle of the next one."""

    def __init__(self, sql: SqlStore, writes: int) -> None:
        super().__init__(sql)
        self.writes = writes

    def write(self, verb: Callable[[Transaction], Any], actor: Actor = SYSTEM) -> Awaitable[Any]:
        self.writes -= 1

        def killed(tx: Transaction) -> Any:
            verb(tx)
            raise Killed

        return super().write(verb if self.writes >= 0 else killed, actor)


FILES = {
    "ldif": DIRECTORY,
    "authelia": test_authelia.PEOPLE,
    "freeradius": test_freeradius.USERS,
    "oauth2-proxy": test_oauth2_proxy.CONFIGURATION,
}


@pytest.mark.parametrize(("kind", "text"), FILES.items(), ids=FILES.keys())
def test_a_file_from_windows_is_the_same_file(kind: str, text: str, tmp_path: Path) -> None:
    """With a byte order mark, and with line ends of two octets."""
    file = tmp_path / "file"
    file.write_bytes(BOM_UTF8 + text.replace("\n", "\r\n").encode())
    assert read_foreign(kind, file).found == READERS[kind](text.encode())


def test_every_kind_is_here() -> None:
    assert {of.split("'")[0] for of in FOUND} == set(IMPORTED)


@every_kind
def test_a_trial_shows_what_would_happen_and_writes_nothing(
    of: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving_in, "SLICE", 1)
    before = contents(of, house)
    trial = an_import(of, house)
    planned = run(trial.try_out(lambda tx: None))
    assert contents(of, house) == before
    work = an_import(of, house)
    done = brought(work)
    assert contents(of, house) != before
    assert sorted(shown(planned, False)) == sorted(shown(done, False)) != NOTHING
    assert trial.coming.found.told() == work.coming.found.told()
    assert not any(f": {secret}" in str(shown(planned, False)) for secret in PASSWORDS.get(of, {}).values())


@every_kind
def test_what_is_not_understood_is_told_with_its_place(of: str, house: House) -> None:
    work = an_import(of, house)
    brought(work)
    lines = work.coming.found.told()
    assert lines
    places = (f"{work.coming.found.unit} ", f"{work.coming.found.unit}s ", *work.coming.found.called.values())
    assert all(line.startswith(places) for line in lines), lines


@every_kind
def test_it_says_how_far_it_is(of: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_in, "SLICE", 1)
    heard = list[str]()
    work = an_import(of, house)
    brought(work, heard.append)
    total = sum(map(len, work.coming.found.sections.values()))
    assert heard == [f"{number} of {total} records" for number in range(1, total + 1)]


@every_kind
def test_a_second_run_changes_nothing(of: str, house: House) -> None:
    first = an_import(of, house)
    brought(first)
    before = contents(of, house)
    second = an_import(of, house)
    assert told(brought(second)) == NOTHING
    assert contents(of, house) == before
    assert second.coming.found.told() == first.coming.found.told()


@every_kind
def test_one_that_was_killed_ends_as_if_it_had_not_been(
    of: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving_in, "SLICE", 1)
    houses = list[House]()

    def a_house() -> House:
        folder = tmp_path / f"{len(houses)}"
        folder.mkdir()
        houses.append(House(folder))
        return houses[-1]

    try:
        whole = a_house()
        work = an_import(of, whole)
        brought(work)
        expected, sentences = contents(of, whole), work.coming.found.told()
        total = sum(map(len, work.coming.found.sections.values()))
        for writes in range(0, total, -(-total // MOST)):
            cut = a_house()
            with pytest.raises(Killed):
                brought(an_import(of, cut, Dying(cut.sql, writes)))
            assert contents(of, cut) != expected
            again = an_import(of, cut)
            assert told(brought(again)) != NOTHING
            assert contents(of, cut) == expected
            assert again.coming.found.told() == sentences
    finally:
        for house in houses:
            house.close()


@every_kind
def test_passwords_that_came_along_are_good_and_become_ours_at_the_first_login(of: str, house: House) -> None:
    brought(an_import(of, house))
    passwords = PASSWORDS.get(of, {})

    def stored(username: str) -> str:
        found = house.sql.read_now(lambda tx: tx.find(User, username=username))
        assert found is not None
        return found.password or ""

    mark = f"import:{of.split(chr(39))[0]}"
    people = house.sql.read_now(lambda tx: [user for user in tx.select(User) if user.managed == mark])
    assert {user.username for user in people if user.password and user.is_active} == set(passwords)
    for username, password in passwords.items():
        theirs, pk = stored(username), next(user.pk for user in people if user.username == username)
        assert house.prove(username, f"{password}x") == Proved("wrong_password", pk)
        assert stored(username) == theirs
        assert house.prove(username, password).reason == "accepted"
        assert stored(username).startswith(OURS)
        assert house.prove(username, password).reason == "accepted"
        assert house.prove(username, f"{password}x").reason == "wrong_password"
    foreign = {user.username for user in people if user.password and not user.password.startswith(OURS)}
    assert foreign & passwords.keys() or of not in PASSWORDS, "none of these was a hash of another program's"
