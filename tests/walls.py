"""The walls of the house that import-linter cannot draw. Each check takes a tree and gives one line a fault."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import packages_distributions
from pathlib import Path

PACKAGES = ("protocols", "rules", "settings", "outpost", "control")
TOP = ("outpost/__main__.py", "outpost/up.py", "outpost/run.py", "outpost/control_alone.py")
"""Where a program is put together and its reactor chosen."""
LONGEST = 400
"""Lines of a program's file; a longer one has outgrown a reader's memory."""

LONG_FILES: dict[str, str] = {
    "control/store/migrations/versions/0001_first.py": "a table of every column, made by the migration tool",
    "rules/reasons.py": "a table of every reason",
    "protocols/link/messages.py": "a table of all that is said over the link",
}
"""File to the reason why it may be longer."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


IMPURE = _words(
    "socket ssl asyncio threading time logging os random secrets sqlite3 subprocess multiprocessing concurrent "
    "select selectors signal socketserver http.client http.server urllib.request pathlib tempfile shutil io"
)
OUTSIDE_LANGUAGES = frozenset({"cryptography", "h2", "httptools", "OpenSSL", "re2", "immutables"})
IMPURE_CALLS = _words(
    "datetime.now datetime.utcnow datetime.today date.today datetime.datetime.now datetime.datetime.utcnow "
    "datetime.date.today uuid.uuid1 uuid.uuid4 uuid1 uuid4 open input print"
)
FORBIDDEN_WORDS = _words("handler manager processor engine helper helpers util utils common misc base data info")
TERMS = frozenset({"DataType"})
"""Names that an RFC has for a thing: RFC 8044, Data Types in RADIUS."""


@dataclass(frozen=True)
class Import:
    module: str
    names: tuple[str, ...]
    line: int
    lazy: bool
    """Inside a function."""

    def touches(self, module: str) -> bool:
        """Does it name ``module`` or anything below it?"""
        named = [self.module, *(f"{self.module}.{name}" for name in self.names)]
        return any(name == module or name.startswith(f"{module}.") for name in named)


