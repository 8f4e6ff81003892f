"""A new key for everything that is sealed, beside a store that is being used."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from control.app import open_store, rotate_secret_key
from control.commands import CommandFailed, backup_pieces, rotate_secret_key_of
from control.config import CannotStart, ControlConfig
from control.key_file import KeyFile
from control.records import Provider
from control.rotating import CannotRotate, rotate_key
from control.store.secrets import KeyRing
from control.store.sql import SqlStore, rotation
from settings import Settings, load
from tests.control.store.postgresql import Server

COUNT = 450
"""Three transactions."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"OUTPOST_DATA_DIR": str(tmp_path)})


@pytest.fixture
def running(settings: Settings) -> SqlStore:
    """The store of a running program, which has the key from the file."""
    store = open_store(ControlConfig.from_settings(settings))
    store.write_now(lambda tx: [tx.insert(radius(number)) for number in range(COUNT)])
    return store


def radius(number: int) -> Provider:
    return Provider(f"p{number}", "radius", secrets={"shared_secret": f"secret {number}"})


def all_open(store: SqlStore) -> bool:
    found = store.read_now(lambda tx: tx.select(Provider))
    return {one.secrets["shared_secret"] for one in found} >= {f"secret {number}" for number in range(COUNT)}


def keys_in(folder: Path) -> list[str]:
    return KeyFile(folder / "secret.key").keys()


def test_everything_is_sealed_with_a_new_key_and_the_running_program_goes_on(
    settings: Settings, running: SqlStore, tmp_path: Path
) -> None:
    [before] = keys_in(tmp_path)
    revision = running.read_now(lambda tx: tx.revision().number)
    lines = list(rotate_secret_key_of(settings))
    [after] = keys_in(tmp_path)
    assert after != before
    assert f"Sealed {COUNT + 1} rows" in lines[0].replace(",", "")
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert all_open(running)
    assert running.read_now(lambda tx: tx.revision().number) == revision
    running.write_now(lambda tx: tx.insert(radius(COUNT)))
    running.close()
    with_new_alone = SqlStore(f"sqlite:///{tmp_path}/outpost.sqlite3", [after])
    assert all_open(with_new_alone)
    with_new_alone.close()
    [kept] = tmp_path.glob("secret.key.until-*")
    assert KeyFile(kept).keys() == [before]


def test_one_that_was_cut_off_goes_on(settings: Settings, running: SqlStore, tmp_path: Path) -> None:
    def cut_off(url: str, keys: KeyRing) -> object:
        yield next(rotation.rotate(url, keys))
        raise KeyboardInterrupt

    config = ControlConfig.from_settings(settings)
    with pytest.raises(KeyboardInterrupt):
        list(rotate_key(config.database, config.secret_keys, config.key_file, cut_off, rotation.left))  # type: ignore[arg-type]
    new, old = keys_in(tmp_path)
    assert all_open(running)
    running.close()
    again = open_store(ControlConfig.from_settings(settings))  # a start between the two
    assert all_open(again)
    with pytest.raises(CommandFailed, match="finish first"):
        next(backup_pieces(settings, "0", with_secret_key=True))
    list(rotate_secret_key_of(settings))
    assert keys_in(tmp_path) == [new]
    assert all_open(again)
    again.close()
    with pytest.raises(CannotStart, match="another SECRET_KEY"):
        open_store(ControlConfig.from_settings(_set(settings, old)))


class CutOff(BaseException):
    """As if the process had been killed."""


@dataclass
class Steps:
    """Lets so many steps of a rotation happen; before the next one it is cut off."""

    last: int
    done: int = 0

    def step(self) -> None:
        if self.done == self.last:
            raise CutOff
        self.done += 1

    def seal_anew(self, url: str, keys: KeyRing) -> Iterator[int]:
        for count in rotation.rotate(url, keys):
            yield count
            self.step()

    def left(self, url: str, keys: KeyRing) -> int:
        self.step()
        return rotation.left(url, keys)

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        write, replaced = KeyFile.write, Path.replace

        def stepping(file: KeyFile, keys: list[str]) -> None:
            self.step()
            write(file, keys)

        def replacing(path: Path, target: Path) -> Path:
            self.step()
            return replaced(path, target)

        patch.setattr(KeyFile, "write", stepping)
        patch.setattr(Path, "replace", replacing)


def test_wherever_it_is_cut_off_nothing_is_lost_and_it_goes_on(
    settings: Settings, running: SqlStore, tmp_path: Path
) -> None:
    config = ControlConfig.from_settings(settings)
    keys = keys_in(tmp_path)
    last = 0
    while True:
        steps = Steps(last)
        with pytest.MonkeyPatch.context() as patch, suppress(CutOff):
            steps.patch(patch)
            list(rotate_key(config.database, config.secret_keys, config.key_file, steps.seal_anew, steps.left))
            break
        assert set(keys) & set(keys_in(tmp_path)), "nobody has the key any more that sealed what is left"
        assert all_open(running)
        SqlStore(config.database, keys_in(tmp_path)).close()  # a start between the two
        list(rotate_secret_key_of(settings))
        after = keys_in(tmp_path)
        assert (len(after), after == keys) == (1, False)
        assert all_open(running)
        keys, last = after, last + 1
    assert last == 11, "2 for each of 3 files, 4 transactions, a look at what is left"
    running.close()


