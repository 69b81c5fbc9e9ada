"""The small pictures of the models' pages in the documentation: what each model makes after a short training.

python benchmarks/model_pictures.py                                # all models, some hours of one core
python benchmarks/model_pictures.py --models vae dcgan
python benchmarks/model_pictures.py --models pix2pix --out look/   # to look at before docs/ changes

Writes docs/pictures/models/NAME.webp and, in models.json there, on what and how long it was trained.
They show how a model's pictures look at first, and say nothing of its best: docs/reproduction.md has the figures.
What each is trained on, how long, and what its picture shows: `picture_cases.py`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from harness import make_parser
from picture_cases import COLUMNS, case_of
from PIL import Image

import imagewright as iw
from imagewright.training.reporting import Silent

PLACE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "models"
TABLE = "models.json"
CELL, GAP, MOST_BYTES = 64, 4, 15_000


def encode(pictures: torch.Tensor) -> bytes:
    """Rows of pictures as a WebP of at most `MOST_BYTES`."""
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


def make(model: str, images_seen: int | None, folder: Path, out: Path) -> dict[str, Any] | None:
    """Train a model, write its picture, and return its line of the table; None of a model without pictures."""
    case = case_of(model)
    if case is None:
        return None
    source = case.data.open(folder / f"{model}-pictures")
    options = dict(case.options)
    if case.images_seen is not None:
        options["images_seen"] = images_seen or case.images_seen
        options["report_every"] = options["checkpoint_every"] = options["images_seen"]  # one, at the end
    run = iw.train(model, source, out=folder / model, reporter=Silent(), seed=0, **options)
    pictures, words = case.show(run, case.data, source)
    (out / f"{model}.webp").write_bytes(encode(pictures))
    seen = (run.last_report() or {}).get("images_seen") if case.images_seen is not None else None
    return {"shows": words, "trained_on": case.data.words, "images_seen": seen}


def main() -> None:
    parser = make_parser(__doc__)
    names = [entry.name for entry in iw.list_models()]
    parser.add_argument("--models", nargs="+", default=names, choices=names)
    parser.add_argument("--images-seen", type=int, help="of each training (as in picture_cases.py)")
    parser.add_argument("--out", type=Path, default=PLACE, help="folder of the pictures and the table (docs/)")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / TABLE
    table = json.loads(path.read_text()) if path.exists() else {}
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        for model in asked.models:
            began = time.process_time()
            try:
                line = make(model, asked.images_seen, Path(folder), asked.out)
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
