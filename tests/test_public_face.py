"""The public face: what the commands do and the documents teach is reached by `import imagewright as iw`."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

import imagewright
from imagewright.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
INIT = Path(imagewright.__file__)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Each command, and the public names that do its work from Python.
NAMES_OF_COMMANDS: dict[str, tuple[str, ...]] = {
    "tour": ("tour",),
    "models": ("list_models",),
    "train": ("train", "plan_training", "choose_model", "open_images", "Images", "Run"),
    "sample": ("sample", "sample_sheet"),
    "reconstruct": ("reconstruct", "reconstruction_sheet"),
    "interpolate": ("interpolate", "blend", "interpolation_sheet", "blend_sheet"),
    "translate": ("translate", "translation_sheet", "write_translations", "translate_video"),
    "latent list": ("list_latents",),
    "latent grid": ("manifold",),
    "latent traverse": ("traverse",),
    "latent attribute": ("attribute",),
    "latent factors": ("latent_factors",),
    "latent arithmetic": ("arithmetic",),
    "latent project": ("project",),
    "latent drag": ("drag",),
    "latent directions": ("directions",),
    "latent mix": ("mix_styles", "mixing_sheet"),
    "latent video": ("write_walk",),
    "latent noise": ("vary_noise",),
    "latent truncation": ("truncation_sheet",),
    "latent neighbours": ("neighbours",),
    "edit": ("edit", "edit_sheet"),
    "score": ("score", "score_sheet"),
    "classify": ("classify", "compare_classifiers"),
    "components": ("components",),
    "lesson": ("lesson", "list_lessons"),
    "data check": ("check", "check_faces", "duplicates"),
    "data prepare": ("open_images",),
    "data grid": ("grid_sheet",),
    "data pairs": ("make_pairs",),
    "data subset": ("make_set",),
    "data shapes": ("make_shapes", "measure_sprites", "measure_heads"),
    "data shard": ("write_shards",),
    "data cache": ("caches", "clear_caches"),
    "outliers": ("outliers",),
    "cluster": ("cluster",),
    "compress": ("compress", "encode_jpeg", "decode_jpeg"),
    "evaluate": ("evaluate",),
    "metrics check": ("self_check",),
    "metrics list": ("list_metrics",),
    "compare": ("compare",),
    "film": ("film",),
    "doctor": ("doctor",),
    "inspect": ("inspect",),
    "sign": ("sign",),
    "card": ("model_card",),
    "push": ("push",),
    "pull": ("pull",),
    "studio": ("open_studio",),
    "import": ("import_checkpoint",),
    "export": ("export",),
    "faces align": ("align_faces",),
    "swap check": ("check_swap",),
    "swap extract": ("extract_faces",),
    "swap sort": ("sort_faces",),
    "swap convert": ("swap_faces",),
    "weights get": ("get_weights",),
    "weights list": ("list_weights",),
    "weights add": ("add_weights",),
}
GENERATED = ("train", "lesson")  # whose sub-commands are the lines of a table: one function takes the name


def commands(of: App = app, before: str = "") -> Iterator[str]:
    """The full name of every command that does something, such as "latent list"."""
    for name in of:
        if name.startswith("-"):
            continue
        full = f"{before} {name}".strip()
        command = of[name]
        inner = [] if full in GENERATED else [each for each in command if not each.startswith("-")]
        if inner:
            yield from commands(command, full)
        else:
            yield full


def python_blocks() -> Iterator[tuple[str, ast.Module]]:
    """The code of every fenced python block of the documents, and where it stands."""
    for document in DOCUMENTS:
        for found in re.finditer(r"^( *)```python\n(.*?)^\1```", document.read_text(), re.MULTILINE | re.DOTALL):
            line = document.read_text()[: found.start()].count("\n") + 1
            yield f"{document.relative_to(ROOT)}:{line}", ast.parse(textwrap.dedent(found[2]))


def aliases_of_the_package(tree: ast.AST) -> set[str]:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    return {alias.asname or alias.name for each in imports for alias in each.names if alias.name == "imagewright"}


def type_checking_imports() -> dict[str, str]:
    """Module of each name that is imported for type checkers."""
    (block,) = (node for node in ast.parse(INIT.read_text()).body if isinstance(node, ast.If))
    imports = (node for node in block.body if isinstance(node, ast.ImportFrom) and node.module != "typing")
    return {alias.name: str(each.module) for each in imports for alias in each.names}


def test_there_are_commands_and_documents_to_check() -> None:
    found = list(commands())
    assert {"sample", "latent list", "data grid", "train"} <= set(found)
    assert not any(" " in name for name in found if name.startswith(GENERATED))
    assert len(list(python_blocks())) >= 10


@pytest.mark.parametrize("command", list(commands()))
def test_every_command_has_public_functions(command: str) -> None:
    assert command in NAMES_OF_COMMANDS, f"`imagewright {command}`: which public functions do its work?"
    missing = [name for name in NAMES_OF_COMMANDS[command] if name not in imagewright.__all__]
    assert not missing, f"`imagewright {command}`: not in imagewright.__all__: {', '.join(missing)}"


def test_the_table_names_no_command_that_is_gone() -> None:
    assert set(NAMES_OF_COMMANDS) - set(commands()) == set()


@pytest.mark.parametrize(("place", "tree"), [pytest.param(*each, id=each[0]) for each in python_blocks()])
def test_the_documents_teach_public_names_alone(place: str, tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not str(node.module).startswith("imagewright"), f"{place} imports from {node.module}"
        if isinstance(node, ast.Import):
            assert all(not alias.name.startswith("imagewright.") for alias in node.names), f"{place}: a deep path"
    names = aliases_of_the_package(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names | {"iw"}:
            assert node.attr in imagewright.__all__, f"{place}: iw.{node.attr} is not in imagewright.__all__"


@pytest.mark.parametrize("name", imagewright.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert name in dir(imagewright)
    value = getattr(imagewright, name)
    if name != "__version__":
        assert value.__doc__


def test_the_three_lists_of_public_names_agree() -> None:
    listed = set(imagewright.__all__) - {"__version__"}
    assert len(imagewright.__all__) == len(set(imagewright.__all__))
    assert listed == set(imagewright._HOME)
    assert type_checking_imports() == imagewright._HOME


def test_no_public_name_is_that_of_a_sub_package() -> None:
    """Importing the sub-package would bind the name to it, in place of the function."""
    inside = {path.stem for path in INIT.parent.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert not inside & set(imagewright.__all__)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'imagewright' has no attribute 'trian'"):
        imagewright.trian  # noqa: B018
