"""The operator's RADIUS dictionaries, read when a program starts: more attributes for rules and property mappings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from protocols.radius.definitions import learn
from protocols.radius.dictionary_file import DictionaryError, read_dictionary

LARGEST = 8 * 2**20
"""Octets of one file; FreeRADIUS' largest has 150,000."""


class Unreadable(ValueError):
    """A sentence for the operator."""


def learn_from(files: Iterable[Path]) -> None:
    """What a file includes lies in its folder, or below. Raises Unreadable."""
    for path in files:
        folder = path.parent

        def read(name: str, folder: Path = folder) -> str | None:
            return _text(folder / name)

        try:
            found = read_dictionary(path.name, read)
        except DictionaryError as error:
            raise Unreadable(f"The RADIUS dictionary {path} cannot be used. {error}") from error
        learn(found.definitions.values(), found.values)


def _text(path: Path) -> str | None:
    """Raises Unreadable."""
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(f"The RADIUS dictionary {path} cannot be read: {error.strerror}.") from error
    if len(octets) > LARGEST:
        raise Unreadable(f"The RADIUS dictionary {path} is larger than {LARGEST} octets.")
    return octets.decode("utf-8", "replace")
