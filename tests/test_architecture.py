"""The shape of the package: imports go one way, scikit-learn stays in its rooms, no machine's paths in any file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cleaner"
# A module imports only from modules before it. A new module is given its place here, and in CONTRIBUTING's map.
ORDER = (
    "errors", "page", "decoding", "tokens", "segmentation", "lexicon", "repetition", "sites", "features", "calibration",
    "network", "model", "decision", "pipeline", "markdown", "output", "sources", "batch", "labelled", "conversions",
    "renderings", "evaluation", "network_fitting", "fitting", "training", "adaptation", "cli",
)  # fmt: skip
LEARNING = {"fitting", "training", "evaluation", "adaptation"}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """The room a file belongs to: ``cleaner/features/columns.py`` is of ``features``."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """The line and dotted name of every import of a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by the full name, so that the direction can be read"
            yield node.lineno, node.module or ""
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_module_has_its_place() -> None:
    found = {module_of(path) for path in SOURCES} - {"__init__", "__main__"}
    assert found <= set(ORDER), f"give {sorted(found - set(ORDER))} a place in ORDER"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports_go_one_way(path: Path) -> None:
    own = module_of(path)
    if own in ("__init__", "__main__"):
        return  # they only hand names on
    place = ORDER.index(own)
    for line, dotted in imported(path):
        parts = dotted.split(".")
        if parts[0] == "cleaner" and len(parts) > 1 and parts[1] in ORDER:
            assert ORDER.index(parts[1]) <= place, f"{name(path)}:{line}: {own} must not import {parts[1]}"


@pytest.mark.parametrize("path", [p for p in SOURCES if module_of(p) not in LEARNING], ids=name)
def test_only_training_and_evaluation_import_the_learning_libraries(path: Path) -> None:
    for line, dotted in imported(path):
        assert dotted.split(".")[0] not in ("sklearn", "scipy"), f"{name(path)}:{line}: imports {dotted}"


def repository_files() -> Iterator[Path]:
    """Every file that belongs to the project: not the version control's, nor what tools left behind."""
    left_behind = {"__pycache__", "dist", "build", "node_modules"}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        dotted = any(part.startswith(".") and part != ".ci" for part in parts[:-1]) or parts[0] == ".git"
        if path.is_file() and not dotted and not left_behind & set(parts) and ".egg-info" not in str(path):
            yield path


def test_no_file_holds_the_paths_of_a_machine() -> None:
    # Written in pieces, or this file would be the first to be found.
    folders = "|".join(("/" + "work/", "/" + "opt/venv", "/" + "tmp/", "/" + "root/", "/" + r"home/\w+/"))
    # Only where a path begins: https://example.org/work/ is an address.
    machine = re.compile(rf"(?<![\w./>-])(?:{folders})".encode())
    found = []
    for path in repository_files():
        if name(path).startswith("marked/") or path.name.endswith(".marked.txt"):
            continue  # what a page says is the page's: manuals name folders
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if machine.search(line):
                found.append(f"{name(path)}:{number}: {line.decode(errors='replace').strip()[:100]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_the_library_prints_nothing(path: Path) -> None:
    if module_of(path) in ("cli", "__main__"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{name(path)}:{node.lineno}"


def test_public_names_are_there() -> None:
    import importlib

    for module in ORDER:
        loaded = importlib.import_module(f"cleaner.{module}")
        for public in getattr(loaded, "__all__", ()):
            assert hasattr(loaded, public), f"cleaner.{module}.__all__ names {public}, which is not there"
