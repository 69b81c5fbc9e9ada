"""The model of CONTRIBUTING.md is a model: its file and its line are all that it takes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tiny import BATCH, simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright import catalogue
from imagewright.capabilities import verbs_of

DOCUMENT = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The document's entry, in the catalogue, with the document's file in the place that it names."""
    file, line = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    entry = eval(line, {"Entry": catalogue.Entry})  # the document's own
    name = entry.target.partition(":")[0]
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(file, f"{DOCUMENT}: {name}", "exec"), module.__dict__)
    monkeypatch.setitem(catalogue.entries(), entry.name, entry)
    return entry


def test_the_model_trains_resumes_and_answers_its_verbs(entry: Any, tmp_path: Path) -> None:
    pictures = simple_pictures()
    assert verbs_of(tiny_model(entry.name)) == entry.verbs
    often = {"report_every": BATCH, "checkpoint_every": BATCH}
    train_tiny(entry.name, pictures, tmp_path / "run", steps=2, **often)
    run = train_tiny(entry.name, pictures, tmp_path / "run", steps=4, resume=True, **often)
    assert run.metrics()[-1]["losses"].keys() == {"reconstruction/squared_error", "reconstruction/sparsity"}
    assert iw.encode(run, pictures[:3]).shape == (3, 4)
    assert iw.reconstruct(run, pictures[:3]).shape == (3, 3, 16, 16)
