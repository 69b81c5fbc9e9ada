"""The small pictures of the models' pages in the documentation: what each model makes after a short training.

python benchmarks/model_pictures.py                        # all models
python benchmarks/model_pictures.py --models vae dcgan --images-seen 100000

Writes docs/pictures/models/NAME.webp and, in models.json there, on what and how long it was trained and how fast.
They show how a model's pictures look at first, and say nothing of its best: docs/reproduction.md has the figures.
Sources: scikit-learn's digits at 16 pixels; for translation, squares and discs that this script draws.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from harness import make_parser
from PIL import Image, ImageDraw

import imagewright as iw
from imagewright.capabilities import Reconstructs, Samples, Translates
from imagewright.catalogue import entry_of, model_class
from imagewright.training.reporting import Silent

PLACE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "models"
TABLE = PLACE / "models.json"
SIDE, CELL, COLUMNS, MOST_BYTES = 32, 64, 8, 15_000
SHORT, SHORT_TRANSLATION = 40_000, 4_000  # images of a training by gradients
COLOURS = ((214, 69, 65), (58, 124, 165), (242, 169, 59), (88, 153, 84), (132, 94, 168))
KINDS = ("square", "disc", "triangle")


def shape(kind: str, generator: np.random.Generator, *, outline: bool = False) -> np.ndarray:
    """A shape somewhere on a light ground, uint8 (3, SIDE, SIDE)."""
    picture = Image.new("RGB", (SIDE, SIDE), (245, 242, 234))
    pen, radius = ImageDraw.Draw(picture), int(generator.integers(7, 11))
    x, y = (int(value) for value in generator.integers(radius + 1, SIDE - radius - 1, 2))
    box = (x - radius, y - radius, x + radius, y + radius)
    colour = COLOURS[int(generator.integers(len(COLOURS)))]
    look = {"outline": (40, 40, 40)} if outline else {"fill": colour}
    if kind == "triangle":
        pen.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], **look)
    else:
        (pen.rectangle if kind == "square" else pen.ellipse)(box, **look)
    return np.asarray(picture).transpose(2, 0, 1)


def shapes(kind: str, count: int, seed: int, *, outline: bool = False) -> np.ndarray:
    """Shapes of one kind, uint8 (N, 3, SIDE, SIDE); with one seed the same places, filled or as outlines."""
    generator = np.random.default_rng(seed)
    return np.stack([shape(kind, generator, outline=outline) for _ in range(count)])


def source_of(model: str) -> tuple[Any, str]:
    """What a model is trained on here, and that in words."""
    needs = entry_of(model).needs
    if needs == "pairs":
        layers = {"input": shapes("disc", 400, 1, outline=True), "target": shapes("disc", 400, 1)}
        return iw.open_images(layers), "400 pairs of outline and disc, 32 pixels"
    if needs == "two sets":
        sets = {"a": iw.open_images(shapes("square", 400, 1)), "b": iw.open_images(shapes("disc", 400, 2))}
        return sets, "400 squares and 400 discs, 32 pixels"
    if "translate" in entry_of(model).verbs:
        drawn = [shapes(kind, 300, seed) for seed, kind in enumerate(KINDS)]
        images = iw.open_images(np.concatenate(drawn)).with_labels(np.repeat(np.arange(3), 300), KINDS)
        return images, "300 squares, 300 discs and 300 triangles, 32 pixels"
    return iw.open_images("digits", size=16), "1,797 digits, 16 pixels"


def made_by(run: iw.Run, source: Any) -> tuple[torch.Tensor, str] | None:
    """Pictures of two rows of `COLUMNS`, uint8 (N, C, H, W), and what they show; None of a model without pictures."""
    model = iw.load(run)
    if isinstance(model, Samples):
        return iw.sample(run, 2 * COLUMNS), "samples"
    if isinstance(model, Translates):
        inputs = shapes(
            "square" if isinstance(source, dict) else "disc", COLUMNS, 7, outline=run.model.startswith("pix")
        )
        to = {} if isinstance(source, dict) or run.model.startswith("pix") else {"to": "square"}
        if isinstance(source, dict):
            to = {"to": "b"}
        if run.model == "funit":
            to = {"like": shapes("square", 3, 8)}
        translated = iw.translate(run, inputs, **to)
        return torch.cat([torch.from_numpy(inputs), translated]), "inputs, and below them their translations"
    if isinstance(model, Reconstructs):
        chosen = source[: 40 * COLUMNS : 40]
        rebuilt = iw.reconstruct(run, chosen)
        pictures = torch.from_numpy(np.asarray(chosen))
        return torch.cat([pictures, rebuilt]), "pictures, and below them their reconstructions"
    return None


def encode(pictures: torch.Tensor) -> bytes:
    """Two rows of pictures as a WebP of at most `MOST_BYTES`."""
    factor = CELL // pictures.shape[-1]
    grid = pictures.reshape(-1, COLUMNS, *pictures.shape[1:]).permute(0, 3, 1, 4, 2).numpy()
    pixels = grid.reshape(grid.shape[0] * grid.shape[1], -1, grid.shape[-1]).repeat(factor, 0).repeat(factor, 1)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.webp"
        for quality in (90, 75, 60, 40, 20):
            picture.save(path, "WEBP", quality=quality, method=6)
            if path.stat().st_size <= MOST_BYTES:
                break
        return path.read_bytes()


def make(model: str, images_seen: int | None, folder: Path) -> dict[str, Any] | None:
    """Train a model, write its picture, and return its line of the table; None of a model without pictures."""
    source, words = source_of(model)
    usual = SHORT_TRANSLATION if "translate" in entry_of(model).verbs else SHORT
    length = {} if model_class(model).is_closed_form() else {"images_seen": images_seen or usual}
    run = iw.train(model, source, out=folder / model, reporter=Silent(), seed=0, **length)
    made = made_by(run, source)
    if made is None:
        return None
    (PLACE / f"{model}.webp").write_bytes(encode(made[0]))
    report = run.last_report() or {}
    return {
        "shows": made[1],
        "trained_on": words,
        "images_seen": report.get("images_seen"),
        "images_per_second": round(report["images_per_second"]) if length else None,
    }


def main() -> None:
    parser = make_parser(__doc__)
    names = [entry.name for entry in iw.list_models() if entry.needs != "people"]
    parser.add_argument("--models", nargs="+", default=names, choices=names)
    parser.add_argument(
        "--images-seen", type=int, help=f"of each training ({SHORT:,}, of translation {SHORT_TRANSLATION:,})"
    )
    asked = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    with TemporaryDirectory() as folder:
        for model in asked.models:
            try:
                line = make(model, asked.images_seen, Path(folder))
            except iw.Stopped:
                raise SystemExit("Stopped.") from None
            except iw.ImagewrightError as error:  # one model more is worth less than all others
                print(f"{model}: {error}", flush=True)
                continue
            print(model, line, flush=True)
            if line is not None:
                table[model] = line
                TABLE.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
