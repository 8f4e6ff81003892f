"""What the documents say is there, is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from outpost.__main__ import COMMANDS
from settings.__main__ import page
from settings.read import KNOWN
from tests.readme import README, TREE, examples, missing_lines

DOCUMENTS = sorted([*TREE.glob("*.md"), *(TREE / "docs").rglob("*.md")])
FOREIGN = {"PORT"}
"""Kubernetes sets OUTPOST_PORT; it is named as an example of what is not ours."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(TREE).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md"])
def test_what_is_named_in_the_tree_is_there(document: str) -> None:
    for name in re.findall(r"`([a-z_]+/[\w*./-]*)`", (TREE / document).read_text()):
        assert list(TREE.glob(name)), name


def test_the_two_commands_and_every_other_that_is_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (TREE / "Makefile").read_text(), re.MULTILINE))
    text = README.read_text()
    assert {"run", "test", "help"} <= set(re.findall(r"`make ([a-z-]+)`", text)) <= targets
    assert {"check-config", "apply"} <= set(re.findall(r"\boutpost ([a-z-]+)(?=[ `])", text)) <= set(COMMANDS)


def test_every_variable_that_is_named_is_a_setting() -> None:
    for document in DOCUMENTS:
        for name in re.findall(r"\b(?:OUTPOST|AUTHENTIK)_([A-Z_]*[A-Z])\b", document.read_text()):
            assert name.lower().replace("__", ".") in KNOWN or name in FOREIGN, f"{document.name}: {name}"


def test_the_page_of_settings_is_up_to_date() -> None:
    assert (TREE / "docs" / "settings.md").read_text() == page(), "run: python -m settings > docs/settings.md"


def test_the_first_hour_has_an_example_for_each_door() -> None:
    commands = "".join(example.commands for example in examples(README.read_text()))
    assert all(word in commands for word in ("outpost apply", "ldapsearch", "radclient", "curl"))


def test_a_line_that_is_not_printed_is_missed() -> None:
    assert missing_lines(("b", "a"), "xax\nxbx\nxax\n") == []
    assert missing_lines(("b", "a"), "a\nb\n") == ["a"]
    assert missing_lines(("c",), "a\nb\n") == ["c"]


# --- docs/attacks.md -----------------------------------------------------------------------------------------------

ATTACKS = TREE / "docs" / "attacks.md"


def named_tests(text: str) -> list[tuple[str, str]]:
    """``tests/x/test_y.py::test_z`` as (file, function)."""
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)


def functions(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_attack_names_a_test_that_exists() -> None:
    rows = [line for line in ATTACKS.read_text().splitlines() if line.startswith("| ") and "---" not in line]
    rows = [row for row in rows if not row.startswith("| attack |")]
    assert len(rows) > 20
    for row in rows:
        named = named_tests(row)
        assert named, row
        for file, function in named:
            assert (TREE / file).exists(), file
            assert function in functions(TREE / file), f"{file}::{function}"


def test_every_caller_has_its_page_and_what_is_printed_there_is_the_file_that_is_tested() -> None:
    """Files about people and groups alone are the README's."""
    pages = {one.name: one.read_text() for one in (TREE / "docs" / "proxies").glob("*.md")}
    for example in sorted((TREE / "examples").iterdir()):
        text = example.read_text()
        named = [said for said in pages.values() if f"examples/{example.name}" in said]
        assert named or example.suffix == ".yml", example.name
        for name, said in pages.items():
            if text.partition("\n")[0] in said:
                assert text in said, f"{name} prints another {example.name}"
