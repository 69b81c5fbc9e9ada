"""The training doctor: is it silent on healthy runs of every model on three sets, and what does it cost?

    python benchmarks/doctor.py [--out /somewhere] [--images-seen 60k] [--width 16] [--models dcgan vae] [--sets digits]
    python benchmarks/doctor.py --cost [--sides 32 64] [--width 64]

Sets: digits and faces, which come with the package, and Fashion-MNIST at 32 pixels from ../shared/data. Every model
that is trained by gradients, at its own recipe but for its width. Runs that are in --out already are only judged again:
each of their reports, by today's rules.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from timing import seconds_of

import imagewright as iw
from imagewright import catalogue, configs
from imagewright.images import Images
from imagewright.images.batches import Batch
from imagewright.runs.run import Run
from imagewright.training import previews as showcase
from imagewright.training.data.validation_split import choose_held_out, default_count
from imagewright.training.doctor.findings import judge
from imagewright.training.doctor.gradient_norms import total_norm
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.engine import Engine
from imagewright.training.options import TrainingOptions
from imagewright.training.reporting import Silent
from imagewright.training.setting import build_plan

FASHION = Path(__file__).resolve().parents[2] / "shared/data/fashion_mnist/train-images-idx3-ubyte.gz"
SETS = {"digits": ("digits", 8), "faces": ("faces", 32), "fashion": (str(FASHION), 32)}
REPORTS = 25


def trained(model: str, images: Images, out: Path, images_seen: int, width: int) -> Run | None:
    """A run of a model at its recipe, or the one that is there; None where it cannot learn this set."""
    if (out / "run.json").exists():
        return Run(out)
    try:
        return iw.train(model, images, out, reporter=Silent(), images_seen=images_seen, width=width)
    except iw.UserError as error:
        print(f"  {out.name:<22} not trained: {str(error).splitlines()[0]}")
        return None


def judged(run: Run) -> list[str]:
    """Every finding at any of a run's reports, said once."""
    lines, said = run.metrics(), {}
    for count in range(1, len(lines) + 1):
        for finding in judge(lines[:count], run.record):
            said.setdefault(finding.name, f"{finding} (at {lines[count - 1]['images_seen']:,})")
    return list(said.values())


def silence(arguments: argparse.Namespace, out: Path) -> None:
    by_gradients = [name for name in catalogue.entries() if not catalogue.model_class(name).is_closed_form()]
    runs = findings = 0
    for which in arguments.sets:
        source, size = SETS[which]
        images = iw.open_images(source, size=size)
        for model in arguments.models or by_gradients:
            started = time.monotonic()
            path = out / f"{model}-{which}"
            run = trained(model, images, path, arguments.images_seen, arguments.width)
            if run is not None:
                said = judged(run)
                runs, findings = runs + 1, findings + len(said)
                print(
                    f"  {path.name:<22} {'; '.join(said) or 'silent'}  [{time.monotonic() - started:.0f} s]", flush=True
                )
    print(f"{findings} findings on {runs} runs")


def cost(side: int, width: int, rounds: int = 7) -> None:
    """Seconds of one examination beside those of a grid and of the steps of a report, and of the norms in a step."""
    pictures = np.random.default_rng(0).integers(0, 256, (1024, 3, side, side)).astype(np.uint8)
    images = iw.open_images(pictures).prepare()
    model_class = catalogue.model_class("dcgan")
    model = model_class(
        configs.build(model_class.Config, {"size": (side, side), "channels": 3, "width": width}, "dcgan")
    )
    plan = build_plan(TrainingOptions(), model.recipe)
    engine = Engine(model, plan, torch.device("cpu"))
    started = time.perf_counter()
    examiner = Examiner(model, images, choose_held_out(default_count(len(images)), len(images), 0), 0)
    beginning = time.perf_counter() - started
    batch = Batch(images.batch(np.arange(plan.batch_size)).images)
    inputs = showcase.fixed_inputs(model, images, 0)
    assert inputs is not None
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", {"model": "dcgan", "config": {}, "seed": 0})
        (run.path / "samples").mkdir()
        works = {
            "a grid": lambda: showcase.draw(model, inputs, run, 0),
            "an examination": lambda: examiner.figures(engine, 0),
            "a step": lambda: engine.step({"images": batch}, 0, 0),
            "norms of a step": lambda: [total_norm(network.parameters()) for network in engine.networks.values()],
        }
        times: dict[str, list[float]] = {name: [] for name in works}
        for round_number in range(rounds + 1):
            for name, work in works.items():  # in turn: a machine that drifts slows all alike
                seconds = seconds_of(work)
                if round_number:
                    times[name].append(seconds)
    middle = {name: statistics.median(found) for name, found in times.items()}
    steps = math.ceil(plan.images_seen / plan.batch_size / REPORTS)
    print(f"\nDCGAN, {side} pixels, width {width}, batches of {plan.batch_size}")
    print(f"  {'references, once':<18} {beginning * 1e3:>9.1f} ms")
    for name, seconds in middle.items():
        print(f"  {name:<18} {seconds * 1e3:>9.1f} ms")
    print(f"  an examination is {middle['an examination'] / middle['a grid']:.2f} grids")
    print(f"  and {100 * middle['an examination'] / (steps * middle['a step']):.2f} % of the {steps} steps of a report")
    print(f"  the norms are {100 * middle['norms of a step'] / middle['a step']:.2f} % of a step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--images-seen", type=int, default=60_000)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--sides", nargs="+", type=int, default=[32, 64])
    arguments = parser.parse_args()
    if arguments.cost:
        for side in arguments.sides:
            cost(side, arguments.width)
        return
    with tempfile.TemporaryDirectory() as folder:
        silence(arguments, arguments.out or Path(folder))


if __name__ == "__main__":
    main()
