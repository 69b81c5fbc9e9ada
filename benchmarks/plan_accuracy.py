"""What `train --plan` says beforehand against what the training then takes: memory at the peak, and time by the clock.

    OMP_NUM_THREADS=1 python benchmarks/plan_accuracy.py --seconds 20

Each plan and each training is a process of its own, in which nothing else has been computed. A row a model: both
figures, and the plan's over the training's; wanted: memory within a fifth. Time is that of the steps, reports and
pages; on a machine whose other work changes, it is as wrong as the measured rate.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import MIB, in_own_process, make_parser, print_row

import imagewright as iw
from imagewright.training.device import peak_memory
from imagewright.training.reporting import Silent

# Model, side in pixels, and options; everything else is as suggested.
CASES: list[tuple[str, int, dict[str, Any]]] = [
    ("dcgan", 64, {}),
    ("dcgan", 64, {"width": 64, "batch_size": 64}),
    ("vae", 64, {}),
    ("vae_gan", 64, {}),
    ("r3gan", 64, {}),
    ("stylegan2", 64, {}),
    ("projected_gan", 64, {"features": "random"}),
    ("progan", 32, {}),
    ("cgan", 32, {}),
    ("biggan", 32, {}),
    ("pix2pix", 128, {}),
    ("cyclegan", 64, {}),
    ("autoencoder", 64, {"batch_size": 256}),
    ("dcgan", 256, {"batch_size": 16}),
]
PICTURES = 256


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="planned for each training")
    parser.add_argument("--models", nargs="+", help="of the cases; by default all")
    arguments = parser.parse_args()
    for model, side, options in CASES:
        if arguments.models and model not in arguments.models:
            continue
        chosen = options | {"minutes": arguments.seconds / 60, "precision": "fp32"}
        plan = in_own_process(plan_one, model, side, chosen)
        used = in_own_process(train_one, model, side, chosen)  # options may follow from the minutes
        print_row(
            {"model": model, "side": side, "batch": plan["batch"], "images": plan["images_seen"]}
            | {"planned MiB": round(plan["memory"] / MIB), "used MiB": round(used["memory"] / MIB)}
            | {"memory": round(plan["memory"] / used["memory"], 2)}
            | {"planned s": round(plan["seconds"], 1), "clock s": round(used["seconds"], 1)}
            | {"time": round(plan["seconds"] / used["seconds"], 2)}
        )


def pictures(model: str, side: int) -> Any:
    """Noise of so many pixels, with the labels, the layers or the second set that a model needs."""
    generator = np.random.default_rng(0)

    def some() -> np.ndarray:
        return generator.integers(0, 256, (PICTURES, 3, side, side), np.uint8)

    if model == "pix2pix":
        return iw.open_images({"input": some(), "target": some()}, size=side)
    if model == "cyclegan":
        return {"a": iw.open_images(some(), size=side), "b": iw.open_images(some(), size=side)}
    images = iw.open_images(some(), size=side)
    return images.with_labels(np.arange(PICTURES) % 4, tuple("abcd")) if model in ("cgan", "biggan") else images


def plan_one(model: str, side: int, options: dict[str, Any]) -> dict[str, Any]:
    plan = iw.plan_training(model, pictures(model, side), **options)
    assert plan.memory_bytes is not None
    assert plan.seconds is not None
    return {
        "memory": plan.memory_bytes, "seconds": plan.seconds, "images_seen": plan.images_seen, "batch": plan.batch_size
    }  # fmt: skip


def train_one(model: str, side: int, options: dict[str, Any]) -> dict[str, Any]:
    images = pictures(model, side)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        iw.train(model, images, Path(folder) / "run", reporter=Silent(), **options)
        seconds = time.monotonic() - started
        return {"memory": peak_memory(torch.device("cpu")), "seconds": seconds}


if __name__ == "__main__":
    main()
