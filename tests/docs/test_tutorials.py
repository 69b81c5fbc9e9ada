"""The tutorials: cells are Python that names what there is; `make quality` runs them, `make tutorials` in kernels."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import imagewright as iw
from imagewright.output import showing

TUTORIALS = sorted((Path(__file__).resolve().parents[2] / "docs" / "tutorials").glob("*.ipynb"))
LENGTH = "TUTORIAL_IMAGES"


def code_of(path: Path) -> list[str]:
    """The source of each code cell."""
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_there_are_four() -> None:
    assert len(TUTORIALS) == 4


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_is_kept_without_outputs_and_teaches_between_cells(path: Path) -> None:
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert len(notebook["cells"]) >= 1.5 * len(code), "text between the cells"
    assert LENGTH in code_of(path)[0]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_every_cell_compiles_and_calls_what_there_is(path: Path) -> None:
    for source in code_of(path):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "iw":
                assert node.attr in iw.__all__, source
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("iw."):
                check_call(node)


def check_call(call: ast.Call) -> None:
    """Whether a call's arguments are arguments of the function, or options of the model that it trains."""
    function = getattr(iw, ast.unparse(call.func).removeprefix("iw."))
    given = {keyword.arg: None for keyword in call.keywords if keyword.arg}
    if function is iw.train:
        model = ast.literal_eval(call.args[0])
        known = {option.name for option in iw.list_options(model)}
        known |= set(inspect.signature(iw.train).parameters) | {"images_seen"}
        assert given.keys() <= known, f"{model}: {given.keys() - known}"
        return
    inspect.signature(function).bind(*[None] * len(call.args), **given)


@pytest.mark.learning
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(LENGTH, "256")
    monkeypatch.setattr(iw, "show", showing.draw)  # no viewer
    names: dict[str, Any] = {}
    for source in code_of(path):
        *statements, last = ast.parse(source).body
        exec(compile(ast.Module(statements, []), path.name, "exec"), names)
        if isinstance(last, ast.Expr):
            show(eval(compile(ast.Expression(last.value), path.name, "eval"), names))
        else:
            exec(compile(ast.Module([last], []), path.name, "exec"), names)


def show(thing: Any) -> None:
    """What a notebook does with the last value of a cell."""
    assert repr(thing)
    for way in ("_repr_html_", "_repr_png_"):
        if hasattr(thing, way):
            assert getattr(thing, way)()
