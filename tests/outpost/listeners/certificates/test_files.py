"""A watched folder of certificates: how they lie there, when they are looked at, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from outpost.listeners.certificates.files import MOST_OCTETS, MOST_PAIRS, SECONDS_BETWEEN, CertificateFiles
from tests.certificates import Issued, issue

ONE, TWO = issue("one"), issue("two")


class Watched:
    def __init__(self, folder: Path | None) -> None:
        self.clock = Clock()
        self.changes = 0
        self.noted: list[str] = []
        self.files = CertificateFiles(folder, self.clock, self._changed, self.noted.append)
        self.files.start()

    def _changed(self) -> None:
        self.changes += 1

    def later(self) -> dict[str, str]:
        self.clock.advance(SECONDS_BETWEEN)
        return self.shown()

    def shown(self) -> dict[str, str]:
        return {name: one.certificate for name, one in self.files.pairs.items()}


def lay(issued: Issued, certificate: Path, key: Path) -> None:
    certificate.parent.mkdir(exist_ok=True)
    certificate.write_text(issued.pem)
    key.write_text(issued.key_pem)


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        ("ours.pem", "ours.key"),
        ("ours.crt", "ours.key"),
        ("ours.cer", "ours.key"),
        ("ours/fullchain.pem", "ours/privkey.pem"),
        ("ours/tls.crt", "ours/tls.key"),
    ],
)
def test_how_they_may_lie_there(tmp_path: Path, certificate: str, key: str) -> None:
    lay(ONE, tmp_path / certificate, tmp_path / key)
    assert Watched(tmp_path).shown() == {"ours": ONE.pem}


def test_a_folder_that_cannot_be_read_is_told_of_once_and_one_that_is_not_there_never(tmp_path: Path) -> None:
    assert Watched(tmp_path / "none").noted == []
    (tmp_path / "file").touch()
    watched = Watched(tmp_path / "file")
    watched.later()
    [sentence] = watched.noted
    assert "cannot be read" in sentence


def test_a_renewed_one_is_there_at_the_next_look_and_a_removed_one_is_not(tmp_path: Path) -> None:
    lay(ONE, tmp_path / "ours.pem", tmp_path / "ours.key")
    watched = Watched(tmp_path)
    assert (watched.shown(), watched.changes) == ({"ours": ONE.pem}, 1)
    assert (watched.later(), watched.changes) == ({"ours": ONE.pem}, 1)
    lay(TWO, tmp_path / "ours.pem", tmp_path / "ours.key")
    assert (watched.later(), watched.changes) == ({"ours": TWO.pem}, 2)
    (tmp_path / "ours.key").unlink()
    assert (watched.later(), watched.changes) == ({}, 3)
    watched.files.stop()
    assert not watched.clock.getDelayedCalls()


def test_a_link_that_is_turned_to_another_folder_is_followed(tmp_path: Path) -> None:
    """As Kubernetes and certbot renew."""
    lay(ONE, tmp_path / "1" / "fullchain.pem", tmp_path / "1" / "privkey.pem")
    lay(TWO, tmp_path / "2" / "fullchain.pem", tmp_path / "2" / "privkey.pem")
    (tmp_path / "live").mkdir()
    link = tmp_path / "live" / "ours"
    link.symlink_to(tmp_path / "1")
    watched = Watched(tmp_path / "live")
    assert watched.shown() == {"ours": ONE.pem}
    link.unlink()
    link.symlink_to(tmp_path / "2")
    assert watched.later() == {"ours": TWO.pem}


@pytest.mark.parametrize(
    "broken", [TWO.pem, "no PEM", "", ONE.pem + "x" * MOST_OCTETS], ids=["other", "no", "", "long"]
)
def test_what_does_not_fit_leaves_what_was_there_and_is_told_once(tmp_path: Path, broken: str) -> None:
    lay(ONE, tmp_path / "ours.pem", tmp_path / "ours.key")
    watched = Watched(tmp_path)
    (tmp_path / "ours.pem").write_text(broken)
    assert watched.later() == watched.later() == {"ours": ONE.pem}
    assert len(watched.noted) == 1
    assert "ours.pem" in watched.noted[0]
    assert "PRIVATE" not in watched.noted[0]
    lay(TWO, tmp_path / "ours.pem", tmp_path / "ours.key")
    assert watched.later() == {"ours": TWO.pem}


def test_no_folder_no_key_and_too_many(tmp_path: Path) -> None:
    assert Watched(None).shown() == {}
    assert Watched(tmp_path / "nowhere").shown() == {}
    (tmp_path / "authority.pem").write_text(ONE.pem)
    assert Watched(tmp_path).shown() == {}
    for number in range(MOST_PAIRS + 1):
        lay(ONE, tmp_path / f"{number:03}.pem", tmp_path / f"{number:03}.key")
    assert sorted(Watched(tmp_path).shown()) == [f"{number:03}" for number in range(MOST_PAIRS)]
