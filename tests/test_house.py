"""The house stands as it is drawn: imports point down, nothing heavy comes early, examples run."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imagewright

SOURCE = Path(imagewright.__file__).parent

# From the ground up. What stands on one floor may import from its own folder, and from every floor below.
GROUND = "errors seeds configs phases recipe model capabilities catalogue distributed files downloads pixels progress"
GROUND += " versions"
FLOORS = [
    set(GROUND.split()),
    {"images"},
    {"output"},
    {"statistics"},
    {"codecs"},
    {"faces"},
    {"pretrained"},
    {"layers"},
    {"losses"},
    {"models"},
    {"runs"},
    {"checkpoints"},
    {"verbs"},
    {"metrics"},
    {"training"},
    {"latent"},
    {"lessons", "analysis", "face_swap", "inspection"},
    {"cli", "studio", "__init__"},
    {"__main__"},
]
LEVEL = {part: level for level, parts in enumerate(FLOORS) for part in parts}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The folder of the package that a file is in, or its own name where it lies at the top."""
    inside = path.relative_to(SOURCE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every import of the package in a file: the line, and the part that is imported. Also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports by dots: whole names show the floor"
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "imagewright" else [base]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "imagewright":
                yield node.lineno, rest.split(".")[0] or "__init__"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_imports_from_its_own_folder_or_from_floors_below(path: Path) -> None:
    part = part_of(path)
    assert part in LEVEL, f"{part} has no floor"
    for line, name in imports_of(path):
        imported = name if name in LEVEL else "__init__"  # a name of the public face: `from imagewright import train`
        if imported == part or (part, imported) == ("cli", "__init__"):
            continue
        same = LEVEL[imported] == LEVEL[part] == 0
        assert same or LEVEL[imported] < LEVEL[part], f"{path}:{line} imports {imported}, which is no floor below"


def test_no_import_star() -> None:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert all(alias.name != "*" for alias in node.names), path


@pytest.mark.parametrize("part", ["training", "metrics", "latent", "verbs"])
def test_tools_know_no_model_by_name(part: str) -> None:
    for path in (SOURCE / part).rglob("*.py"):
        assert "models" not in {imported for _, imported in imports_of(path)}, path


def test_models_do_not_inherit_from_one_another() -> None:
    from imagewright import catalogue
    from imagewright.model import Model

    for name in catalogue.entries():
        bases = catalogue.model_class(name).__mro__[1:]
        assert bases[0] is Model, f"{name} is a kind of {bases[0].__name__}"


# Imports when they are needed


@pytest.mark.parametrize(
    "statement",
    [
        "import imagewright; imagewright.models()",
        "import imagewright.cli.app",
        "from imagewright.cli import main; main(['--help'])",
        "from imagewright.cli import main; main(['models'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(statement: str) -> None:
    check = (
        "import sys; print(sorted({'torch', 'numpy', 'PIL', 'sklearn', 'skimage', 'matplotlib'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", f"{statement}\n{check}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", f"{statement} imports {done.stdout.splitlines()[-1]}"


# Examples and words


def all_modules() -> list[str]:
    found = pkgutil.walk_packages([str(SOURCE)], "imagewright.")
    return ["imagewright", *(each.name for each in found if not each.name.endswith("__main__"))]


@pytest.mark.parametrize("name", all_modules())
def test_the_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_to_run() -> None:
    finder = doctest.DocTestFinder()
    tests = [test for name in all_modules() for test in finder.find(importlib.import_module(name))]
    examples = [example for test in tests for example in test.examples]
    assert len(examples) >= 3


def test_every_file_says_what_it_is_for() -> None:
    for path in modules():
        assert ast.get_docstring(ast.parse(path.read_text())), path
