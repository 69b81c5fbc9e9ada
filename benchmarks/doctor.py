"""The training doctor: is it silent on healthy runs of every model on three sets, and what does it cost?

    python benchmarks/doctor.py [--out /somewhere] [--images-seen 60k] [--width 16] [--models dcgan vae] [--sets digits]
    python benchmarks/doctor.py --cost [--sides 32 64] [--width 64]

Sets: digits and faces, which come with the package, and Fashion-MNIST at 32 pixels from ../shared/data. Every model
that is trained by gradients, at its own recipe but for its width. Runs that are in --out already are not trained
again: today's rules are applied to each of their reports.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from harness import AS_RECORDED, SHARED_DATA, make_parser, measure, seconds_of
from training_steps import build_model, build_steps

import imagewright as iw
from imagewright import catalogue
from imagewright.images import Images
from imagewright.runs.run import Run
from imagewright.training import previews
from imagewright.training.data.validation_split import choose_held_out, default_count
from imagewright.training.doctor.findings import diagnose
from imagewright.training.doctor.gradient_norms import total_norm
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.reporting import Silent

FASHION = SHARED_DATA / "fashion_mnist/train-images-idx3-ubyte.gz"
SETS = {"digits": ("digits", 8), "faces": ("faces", 32), "fashion": (str(FASHION), 32)}
REPORTS = 25


def train_or_open(model: str, images: Images, out: Path, images_seen: int, width: int) -> Run | None:
    """A run of a model at its recipe: trained now, or the one in `out`. None if the model cannot learn this set."""
    if (out / "run.json").exists():
        return Run(out)
    try:
        return iw.train(model, images, out, reporter=Silent(), images_seen=images_seen, width=width, **AS_RECORDED)
    except iw.UserError as error:
        print(f"  {out.name:<22} not trained: {str(error).splitlines()[0]}")
        return None


def findings_of(run: Run) -> list[str]:
    """Every finding at any of a run's reports, each once."""
    lines, found = run.metrics(), {}
    for count in range(1, len(lines) + 1):
        for finding in diagnose(lines[:count], run.record):
            found.setdefault(finding.name, f"{finding} (at {lines[count - 1]['images_seen']:,})")
    return list(found.values())


def silence(arguments: Namespace, out: Path) -> None:
    by_gradients = [name for name in catalogue.entries() if not catalogue.model_class(name).is_closed_form()]
    runs = findings = 0
    for which in arguments.sets:
        source, size = SETS[which]
        images = iw.open_images(source, size=size)
        for model in arguments.models or by_gradients:
            started = time.monotonic()
            path = out / f"{model}-{which}"
            run = train_or_open(model, images, path, arguments.images_seen, arguments.width)
            if run is not None:
                found = findings_of(run)
                runs, findings = runs + 1, findings + len(found)
                seconds = time.monotonic() - started
                print(f"  {path.name:<22} {'; '.join(found) or 'silent'}  [{seconds:.0f} s]", flush=True)
    print(f"{findings} findings on {runs} runs")


def cost(side: int, width: int, rounds: int = 7) -> None:
    """Seconds of one examination, of a grid, of the steps between two reports, and of the gradient norms in a step."""
    pictures = np.random.default_rng(0).integers(0, 256, (1024, 3, side, side)).astype(np.uint8)
    images = iw.open_images(pictures).prepare()
    model = build_model("dcgan", side, width=width)
    recipe = model.recipe()
    steps = build_steps(model, images.batch(np.arange(recipe.batch_size)).images, torch.device("cpu"))
    engine = steps.engine
    sources, held_out = {"images": images}, choose_held_out(default_count(len(images)), len(images), 0)
    beginning = measure(lambda: Examiner(model, sources, held_out, 0))
    examiner = beginning.result
    inputs = previews.fixed_inputs(model, sources, 0, held_out)
    assert inputs is not None
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", {"model": "dcgan", "config": {}, "seed": 0})
        (run.path / "samples").mkdir()
        works = {
            "a grid": lambda: previews.write_preview(model, inputs, run, 0),
            "an examination": lambda: examiner.measure(engine, 0),
            "a step": lambda: steps(1),
            "norms of a step": lambda: [total_norm(network.parameters()) for network in engine.networks.values()],
        }
        times: dict[str, list[float]] = {name: [] for name in works}
        for round_number in range(rounds + 1):
            for name, work in works.items():  # in turn: a machine that drifts slows all of them
                seconds = seconds_of(work)
                if round_number:
                    times[name].append(seconds)
    middle = {name: statistics.median(found) for name, found in times.items()}
    between = math.ceil(recipe.images_seen / recipe.batch_size / REPORTS)
    print(f"\nDCGAN, {side} pixels, width {width}, batches of {recipe.batch_size}")
    print(f"  {'references, once':<18} {beginning.seconds * 1e3:>9.1f} ms")
    for name, seconds in middle.items():
        print(f"  {name:<18} {seconds * 1e3:>9.1f} ms")
    print(f"  an examination is {middle['an examination'] / middle['a grid']:.2f} grids")
    share = middle["an examination"] / (between * middle["a step"])
    print(f"  and {100 * share:.2f} % of the {between} steps of a report")
    print(f"  the norms are {100 * middle['norms of a step'] / middle['a step']:.2f} % of a step")


def main() -> None:
    parser = make_parser(__doc__)
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
