"""Rules that every file keeps: imports point down, one meaning a name, examples run. One test a rule.

A rule that is broken lists all offenders, each as `file:line: what is wrong`, so that one run is enough to mend them.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from file_order import COMPUTING, WAITING, order_of_files, places_from

import imagewright

SOURCE = Path(imagewright.__file__).parent
PROJECT = Path(__file__).resolve().parents[1]

# From the ground up. A file imports from its own folder, and from every floor below.
GROUND = "errors seeds configs phases recipe model capabilities training_capabilities catalogue distributed files"
GROUND += " downloads familiar_names json_files regular_files machine pixels progress traits versions views wording"
GROUND += " archives terminal reprs translation_capabilities style_capabilities memoryless catalogue_entries consent"
GROUND += " fit_work model_choice counts notebooks shared_work meeting agreement common_disk optimizers"
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
    {"films"},
    {"training"},
    {"latent"},
    {"exports"},
    {"face_crops"},
    {"lessons", "analysis", "face_swap", "inspection", "pairs", "hub", "shard_files"},
    {"shape_files"},
    {"tours"},
    {"studio"},
    {"cli", "__init__"},
    {"__main__"},
]
LEVEL = {part: level for level, parts in enumerate(FLOORS) for part in parts}

LONGEST_FILE = 400  # lines: more is more than one idea

# Classes that may share a name, each with the reason. Any other two classes of one name need two names.
SHARED_NAMES = {
    "Discriminator": "a network of its model's file, named as in the paper",
}


def fail_on(offenders: Iterable[str], rule: str) -> None:
    """Fail with the rule and all that break it."""
    lines = list(offenders)
    if lines:
        pytest.fail("\n".join([rule, *(f"  {line}" for line in lines)]), pytrace=False)


@cache
def modules() -> tuple[Path, ...]:
    """All files of the package."""
    return tuple(sorted(SOURCE.rglob("*.py")))


@cache
def tree_of(path: Path) -> ast.Module:
    """A file, parsed."""
    return ast.parse(path.read_text())


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """What is in a file, at any depth: several rules look through all files, and walking takes long."""
    return tuple(ast.walk(tree_of(path)))


def name_of(path: Path) -> str:
    """As it is found from the project's root, or from the package's where it is installed elsewhere."""
    return str(path.relative_to(PROJECT if path.is_relative_to(PROJECT) else SOURCE.parent))


def part_of(path: Path) -> str:
    """The folder of the package that a file is in; for a file at the top, its own name."""
    inside = path.relative_to(SOURCE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


@cache
def imports_of(path: Path) -> tuple[tuple[int, str], ...]:
    """Every import of the package in a file: the line, and the part that is imported. Also inside functions."""
    found = []
    for node in nodes_of(path):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "imagewright" else [base]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "imagewright":
                part = rest.split(".")[0]
                # A name of the public face, as in `from imagewright import train`, is no part.
                found.append((node.lineno, part if part in LEVEL else "__init__"))
    return tuple(found)


# Imports


def test_every_folder_has_a_floor() -> None:
    fail_on(
        sorted({part_of(path) for path in modules()} - LEVEL.keys()),
        "A part of the package has no floor: add it to FLOORS above, and to the table of docs/architecture.md.",
    )


def test_a_file_imports_from_its_own_folder_or_from_floors_below() -> None:
    fail_on(
        (
            f"{name_of(path)}:{line}: {part} imports {imported}"
            for path in modules()
            for line, imported in imports_of(path)
            if (part := part_of(path)) in LEVEL and not may_import(part, imported)
        ),
        "A file imports from its own folder, or from floors below (FLOORS above).",
    )


def may_import(part: str, imported: str) -> bool:
    """Whether a file of one part may import from another."""
    same_ground = LEVEL[imported] == LEVEL[part] == 0
    # The command line is a caller of the public face, which is on its floor.
    return imported == part or (part, imported) == ("cli", "__init__") or same_ground or LEVEL[imported] < LEVEL[part]


def test_imports_are_by_whole_names() -> None:
    fail_on(
        (
            f"{name_of(path)}:{node.lineno}"
            for path in modules()
            for node in nodes_of(path)
            if isinstance(node, ast.ImportFrom) and (node.level or any(alias.name == "*" for alias in node.names))
        ),
        "No relative import, which hides the floor, and no `import *`, which hides the names.",
    )


def test_tools_know_no_model_by_name() -> None:
    fail_on(
        (
            f"{name_of(path)}:{line}"
            for path in modules()
            if part_of(path) in {"training", "metrics", "latent", "verbs"}
            for line, imported in imports_of(path)
            if imported == "models"
        ),
        "A tool imports from models/: it should ask for a capability (capabilities.py) instead.",
    )


OPENS_PICTURES = "images/decoding/opening.py"


def test_pictures_are_opened_in_one_place() -> None:
    fail_on(
        (
            f"{name_of(path)}:{node.lineno}"
            for path in modules()
            if str(path.relative_to(SOURCE)) != OPENS_PICTURES
            for node in nodes_of(path)
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Image.open")
        ),
        f"Image.open tries all formats of Pillow, and hands some to other programs: use {OPENS_PICTURES}.",
    )


def test_models_do_not_inherit_from_one_another() -> None:
    from imagewright import catalogue
    from imagewright.model import Model

    bases = {name: catalogue.model_class(name).__mro__[1] for name in catalogue.entries()}
    fail_on(
        (f"{name} is a kind of {base.__name__}" for name, base in bases.items() if base is not Model),
        "The first base of a model is Model: what models share is a function or a mix-in, never another model.",
    )


# Files and names


def test_test_files_have_names_of_their_own() -> None:
    names = defaultdict(list)
    for path in sorted((PROJECT / "tests").rglob("test_*.py")):
        names[path.name].append(str(path.relative_to(PROJECT)))
    fail_on(
        (f"{', '.join(paths)}" for paths in names.values() if len(paths) > 1),
        "Two test files of one name cannot be collected together: rename one.",
    )


def test_no_file_is_too_long() -> None:
    files = [path for folder in ("src", "tests", "benchmarks") for path in sorted((PROJECT / folder).rglob("*.py"))]
    lengths = {path: len(path.read_text().splitlines()) for path in files}
    fail_on(
        (f"{name_of(path)}: {length} lines" for path, length in lengths.items() if length > LONGEST_FILE),
        f"A file of more than {LONGEST_FILE} lines holds more than one idea: split it.",
    )


def test_every_module_says_what_it_is_for() -> None:
    fail_on(
        (name_of(path) for path in modules() if not ast.get_docstring(tree_of(path))),
        "A module has no docstring.",
    )


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{name_of(path)}:{node.lineno}")
    allowed = SHARED_NAMES.keys()
    twice = {name: where for name, where in places.items() if len(where) > 1}
    fail_on(
        (f"{name}: {', '.join(where)}" for name, where in sorted(twice.items()) if name not in allowed),
        "Two public classes have one name: rename one, or say in SHARED_NAMES why both may have it.",
    )
    fail_on(sorted(allowed - twice.keys()), "SHARED_NAMES allows a name that no two classes share.")


# Imports when they are needed

LIGHT_STATEMENTS = (
    "import imagewright; imagewright.list_models()",
    "import imagewright; imagewright.list_lessons()",
    "import imagewright.cli.app",
    "from imagewright.cli import main; main(['--help'])",
    "from imagewright.cli import main; main(['models'])",
)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    check = (
        "import sys; print(sorted({'torch', 'numpy', 'PIL', 'sklearn', 'skimage', 'matplotlib'} & set(sys.modules)))"
    )
    imported = {}
    for statement in LIGHT_STATEMENTS:
        command = [sys.executable, "-c", f"{statement}\n{check}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        imported[statement] = done.stdout.splitlines()[-1]
    fail_on(
        (f"{statement}: {found}" for statement, found in imported.items() if found != "[]"),
        "Heavy packages are imported by a statement that should answer in an instant.",
    )


# Examples


@cache
def module_names() -> tuple[str, ...]:
    found = pkgutil.walk_packages([str(SOURCE)], "imagewright.")
    return ("imagewright", *(each.name for each in found if not each.name.endswith("__main__")))


def test_the_examples_in_docstrings_run() -> None:
    imported = [importlib.import_module(name) for name in module_names()]
    with_examples = [module for module in imported if ">>>" in Path(str(module.__file__)).read_text()]
    results = {module.__name__: doctest.testmod(module) for module in with_examples}
    fail_on(
        (f"{name}: {result.failed} of {result.attempted}" for name, result in results.items() if result.failed),
        "Examples in docstrings fail (what each gave instead is printed above).",
    )
    assert sum(result.attempted for result in results.values()) >= 3, "there are no examples left to run"


# Documents


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")]
    links = [
        (document, target)
        for document in documents
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text())
        if "://" not in target
    ]
    fail_on(
        (f"{name_of(document)}: {target}" for document, target in links if not (document.parent / target).exists()),
        "A document links to a file that is not there.",
    )


def test_the_index_lists_every_document() -> None:
    index = (PROJECT / "docs" / "index.md").read_text()
    names = sorted(path.name for path in (PROJECT / "docs").glob("*.md") if path.name != "index.md")
    fail_on((name for name in names if f"({name})" not in index), "docs/index.md does not list a document.")


def test_the_glossary_is_in_order() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (PROJECT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert len(words) > 50
    assert words == sorted(words, key=str.casefold)


# Tests


def test_files_that_wait_are_there_and_spread_among_those_that_compute() -> None:
    gone = [file for file in WAITING + COMPUTING if not (PROJECT / file).is_file()]
    fail_on(gone, "tests/file_order.py names a file that is not there.")
    tests = [f"tests/{name}.py::test_{number}" for name in "abcd" for number in range(ord(name))]
    places = order_of_files([f"{WAITING[1]}::test", *tests, f"{WAITING[0]}::test"])
    in_order = [WAITING[0], "tests/d.py", "tests/c.py", WAITING[1], "tests/b.py", "tests/a.py"]
    assert sorted(places, key=places.__getitem__) == in_order
    assert min(order_of_files([*tests, f"{COMPUTING[0]}::test"]).items(), key=lambda each: each[1])[0] == COMPUTING[0]


def test_processes_collect_the_same_tests_from_different_places() -> None:
    first, second = (places_from(PROJECT / "tests", share) for share in (0, 0.5))
    assert first[0] != second[0]
    assert sorted(first) == sorted(second)
    found = {file for place in map(Path, first) for file in ([place] if place.is_file() else place.rglob("test_*.py"))}
    assert found == set((PROJECT / "tests").rglob("test_*.py"))
