"""How fast each model trains, and in how much memory: the figures of the models' pages in the documentation.

    python benchmarks/model_speeds.py                    # all models: a quarter of an hour, on one thread
    python benchmarks/model_speeds.py --models vae pca --out look/speeds.json

Pictures of 64 pixels and the options that are suggested for them on a CPU: what `imagewright train MODEL SOURCE --plan`
says of rate and memory. A model in closed form is fitted, and the seconds and the memory of the whole training are
taken. Seconds are those of the processor: other work on the machine matters less, and with one thread they are what
a quiet machine takes. Each model has a process of its own. Writes docs/pictures/models/speeds.json, where each line
says its processor, its version of torch and, if it is known, its day.
"""

from __future__ import annotations

import json
import platform
import re
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from harness import in_own_process, make_parser, measure

import imagewright as iw
from imagewright.catalogue import entry_of, model_class
from imagewright.training import trial
from imagewright.training.reporting import Silent

PLACE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "models" / "speeds.json"
SIDE, COUNT, FACES = 64, 2_000, 100
FEW = 100  # pictures of a fit before the one that is timed: it imports what is needed


def pictures(model: str, folder: Path) -> Any:
    """Shapes, or pairs, sets or faces of drawn people, as a model needs them."""
    drawn = f"shapes:{{}},count={COUNT},size={SIDE},seed={{}}"
    needs = entry_of(model).needs
    if needs == "pairs":
        return iw.open_images({"input": drawn.format("outlines", 1), "target": drawn.format("plain", 1)})
    if needs == "two sets":
        return {"a": iw.open_images(drawn.format("plain", 1)), "b": iw.open_images(drawn.format("striped", 2))}
    if needs == "people":
        iw.make_shapes(folder / "people", "people", count=FACES, size=SIDE)
        return {"a": folder / "people" / "anna", "b": folder / "people" / "bert"}
    return iw.open_images(drawn.format("sprites", 1))


def speed_of(model: str) -> dict[str, Any]:
    """The line of a model: of its plan, or of its fit."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = pictures(model, folder)
        if model_class(model).is_closed_form():
            return fit_of(model, images, folder)
        with patch.object(trial.time, "monotonic", time.process_time):
            plan = iw.plan_training(model, images)
        assert plan.images_per_second is not None
        assert plan.memory_bytes is not None
        return {
            "images_per_second": two_digits(plan.images_per_second),
            "batch_size": plan.batch_size,
            "precision": plan.precision,
            "memory_bytes": plan.memory_bytes,
        }


def fit_of(model: str, images: iw.Images, folder: Path) -> dict[str, Any]:
    """The time and the memory of a fit, the second one of the process."""
    images.prepare()
    iw.train(model, images[np.arange(FEW)], folder / "first", reporter=Silent())
    found = measure(lambda: iw.train(model, images, folder / "run", reporter=Silent()))
    return {"fit_seconds": two_digits(found.processor_seconds), "pictures": COUNT, "memory_bytes": found.peak_bytes}


def two_digits(number: float) -> float:
    """A number with the digits that two measurements share."""
    return float(f"{number:.1e}")


def processor() -> str:
    """The name that the processor gives itself."""
    path = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", path.read_text() if path.exists() else "", re.MULTILINE)
    return re.sub(r"\(\w+\)", "", found[1]).strip() if found else platform.machine()


def main() -> None:
    parser = make_parser(__doc__)
    names = [entry.name for entry in iw.list_models()]
    parser.add_argument("--models", nargs="+", default=names, choices=names)
    parser.add_argument("--out", type=Path, default=PLACE, help="the table, whose other lines are kept (docs/)")
    asked = parser.parse_args()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    lines = json.loads(asked.out.read_text())["models"] if asked.out.exists() else {}
    for model in asked.models:
        machine = {
            "processor": processor(),
            "torch": torch.__version__.partition("+")[0],
            "date": date.today().isoformat(),
        }
        lines[model] = machine | in_own_process(speed_of, model, environment={"OMP_NUM_THREADS": "1"})
        print(model, lines[model], flush=True)
        table = {"on": {"side": SIDE, "threads": 1}, "models": {name: lines[name] for name in names if name in lines}}
        asked.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
