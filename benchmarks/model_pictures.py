"""The small pictures of the models' pages in the documentation: what each model makes after a short training.

python benchmarks/model_pictures.py                        # all models
python benchmarks/model_pictures.py --models vae dcgan --images-seen 100000
python benchmarks/model_pictures.py --models pix2pix --out look/   # to look at before docs/ changes

Writes docs/pictures/models/NAME.webp and, in models.json there, on what and how long it was trained and how fast.
They show how a model's pictures look at first, and say nothing of its best: docs/reproduction.md has the figures.
Sources: scikit-learn's digits at 16 pixels; of models that translate, the package's own shapes at 32 pixels.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from harness import make_parser
from PIL import Image

import imagewright as iw
from imagewright.capabilities import Reconstructs, Samples, Translates
from imagewright.catalogue import entry_of, model_class
from imagewright.training.reporting import Silent

PLACE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "models"
TABLE = "models.json"
DIGITS, SIDE, COUNT = 16, 32, 1_000  # pixels of a digit and of a shape; shapes in a set
CELL, GAP, COLUMNS, MOST_BYTES = 64, 4, 8, 15_000
SECONDS, TRIALS, MOST_IMAGES = (
    75,
    (128, 512),
    100_000,
)  # processor seconds of a training; images that its rate is measured on
SEVERAL = 8  # pictures in a step of a translation: one, as the papers have it, takes as long at this size


def shapes(view: str, seed: int, count: int = COUNT) -> str:
    """The built-in set: a view of `count` sprites."""
    return f"shapes:{view},count={count},size={SIDE},seed={seed}"


def source_of(model: str) -> tuple[Any, str]:
    """What a model is trained on here, and that in words."""
    entry = entry_of(model)
    if entry.needs == "pairs":
        layers = {"input": shapes("striped", 1), "target": shapes("plain", 1)}
        return iw.open_images(layers), f"{COUNT:,} pairs of a striped and the same plain shape, {SIDE} pixels"
    if entry.needs == "two sets":
        sets = {"a": iw.open_images(shapes("striped", 1)), "b": iw.open_images(shapes("dotted", 2))}
        return sets, f"{COUNT:,} striped and {COUNT:,} dotted shapes, {SIDE} pixels"
    if "translate" in entry.verbs:
        return by_texture(1, COUNT), f"{COUNT:,} shapes each, plain, striped and dotted, {SIDE} pixels"
    return iw.open_images("digits", size=DIGITS), f"1,797 digits, {DIGITS} pixels"


TEXTURES = ("plain", "striped", "dotted")


def by_texture(seed: int, count: int) -> iw.Images:
    """Shapes whose classes are their textures."""
    drawn = [pixels(shapes(texture, seed + number, count)) for number, texture in enumerate(TEXTURES)]
    return iw.open_images(np.concatenate(drawn)).with_labels(np.repeat(np.arange(len(TEXTURES)), count), TEXTURES)


def pixels(source: str) -> np.ndarray:
    """All pictures of a source, uint8 (N, C, H, W)."""
    images = iw.open_images(source)
    return images.batch(np.arange(len(images))).images.numpy()


def made_by(run: iw.Run, source: Any) -> tuple[torch.Tensor, str] | None:
    """Pictures of two rows of `COLUMNS`, uint8 (N, C, H, W), and what they show; None of a model without pictures."""
    model = iw.load(run)
    if isinstance(model, Samples):
        return iw.sample(run, 2 * COLUMNS), "samples"
    if isinstance(model, Translates):
        return translated_by(run)
    if isinstance(model, Reconstructs):
        chosen = source[: 40 * COLUMNS : 40]
        rebuilt = iw.reconstruct(run, chosen)
        pictures = torch.from_numpy(np.asarray(chosen))
        return torch.cat([pictures, rebuilt]), "pictures, and below them their reconstructions"
    return None


def translated_by(run: iw.Run) -> tuple[torch.Tensor, str]:
    """Pictures that the training did not see, and what a model makes of them."""
    needs = entry_of(run.model).needs
    view = "plain" if needs == "classes" else "striped"
    inputs = pixels(shapes(view, 7, COLUMNS))
    to: dict[str, Any] = {"two sets": {"to": "b"}, "classes": {"to": "striped"}}.get(needs, {})
    if run.model == "funit":  # of examples, since it knows no classes by name
        to = {"like": pixels(shapes("striped", 8, 5))}
    translated = iw.translate(run, inputs, **to)
    where = {"pairs": "plain", "two sets": "dotted"}.get(needs, "striped")
    return torch.cat(
        [torch.from_numpy(inputs), translated]
    ), f"new inputs, and below them their translations to {where}"


def encode(pictures: torch.Tensor) -> bytes:
    """Two rows of pictures as a WebP of at most `MOST_BYTES`."""
    rows, factor = len(pictures) // COLUMNS, CELL // pictures.shape[-1]
    step = CELL + GAP  # a gap, transparent, so that neighbours are told apart on a light and on a dark page
    canvas = Image.new("RGBA", (COLUMNS * step - GAP, rows * step - GAP))
    for number, levels in enumerate(pictures.permute(0, 2, 3, 1).numpy()):
        large = levels.repeat(3 // levels.shape[-1], 2).repeat(factor, 0).repeat(factor, 1)
        canvas.paste(Image.fromarray(large), (number % COLUMNS * step, number // COLUMNS * step))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.webp"
        for quality in (90, 75, 60, 40, 20):
            canvas.save(path, "WEBP", quality=quality, method=6)
            if path.stat().st_size <= MOST_BYTES:
                break
        return path.read_bytes()


def affordable(model: str, source: Any, seconds: float, folder: Path, options: dict[str, Any]) -> int:
    """How many images a training sees in the processor time, by two short trials; two digits, to be repeated."""
    spent = []
    for images in TRIALS:
        began = time.process_time()
        iw.train(
            model, source, out=folder / f"{model}-{images}", reporter=Silent(), seed=0, images_seen=images, **options
        )
        spent.append(time.process_time() - began)
    each = max(spent[1] - spent[0], 1e-3) / (TRIALS[1] - TRIALS[0])  # the start costs the same in both
    return int(float(f"{min(MOST_IMAGES, max(TRIALS[1], seconds / each)):.1e}"))


def make(model: str, images_seen: int | None, seconds: float, folder: Path, out: Path) -> dict[str, Any] | None:
    """Train a model, write its picture, and return its line of the table; None of a model without pictures."""
    source, words = source_of(model)
    options = {"batch_size": SEVERAL} if "translate" in entry_of(model).verbs else {}
    if not model_class(model).is_closed_form():
        options["images_seen"] = images_seen or affordable(model, source, seconds, folder, options)
    run = iw.train(model, source, out=folder / model, reporter=Silent(), seed=0, **options)
    made = made_by(run, source)
    if made is None:
        return None
    (out / f"{model}.webp").write_bytes(encode(made[0]))
    report = run.last_report() or {}
    return {
        "shows": made[1],
        "trained_on": words,
        "images_seen": report.get("images_seen"),
        "images_per_second": round(report["images_per_second"]) if options else None,
    }


def main() -> None:
    parser = make_parser(__doc__)
    names = [entry.name for entry in iw.list_models() if entry.needs != "people"]
    parser.add_argument("--models", nargs="+", default=names, choices=names)
    parser.add_argument("--images-seen", type=int, help="of each training (as many as the seconds allow)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"processor time of each training ({SECONDS})")
    parser.add_argument("--out", type=Path, default=PLACE, help="folder of the pictures and the table (docs/)")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / TABLE
    table = json.loads(path.read_text()) if path.exists() else {}
    with TemporaryDirectory() as folder:
        for model in asked.models:
            began = time.process_time()
            try:
                line = make(model, asked.images_seen, asked.seconds, Path(folder), asked.out)
            except iw.Stopped:
                raise SystemExit("Stopped.") from None
            except iw.ImagewrightError as error:  # one model more is worth less than all others
                print(f"{model}: {error}", flush=True)
                continue
            print(f"{model}: {time.process_time() - began:.0f} s of processor time, {line}", flush=True)
            if line is not None:
                table[model] = line
                path.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
