"""The walls stand; and each check finds the fault that it is there for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import walls

TREE = Path(__file__).parent.parent
Wall = Callable[[Path], Iterator[str]]


@pytest.mark.parametrize("wall", walls.WALLS, ids=lambda wall: wall.__name__)
def test_the_wall_stands(wall: Wall) -> None:
    assert list(wall(TREE)) == []


PLANTED: list[tuple[Wall, str, str]] = [
    (walls.languages_are_pure, "rules/x.py", "import socket"),
    (walls.languages_are_pure, "rules/x.py", "def f():\n    import os.path"),
    (walls.languages_are_pure, "rules/x.py", "from protocols.link import messages"),
    (walls.languages_are_pure, "protocols/x.py", "from urllib import request"),
    (walls.languages_are_pure, "protocols/x.py", "import pydantic"),
    (walls.languages_are_pure, "protocols/x.py", "from datetime import datetime\nNOW = datetime.now()"),
    (walls.languages_are_pure, "protocols/x.py", "from uuid import uuid4\nID = uuid4()"),
    (walls.outpost_has_no_asyncio, "outpost/listeners/ldap.py", "import asyncio"),
    (walls.control_has_no_twisted, "control/x.py", "from twisted.internet.defer import Deferred"),
    (walls.control_has_no_twisted, "control/x.py", "import outpost"),
    (walls.settings_know_no_program, "settings/x.py", "from control import records"),
    (walls.the_reactor_is_named_at_the_top_alone, "outpost/app.py", "from twisted.internet import reactor"),
    (walls.the_reactor_is_named_at_the_top_alone, "outpost/x.py", "import twisted.internet.reactor as r"),
    (walls.control_is_named_at_the_top_alone, "outpost/listeners/http.py", "from control.app import Control"),
    (walls.control_is_named_at_the_top_alone, "outpost/__main__.py", "import control.app"),
    (walls.concrete_stores_are_named_by_the_app_alone, "control/verbs/x.py", "from control.store import sql"),
    (walls.concrete_stores_are_named_by_the_app_alone, "outpost/up.py", "from control.store.sql.store import SqlStore"),
    (walls.each_config_is_read_by_its_app_alone, "outpost/listeners/x.py", "from ..config import OutpostConfig"),
    (walls.each_config_is_read_by_its_app_alone, "control/web/x.py", "from control import config"),
    (walls.programs_import_what_is_installed_with_them, "control/x.py", "def f():\n    import hypothesis"),
    (walls.names_say_something, "control/user_manager.py", ""),
    (walls.names_say_something, "control/utils/x.py", ""),
    (walls.names_say_something, "control/x.py", "class LDAPHandler:\n    pass"),
    (walls.files_are_short, "rules/x.py", "x = 1\n" * 401),
    (walls.modules_say_what_they_are, "rules/x.py", "x = 1"),
    (walls.the_tour_names_what_is_there, "ARCHITECTURE.md", "first `outpost/nowhere.py`, then `outpost/`"),
]


@pytest.mark.parametrize(("wall", "path", "text"), PLANTED)
def test_a_planted_fault_is_found(wall: Wall, path: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "outpost").mkdir()
    (tmp_path / "ARCHITECTURE.md").touch()
    assert list(wall(tmp_path)) == []
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    faults = list(wall(tmp_path))
    assert faults
    assert all(fault.startswith(path) for fault in faults)


def test_no_exception_outlives_its_file() -> None:
    assert walls.LONG_FILES.keys() <= walls.long_files(TREE), "some of these are short now; take them off the list"


def test_every_wall_has_a_planted_fault() -> None:
    assert {wall for wall, _, _ in PLANTED} == set(walls.WALLS)


ALLOWED: list[tuple[Wall, str, str]] = [
    (walls.languages_are_pure, "protocols/x.py", "from rules import reasons\nimport re2, httptools, hashlib"),
    (walls.outpost_has_no_asyncio, "outpost/listeners/asgi.py", "import asyncio"),
    (walls.the_reactor_is_named_at_the_top_alone, "outpost/up.py", "from twisted.internet import reactor"),
    (walls.control_is_named_at_the_top_alone, "outpost/__main__.py", "def f():\n    import control.app"),
    (walls.concrete_stores_are_named_by_the_app_alone, "control/app.py", "from control.store.sql import store"),
    (walls.names_say_something, "control/database.py", "class Metadata:\n    pass"),
]


@pytest.mark.parametrize(("wall", "path", "text"), ALLOWED)
def test_what_is_allowed_is_not_found(wall: Wall, path: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert list(wall(tmp_path)) == []


# --- import-linter -------------------------------------------------------------------------------------------------


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_linters_contracts_are_kept() -> None:
    answer = lint_imports(TREE)
    assert answer.returncode == 0, answer.stdout
    assert " 0 broken" in answer.stdout


BREAKING = {
    "rules/reasons.py": "import socket, protocols.errors",
    "protocols/ldap/ber.py": "import protocols.radius.packet",
    "settings/kinds.py": "import outpost.outcome",
    "control/records/record.py": "import twisted.internet.defer, sqlalchemy, control.app",
    "outpost/outcome.py": "import twisted.internet.defer, control.records, outpost.app",
}


def test_import_linters_contracts_can_break(tmp_path: Path) -> None:
    for package in walls.PACKAGES:
        shutil.copytree(TREE / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TREE / "pyproject.toml", tmp_path)
    for path, planted in BREAKING.items():
        with (tmp_path / path).open("a") as file:
            file.write(f"\n{planted}\n")
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "Contracts: 0 kept" in answer.stdout, answer.stdout


# --- what is committed ---------------------------------------------------------------------------------------------


def committed() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TREE,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (TREE / name).is_file()]


def test_nothing_points_at_one_machine() -> None:
    assert list(walls.nothing_points_at_one_machine(TREE, committed())) == []


@pytest.mark.parametrize("parts", [("/wo", "rk/main"), ("see /t", "mp/x"), ("https://py", "pi.org/simple")])
def test_what_points_at_one_machine_is_found(parts: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("fine\n" + "".join(parts))
    assert len(list(walls.nothing_points_at_one_machine(tmp_path, ["x.md"]))) == 1