def test_a_power_failure_leaves_no_seal_without_its_key(
    settings: Settings, running: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that a file got lasts only when its folder is written, too."""
    file = ControlConfig.from_settings(settings).key_file
    assert file is not None
    lasting: list[int] = []
    sync = os.fsync

    def synced(descriptor: int) -> None:
        sync(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            lasting.append(len(file.keys()))

    def sealed(url: str, keys: KeyRing) -> Iterator[int]:
        assert lasting == [2]
        return rotation.rotate(url, keys)

    monkeypatch.setattr(os, "fsync", synced)
    config = ControlConfig.from_settings(settings)
    list(rotate_key(config.database, config.secret_keys, config.key_file, sealed, rotation.left))
    assert lasting == [2, 2, 1]  # the former key is kept in a file of its own before it goes
    running.close()


def test_two_at_once_do_not_change_it_to_two_keys(settings: Settings, running: SqlStore, tmp_path: Path) -> None:
    """The second would forget the first one's key."""

    def meanwhile(url: str, keys: KeyRing) -> Iterator[int]:
        with pytest.raises(CommandFailed, match="Another process is changing the key"):
            list(rotate_secret_key_of(settings))
        return rotation.rotate(url, keys)

    config = ControlConfig.from_settings(settings)
    list(rotate_key(config.database, config.secret_keys, config.key_file, meanwhile, rotation.left))
    assert all_open(running)
    running.close()
    SqlStore(config.database, keys_in(tmp_path)).close()
    list(rotate_secret_key_of(settings))  # and the next one may


def _set(settings: Settings, key: str, *former: str) -> Settings:
    return load(
        {
            "OUTPOST_DATA_DIR": str(settings.data_dir),
            "OUTPOST_SECRET_KEY": key,
            "OUTPOST_FORMER_SECRET_KEYS": ",".join(former),
        }
    )


def test_a_key_in_the_settings_is_the_operators_to_change(
    settings: Settings, running: SqlStore, tmp_path: Path
) -> None:
    [old] = keys_in(tmp_path)
    running.close()
    with pytest.raises(CommandFailed, match="OUTPOST_FORMER_SECRET_KEYS"):
        list(rotate_secret_key_of(_set(settings, old)))
    new = os.urandom(32).hex()
    both = open_store(ControlConfig.from_settings(_set(settings, new, old)))
    assert all_open(both)
    lines = list(rotate_secret_key_of(_set(settings, new, old)))
    assert "may be unset" in lines[-1]
    both.close()
    alone = open_store(ControlConfig.from_settings(_set(settings, new)))
    assert all_open(alone)
    alone.close()


def test_a_program_that_still_has_the_former_key_is_told_of(settings: Settings, running: SqlStore) -> None:
    pauses: list[float] = []
    config = ControlConfig.from_settings(settings)
    with pytest.raises(CannotRotate, match="still seals with the former key"):
        list(
            rotate_key(
                config.database,
                config.secret_keys,
                config.key_file,
                rotation.rotate,
                lambda url, keys: 1,
                pauses.append,
            )
        )
    assert pauses
    running.close()
    list(rotate_secret_key(ControlConfig.from_settings(settings)))


@pytest.mark.peer
def test_two_processes_on_a_postgresql_change_in_two_rounds(postgresql_server: Server, tmp_path: Path) -> None:
    postgresql_server.new_database("rotating")
    old, new = "kW7hT2mQ9xB4nV6pL1sD8fG3jR5yC0zA-old", "vR2nX8cM5tY1kJ7wQ4hZ9bD6gF3sL0pA-new"

    def settings(key: str, former: str = "") -> Settings:
        keys = {"OUTPOST_SECRET_KEY": key, "OUTPOST_FORMER_SECRET_KEYS": former}
        return load({"OUTPOST_DATA_DIR": str(tmp_path), **keys, **postgresql_server.settings("rotating")})

    def opened(key: str, former: str = "") -> SqlStore:
        return open_store(ControlConfig.from_settings(settings(key, former)))

    first = opened(old, new)
    first.write_now(lambda tx: [tx.insert(radius(number)) for number in range(COUNT)])
    second = opened(new, old)
    list(rotate_secret_key_of(settings(new, old)))
    assert all_open(first)
    assert all_open(second)
    first.write_now(lambda tx: tx.insert(radius(COUNT)))  # with the former key: it has not been started again yet
    first.close()
    list(rotate_secret_key_of(settings(new, old)))
    second.close()
    with_new_alone = opened(new)
    assert all_open(with_new_alone)
    assert with_new_alone.read_now(lambda tx: tx.count(Provider)) == COUNT + 1
    with_new_alone.close()
    with pytest.raises(CannotStart):
        opened(old)
