"""What `train --plan` says beforehand against what the training then takes: memory at the peak, and time by the clock.

    OMP_NUM_THREADS=1 python benchmarks/plan_accuracy.py --seconds 20
    OMP_NUM_THREADS=1 python benchmarks/plan_accuracy.py --fits

Each plan and each training is a process of its own, in which nothing else has been computed. A row a model: both
figures, and the plan's over the training's; wanted: memory within a fifth. Time is that of the steps, reports and
pages; on a machine whose other work changes, it is as wrong as the measured rate. `--fits` does the same for models
fitted in closed form, over sizes and numbers of pictures; their time is that of the fit. With `--processor` plan and
fit are timed by processor time, which other work on the machine hardly changes (with one thread).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from harness import MIB, in_own_process, make_parser, print_row

import imagewright as iw
from imagewright.training import closed_form, fit_forecast
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
    ("biggan", 64, {}),
    ("pix2pix", 128, {}),
    ("cyclegan", 64, {}),
    ("autoencoder", 64, {"batch_size": 256}),
    ("dcgan", 256, {"batch_size": 16}),
]
PICTURES = 256
# Model, side in pixels, number of pictures, and options.
FITS: list[tuple[str, int, int, dict[str, Any]]] = [
    ("pca", 28, 500, {}),
    ("pca", 28, 20_000, {}),
    ("pca", 64, 500, {}),
    ("pca", 64, 5_000, {}),
    ("pca", 64, 20_000, {}),
    ("pca", 128, 500, {}),
    ("pca", 128, 5_000, {}),
    ("pca", 28, 5_000, {"components": 400}),
    ("pca", 24, 5_000, {}),
    ("pca", 64, 5_000, {"explained": 0.9}),
    ("ica", 64, 5_000, {}),
    ("ica", 28, 20_000, {}),
    ("lda", 64, 5_000, {}),
    ("gda", 64, 5_000, {}),
    ("gda", 28, 5_000, {"encoder": "pixels"}),
    ("gmm", 64, 5_000, {}),
    ("gmm", 28, 20_000, {"gaussians": 8}),
    ("kde", 64, 5_000, {}),
    ("kde", 28, 20_000, {}),
    ("kde", 28, 5_000, {"encoder": "pixels"}),
    ("naive_bayes", 64, 5_000, {}),
    ("naive_bayes", 128, 2_000, {}),
    ("random_projection", 64, 5_000, {}),
    ("random_projection", 128, 5_000, {"components": 500}),
    ("feature_selection", 64, 5_000, {}),
    ("feature_selection", 64, 5_000, {"by": "mutual_information"}),
    ("jpeg", 64, 5_000, {}),
    ("logistic_regression", 64, 5_000, {}),
    ("logistic_regression", 28, 5_000, {"encoder": "pixels"}),
    ("linear_svm", 64, 5_000, {}),
]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="planned for each training")
    parser.add_argument("--models", nargs="+", help="of the cases; by default all")
    parser.add_argument("--processor", action="store_true", help="time fits by processor time")
    parser.add_argument("--fits", action="store_true", help="models fitted in closed form instead of trainings")
    parser.add_argument(
        "--largest", type=int, help="of the fits, those of so many pixel values of all pictures or fewer"
    )
    arguments = parser.parse_args()
    if arguments.fits:
        compare_fits(arguments.models, arguments.largest, clock="process_time" if arguments.processor else "monotonic")
        return
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


def compare_fits(models: list[str] | None, largest: int | None, *, clock: str) -> None:
    for model, side, count, options in FITS:
        if (models and model not in models) or (largest and count * 3 * side**2 > largest):
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "pictures.npz")
            in_own_process(write_smooth, file, side, count)
            plan = in_own_process(plan_fit, model, file, side, options, clock)
            used = in_own_process(fit_one, model, file, side, options, clock)
        print_row(
            {"model": model, "side": side, "pictures": count, "options": " ".join(map(str, options.values()))}
            | {"planned MiB": round(plan["memory"] / MIB), "used MiB": round(used["memory"] / MIB)}
            | {"memory": round(plan["memory"] / used["memory"], 2), "fitted": plan["fitted"]}
            | {"planned s": round(plan["seconds"], 1), "fit s": round(used["seconds"], 1)}
            | {"time": round(plan["seconds"] / max(used["seconds"], 1e-3), 2), "planning s": round(plan["took"], 1)}
        )


def write_smooth(file: str, side: int, count: int) -> None:
    """Random colours, smooth over the picture, and a little noise: spectra that fall, as those of photographs do."""
    generator = torch.Generator().manual_seed(0)
    parts = []
    for start in range(0, count, 500):
        rows = min(500, count - start)
        picture = torch.zeros(rows, 3, side, side)
        for scale in (2, 4, 8, 16):
            coarse = torch.randn(rows, 3, scale, scale, generator=generator) / scale
            picture += torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
        picture += 0.05 * torch.randn(picture.shape, generator=generator)
        parts.append((128 + 90 * picture).clamp(0, 255).byte().numpy())
    np.savez(file, images=np.concatenate(parts), labels=np.arange(count) % 4)


def plan_fit(model: str, file: str, side: int, options: dict[str, Any], clock: str) -> dict[str, Any]:
    time_by(clock)
    started = getattr(time, clock)()
    plan = iw.plan_training(model, file, size=side, **options)
    assert plan.memory_bytes is not None
    assert plan.seconds is not None
    took = getattr(time, clock)() - started
    return {"memory": plan.memory_bytes, "seconds": plan.seconds, "fitted": plan.pictures_measured, "took": took}


def time_by(clock: str) -> None:
    """Let the package time fits by another clock of the module `time`."""
    closed_form.time = fit_forecast.time = SimpleNamespace(monotonic=getattr(time, clock))  # type: ignore[assignment]


def fit_one(model: str, file: str, side: int, options: dict[str, Any], clock: str) -> dict[str, Any]:
    time_by(clock)
    with tempfile.TemporaryDirectory() as folder:
        run = iw.train(model, file, Path(folder) / "run", reporter=Silent(), size=side, **options)
        report = run.last_report()
        assert report is not None
        return {"memory": peak_memory(torch.device("cpu")), "seconds": report["seconds"]}


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