class Module:
    """One file of Python, ``path`` relative to the tree."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @property
    def package(self) -> str:
        return self.path.split("/")[0]

    @cached_property
    def syntax(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._imports(self.syntax, lazy=False))

    def _imports(self, node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, (), child.lineno, lazy) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                names = tuple(alias.name for alias in child.names)
                yield Import(self._absolute(child), names, child.lineno, lazy)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from self._imports(child, lazy or inside)

    def _absolute(self, node: ast.ImportFrom) -> str:
        above = self.path.removesuffix(".py").split("/")[: -node.level] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])


def modules(tree: Path, *packages: str) -> list[Module]:
    files = (file for package in packages for file in sorted((tree / package).rglob("*.py")))
    return [_module(file.relative_to(tree).as_posix(), file.read_text(encoding="utf-8")) for file in files]


@cache
def _module(path: str, text: str) -> Module:
    """Ten walls look at the same file; it is parsed once."""
    return Module(path, text)


def languages_are_pure(tree: Path) -> Iterator[str]:
    for module in modules(tree, "protocols", "rules"):
        friends = {"protocols", "rules"} if module.package == "protocols" else {"rules"}
        for found in module.imports:
            top = found.module.split(".")[0]
            ours = top in friends or top in OUTSIDE_LANGUAGES
            impure = any(found.touches(name) for name in IMPURE)
            if impure or not (ours or top in sys.stdlib_module_names):
                yield f"{module.path}:{found.line}: imports {found.module}"
        for node in ast.walk(module.syntax):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in IMPURE_CALLS:
                yield f"{module.path}:{node.lineno}: calls {ast.unparse(node.func)}"


def outpost_has_no_asyncio(tree: Path) -> Iterator[str]:
    return _named_only_by(tree, ("outpost",), "asyncio", "outpost/listeners/asgi.py", "outpost/up.py")


def control_has_no_twisted(tree: Path) -> Iterator[str]:
    for outside in ("twisted", "treq", "zope", "outpost"):
        yield from _named_only_by(tree, ("control",), outside)


def settings_know_no_program(tree: Path) -> Iterator[str]:
    for outside in ("outpost", "control", "twisted", "asyncio", "protocols"):
        yield from _named_only_by(tree, ("settings",), outside)


def the_reactor_is_named_at_the_top_alone(tree: Path) -> Iterator[str]:
    return _named_only_by(tree, PACKAGES, "twisted.internet.reactor", *TOP)


def control_is_named_at_the_top_alone(tree: Path) -> Iterator[str]:
    yield from _named_only_by(tree, ("outpost",), "control", "outpost/__main__.py", "outpost/up.py")
    for module in modules(tree, "outpost"):
        for found in module.imports:
            if module.path == "outpost/__main__.py" and found.touches("control") and not found.lazy:
                yield f"{module.path}:{found.line}: imports {found.module} outside a function"


def concrete_stores_are_named_by_the_app_alone(tree: Path) -> Iterator[str]:
    return _named_only_by(tree, PACKAGES, "control.store.sql", "control/app.py", "control/store/")


def each_config_is_read_by_its_app_alone(tree: Path) -> Iterator[str]:
    yield from _named_only_by(tree, PACKAGES, "outpost.config", "outpost/app.py", *TOP)
    yield from _named_only_by(
        tree,
        PACKAGES,
        "control.config",
        "control/app.py",
        "control/commands.py",
        "control/file_commands.py",
        "outpost/up.py",
    )


def _named_only_by(tree: Path, packages: tuple[str, ...], name: str, *allowed: str) -> Iterator[str]:
    for module in modules(tree, *packages):
        if not module.path.startswith(allowed or ("/",)):
            for found in module.imports:
                if found.touches(name):
                    yield f"{module.path}:{found.line}: imports {name}"


def programs_import_what_is_installed_with_them(tree: Path) -> Iterator[str]:
    """Tests are installed with more, so that nothing else notices."""
    lock = tree / "requirements.lock"
    locked = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE) if lock.exists() else []
    installed, whose = {_plain(name) for name in locked}, packages_distributions()
    for module in modules(tree, *PACKAGES):
        for found in module.imports:
            top = found.module.split(".")[0]
            known = top in sys.stdlib_module_names or top in PACKAGES
            if not known and installed.isdisjoint(map(_plain, whose.get(top, ()))):
                yield f"{module.path}:{found.line}: imports {found.module}, which requirements.lock does not have"


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def names_say_something(tree: Path) -> Iterator[str]:
    for module in modules(tree, *PACKAGES):
        names = [Path(part).stem for part in module.path.split("/")]
        names += [node.name for node in ast.walk(module.syntax) if isinstance(node, ast.ClassDef)]
        for name in set(names) - TERMS:
            words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
            if empty := sorted(FORBIDDEN_WORDS & {word.lower() for word in words}):
                yield f"{module.path}: the name {name} contains {', '.join(empty)}"


def files_are_short(tree: Path) -> Iterator[str]:
    for path in sorted(long_files(tree) - LONG_FILES.keys()):
        yield f"{path}: longer than {LONGEST} lines"


def long_files(tree: Path) -> set[str]:
    return {module.path for module in modules(tree, *PACKAGES) if module.text.count("\n") > LONGEST}


def modules_say_what_they_are(tree: Path) -> Iterator[str]:
    for module in modules(tree, *PACKAGES):
        if not ast.get_docstring(module.syntax):
            yield f"{module.path}: no docstring"


def the_tour_names_what_is_there(tree: Path) -> Iterator[str]:
    """Every path in backticks exists, except addresses, which begin with a slash."""
    for line, text in enumerate((tree / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines(), 1):
        for name in re.findall(r"`([\w.-]*/[\w./-]*|[\w-]+\.(?:toml|lock|yml|md))`", text):
            if not name.startswith("/") and not (tree / name).exists():
                yield f"ARCHITECTURE.md:{line}: {name} does not exist"


def _elsewhere() -> re.Pattern[str]:
    """Paths of one machine, and hosts of package registries, put together so that this file passes its own check."""
    folders = "|".join(("work", "tmp", r"root/\."))
    hosts = [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("crates", "io"),
        ("proxy", "golang"),
        ("repo", "maven"),
        ("deb", "debian"),
    ]
    return re.compile(rf"(?<![\w.}}])/(?:{folders})/?\b|" + "|".join(r"\.".join(host) for host in hosts))


def nothing_points_at_one_machine(tree: Path, files: list[str]) -> Iterator[str]:
    pattern = _elsewhere()
    for name in files:
        text = (tree / name).read_bytes().decode(errors="replace")
        for line, content in enumerate(text.splitlines(), 1):
            if found := pattern.search(content):
                yield f"{name}:{line}: {found.group()}"


WALLS: tuple[Callable[[Path], Iterator[str]], ...] = (
    languages_are_pure,
    outpost_has_no_asyncio,
    control_has_no_twisted,
    settings_know_no_program,
    the_reactor_is_named_at_the_top_alone,
    control_is_named_at_the_top_alone,
    concrete_stores_are_named_by_the_app_alone,
    each_config_is_read_by_its_app_alone,
    programs_import_what_is_installed_with_them,
    names_say_something,
    files_are_short,
    modules_say_what_they_are,
    the_tour_names_what_is_there,
)
