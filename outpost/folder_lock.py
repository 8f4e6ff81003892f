"""One program at a time in a data folder: two would overwrite each other's files."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

LOCK_FILE = "lock"


class Unusable(Exception):
    """The text is a sentence for the operator."""


def claim(data_dir: Path) -> IO[str]:
    """Makes the folder if need be. It is ours until the returned file is closed, or the process ends, however it does.

    Raises Unusable.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data_dir / LOCK_FILE).open("w")
    except OSError as error:
        raise Unusable(f"The data folder {data_dir} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise Unusable(
            f"Another outpost program runs in the data folder {data_dir.absolute()}. Stop that one, or give this one "
            "a folder of its own with OUTPOST_DATA_DIR."
        ) from error
    return lock
