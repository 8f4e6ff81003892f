"""A missing peer program is a failure under CI, and elsewhere a skipped test that says what to install."""

import pytest

from tests.peers import require, require_root

MISSING = "no-such-peer-program"


def test_under_ci_a_missing_peer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=MISSING):
        require(MISSING)


def test_elsewhere_it_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="'make test' installs it"):
        require(MISSING)


def test_whoever_is_not_root_is_told_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="as root"):
        require_root()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="as root"):
        require_root()


def test_a_program_that_is_there_is_found() -> None:
    assert require("sh").endswith("/sh")
