"""The other end of `outpost.listeners.onlookers`: packets of one NAS, as `outpost tail --nas` writes them."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from outpost.listeners.onlookers import SOCKET


def outposts(folder: Path) -> list[Path]:
    """The sockets of the outpost whose data folder this is, and of its workers', which have folders in there."""
    return [folder / SOCKET, *sorted(folder.glob(f"*/{SOCKET}"))]


def look_on(path: Path, nas: str) -> socket.socket | None:
    """A conversation with the outpost whose socket this is; None: it does not run."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        one.connect(str(path))
        one.sendall(json.dumps({"nas": nas}).encode() + b"\n")
    except OSError:
        one.close()
        return None
    return one


def follow(one: socket.socket, show: Callable[[dict[str, Any]], None]) -> None:
    """Until the outpost ends, or the socket is shut down."""
    with one, one.makefile("rb") as lines:
        for line in lines:
            show(json.loads(line))


@contextmanager
def tailing(folder: Path, nas: str, show: Callable[[dict[str, Any]], None]) -> Iterator[list[Thread]]:
    """Shows packets beside whatever else is done; "": of no NAS. One thread for each outpost that runs here."""
    looking = [one for path in outposts(folder) if (one := look_on(path, nas)) is not None] if nas else []
    threads = [Thread(target=follow, args=(one, show), daemon=True) for one in looking]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for one in looking:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def as_text(line: dict[str, Any]) -> str:
    if "missed" in line:
        return f"({line['missed']} packets were left out: they came faster than they could be shown)"
    time = datetime.fromtimestamp(line["time"], UTC).astimezone().strftime("%H:%M:%S")
    for what, words in (("dropped", "no answer to"), ("refused", "refused")):
        if what in line:
            return f"{time}  {words} {line['peer']}:{line['port']}  {line[what]}: {line['why']}"
    way = "from" if line["received"] else "to"
    head = f"{time}  {line['code']} {line['identifier']} {way} {line['peer']}:{line['port']}"
    if "malformed" in line:
        return f"{head}  malformed: {line['malformed']}"
    return "\n".join([head, *(f"            {name} = {value}" for name, value in line["attributes"])])
