"""Certificates in a watched folder: what an ACME client or a mount renews is shown from the next handshake on.

Looked at again and again, since mounts and network folders tell of no changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from os.path import isfile
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from outpost.listeners.tls import server_context
from protocols.link.messages import CertificateRecord

SECONDS_BETWEEN = 5.0
"""A look costs some microseconds a file."""
MOST_PAIRS = 100
"""In the order of their names; past it nobody looks."""
MOST_OCTETS = 256 * 1024
"""Of one file; a chain has some 10 KiB."""
BESIDE = (".pem", ".crt", ".cer")
"""Endings of a certificate beside which its key lies, ending in ``.key``: authentik's way."""
WITHIN = (("fullchain.pem", "privkey.pem"), ("tls.crt", "tls.key"))
"""Certificate and key in a folder of their own, as certbot and Kubernetes lay them down."""

Stamp = tuple[int, ...]
Pair = tuple[Path, Path]
"""Certificate, then key."""


class CertificateFiles:
    """``changed`` is called after a look that found ``pairs`` to be others; ``noted`` hears what is wrong, once.

    A pair that does not fit is half written or broken: what was shown before stays.
    """

    def __init__(
        self, folder: Path | None, clock: IReactorTime, changed: Callable[[], None], noted: Callable[[str], None]
    ) -> None:
        self.pairs: dict[str, CertificateRecord] = {}
        """By the name of the file or folder. Another dict after every change."""
        self._folder = folder
        self._clock = clock
        self._changed = changed
        self._noted = noted
        self._seen: dict[str, Stamp] = {}
        self._next: IDelayedCall | None = None
        self._closed = False
        """The folder, to us."""

    def start(self) -> None:
        """Looks at once; then now and then."""
        if self._folder is not None:
            self.look()
            self._next = self._clock.callLater(SECONDS_BETWEEN, self.start)

    def stop(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()

    def look(self) -> None:
        there = self._readable(self._folder) if self._folder is not None else {}
        pairs = {name: one for name, one in self.pairs.items() if name in there}
        self._seen = {name: stamp for name, stamp in self._seen.items() if name in there}
        for name, files in there.items():
            stamp = _stamp(files)
            if stamp is not None and stamp != self._seen.get(name):
                self._seen[name] = stamp
                try:
                    pairs[name] = _read(name, files)
                except (OSError, ValueError, TypeError, SSL.Error) as error:
                    why = str(error) or "they do not fit"
                    self._noted(
                        f"The certificate {files[0]} and the key {files[1]} cannot be used ({why}); what was shown"
                        " before stays. Both must be PEM, the key without a passphrase."
                    )
        if pairs != self.pairs:
            self.pairs = pairs
            self._changed()

    def _readable(self, folder: Path) -> dict[str, Pair]:
        """What is there; a folder of somebody else's is told of once, one that is not there never."""
        try:
            found = dict(sorted(_there(folder))[:MOST_PAIRS])
            self._closed = False
        except FileNotFoundError:
            return {}
        except OSError as error:
            if not self._closed:
                self._noted(
                    f"The folder of certificates {folder} cannot be read ({error.strerror}); ours are shown. "
                    f"Let the user {os.getuid()} read it, or unset OUTPOST_CERT_DISCOVERY_DIR."
                )
            self._closed = True
            return {}
        return found


def _there(folder: Path) -> Iterator[tuple[str, Pair]]:
    """Complete pairs by their names; what has no key is nobody's certificate here. Raises OSError.

    Whether it lies in a folder that we may not enter, `isfile` does not mind; `Path.is_file` would.
    """
    for path in folder.iterdir():
        if path.suffix in BESIDE and isfile(key := path.with_suffix(".key")):
            yield path.stem, (path, key)
        for certificate, key_name in WITHIN:
            if isfile(path / certificate) and isfile(path / key_name):
                yield path.name, (path / certificate, path / key_name)


def _stamp(files: Pair) -> Stamp | None:
    """Another whenever a file is; None while one is gone."""
    try:
        told = [path.stat() for path in files]
    except OSError:
        return None
    return tuple(number for one in told for number in (one.st_ino, one.st_size, one.st_mtime_ns))


def _read(name: str, files: Pair) -> CertificateRecord:
    """Raises OSError, ValueError, TypeError, SSL.Error."""
    texts = []
    for path in files:
        with path.open("rb") as file:
            texts.append(file.read(MOST_OCTETS + 1))
    if any(len(text) > MOST_OCTETS for text in texts):
        raise ValueError(f"larger than {MOST_OCTETS // 1024} KiB")
    record = CertificateRecord(f"file:{name}", name, *(text.decode() for text in texts))
    server_context(record)
    return record
